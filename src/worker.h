/*
 * Background workers: what the rest of the product may ask of them.
 */
#ifndef TIXBOOK_WORKER_H
#define TIXBOOK_WORKER_H

#include "utils/timestamp.h"

/* From _PG_init while shared_preload_libraries are loaded: shared memory, hooks, the launcher. */
extern void worker_shmem_init(void);

/*
 * The current transaction has made a hold that ends at expires_at: when it
 * commits, the expiry worker of this database is woken if it would sleep past
 * that instant.  Near free; does nothing where the library is not preloaded.
 */
extern void worker_hold_made(TimestampTz expires_at);

#endif
