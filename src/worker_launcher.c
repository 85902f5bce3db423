/*
 * worker_launcher.c: starts a worker in each database that is to have one,
 * and starts it again when it dies.  worker_shared.h has the states.
 *
 * The launcher connects to no database, so it cannot know which of them have
 * the extension: it tries all it may, a few at a time, and a worker that
 * finds no extension leaves and is not tried again until somebody asks.
 *
 * It waits on its latch without a timeout, unless a start is put off.  Those
 * who set it: backends that want a worker, workers that end, the postmaster
 * about starts, SIGHUP.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "compat.h"
#include "settings.h"
#include "worker.h"
#include "worker_shared.h"

#define LAUNCHER_NAME			"tixbook launcher"
#define EXPIRY_WORKER_NAME		"tixbook expiry worker"

/* Workers at once on their way: server start must not use up the slots. */
#define MAX_STARTING			2

/* A worker that dies is started again at once; one that keeps dying, later and later. */
#define FIRST_RESTART_DELAY_MS	200
#define MAX_RESTART_DELAY_MS	30000

/* Nobody tells when a worker process slot is free again. */
#define FIRST_RETRY_DELAY_MS	1000
#define MAX_RETRY_DELAY_MS		10000

#define NEVER					PG_INT64_MAX

typedef struct Database
{
	Oid			oid;
	char	   *name;
	bool		allowed;
} Database;

PGDLLEXPORT void worker_launcher_main(Datum main_arg);

/* By slot: the worker that was asked for and has not come yet. */
static BackgroundWorkerHandle **handles;

/* Databases still to be tried, for which there was no slot so far. */
static List *untried = NIL;

static MemoryContext launcher_context;
static char *databases_before = NULL;
static bool expiry_worker_before = true;
static int	retry_delay_ms = 0;
static bool slots_short_logged = false;

void
worker_launcher_register(void)
{
	BackgroundWorker worker = {0};

	if (IsBinaryUpgrade)
		return;
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "tixbook", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "worker_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, LAUNCHER_NAME, BGW_MAXLEN);
	strlcpy(worker.bgw_type, LAUNCHER_NAME, BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/*
 * The databases that tixbook.databases names, or NIL for all.  A list that
 * cannot be read allows none rather than all.
 */
static bool
named_databases(List **names)
{
	char	   *setting = pstrdup(tixbook_databases ? tixbook_databases : "");

	if (SplitIdentifierString(setting, ',', names))
		return true;
	ereport(LOG,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid list of names in \"tixbook.databases\""),
			 errhint("No database gets a worker until the list is corrected.")));
	return false;
}

static bool
is_named(List *names, const char *database)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp((char *) lfirst(cell), database) == 0)
			return true;
	return false;
}

static bool
worker_allowed(Form_pg_database form, List *names)
{
	if (!tixbook_expiry_worker || !form->datallowconn || database_is_invalid_form(form))
		return false;
	return names == NIL ? !form->datistemplate : is_named(names, NameStr(form->datname));
}

/* Every database of the cluster, in the current memory context. */
static List *
read_databases(void)
{
	MemoryContext result_context = CurrentMemoryContext;
	List	   *databases = NIL;
	List	   *names;
	bool		readable = named_databases(&names);
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(result_context);
		Database   *database = palloc(sizeof(Database));

		database->oid = form->oid;
		database->name = pstrdup(NameStr(form->datname));
		database->allowed = readable && worker_allowed(form, names);
		databases = lappend(databases, database);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(result_context);
	return databases;
}

static Database *
find_database(List *databases, Oid oid)
{
	ListCell   *cell;

	foreach(cell, databases)
		if (((Database *) lfirst(cell))->oid == oid)
			return lfirst(cell);
	return NULL;
}

/* Sends the worker of a slot away, or lets it stay, as the setting now says. */
static void
judge_slot(WorkerSlot *slot, List *databases)
{
	Database   *database = find_database(databases, slot->database);
	bool		allowed = (database != NULL && database->allowed);

	slot->excluded = !allowed;
	if (slot->latch != NULL && !allowed)
		SetLatch(slot->latch);
	if (slot->state == WORKER_WANTED && !allowed)
		slot->state = database ? WORKER_EXCLUDED : WORKER_ABSENT;
}

