/*
 * worker_hand.c: the life of a worker, whatever its job.
 *
 * It takes the slot that the launcher had in mind, settles in the database,
 * and then looks for work until there is none, sleeps until there is again or
 * somebody sets its latch, and leaves when it is told to or has been idle for
 * long.  Each look is a transaction of its own; none is open while it sleeps,
 * so it is in nobody's way.  worker_place.c has its place among the others, worker_job.h
 * what a job adds to all this.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "instant.h"
#include "settings.h"
#include "worker_place.h"
#include "worker_sleep.h"

/* What is due but cannot be done now, being locked by others: look again soon. */
#define FIRST_STUCK_PAUSE_MS	10
#define MAX_STUCK_PAUSE_MS		1000

/* After an error, so that a lasting fault does not fill the log. */
#define FIRST_ERROR_PAUSE_MS	100
#define MAX_ERROR_PAUSE_MS		10000

/* What other jobs have left is looked for at the start, and then seldom. */
#define SCOUT_INTERVAL_MS		(5 * 60 * 1000)

/* A process beyond the first is idle for this long before it leaves. */
#define HELPER_IDLE_MS			10000

PGDLLEXPORT void worker_hand_main(Datum main_arg);

static Oid	my_extension;
static int	stuck_pause_ms = 0;
static int	error_pause_ms = 0;
static TimestampTz idle_since;
static TimestampTz scout_again_at = 0;

/* The settings of the database or the server must not bend the work. */
static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"jit", "off"},
		/* Plans are made when tables are small, and kept when they are not. */
		{"enable_seqscan", "off"},
		/* Below deadlock_timeout: in a tangle with DDL it is us who give way. */
		{"lock_timeout", "500ms"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	/* What a crash takes back is due still, and is simply done again. */
	if (!my_place.job->durable)
		SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
}

/* The extension if it is here with its tables, else InvalidOid. */
static Oid
find_extension(void)
{
	Oid			extension = get_extension_oid("tixbook", true);
	Oid			schema = get_namespace_oid("tixbook", true);

	if (!OidIsValid(extension) || !OidIsValid(schema) ||
		!OidIsValid(get_relname_relid("booking", schema)))
		return InvalidOid;
	return extension;
}

/* Calls it in a transaction, unless the extension has gone; returns the one that is here. */
static Oid
in_transaction(void (*what) (WorkerLook *look, TimestampTz now), WorkerLook *look)
{
	Oid			extension;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	extension = find_extension();
	if (extension == my_extension)
		what(look, GetCurrentTransactionStartTimestamp());
	PopActiveSnapshot();
	CommitTransactionCommand();
	return extension;
}

/* Ends a transaction that failed; locks of others are nothing to report. */
static void
recover(MemoryContext context)
{
	bool		report;

	MemoryContextSwitchTo(context);
	report = (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE);
	HOLD_INTERRUPTS();
	if (report)
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	MemoryContextSwitchTo(context);

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if (report)
	{
		my_place.slot->stats.errors++;
		my_place.slot->stats.last_error_at = GetCurrentTimestamp();
	}
	LWLockRelease(worker_shared->lock);
}

