/*
 * worker_expiry.c: the worker that ends the holds of one database.
 *
 * It sleeps until the earliest hold ends, and without a timeout when there is
 * none; who commits a hold that ends sooner sets its latch.  Each batch is a
 * transaction of its own; none is open while it sleeps, so it is in nobody's
 * way.  worker_shared.h has its states, expiry.c the work itself.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
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
#include "ended_hold.h"
#include "expiry.h"
#include "idempotency.h"
#include "settings.h"
#include "worker.h"
#include "worker_shared.h"

#define WORKER_NAME				"tixbook expiry worker"

/* Holds that are due but cannot be ended now, being locked by others: look again soon. */
#define FIRST_STUCK_PAUSE_MS	10
#define MAX_STUCK_PAUSE_MS		1000

/* After an error, so that a lasting fault does not fill the log. */
#define FIRST_ERROR_PAUSE_MS	100
#define MAX_ERROR_PAUSE_MS		10000

/* What is of no more use need not go promptly. */
#define PURGE_INTERVAL_MS		10000

/* A clock that is set forward must not leave holds over for longer. */
#define MAX_NAP_MS				(5 * 60 * 1000)

/* A worker that lived this long did not die of its start. */
#define SOUND_LIFE_MS			60000

#define NEVER					PG_INT64_MAX

/* What the slot becomes when the worker goes. */
typedef enum LeaveReason
{
	LEAVE_FAILED = 0,			/* an error or a signal took it: start another */
	LEAVE_ABSENT,				/* no extension here */
	LEAVE_EXCLUDED,				/* no worker is allowed here */
	LEAVE_AGAIN					/* another is to follow: held back, extension made anew */
} LeaveReason;

/* Rows whose time is over, and how they go. */
typedef struct Purge
{
	bool		(*next_due) (TimestampTz *due);
	int			(*run) (int batch);
	TimestampTz not_before;
} Purge;

/* One look at the tables, in one transaction. */
typedef struct Look
{
	Oid			extension;		/* the one that is here now, if any */
	TimestampTz due;			/* end of the earliest hold if that is over, else 0 */
	TimestampTz wake_at;		/* next instant something is due, or NEVER */
	int			expired;
	int			purged[PURGES];
} Look;

PGDLLEXPORT void worker_expiry_main(Datum main_arg);

static WorkerOrder my_order;
static WorkerSlot *my_slot;
static LeaveReason leave_reason = LEAVE_FAILED;
static uint32 asks_seen;

static Oid	my_extension;
static int	stuck_pause_ms = 0;
static int	error_pause_ms = 0;
static Purge purges[PURGES] = {
	[PURGE_KEYS] = {idempotency_next_due, idempotency_purge},
	[PURGE_ENDED_HOLDS] = {ended_holds_next_due, ended_holds_purge},
};

/* Hands the slot back; runs when the process is no longer seen in the database. */
static void
detach_slot(int code, Datum arg)
{
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if (my_slot->generation == my_order.generation)
	{
		bool		sound = TimestampDifferenceExceeds(my_slot->started_at, now, SOUND_LIFE_MS);
		bool		asked = (my_slot->asks != asks_seen);

		my_slot->pid = 0;
		my_slot->latch = NULL;
		my_slot->start_at = 0;
		my_slot->state = WORKER_WANTED;
		if (leave_reason != LEAVE_FAILED)
			my_slot->failures = 0;
		else
			my_slot->failures = sound ? 1 : my_slot->failures + 1;
		if (leave_reason == LEAVE_FAILED)
			my_slot->restarts++;
		else if (leave_reason == LEAVE_ABSENT && !asked)
			my_slot->state = WORKER_ABSENT;
		else if (leave_reason == LEAVE_EXCLUDED && my_slot->excluded)
			my_slot->state = WORKER_EXCLUDED;
	}
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
	worker_wake_launcher();
}

static void
leave(LeaveReason reason)
{
	leave_reason = reason;
	proc_exit(0);
}

