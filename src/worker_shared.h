/*
 * What launcher, workers and backends share: an entry a database, with a slot
 * for each process that a job may have there.
 *
 * A slot goes through these states:
 *
 *   ABSENT    nothing to run, as far as is known: no extension here, or no
 *             work of this job since the server started
 *   EXCLUDED  tixbook.databases, the job's setting or the database itself
 *             allows no worker
 *   RESTING   the process left because it was idle; start_at is when there is
 *             work again, as far as is known
 *   WANTED    a worker is to be started, not before start_at
 *   STARTING  the postmaster has been asked for it, or it is connecting
 *   RUNNING   it has found the extension and works
 *
 *   ABSENT, EXCLUDED -> WANTED    server start, CREATE EXTENSION, a hold made
 *                                 where no worker runs, a new tixbook.databases
 *   ABSENT -> RESTING             work of a job that does not always run, due later
 *   ABSENT, RESTING -> WANTED     such work, due now
 *   RESTING -> WANTED             launcher: start_at has come; a database let go
 *   WANTED -> STARTING            launcher
 *   WANTED, RESTING -> EXCLUDED, ABSENT  launcher: not allowed; database is gone
 *   STARTING -> RUNNING           worker
 *   STARTING, RUNNING -> ABSENT   worker leaves: no extension here
 *   STARTING, RUNNING -> EXCLUDED worker leaves: no longer allowed
 *   RUNNING -> RESTING            worker leaves: idle
 *   STARTING, RUNNING -> WANTED   worker ended otherwise: started again, at
 *                                 once the first time, then ever later
 *
 * DROP DATABASE and its like hold a database back (held > 0): its workers
 * leave, and the launcher starts none until the last of them lets go.  So
 * does CREATE EXTENSION, beyond its transaction: see worker_maker.c.
 *
 * An entry whose slots are all ABSENT or EXCLUDED may go to another database.
 *
 * The lock guards every field but those marked atomic, which backends read
 * without it when they commit.  A process that got a slot's latch may set it
 * after the worker has gone: latches live as long as the server does.
 */
#ifndef TIXBOOK_WORKER_SHARED_H
#define TIXBOOK_WORKER_SHARED_H

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "worker_job.h"

/* Values of next_wake that are no instant. */
#define WORKER_AWAKE	PG_INT64_MAX	/* or nothing is due: wake it for any work */
#define WORKER_DEAF		PG_INT64_MIN	/* paused: wake it for none */

/* Of a database: slot i is for process i % WORKER_PROCESSES of job i / WORKER_PROCESSES. */
#define WORKER_SLOTS	(WORKER_JOBS * WORKER_PROCESSES)

typedef enum WorkerState
{
	WORKER_ABSENT = 0,
	WORKER_EXCLUDED,
	WORKER_RESTING,
	WORKER_WANTED,
	WORKER_STARTING,
	WORKER_RUNNING
} WorkerState;

/* What a worker has done since the server started; written by it alone. */
typedef struct WorkerStats
{
	int64		wake_ups;
	int64		batches;
	int64		counts[WORKER_COUNTS];
	int64		errors;
	int64		last_lag;		/* microseconds from when work was due to its being done */
	int64		max_lag;
	TimestampTz last_error_at;	/* 0: never */
} WorkerStats;

typedef struct WorkerSlot
{
	WorkerState state;			/* atomic to read */
	uint32		generation;		/* rises with each start: a late worker of an older one leaves */
	uint32		asks;			/* rises with each ask: one that comes while a worker leaves counts */
	bool		excluded;		/* the worker is to leave: not allowed any more */
	int			failures;		/* starts in a row that ended badly soon */
	int64		restarts;
	pid_t		pid;			/* 0: no worker; atomic to read */
	Latch	   *latch;			/* atomic to read; NULL: no worker, or it is about to rest */
	TimestampTz started_at;
	TimestampTz start_at;
	pg_atomic_uint64 next_wake; /* TimestampTz: work that is due sooner must wake the worker */
	WorkerStats stats;
} WorkerSlot;

typedef struct WorkerDatabase
{
	Oid			database;		/* atomic; InvalidOid: never used */
	int			held;			/* holds on the database */
	pid_t		maker;			/* who made the extension, and holds it back; 0: nobody; atomic to read */
	WorkerSlot	slots[WORKER_SLOTS];
} WorkerDatabase;

typedef struct WorkerShared
{
	LWLock	   *lock;
	ConditionVariable worker_gone;
	Latch	   *launcher_latch; /* atomic; NULL: no launcher */
	bool		consider_all;	/* launcher: look at every database again */
	bool		entries_short;	/* launcher: somebody found no entry */
	int			entry_count;
	WorkerDatabase databases[FLEXIBLE_ARRAY_MEMBER];
} WorkerShared;

/* What a worker is told at its start, in bgw_extra. */
typedef struct WorkerOrder
{
	int			entry;
	int			slot;			/* of the entry */
	uint32		generation;
	Oid			database;
} WorkerOrder;

extern WorkerShared *worker_shared; /* NULL: the library is not preloaded */

extern void worker_hooks_init(void);
extern void worker_launcher_register(void);

/* The lock must be held for these: shared to find, exclusive to claim. */
extern WorkerDatabase *worker_database_find(Oid database);
extern WorkerDatabase *worker_database_claim(Oid database);

/* The slot of the job's process of that number, from 0. */
static inline WorkerSlot *
worker_slot(WorkerDatabase *entry, WorkerJob job, int number)
{
	return &entry->slots[job * WORKER_PROCESSES + number];
}

/* The job that the slot of that number is for; NULL: there is none. */
static inline const WorkerJobInfo *
worker_slot_job(int slot)
{
	return worker_jobs[slot / WORKER_PROCESSES];
}

extern void worker_ask(Oid database, WorkerJob job, int number, TimestampTz at);
extern void worker_ask_standing(Oid database);
extern void worker_nudge(Oid database);
extern void worker_consider_all(void);
extern void worker_wake_launcher(void);

extern uint32 worker_wait_event(void);

#endif
