/*
 * worker_launcher.c: starts the workers that each database is to have, and
 * starts them again when they die.  worker_shared.h has the states.
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
#include "worker_shared.h"

#define LAUNCHER_NAME			"tixbook launcher"

/* Workers at once on their way: server start must not use up the slots. */
#define MAX_STARTING			2

/* A worker that dies is started again at once; one that keeps dying, later and later. */
#define FIRST_RESTART_DELAY_MS	200
#define MAX_RESTART_DELAY_MS	30000

/* Nobody tells when a worker process slot is free again. */
#define FIRST_RETRY_DELAY_MS	1000
#define MAX_RETRY_DELAY_MS		10000

/* A clock that is set forward must not leave a worker at rest for longer. */
#define MAX_NAP_MS				(5 * 60 * 1000)

typedef struct Database
{
	Oid			oid;
	char	   *name;
	bool		allowed;
} Database;

PGDLLEXPORT void worker_launcher_main(Datum main_arg);

/* By entry and slot: the worker that was asked for and has not come yet. */
static BackgroundWorkerHandle **handles;

/* Databases still to be tried, for which there was no slot so far. */
static List *untried = NIL;

static MemoryContext launcher_context;
static char *databases_before = NULL;
static bool allowed_before[WORKER_JOBS];
static int	retry_delay_ms = 0;
static bool entries_short_logged = false;

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
database_allowed(Form_pg_database form, List *names)
{
	if (!form->datallowconn || database_is_invalid_form(form))
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
		database->allowed = readable && database_allowed(form, names);
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

static bool
job_allowed(int slot)
{
	return worker_slot_job(slot) != NULL && *worker_slot_job(slot)->allowed;
}

/* Sends the worker of a slot away, or lets it stay or come, as the settings now say. */
static void
judge_slot(WorkerSlot *slot, int number, const Database *database)
{
	bool		allowed = (database != NULL && database->allowed && job_allowed(number));

	slot->excluded = !allowed;
	if (slot->latch != NULL && !allowed)
		SetLatch(slot->latch);
	if ((slot->state == WORKER_WANTED || slot->state == WORKER_RESTING) && !allowed)
		slot->state = database ? WORKER_EXCLUDED : WORKER_ABSENT;
	else if (slot->state == WORKER_EXCLUDED && allowed)
	{
		slot->state = WORKER_WANTED;
		slot->start_at = 0;
	}
}

static void
judge_entry(WorkerDatabase *entry, List *databases)
{
	Database   *database = find_database(databases, entry->database);

	for (int i = 0; i < WORKER_SLOTS; i++)
		judge_slot(&entry->slots[i], i, database);
}

static bool
standing_job_allowed(void)
{
	for (int job = 0; job < WORKER_JOBS; job++)
		if (worker_jobs[job] != NULL && worker_jobs[job]->standing && *worker_jobs[job]->allowed)
			return true;
	return false;
}

/* Looks at every database afresh: at the start, and when the settings changed. */
static void
consider_databases(List *databases)
{
	ListCell   *cell;
	MemoryContext old;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = false;
	worker_shared->entries_short = false;
	for (int i = 0; i < worker_shared->entry_count; i++)
		if (worker_shared->databases[i].database != InvalidOid)
			judge_entry(&worker_shared->databases[i], databases);
	LWLockRelease(worker_shared->lock);

	old = MemoryContextSwitchTo(launcher_context);
	list_free(untried);
	untried = NIL;
	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (database->allowed && standing_job_allowed())
			untried = lappend_oid(untried, database->oid);
	}
	MemoryContextSwitchTo(old);
	entries_short_logged = false;
}

static void
log_entries_short(void)
{
	if (entries_short_logged)
		return;
	entries_short_logged = true;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("more databases need a tixbook worker than \"tixbook.max_databases\" allows"),
			 errhint("Increase \"tixbook.max_databases\" (now %d), or name the databases"
					 " in \"tixbook.databases\".",
					 worker_shared->entry_count)));
}

/* Wants the processes that always run. */
static void
want_standing(WorkerDatabase *entry)
{
	for (int i = 0; i < WORKER_SLOTS; i += WORKER_PROCESSES)
	{
		WorkerSlot *slot = &entry->slots[i];

		if (worker_slot_job(i) != NULL && worker_slot_job(i)->standing &&
			slot->state < WORKER_WANTED)
		{
			slot->state = WORKER_WANTED;
			slot->start_at = 0;
		}
	}
}

