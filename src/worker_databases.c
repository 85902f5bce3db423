/*
 * worker_databases.c: which databases may have workers, and of which jobs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "compat.h"
#include "settings.h"
#include "worker_start.h"

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
List *
worker_read_databases(void)
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

Database *
worker_find_database(List *databases, Oid oid)
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
void
worker_judge_slot(WorkerSlot *slot, int number, const Database *database)
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

void
worker_judge_entry(WorkerDatabase *entry, List *databases)
{
	Database   *database = worker_find_database(databases, entry->database);

	for (int i = 0; i < WORKER_SLOTS; i++)
		worker_judge_slot(&entry->slots[i], i, database);
}
