/*
 * worker_tell.c: what a transaction tells the workers when it commits.
 *
 * Work that is due before its worker would wake, an extension created or
 * dropped, a new database.  Nothing is told before it is committed and
 * visible, so whoever is woken finds it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "instant.h"
#include "worker.h"
#include "worker_maker.h"
#include "worker_shared.h"
#include "worker_tell.h"

/* A backend asks for a missing worker at most this often. */
#define ASK_INTERVAL_MS			1000

/* What the current transaction has to tell when it commits. */
static bool work_made = false;
static TimestampTz earliest_due[WORKER_JOBS];	/* WORKER_NEVER: no work of that job */
static bool extension_made = false;
static bool standing_wanted = false;
static bool extension_dropped = false;
static bool database_altered = false;
static List *databases_made = NIL;

PG_FUNCTION_INFO_V1(tixbook_start_worker);

static void
forget_work(void)
{
	work_made = false;
	for (int job = 0; job < WORKER_JOBS; job++)
		earliest_due[job] = WORKER_NEVER;
}

void
worker_due(WorkerJob job, TimestampTz at)
{
	/* A savepoint that rolls back leaves its instant here: a vain wake-up. */
	if (worker_shared == NULL || at >= earliest_due[job])
		return;
	earliest_due[job] = at;
	work_made = true;
}

/* start_worker(): asks for a worker in this database when the transaction commits, or tells that one is made. */
Datum
tixbook_start_worker(PG_FUNCTION_ARGS)
{
	if (worker_shared == NULL)
		PG_RETURN_VOID();
	if (creating_extension)
	{
		worker_maker_holds();
		extension_made = true;
	}
	else
		standing_wanted = true;
	PG_RETURN_VOID();
}

static WorkerDatabase *
my_database(void)
{
	static WorkerDatabase *entry = NULL;

	if (entry == NULL || entry->database != MyDatabaseId)
		entry = worker_database_find(MyDatabaseId);
	return entry;
}

/* For a job that always runs but where it cannot: many commits, few asks. */
static void
ask_now_and_then(WorkerJob job)
{
	static TimestampTz last_ask[WORKER_JOBS] = {0};
	TimestampTz now = GetCurrentTimestamp();

	if (!has_come(TimestampTzPlusMilliseconds(last_ask[job], ASK_INTERVAL_MS), now, ASK_INTERVAL_MS))
		return;
	last_ask[job] = now;
	worker_ask(MyDatabaseId, job, 0, 0);
}

/* No process runs to be woken: sees to it that there will be one. */
static void
ask_for_absent(WorkerJob job, const WorkerSlot *slot, TimestampTz due)
{
	switch (slot->state)
	{
		case WORKER_EXCLUDED:
		case WORKER_WANTED:
		case WORKER_STARTING:
			/* It may not, or it will look once it is there. */
			break;
		case WORKER_ABSENT:
			if (worker_jobs[job]->standing)
			{
				ask_now_and_then(job);
				break;
			}
			/* FALLTHROUGH */
		case WORKER_RESTING:
		case WORKER_RUNNING:	/* about to rest */
			worker_ask(MyDatabaseId, job, 0, due > GetCurrentTimestamp() ? due : 0);
			break;
	}
}

void
worker_wake(WorkerJob job, TimestampTz due)
{
	WorkerDatabase *entry;
	WorkerSlot *slot;
	Latch	   *latch;

	if (worker_shared == NULL || worker_jobs[job] == NULL)
		return;

	/*
	 * The worker says WORKER_AWAKE before it takes the snapshot it looks for
	 * work with, so either that snapshot sees our commit, or we see
	 * WORKER_AWAKE or a later value here.  One that goes to rest takes its
	 * latch away first, and looks once more.
	 */
	pg_memory_barrier();
	entry = my_database();
	if (entry == NULL)
	{
		ask_now_and_then(job);
		return;
	}
	slot = worker_slot(entry, job, 0);
	if (due >= (TimestampTz) pg_atomic_read_u64(&slot->next_wake))
		return;
	latch = slot->latch;
	if (latch != NULL)
		SetLatch(latch);
	else
		ask_for_absent(job, slot, due);
}

/* What was made here is in use. */
static void
tell_of_use(void)
{
	WorkerDatabase *entry = my_database();

	if (entry != NULL && entry->maker != 0)
		worker_maker_done(entry);
}

static void
tell_at_commit(void)
{
	ListCell   *cell;

	if (extension_made)
		worker_maker_commits();
	if (work_made || standing_wanted)
		tell_of_use();
	for (int job = 0; work_made && job < WORKER_JOBS; job++)
		if (earliest_due[job] != WORKER_NEVER)
			worker_wake(job, earliest_due[job]);
	if (extension_dropped)
		worker_nudge(MyDatabaseId);
	if (standing_wanted)
		worker_ask_standing(MyDatabaseId);
	if (database_altered)
		worker_consider_all();
	foreach(cell, databases_made)
		worker_ask_standing(lfirst_oid(cell));
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			tell_at_commit();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	list_free(databases_made);
	databases_made = NIL;
	if (work_made)
		forget_work();
	extension_made = standing_wanted = extension_dropped = database_altered = false;
}

void
worker_tell_of_database(Oid database)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	databases_made = lappend_oid(databases_made, database);
	MemoryContextSwitchTo(old);
}

void
worker_tell_of_altered_database(void)
{
	database_altered = true;
}

void
worker_tell_of_dropped_extension(void)
{
	extension_dropped = true;
}

void
worker_tell_init(void)
{
	forget_work();
	RegisterXactCallback(end_of_transaction, NULL);
}
