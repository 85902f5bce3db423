/*
 * What launcher, workers and backends share: one slot a database.
 *
 * A slot goes through these states:
 *
 *   ABSENT    nothing to run: the extension is not there, as far as is known;
 *             a slot in this state may go to another database
 *   EXCLUDED  tixbook.databases or the database itself allows no worker
 *   WANTED    a worker is to be started, not before start_at
 *   STARTING  the postmaster has been asked for it, or it is connecting
 *   RUNNING   it has found the extension and works
 *
 *   ABSENT, EXCLUDED -> WANTED    server start, CREATE EXTENSION, a hold made
 *                                 where no worker runs, a new tixbook.databases
 *   WANTED -> STARTING            launcher
 *   WANTED -> EXCLUDED, ABSENT    launcher: not allowed; database is gone
 *   STARTING -> RUNNING           worker
 *   STARTING, RUNNING -> ABSENT   worker leaves: no extension here
 *   STARTING, RUNNING -> EXCLUDED worker leaves: no longer allowed
 *   STARTING, RUNNING -> WANTED   worker ended otherwise: started again, at
 *                                 once the first time, then ever later
 *
 * DROP DATABASE and its like hold a database back (held > 0): its worker
 * leaves, and the launcher starts none until the last of them lets go.
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

/* Values of next_wake that are no instant. */
#define WORKER_AWAKE	PG_INT64_MAX	/* or nothing is due: wake it for any hold */
#define WORKER_DEAF		PG_INT64_MIN	/* paused after an error: wake it for none */

typedef enum WorkerState
{
	WORKER_ABSENT = 0,
	WORKER_EXCLUDED,
	WORKER_WANTED,
	WORKER_STARTING,
	WORKER_RUNNING
} WorkerState;

/* What goes when its time is over. */
typedef enum PurgeKind
{
	PURGE_KEYS,					/* of idempotency */
	PURGE_ENDED_HOLDS,
	PURGES
} PurgeKind;

/* What a worker has done since the server started; written by it alone. */
typedef struct WorkerStats
{
	int64		wake_ups;
	int64		batches;
	int64		holds_expired;
	int64		purged[PURGES];
	int64		errors;
	int64		last_lag;		/* microseconds from a hold's end to its seats being free */
	int64		max_lag;
	TimestampTz last_error_at;	/* 0: never */
} WorkerStats;

typedef struct WorkerSlot
{
	Oid			database;		/* atomic; InvalidOid: never used */
	WorkerState state;			/* atomic to read */
	uint32		generation;		/* rises with each start: a late worker of an older one leaves */
	uint32		asks;			/* rises with each ask: one that comes while a worker leaves counts */
	int			held;			/* sessions that hold the database back */
	bool		excluded;		/* the worker is to leave: not allowed any more */
	int			failures;		/* starts in a row that ended badly soon */
	int64		restarts;
	pid_t		pid;			/* 0: no worker; atomic to read */
	Latch	   *latch;			/* atomic to read */
	TimestampTz started_at;
	TimestampTz start_at;
	pg_atomic_uint64 next_wake; /* TimestampTz: a hold that ends sooner must wake the worker */
	WorkerStats stats;
} WorkerSlot;

typedef struct WorkerShared
{
	LWLock	   *lock;
	ConditionVariable worker_gone;
	Latch	   *launcher_latch; /* atomic; NULL: no launcher */
	bool		consider_all;	/* launcher: look at every database again */
	bool		slots_short;	/* launcher: somebody found no slot */
	int			slot_count;
	WorkerSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} WorkerShared;

/* What a worker is told at its start, in bgw_extra. */
typedef struct WorkerOrder
{
	int			slot;
	uint32		generation;
	Oid			database;
} WorkerOrder;

extern WorkerShared *worker_shared; /* NULL: the library is not preloaded */

extern void worker_hooks_init(void);
extern void worker_launcher_register(void);

/* The lock must be held for these: shared to find, exclusive to claim. */
extern WorkerSlot *worker_slot_find(Oid database);
extern WorkerSlot *worker_slot_claim(Oid database);

extern void worker_ask(Oid database);
extern void worker_nudge(Oid database);
extern void worker_consider_all(void);
extern void worker_wake_launcher(void);

extern uint32 worker_wait_event(void);

#endif