/* Moves databases still to be tried into entries, as far as there are any. */
static void
fill_entries(void)
{
	bool		entries_short;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	while (untried != NIL)
	{
		WorkerDatabase *entry = worker_database_claim(linitial_oid(untried));

		if (entry == NULL)
			break;
		want_standing(entry);
		untried = list_delete_first(untried);
	}
	entries_short = worker_shared->entries_short || untried != NIL;
	LWLockRelease(worker_shared->lock);

	if (entries_short)
		log_entries_short();
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
settle_failed_start(WorkerSlot *slot, BackgroundWorkerHandle **handle)
{
	bool		failed = false;
	pid_t		pid;

	if (*handle == NULL)
		return;
	if (slot->state == WORKER_STARTING && slot->pid == 0)
	{
		if (GetBackgroundWorkerPid(*handle, &pid) != BGWH_STOPPED)
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
	pfree(*handle);
	*handle = NULL;
}

static bool
register_worker(const WorkerOrder *order)
{
	BackgroundWorkerHandle **handle = &handles[order->entry * WORKER_SLOTS + order->slot];
	const char *name = worker_slot_job(order->slot)->process;
	BackgroundWorker worker = {0};
	MemoryContext old;
	bool		registered;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "tixbook", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "worker_hand_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, name, BGW_MAXLEN);
	memcpy(worker.bgw_extra, order, sizeof(*order));

	if (*handle != NULL)
		pfree(*handle);
	*handle = NULL;
	old = MemoryContextSwitchTo(launcher_context);
	registered = RegisterDynamicBackgroundWorker(&worker, handle);
	MemoryContextSwitchTo(old);
	return registered;
}

/* Starts the worker of a slot; false: the server has no process for it. */
static bool
start_worker(int entry_no, int slot_no)
{
	WorkerDatabase *entry = &worker_shared->databases[entry_no];
	WorkerSlot *slot = &entry->slots[slot_no];
	WorkerOrder order = {.entry = entry_no, .slot = slot_no};
	bool		start;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	start = (slot->state == WORKER_WANTED && entry->held == 0);
	if (start)
	{
		slot->state = WORKER_STARTING;
		slot->excluded = false;
		order.generation = ++slot->generation;
		order.database = entry->database;
	}
	LWLockRelease(worker_shared->lock);
	if (!start || register_worker(&order))
		return true;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot->state = WORKER_WANTED;
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
	return false;
}

static void
log_out_of_processes(const WorkerJobInfo *job)
{
	if (retry_delay_ms == 0)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("out of background worker slots for the %s", job->process),
				 job->standing ?
				 errdetail("Holds still end at their instant; their seats are given back"
						   " when they are asked for.") :
				 errdetail("What it is to do waits until there is one."),
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

/* What is to be done about a slot, with its lock held: a rest that is over, a start that may be due. */
static void
plan_start(WorkerDatabase *entry, int slot_no, List *databases, TimestampTz now)
{
	WorkerSlot *slot = &entry->slots[slot_no];

	if (slot->state == WORKER_RESTING && slot->start_at <= now)
	{
		slot->state = WORKER_WANTED;
		slot->start_at = 0;
	}
	if (slot->state == WORKER_WANTED)
	{
		judge_slot(slot, slot_no, find_database(databases, entry->database));
		plan_restart(slot, now);
	}
}

/* A pass over all slots, and what it has come to. */
typedef struct StartPass
{
	List	   *databases;
	TimestampTz now;
	TimestampTz next;			/* when there is more to do, or WORKER_NEVER if that will be told */
	int			starting;
} StartPass;

/* Starts the worker of a slot if that is wanted and due; false: out of processes. */
static bool
start_if_due(StartPass *pass, int entry_no, int slot_no)
{
	WorkerDatabase *entry = &worker_shared->databases[entry_no];
	WorkerSlot *slot = &entry->slots[slot_no];
	TimestampTz soon = TimestampTzPlusMilliseconds(pass->now, MAX_NAP_MS);

	if (slot->state != WORKER_WANTED && slot->state != WORKER_RESTING)
		return true;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	plan_start(entry, slot_no, pass->databases, pass->now);
	LWLockRelease(worker_shared->lock);
	if (slot->state == WORKER_RESTING && slot->start_at != WORKER_NEVER)
		pass->next = Min(pass->next, Min(slot->start_at, soon));
	if (slot->state != WORKER_WANTED || entry->held > 0)
		return true;
	if (slot->start_at > pass->now)
	{
		pass->next = Min(pass->next, slot->start_at);
		return true;
	}
	if (!start_worker(entry_no, slot_no))
		return false;
	pass->starting++;
	return true;
}

static int
count_starting(void)
{
	int			starting = 0;

	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			starting += (worker_shared->databases[i].slots[j].state == WORKER_STARTING);
	return starting;
}

/*
 * Starts what is wanted and due, job by job: no database's crew is to keep
 * another's expiry from running.  Returns when there is more to do, or
 * WORKER_NEVER if that will be told.
 */
static TimestampTz
start_wanted(List *databases)
{
	StartPass	pass = {databases, GetCurrentTimestamp(), WORKER_NEVER, count_starting()};

	for (int j = 0; j < WORKER_SLOTS; j++)
		for (int i = 0; i < worker_shared->entry_count; i++)
		{
			if (pass.starting >= MAX_STARTING)
				return pass.next;
			if (start_if_due(&pass, i, j))
				continue;
			log_out_of_processes(worker_slot_job(j));
			return Min(pass.next, TimestampTzPlusMilliseconds(pass.now, retry_delay_ms));
		}
	return pass.next;
}

/* Whether a worker is to be started, now or at its time. */
static bool
any_wanted(void)
{
	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
		{
			WorkerSlot *slot = &worker_shared->databases[i].slots[j];

			if (slot->state == WORKER_WANTED ||
				(slot->state == WORKER_RESTING && slot->start_at != WORKER_NEVER))
				return true;
		}
	return false;
}

/* One look at everything; returns when to look again unasked. */
static TimestampTz
launcher_pass(void)
{
	List	   *databases = NIL;

	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			settle_failed_start(&worker_shared->databases[i].slots[j], &handles[i * WORKER_SLOTS + j]);

	if (worker_shared->consider_all)
	{
		databases = read_databases();
		consider_databases(databases);
	}
	fill_entries();
	if (!any_wanted())
	{
		retry_delay_ms = 0;
		return WORKER_NEVER;
	}
	if (databases == NIL)
		databases = read_databases();
	return start_wanted(databases);
}

/* Notes which jobs are allowed and where; true: that has changed. */
static bool
note_settings(void)
{
	const char *databases = tixbook_databases ? tixbook_databases : "";
	bool		changed = false;

	for (int job = 0; job < WORKER_JOBS; job++)
	{
		bool		allowed = (worker_jobs[job] != NULL && *worker_jobs[job]->allowed);

		changed |= (allowed != allowed_before[job]);
		allowed_before[job] = allowed;
	}
	if (databases_before == NULL || strcmp(databases_before, databases) != 0)
	{
		if (databases_before != NULL)
			pfree(databases_before);
		databases_before = MemoryContextStrdup(launcher_context, databases);
		changed = true;
	}
	return changed;
}

static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	if (note_settings())
		worker_consider_all();
}

static void
launcher_exit(int code, Datum arg)
{
	worker_shared->launcher_latch = NULL;
}

static void
start_anew(WorkerSlot *slot)
{
	if (slot->state == WORKER_STARTING && slot->pid == 0)
	{
		slot->generation++;
		slot->state = WORKER_WANTED;
	}
}

/*
 * A launcher that follows one that died: workers that run go on, they tell us
 * themselves when they end; starts on their way are made anew.
 */
static void
take_over(void)
{
	handles = palloc0(worker_shared->entry_count * WORKER_SLOTS * sizeof(BackgroundWorkerHandle *));
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = true;
	worker_shared->launcher_latch = MyLatch;
	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			start_anew(&worker_shared->databases[i].slots[j]);
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
}

static void
launcher_wait(TimestampTz until)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (until != WORKER_NEVER)
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
	(void) note_settings();
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