/* Takes the slot that the launcher had in mind; false: that is no longer so. */
static bool
attach_slot(void)
{
	bool		ours;

	memcpy(&my_order, MyBgworkerEntry->bgw_extra, sizeof(my_order));
	my_slot = &worker_shared->slots[my_order.slot];

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	ours = (my_slot->generation == my_order.generation &&
			my_slot->database == my_order.database &&
			my_slot->state == WORKER_STARTING);
	if (ours)
	{
		pg_atomic_write_u64(&my_slot->next_wake, (uint64) WORKER_AWAKE);
		my_slot->started_at = GetCurrentTimestamp();
		my_slot->pid = MyProcPid;
		my_slot->latch = MyLatch;
		asks_seen = my_slot->asks;
	}
	LWLockRelease(worker_shared->lock);
	if (ours)
		on_shmem_exit(detach_slot, 0);
	return ours;
}

/* Leaves if the database is to be free of connections, or may have no worker. */
static void
leave_if_told(void)
{
	bool		held,
				excluded;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	held = (my_slot->held > 0);
	excluded = my_slot->excluded;
	asks_seen = my_slot->asks;
	LWLockRelease(worker_shared->lock);
	if (held)
		leave(LEAVE_AGAIN);
	if (excluded)
		leave(LEAVE_EXCLUDED);
}

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
		/* Below deadlock_timeout: in a tangle with DDL it is us who give way. */
		{"lock_timeout", "500ms"},
		/* What a crash takes back is due still, and is simply ended again. */
		{"synchronous_commit", "off"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
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

static void
look_to_purge(Purge *purge, Look *look, int *purged, TimestampTz now)
{
	TimestampTz due;

	if (!purge->next_due(&due))
		return;
	due = Max(due, purge->not_before);
	if (due > now)
	{
		look->wake_at = Min(look->wake_at, due);
		return;
	}
	*purged = purge->run(tixbook_expiry_batch);
	if (*purged < tixbook_expiry_batch)
	{
		purge->not_before = TimestampTzPlusMilliseconds(now, PURGE_INTERVAL_MS);
		look->wake_at = Min(look->wake_at, purge->not_before);
	}
}

static void
wake_for_hold(Look *look, TimestampTz due, TimestampTz now)
{
	look->wake_at = Min(due, TimestampTzPlusMilliseconds(now, MAX_NAP_MS));
}

/* Holds that are stuck must not hide when the next one ends. */
static void
look_past_stuck_holds(Look *look, TimestampTz now)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(now)};

	SPI_connect();
	if (SPI_execute_with_args("SELECT expires_at FROM tixbook.booking"
							  " WHERE status IN ('held', 'paying') AND expires_at > $1"
							  " ORDER BY expires_at LIMIT 1",
							  1, types, values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed > 0)
	{
		bool		isnull;
		Datum		due = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		wake_for_hold(look, DatumGetTimestampTz(due), now);
	}
	SPI_finish();
}

static void
look_for_holds(Look *look, TimestampTz now)
{
	TimestampTz due;

	if (!expiry_next_due(&due))
		return;
	if (due > now)
	{
		wake_for_hold(look, due, now);
		return;
	}
	look->due = due;
	look->expired = expiry_run(tixbook_expiry_batch);
	if (look->expired == 0)
		look_past_stuck_holds(look, now);
}

static void
look_in_transaction(Look *look)
{
	TimestampTz now;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	now = GetCurrentTransactionStartTimestamp();
	look->wake_at = NEVER;
	look->extension = find_extension();
	if (look->extension == my_extension)
	{
		look_for_holds(look, now);
		/* Holds that cannot be ended keep nothing else from going. */
		if (look->expired == 0)
			for (int i = 0; i < PURGES; i++)
				look_to_purge(&purges[i], look, &look->purged[i], now);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
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
		my_slot->stats.errors++;
		my_slot->stats.last_error_at = GetCurrentTimestamp();
	}
	LWLockRelease(worker_shared->lock);
}

