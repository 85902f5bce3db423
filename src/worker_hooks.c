/*
 * worker_hooks.c: commands that workers must know of, or make way for.
 *
 * Around commands that need a database without connections its workers are
 * sent away, and come back afterwards.
 */
#include "postgres.h"

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

#include "compat.h"
#include "worker_held.h"
#include "worker_shared.h"
#include "worker_tell.h"

static ProcessUtility_hook_type previous_process_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

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
	int			held_before = worker_held_count();

	PG_TRY();
	{
		worker_hold(database);
		call_process_utility(pstmt, query, read_only_tree, context, params,
							 environment, dest, qc);
	}
	PG_CATCH();
	{
		worker_let_go(held_before);
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
}
