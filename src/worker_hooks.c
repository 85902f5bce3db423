/*
 * worker_hooks.c: what backends tell the workers.
 *
 * At commit: work that is due before its worker would wake, an extension
 * created or dropped, a new database.  Around commands that need a database
 * without connections: its workers are sent away, and come back afterwards.
 *
 * Nothing is told before it is committed and visible, so whoever is woken
 * finds it.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "compat.h"
#include "worker.h"
#include "worker_shared.h"

/* How long a worker that is asked to leave may finish what it does. */
#define LEAVE_GRACE_MS			200

/* A backend asks for a missing worker at most this often. */
#define ASK_INTERVAL_US			(INT64CONST(1000000))

static ProcessUtility_hook_type previous_process_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

/* What the current transaction has to tell when it commits. */
static bool work_made = false;
static TimestampTz earliest_due[WORKER_JOBS];	/* WORKER_NEVER: no work of that job */
static bool extension_made = false;
static bool extension_dropped = false;
static bool database_altered = false;
static List *databases_made = NIL;

/* Databases that this session holds back until its transaction ends. */
static List *databases_held = NIL;

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

/* start_worker(): asks for a worker in this database when the transaction commits. */
Datum
tixbook_start_worker(PG_FUNCTION_ARGS)
{
	extension_made = (worker_shared != NULL);
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

	if (now - last_ask[job] < ASK_INTERVAL_US)
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

static void
tell_at_commit(void)
{
	ListCell   *cell;

	for (int job = 0; work_made && job < WORKER_JOBS; job++)
		if (earliest_due[job] != WORKER_NEVER)
			worker_wake(job, earliest_due[job]);
	if (extension_dropped)
		worker_nudge(MyDatabaseId);
	if (extension_made)
		worker_ask_standing(MyDatabaseId);
	if (database_altered)
		worker_consider_all();
	foreach(cell, databases_made)
		worker_ask_standing(lfirst_oid(cell));
}

/*
 * The database of a slot may have gone, or have another name or place: the
 * launcher judges again.  true: it is to be told.
 */
static bool
let_go_slot(WorkerSlot *slot)
{
	if (slot->state == WORKER_EXCLUDED || slot->state == WORKER_RESTING)
		slot->state = WORKER_WANTED;
	return slot->state == WORKER_WANTED;
}

/* Lets go of a database held back; the workers that it had are started again. */
static void
let_go(Oid database)
{
	WorkerDatabase *entry;
	bool		start = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_find(database);
	if (entry != NULL && entry->held > 0 && --entry->held == 0)
		for (int i = 0; i < WORKER_SLOTS; i++)
			start |= let_go_slot(&entry->slots[i]);
	LWLockRelease(worker_shared->lock);
	if (start)
		worker_wake_launcher();
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	ListCell   *cell;

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
	foreach(cell, databases_held)
		let_go(lfirst_oid(cell));

	list_free(databases_held);
	list_free(databases_made);
	databases_held = databases_made = NIL;
	if (work_made)
		forget_work();
	extension_made = extension_dropped = database_altered = false;
}

static List *
remember_oid(List *list, Oid oid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	list = lappend_oid(list, oid);
	MemoryContextSwitchTo(old);
	return list;
}

/* Wakes the workers of a database that is held back; false: there are none. */
static bool
tell_to_leave(WorkerDatabase *entry)
{
	bool		any = false;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot *slot = &entry->slots[i];

		any |= (slot->pid != 0 || slot->state == WORKER_STARTING);
		if (slot->latch != NULL)
			SetLatch(slot->latch);
	}
	LWLockRelease(worker_shared->lock);
	return any;
}

static void
terminate_workers(WorkerDatabase *entry)
{
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_SLOTS; i++)
		if (entry->slots[i].pid != 0)
			kill(entry->slots[i].pid, SIGTERM);
	LWLockRelease(worker_shared->lock);
}

/*
 * Waits until the workers of a database that is held back have gone: they
 * leave by themselves where they can, else they are terminated.
 */
static void
wait_for_workers_to_leave(WorkerDatabase *entry)
{
	TimestampTz patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_GRACE_MS);

	ConditionVariablePrepareToSleep(&worker_shared->worker_gone);
	while (tell_to_leave(entry))
	{
		(void) ConditionVariableTimedSleep(&worker_shared->worker_gone, LEAVE_GRACE_MS,
										   worker_wait_event());
		if (GetCurrentTimestamp() < patience)
			continue;
		terminate_workers(entry);
		patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_GRACE_MS);
	}
	ConditionVariableCancelSleep();
}

