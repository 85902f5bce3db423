/*
 * worker_hooks.c: what backends tell the workers.
 *
 * At commit: a hold that ends before the worker would wake, an extension
 * created or dropped, a new database.  Around commands that need a database
 * without connections: its worker is sent away, and comes back afterwards.
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

#define NO_HOLD_MADE			PG_INT64_MAX

static ProcessUtility_hook_type previous_process_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

/* What the current transaction has to tell when it commits. */
static TimestampTz earliest_hold = NO_HOLD_MADE;
static bool extension_made = false;
static bool extension_dropped = false;
static bool database_altered = false;
static List *databases_made = NIL;

/* Databases that this session holds back until its transaction ends. */
static List *databases_held = NIL;

PG_FUNCTION_INFO_V1(tixbook_start_worker);

void
worker_hold_made(TimestampTz expires_at)
{
	/* A savepoint that rolls back leaves its instant here: a vain wake-up. */
	if (worker_shared != NULL && expires_at < earliest_hold)
		earliest_hold = expires_at;
}

/* start_worker(): asks for a worker in this database when the transaction commits. */
Datum
tixbook_start_worker(PG_FUNCTION_ARGS)
{
	extension_made = (worker_shared != NULL);
	PG_RETURN_VOID();
}

static WorkerSlot *
my_slot(void)
{
	static WorkerSlot *slot = NULL;

	if (slot == NULL || slot->database != MyDatabaseId)
		slot = worker_slot_find(MyDatabaseId);
	return slot;
}

static void
ask_now_and_then(void)
{
	static TimestampTz last_ask = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now - last_ask < ASK_INTERVAL_US)
		return;
	last_ask = now;
	worker_ask(MyDatabaseId);
}

static void
wake_worker_for_hold(TimestampTz expires_at)
{
	WorkerSlot *slot = my_slot();
	Latch	   *latch;

	/*
	 * The worker says WORKER_AWAKE before it takes the snapshot it looks for
	 * holds with, so either that snapshot sees our commit, or we see
	 * WORKER_AWAKE or a later value here.
	 */
	pg_memory_barrier();
	if (slot == NULL || slot->state == WORKER_ABSENT)
		ask_now_and_then();
	else if ((latch = slot->latch) != NULL &&
			 expires_at < (TimestampTz) pg_atomic_read_u64(&slot->next_wake))
		SetLatch(latch);
}

static void
tell_at_commit(void)
{
	ListCell   *cell;

	if (earliest_hold != NO_HOLD_MADE)
		wake_worker_for_hold(earliest_hold);
	if (extension_dropped)
		worker_nudge(MyDatabaseId);
	if (extension_made)
		worker_ask(MyDatabaseId);
	if (database_altered)
		worker_consider_all();
	foreach(cell, databases_made)
		worker_ask(lfirst_oid(cell));
}

/* Lets go of a database held back; its worker, if it had one, is started again. */
static void
let_go(Oid database)
{
	WorkerSlot *slot;
	bool		start = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot = worker_slot_find(database);
	if (slot != NULL && slot->held > 0 && --slot->held == 0 && slot->state != WORKER_ABSENT)
	{
		/* Its name or place may have changed: let the launcher judge again. */
		if (slot->state == WORKER_EXCLUDED)
			slot->state = WORKER_WANTED;
		start = (slot->state == WORKER_WANTED);
	}
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
	earliest_hold = NO_HOLD_MADE;
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

/*
 * Waits until the worker of a database that is held back has gone: it leaves
 * by itself where it can, else it is terminated.
 */
static void
wait_for_worker_to_leave(WorkerSlot *slot)
{
	ConditionVariablePrepareToSleep(&worker_shared->worker_gone);
	for (;;)
	{
		Latch	   *latch;
		bool		gone;

		LWLockAcquire(worker_shared->lock, LW_SHARED);
		latch = slot->latch;
		gone = (slot->pid == 0 && slot->state != WORKER_STARTING);
		LWLockRelease(worker_shared->lock);
		if (gone)
			break;
		if (latch != NULL)
			SetLatch(latch);
		if (!ConditionVariableTimedSleep(&worker_shared->worker_gone, LEAVE_GRACE_MS,
										 worker_wait_event()))
			continue;

		LWLockAcquire(worker_shared->lock, LW_SHARED);
		if (slot->pid != 0)
			kill(slot->pid, SIGTERM);
		LWLockRelease(worker_shared->lock);
	}
	ConditionVariableCancelSleep();
}

static void
hold_back(Oid database)
{
	WorkerSlot *slot;

	databases_held = remember_oid(databases_held, database);
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot = worker_slot_claim(database);
	if (slot != NULL)
		slot->held++;
	LWLockRelease(worker_shared->lock);

	if (slot != NULL)
		wait_for_worker_to_leave(slot);
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
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(end_of_transaction, NULL);
}
