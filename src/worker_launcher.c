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
 * about starts, SIGHUP.  worker_start.h has what it consists of.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

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

#include "instant.h"
#include "settings.h"
#include "worker_start.h"

#define LAUNCHER_NAME			"tixbook launcher"

PGDLLEXPORT void worker_launcher_main(Datum main_arg);

/* Databases still to be tried, for which there was no slot so far. */
static List *untried = NIL;

static MemoryContext launcher_context;
static char *databases_before = NULL;
static bool allowed_before[WORKER_JOBS];
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
			worker_judge_entry(&worker_shared->databases[i], databases);
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

/* One look at everything; returns when to look again unasked. */
static TimestampTz
launcher_pass(void)
{
	List	   *databases = NIL;

	worker_settle_failed_starts();
	if (worker_shared->consider_all)
	{
		databases = worker_read_databases();
		consider_databases(databases);
	}
	fill_entries();
	if (!worker_start_needed())
		return WORKER_NEVER;
	if (databases == NIL)
		databases = worker_read_databases();
	return worker_start_wanted(databases);
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
launcher_wait(TimestampTz until)
{
	long		timeout = ms_until(until);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout < 0 ? 0 : WL_TIMEOUT), Max(timeout, 1),
					 worker_wait_event());
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
	worker_start_init(launcher_context);

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
