/*
 * What the launcher consists of: which databases may have workers, and
 * starting what is wanted there.
 */
#ifndef TIXBOOK_WORKER_START_H
#define TIXBOOK_WORKER_START_H

#include "nodes/pg_list.h"

#include "worker_shared.h"

typedef struct Database
{
	Oid			oid;
	char	   *name;
	bool		allowed;
} Database;

/* worker_databases.c; the lock must be held to judge. */
extern List *worker_read_databases(void);
extern Database *worker_find_database(List *databases, Oid oid);
extern void worker_judge_slot(WorkerSlot *slot, int number, const Database *database);
extern void worker_judge_entry(WorkerDatabase *entry, List *databases);

/* worker_start.c */
extern void worker_start_init(MemoryContext memory);
extern void worker_settle_failed_starts(void);
extern bool worker_start_needed(void);
extern TimestampTz worker_start_wanted(List *databases);

#endif