/* Looks at every database afresh: at the start, and when the settings changed. */
static void
consider_databases(List *databases)
{
	ListCell   *cell;
	MemoryContext old;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = false;
	worker_shared->slots_short = false;
	for (int i = 0; i < worker_shared->slot_count; i++)
		if (worker_shared->slots[i].database != InvalidOid)
			judge_slot(&worker_shared->slots[i], databases);
	LWLockRelease(worker_shared->lock);

	old = MemoryContextSwitchTo(launcher_context);
	list_free(untried);
	untried = NIL;
	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (database->allowed)
			untried = lappend_oid(untried, database->oid);
	}
	MemoryContextSwitchTo(old);
	slots_short_logged = false;
}

static void
log_slots_short(void)
{
	if (slots_short_logged)
		return;
	slots_short_logged = true;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("more databases need a tixbook worker than \"tixbook.max_databases\" allows"),
			 errhint("Increase \"tixbook.max_databases\" (now %d), or name the databases"
					 " in \"tixbook.databases\".",
					 worker_shared->slot_count)));
}

/* Moves databases still to be tried into slots, as far as there are any. */
static void
fill_slots(void)
{
	bool		slots_short;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	while (untried != NIL)
	{
		WorkerSlot *slot = worker_slot_claim(linitial_oid(untried));

		if (slot == NULL)
			break;
		if (slot->state <= WORKER_EXCLUDED)
		{
			slot->state = WORKER_WANTED;
			slot->start_at = 0;
		}
		untried = list_delete_first(untried);
	}
	slots_short = worker_shared->slots_short || untried != NIL;
	LWLockRelease(worker_shared->lock);

	if (slots_short)
		log_slots_short();
}

static int
grow_delay(int delay, int first, int most)
{
	return delay == 0 ? first : Min(delay * 2, most);
}

/* At once after the first failure. */
static TimestampTz
restart_time(TimestampTz now, int failures)
{
	int			delay = 0;

	for (int i = 1; i < failures && delay < MAX_RESTART_DELAY_MS; i++)
		delay = grow_delay(delay, FIRST_RESTART_DELAY_MS, MAX_RESTART_DELAY_MS);
	return TimestampTzPlusMilliseconds(now, delay);
}

/* A start that came to nothing: no process, or it died before it had its slot. */
static void
settle_failed_start(int i)
{
	WorkerSlot *slot = &worker_shared->slots[i];
	bool		failed = false;
	pid_t		pid;

	if (handles[i] == NULL)
		return;
	if (slot->state == WORKER_STARTING && slot->pid == 0)
	{
		if (GetBackgroundWorkerPid(handles[i], &pid) != BGWH_STOPPED)
			return;
		LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
		failed = (slot->state == WORKER_STARTING && slot->pid == 0);
		if (failed)
		{
			slot->failures++;
			slot->state = WORKER_WANTED;
			slot->start_at = restart_time(GetCurrentTimestamp(), slot->failures + 1);
		}
		LWLockRelease(worker_shared->lock);
		if (failed)
			ConditionVariableBroadcast(&worker_shared->worker_gone);
	}
	pfree(handles[i]);
	handles[i] = NULL;
}

static bool
register_worker(int i, const WorkerOrder *order)
{
	BackgroundWorker worker = {0};
	MemoryContext old;
	bool		registered;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "tixbook", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "worker_expiry_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, EXPIRY_WORKER_NAME, BGW_MAXLEN);
	strlcpy(worker.bgw_type, EXPIRY_WORKER_NAME, BGW_MAXLEN);
	memcpy(worker.bgw_extra, order, sizeof(*order));

	if (handles[i] != NULL)
		pfree(handles[i]);
	handles[i] = NULL;
	old = MemoryContextSwitchTo(launcher_context);
	registered = RegisterDynamicBackgroundWorker(&worker, &handles[i]);
	MemoryContextSwitchTo(old);
	return registered;
}

/* Starts the worker of a slot; false: the server has no process for it. */
static bool
start_worker(int i)
{
	WorkerSlot *slot = &worker_shared->slots[i];
	WorkerOrder order = {.slot = i};
	bool		start;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	start = (slot->state == WORKER_WANTED && slot->held == 0);
	if (start)
	{
		slot->state = WORKER_STARTING;
		slot->excluded = false;
		order.generation = ++slot->generation;
		order.database = slot->database;
	}
	LWLockRelease(worker_shared->lock);
	if (!start || register_worker(i, &order))
		return true;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot->state = WORKER_WANTED;
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
	return false;
}

static void
log_out_of_processes(void)
{
	if (retry_delay_ms == 0)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("out of background worker slots for the tixbook expiry worker"),
				 errdetail("Holds still end at their instant; their seats are given back"
						   " when they are asked for."),
				 errhint("You might need to increase \"max_worker_processes\".")));
	retry_delay_ms = grow_delay(retry_delay_ms, FIRST_RETRY_DELAY_MS, MAX_RETRY_DELAY_MS);
}

