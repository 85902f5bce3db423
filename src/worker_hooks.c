/*
 * worker_hooks.c: commands that workers must know of, or make way for.
 *
 * Around commands that need a database without connections its workers are
 * sent away, and come back afterwards.
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
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "compat.h"
#include "worker_shared.h"
#include "worker_tell.h"

/* How long a worker that is asked to leave may finish what it does. */
#define LEAVE_GRACE_MS			200

static ProcessUtility_hook_type previous_process_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

/* Databases that this session holds back until its transaction ends. */
static List *databases_held = NIL;

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

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach(cell, databases_held)
		let_go(lfirst_oid(cell));
	list_free(databases_held);
	databases_held = NIL;
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
remember_held(Oid database)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	databases_held = lappend_oid(databases_held, database);
	MemoryContextSwitchTo(old);
}

static void
hold_back(Oid database)
{
	WorkerDatabase *entry;

	remember_held(database);
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
			worker_tell_of_altered_database();
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
		worker_tell_of_database(object);
	else if (access == OAT_DROP && class_oid == ExtensionRelationId && sub_object == 0)
	{
		char	   *name = get_extension_name(object);

		if (name != NULL && strcmp(name, "tixbook") == 0)
			worker_tell_of_dropped_extension();
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
