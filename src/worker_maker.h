/*
 * The workers of an extension that has just been made wait: a restore may
 * come next.
 */
#ifndef TIXBOOK_WORKER_MAKER_H
#define TIXBOOK_WORKER_MAKER_H

#include "worker_shared.h"

extern void worker_maker_holds(void);
extern void worker_maker_commits(void);
extern void worker_maker_done(WorkerDatabase *entry);

#endif