/* false: it failed, and nothing is left of it. */
static bool
take_a_look(Look *look)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	memset(look, 0, sizeof(*look));
	PG_TRY();
	{
		look_in_transaction(look);
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
note_work(const Look *look)
{
	WorkerStats *stats = &my_slot->stats;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	stats->batches++;
	stats->holds_expired += look->expired;
	for (int i = 0; i < PURGES; i++)
		stats->purged[i] += look->purged[i];
	if (look->expired > 0)
	{
		stats->last_lag = GetCurrentTimestamp() - look->due;
		stats->max_lag = Max(stats->max_lag, stats->last_lag);
	}
	LWLockRelease(worker_shared->lock);
}

static void
note_wake_up(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	my_slot->stats.wake_ups++;
	LWLockRelease(worker_shared->lock);
	pgstat_report_activity(STATE_RUNNING, "ending the holds that are due");
}

static int
grow_pause(int pause, int first, int most)
{
	return pause == 0 ? first : Min(pause * 2, most);
}

static TimestampTz
in_ms(int ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

/*
 * From here on every commit of a hold sets the latch, until the worker says
 * when it wakes.
 */
static void
listen_for_holds(void)
{
	pg_atomic_write_u64(&my_slot->next_wake, (uint64) WORKER_AWAKE);
	pg_memory_barrier();
}

/* Sleeps until then or until somebody sets the latch. */
static void
sleep_until(TimestampTz wake_at)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (wake_at != NEVER)
	{
		/* Rounded up: waking a moment early would mean looking in vain. */
		int64		ms = (wake_at - GetCurrentTimestamp() + 999) / 1000;

		events |= WL_TIMEOUT;
		timeout = (long) Min(Max(ms, 0), INT_MAX);
	}
	pgstat_report_activity(STATE_IDLE, NULL);
	(void) WaitLatch(MyLatch, events, timeout, worker_wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * expiry.c deals with holds that are bad; what comes here is a fault that
 * concerns all of them.  The pauses grow while it lasts, and no commit cuts
 * them.
 */
static void
pause_after_error(void)
{
	TimestampTz until;

	error_pause_ms = grow_pause(error_pause_ms, FIRST_ERROR_PAUSE_MS, MAX_ERROR_PAUSE_MS);
	until = in_ms(error_pause_ms);
	pg_atomic_write_u64(&my_slot->next_wake, (uint64) WORKER_DEAF);
	while (GetCurrentTimestamp() < until)
	{
		sleep_until(until);
		leave_if_told();
	}
	listen_for_holds();
}

static bool
did_something(const Look *look)
{
	int			done = look->expired;

	for (int i = 0; i < PURGES; i++)
		done += look->purged[i];
	return done > 0;
}

/* Works until nothing is due; returns when to wake. */
static TimestampTz
work(void)
{
	for (;;)
	{
		Look		look;

		CHECK_FOR_INTERRUPTS();
		leave_if_told();
		if (!take_a_look(&look))
		{
			pause_after_error();
			continue;
		}
		if (look.extension != my_extension)
			leave(OidIsValid(look.extension) ? LEAVE_AGAIN : LEAVE_ABSENT);

		error_pause_ms = 0;
		if (did_something(&look))
			note_work(&look);
		else if (look.due != 0)
		{
			stuck_pause_ms = grow_pause(stuck_pause_ms, FIRST_STUCK_PAUSE_MS, MAX_STUCK_PAUSE_MS);
			return Min(look.wake_at, in_ms(stuck_pause_ms));
		}
		else
		{
			stuck_pause_ms = 0;
			return look.wake_at;
		}
	}
}

/* Settles in the database, or leaves if there is nothing to serve. */
static void
settle_in(void)
{
	BackgroundWorkerInitializeConnectionByOid(my_order.database, InvalidOid, 0);
	pin_settings();
	pgstat_report_appname(WORKER_NAME);

	leave_if_told();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	my_extension = find_extension();
	CommitTransactionCommand();
	if (!OidIsValid(my_extension))
		leave(LEAVE_ABSENT);

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	my_slot->state = WORKER_RUNNING;
	LWLockRelease(worker_shared->lock);
	worker_wake_launcher();
}

void
worker_expiry_main(Datum main_arg)
{
	MemoryContext context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	if (!attach_slot())
		proc_exit(0);
	BackgroundWorkerUnblockSignals();
	settle_in();

	context = AllocSetContextCreate(TopMemoryContext, WORKER_NAME, ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		TimestampTz wake_at;

		listen_for_holds();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		note_wake_up();
		MemoryContextSwitchTo(context);
		wake_at = work();
		MemoryContextReset(context);

		pgstat_report_stat(true);
		pg_atomic_write_u64(&my_slot->next_wake, (uint64) wake_at);
		sleep_until(wake_at);
	}
}