static void
hold_back(Oid database)
{
	WorkerDatabase *entry;

	databases_held = remember_oid(databases_held, database);
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_claim(database);
	if (entry != NULL)
		entry->held++;
	LWLockRelease(worker_shared->lock);

	if (entry != NULL)
		wait_for_workers_to_leave(entry);
	else
		databases_held = list_delete_last(databases_held);
}

/* The template that CREATE DATABASE copies. */
static const char *
template_of(CreatedbStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return "template1";
}

static bool
moves_tablespace(AlterDatabaseStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, "tablespace") == 0)
			return true;
	return false;
}

/*
 * The database that the command needs without connections, or InvalidOid.
 * Who may not touch it gets the error from the command, and the worker stays.
 */
static Oid
database_to_be_left(Node *command)
{
	const char *name = NULL;
	Oid			database;

	if (IsA(command, DropdbStmt))
		name = castNode(DropdbStmt, command)->dbname;
	else if (IsA(command, CreatedbStmt))
		name = template_of(castNode(CreatedbStmt, command));
	else if (IsA(command, RenameStmt) && castNode(RenameStmt, command)->renameType == OBJECT_DATABASE)
		name = castNode(RenameStmt, command)->subname;
	else if (IsA(command, AlterDatabaseStmt) && moves_tablespace(castNode(AlterDatabaseStmt, command)))
		name = castNode(AlterDatabaseStmt, command)->dbname;
	if (name == NULL)
		return InvalidOid;

	database = get_database_oid(name, true);
	if (!OidIsValid(database) || database == MyDatabaseId)
	{
		/* One's own database can only be copied. */
		if (!IsA(command, CreatedbStmt))
			return InvalidOid;
	}
	if (!OidIsValid(database) || !compat_database_ownercheck(database, GetUserId()))
		return InvalidOid;
	return database;
}

static void
call_process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
					 ProcessUtilityContext context, ParamListInfo params,
					 QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *qc)
{
	if (previous_process_utility)
		previous_process_utility(pstmt, query, read_only_tree, context, params,
								 environment, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								environment, dest, qc);
}

/*
 * If the command fails the database is let go at once: the transaction may
 * live on, beyond a savepoint.
 */
static void
run_with_database_held(Oid database, PlannedStmt *pstmt, const char *query, bool read_only_tree,
					   ProcessUtilityContext context, ParamListInfo params,
					   QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *qc)
{
	volatile int held_before = list_length(databases_held);

	PG_TRY();
	{
		hold_back(database);
		call_process_utility(pstmt, query, read_only_tree, context, params,
							 environment, dest, qc);
	}
	PG_CATCH();
	{
		if (list_length(databases_held) > held_before)
		{
			databases_held = list_delete_last(databases_held);
			let_go(database);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *qc)
{
	Oid			database = InvalidOid;

	if (worker_shared != NULL && !RecoveryInProgress())
	{
		database = database_to_be_left(pstmt->utilityStmt);
		if (IsA(pstmt->utilityStmt, AlterDatabaseStmt))
			database_altered = true;
	}
	if (OidIsValid(database))
		run_with_database_held(database, pstmt, query, read_only_tree, context, params,
							   environment, dest, qc);
	else
		call_process_utility(pstmt, query, read_only_tree, context, params,
							 environment, dest, qc);
}

static void
object_access(ObjectAccessType access, Oid class_oid, Oid object, int sub_object, void *arg)
{
	if (previous_object_access)
		previous_object_access(access, class_oid, object, sub_object, arg);
	if (worker_shared == NULL)
		return;

	/* A copy of a database that has the extension has it too. */
	if (access == OAT_POST_CREATE && class_oid == DatabaseRelationId)
		databases_made = remember_oid(databases_made, object);
	else if (access == OAT_DROP && class_oid == ExtensionRelationId && sub_object == 0)
	{
		char	   *name = get_extension_name(object);

		if (name != NULL && strcmp(name, "tixbook") == 0)
			extension_dropped = true;
	}
}

void
worker_hooks_init(void)
{
	forget_work();
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(end_of_transaction, NULL);
}