/* As in_transaction(); false: it failed, and nothing is left of it. */
static bool
attempt(void (*what) (WorkerLook *look, TimestampTz now), WorkerLook *look, Oid *extension)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	memset(look, 0, sizeof(*look));
	look->wake_at = WORKER_NEVER;
	PG_TRY();
	{
		*extension = in_transaction(what, look);
		done = true;
	}
	PG_CATCH();
	{
		recover(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return done;
}

static void
note_work(const WorkerLook *look)
{
	WorkerStats *stats = &my_place.slot->stats;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	stats->batches++;
	for (int i = 0; i < WORKER_COUNTS; i++)
		stats->counts[i] += look->counts[i];
	if (look->due != 0)
	{
		stats->last_lag = GetCurrentTimestamp() - look->due;
		stats->max_lag = Max(stats->max_lag, stats->last_lag);
	}
	LWLockRelease(worker_shared->lock);
}

static bool
counts_anything(const WorkerLook *look)
{
	for (int i = 0; i < WORKER_COUNTS; i++)
		if (look->counts[i] > 0)
			return true;
	return false;
}

static void
note_wake_up(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	my_place.slot->stats.wake_ups++;
	LWLockRelease(worker_shared->lock);
	pgstat_report_activity(STATE_RUNNING, my_place.job->activity);
}

static int
grow_pause(int pause, int first, int most)
{
	return pause == 0 ? first : Min(pause * 2, most);
}

/*
 * The job deals with rows that are bad; what comes here is a fault that
 * concerns all of them.  The pauses grow while it lasts.
 */
static void
pause_after_error(void)
{
	error_pause_ms = grow_pause(error_pause_ms, FIRST_ERROR_PAUSE_MS, MAX_ERROR_PAUSE_MS);
	worker_pause(error_pause_ms);
}

/* Calls in the processes that there should be beside this one. */
static void
call_helpers(int processes)
{
	processes = Min(processes, worker_job_most(my_place.job));
	for (int i = 0; i < processes; i++)
	{
		WorkerSlot *slot = worker_slot(my_place.entry, my_place.job_id, i);

		if (i == my_place.number)
			continue;
		if (slot->state < WORKER_WANTED ||
			(slot->state == WORKER_RUNNING &&
			 (slot->latch == NULL ||
			  pg_atomic_read_u64(&slot->next_wake) != (uint64) WORKER_AWAKE)))
			worker_ask(my_place.database, my_place.job_id, i, 0);
	}
}

/* Looks for work, and tells of it; false: that failed, and there was a pause. */
static bool
look_once(WorkerLook *look)
{
	Oid			extension = InvalidOid;

	CHECK_FOR_INTERRUPTS();
	worker_leave_if_told();
	if (!attempt(my_place.job->look, look, &extension))
	{
		pause_after_error();
		return false;
	}
	if (extension != my_extension)
		worker_leave(OidIsValid(extension) ? LEAVE_AGAIN : LEAVE_ABSENT);
	/* Autovacuum must learn what there is to do while the work lasts, not after it. */
	(void) pgstat_report_stat(false);

	error_pause_ms = 0;
	if (look->more || look->busy)
		idle_since = GetCurrentTimestamp();
	if (look->more || counts_anything(look))
		note_work(look);
	call_helpers(look->processes);
	return true;
}

/* Works until nothing is due; returns when to wake. */
static TimestampTz
work(void)
{
	for (;;)
	{
		WorkerLook	look;

		if (!look_once(&look))
			continue;
		if (look.more)
		{
			if (look.pause_ms > 0)
				worker_pause(look.pause_ms);
			continue;
		}
		if (look.stuck)
		{
			stuck_pause_ms = grow_pause(stuck_pause_ms, FIRST_STUCK_PAUSE_MS, MAX_STUCK_PAUSE_MS);
			return Min(look.wake_at, worker_in_ms(stuck_pause_ms));
		}
		stuck_pause_ms = 0;
		return look.wake_at;
	}
}

/* Asks for the jobs that have work left from before the server started. */
static void
ask_for_left_work(WorkerLook *look, TimestampTz now)
{
	for (int job = 0; job < WORKER_JOBS; job++)
	{
		TimestampTz due;

		if (worker_jobs[job] != NULL && worker_jobs[job]->next_due != NULL &&
			*worker_jobs[job]->allowed && worker_jobs[job]->next_due(&due))
			worker_due(job, due);
	}
}

/* What always runs looks for the others: without work they have no process to do so. */
static void
scout(void)
{
	WorkerLook	look;
	Oid			extension;

	if (!my_place.job->standing || !has_come(scout_again_at, GetCurrentTimestamp(), SCOUT_INTERVAL_MS))
		return;
	scout_again_at = worker_in_ms(SCOUT_INTERVAL_MS);
	(void) attempt(ask_for_left_work, &look, &extension);
}

/*
 * Takes the latch away, so that who commits work from now on asks for a
 * process, and leaves if there is none yet.
 */
static void
rest(void)
{
	WorkerLook	look;

	worker_show_latch(false);
	worker_listen();
	if (look_once(&look) && !look.more && !look.busy && !look.stuck)
	{
		worker_leave_to_rest(look.wake_at);
	}

	worker_show_latch(true);
	SetLatch(MyLatch);
}

static int
idle_ms(void)
{
	int			ms = tixbook_worker_idle * 1000;

	return my_place.number == 0 ? ms : Min(ms, HELPER_IDLE_MS);
}

/*
 * Sleeps until then, or leaves if the process has been idle for long and there
 * is nothing to do for as long again.
 */
static void
sleep_or_rest(TimestampTz wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz rest_at = Max(TimestampTzPlusMilliseconds(idle_since, idle_ms()), now);

	if (my_place.job->standing || wake_at <= TimestampTzPlusMilliseconds(rest_at, idle_ms()))
		worker_sleep_until(wake_at, my_place.job->wait);
	else if (rest_at > now)
		worker_sleep_until(rest_at, my_place.job->wait);
	else
		rest();
}

/* Settles in the database, or leaves if there is nothing to serve. */
static void
settle_in(void)
{
	BackgroundWorkerInitializeConnectionByOid(my_place.database, InvalidOid, 0);
	pin_settings();
	pgstat_report_appname(my_place.job->process);

	worker_leave_if_told();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	my_extension = find_extension();
	CommitTransactionCommand();
	if (!OidIsValid(my_extension))
		worker_leave(LEAVE_ABSENT);

	worker_settled();
}

void
worker_hand_main(Datum main_arg)
{
	MemoryContext context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	if (!worker_attach())
		proc_exit(0);
	BackgroundWorkerUnblockSignals();
	settle_in();

	context = AllocSetContextCreate(TopMemoryContext, "tixbook worker", ALLOCSET_DEFAULT_SIZES);
	idle_since = GetCurrentTimestamp();
	for (;;)
	{
		TimestampTz wake_at;

		worker_listen();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		note_wake_up();
		MemoryContextSwitchTo(context);
		wake_at = work();
		scout();
		MemoryContextReset(context);

		pgstat_report_stat(true);
		pg_atomic_write_u64(&my_place.slot->next_wake, (uint64) wake_at);
		sleep_or_rest(wake_at);
	}
}
