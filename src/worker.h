/*
 * Background workers: what the rest of the product may ask of them.
 */
#ifndef TIXBOOK_WORKER_H
#define TIXBOOK_WORKER_H

#include "utils/timestamp.h"

/* What workers do.  worker_job.h tells what a job consists of. */
typedef enum WorkerJob
{
	JOB_EXPIRY = 0,
	JOB_WAITINGROOM,
	JOB_REQUESTS,
	JOB_DISPATCH,
	JOB_PUBLISH,
	WORKER_JOBS
} WorkerJob;

/* From _PG_init while shared_preload_libraries are loaded: shared memory, hooks, the launcher. */
extern void worker_shmem_init(void);

/*
 * The current transaction has made work of this job that is due at that
 * instant: when it commits, the job's process in this database is woken if it
 * would sleep past that, and one is started if there is none.  Near free; does
 * nothing where the library is not preloaded.
 */
extern void worker_due(WorkerJob job, TimestampTz at);

/* The same at once, from the callback of a commit whose effects can be seen. */
extern void worker_wake(WorkerJob job, TimestampTz at);

#endif
