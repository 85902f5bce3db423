/*
 * A job that workers do: what is its own.  Everything else in the life of a
 * worker is the same for all jobs, and is in worker_hand.c.
 *
 * A new job is a file worker_<job>.c with a WorkerJobInfo, entered in the
 * table of worker_job.c, and calls of worker_due() where its work is made.
 */
#ifndef TIXBOOK_WORKER_JOB_H
#define TIXBOOK_WORKER_JOB_H

#include "worker.h"

#define WORKER_NEVER PG_INT64_MAX

/* Of one job in one database, at most. */
#define WORKER_PROCESSES 8

/* What is counted, and shown by worker_status(). */
typedef enum WorkerCount
{
	COUNT_DONE,					/* what the job is there for: holds ended, requests served, ... */
	COUNT_KEYS_PURGED,			/* of idempotency */
	COUNT_HOLDS_PURGED,
	COUNT_ENTRIES_PURGED,		/* of waiting rooms, with their sessions */
	COUNT_DEAD_LETTERS_PURGED,
	COUNT_REQUESTS_PURGED,
	COUNT_NOTIFIED,				/* of publishing: NOTIFYs, and what came to nothing */
	COUNT_FAILED,
	COUNT_DROPPED,
	COUNT_CAUGHT_UP,			/* starts after which all was told again */
	WORKER_COUNTS
} WorkerCount;

/* What came of one look.  The job finds it all zero, but wake_at is WORKER_NEVER. */
typedef struct WorkerLook
{
	bool		more;			/* something was done: look again at once, but */
	int			pause_ms;		/* after so long, whatever is told meanwhile */
	bool		stuck;			/* something is due but cannot be done now: again soon, in growing pauses */
	bool		busy;			/* something goes on outside of transactions: the process is not idle */
	TimestampTz wake_at;		/* when to look again unasked, or WORKER_NEVER */
	TimestampTz due;			/* since when the oldest of what was done was due; 0: no lag to count */
	int			processes;		/* how many there should be for what is left; 0, 1: this one will do */
	int			counts[WORKER_COUNTS];
} WorkerLook;

typedef struct WorkerJobInfo
{
	const char *name;			/* in worker_status() */
	const char *process;		/* in pg_stat_activity and in the log */
	const char *activity;		/* what pg_stat_activity shows while it works */
	const bool *allowed;		/* the setting that allows it */
	const int  *most;			/* the setting with its processes at most; NULL: one */
	bool		standing;		/* it always runs; others are started when there is work, and leave when idle */
	bool		durable;		/* what it commits must outlive a crash; else it is simply done again */

	/*
	 * Does a batch of what is due, in a transaction of its own that began at
	 * now, with a snapshot.  What it raises is reported, and it is called
	 * again after a pause; a bad row should not stop the rest.
	 */
	void		(*look) (WorkerLook *look, TimestampTz now);

	/*
	 * When the job has work next; false: there is none.  Asked after a start of
	 * the server, so that what was left then is not forgotten.  NULL: standing.
	 */
	bool		(*next_due) (TimestampTz *due);

	/*
	 * Instead of a sleep, outside of any transaction: returns when the latch
	 * is set (and leaves it set), at that instant, or when there is reason to
	 * look.  NULL: the process sleeps.
	 */
	void		(*wait) (TimestampTz until);
} WorkerJobInfo;

/* By WorkerJob; NULL: no such job yet. */
extern const WorkerJobInfo *const worker_jobs[WORKER_JOBS];

extern const WorkerJobInfo worker_expiry_job;
extern const WorkerJobInfo worker_waitingroom_job;
extern const WorkerJobInfo worker_requests_job;
extern const WorkerJobInfo worker_dispatch_job;
extern const WorkerJobInfo worker_publish_job;

/* How many processes the job may have now. */
extern int	worker_job_most(const WorkerJobInfo *job);

#endif