/* A worker that has just ended badly is started at once, or after a pause. */
static void
plan_restart(WorkerSlot *slot, TimestampTz now)
{
	if (slot->start_at == 0 && slot->failures > 0)
		slot->start_at = restart_time(now, slot->failures);
}

/*
 * Starts what is wanted and due.  Returns when there is more to do, or NEVER
 * if that will be told.
 */
static TimestampTz
start_wanted(List *databases)
{
	TimestampTz next = NEVER;
	TimestampTz now = GetCurrentTimestamp();
	int			starting = 0;

	for (int i = 0; i < worker_shared->slot_count; i++)
		starting += (worker_shared->slots[i].state == WORKER_STARTING);

	for (int i = 0; i < worker_shared->slot_count && starting < MAX_STARTING; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
		if (slot->state == WORKER_WANTED)
		{
			judge_slot(slot, databases);
			plan_restart(slot, now);
		}
		LWLockRelease(worker_shared->lock);
		if (slot->state != WORKER_WANTED || slot->held > 0)
			continue;
		if (slot->start_at > now)
			next = Min(next, slot->start_at);
		else if (start_worker(i))
			starting++;
		else
		{
			log_out_of_processes();
			return TimestampTzPlusMilliseconds(now, retry_delay_ms);
		}
	}
	return next;
}

static bool
any_wanted(void)
{
	for (int i = 0; i < worker_shared->slot_count; i++)
		if (worker_shared->slots[i].state == WORKER_WANTED)
			return true;
	return false;
}

/* One look at everything; returns when to look again unasked. */
static TimestampTz
launcher_pass(void)
{
	List	   *databases = NIL;

	for (int i = 0; i < worker_shared->slot_count; i++)
		settle_failed_start(i);

	if (worker_shared->consider_all)
	{
		databases = read_databases();
		consider_databases(databases);
	}
	fill_slots();
	if (!any_wanted())
	{
		retry_delay_ms = 0;
		return NEVER;
	}
	if (databases == NIL)
		databases = read_databases();
	return start_wanted(databases);
}

static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	if (expiry_worker_before != tixbook_expiry_worker ||
		strcmp(databases_before, tixbook_databases ? tixbook_databases : "") != 0)
	{
		pfree(databases_before);
		databases_before = MemoryContextStrdup(launcher_context,
											   tixbook_databases ? tixbook_databases : "");
		expiry_worker_before = tixbook_expiry_worker;
		worker_consider_all();
	}
}

static void
launcher_exit(int code, Datum arg)
{
	worker_shared->launcher_latch = NULL;
}

/*
 * A launcher that follows one that died: workers that run go on, they tell us
 * themselves when they end; starts on their way are made anew.
 */
static void
take_over(void)
{
	handles = palloc0(worker_shared->slot_count * sizeof(BackgroundWorkerHandle *));
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = true;
	worker_shared->launcher_latch = MyLatch;
	for (int i = 0; i < worker_shared->slot_count; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		if (slot->state == WORKER_STARTING && slot->pid == 0)
		{
			slot->generation++;
			slot->state = WORKER_WANTED;
		}
	}
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
}

static void
launcher_wait(TimestampTz until)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (until != NEVER)
	{
		events |= WL_TIMEOUT;
		timeout = Max(1, (until - GetCurrentTimestamp() + 999) / 1000);
	}
	(void) WaitLatch(MyLatch, events, timeout, worker_wait_event());
}

void
worker_launcher_main(Datum main_arg)
{
	MemoryContext pass_context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname(LAUNCHER_NAME);

	launcher_context = AllocSetContextCreate(TopMemoryContext, "tixbook launcher",
											 ALLOCSET_DEFAULT_SIZES);
	pass_context = AllocSetContextCreate(TopMemoryContext, "tixbook launcher pass",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(launcher_context);
	databases_before = pstrdup(tixbook_databases ? tixbook_databases : "");
	expiry_worker_before = tixbook_expiry_worker;
	on_shmem_exit(launcher_exit, 0);
	take_over();

	for (;;)
	{
		TimestampTz next;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			reload_settings();
		/* Else the queue of invalidations waits for the idle launcher. */
		if (catchupInterruptPending)
			ProcessCatchupInterrupt();

		MemoryContextSwitchTo(pass_context);
		next = launcher_pass();
		MemoryContextReset(pass_context);
		launcher_wait(next);
	}
}
