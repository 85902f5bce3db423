/*
 * store.c: rows of the product's own tables written, below the executor.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "compat.h"
#include "store.h"
#include "store_index.h"

/*
 * Whose rows have many versions: an index page that is full may then be full
 * of entries of dead ones, so that it is worth a look before it is split.
 */
static const bool churns[STORE_TABLES] = {
	[STORE_SEAT_BLOCK] = true,
};

/*
 * Raises an error where somebody has added a column, of which nothing here knows
 * what belongs into it.  One that was dropped again is a place without a name.
 */
static void
check_columns(const Store *store)
{
	TupleDesc	descriptor = RelationGetDescr(store->rel);

	for (int i = store_columns(store->table); i < descriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(descriptor, i);

		if (!column->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table tixbook.%s has a column that is not tixbook's: \"%s\"",
							RelationGetRelationName(store->rel), NameStr(column->attname)),
					 errhint("Drop it, and keep what it is for in a table of your own.")));
	}
}

/*
 * Opens a table for writing.  Everything is allocated in the current memory
 * context; an error leaves the rest to the resource owner.
 */
void
store_open(Store *store, StoreTable table)
{
	store->table = table;
	store->rel = table_open(store_table_oid(table), RowExclusiveLock);
	check_columns(store);
	store->writer = NULL;
	store->told_index = InvalidOid;
	store->duplicate = false;
}

void
store_close(Store *store)
{
	if (store->writer != NULL)
		index_writer_close(store->writer);
	table_close(store->rel, NoLock);
}

/*
 * From here on a row whose key stands in that unique index already, committed
 * or not, is no error: it is written, and store->duplicate tells.  The writer
 * must take it back then.
 */
void
store_tell_duplicate(Store *store, StoreIndex index)
{
	store->told_index = store_index_oid(index);
}

/* A HOT update comes without this: it needs no index. */
static void
insert_index_entries(Store *store, NewRow *row)
{
	if (store->writer == NULL)
		store->writer = index_writer_open(store->table, store->rel);
	row->told_index = store->told_index;
	index_writer_insert(store->writer, row);
	store->duplicate = row->duplicate;
}

/*
 * A tuple of so many values.  Where columns of the type have been added and
 * dropped again their places, which come after ours, are left empty.
 */
HeapTuple
store_form_tuple(TupleDesc type, int ncolumns, const Datum *values, const bool *nulls)
{
	Datum	   *all_values;
	bool	   *all_nulls;

	if (type->natts <= ncolumns)
		return heap_form_tuple(type, unconstify(Datum *, values), unconstify(bool *, nulls));
	all_values = palloc0(type->natts * sizeof(Datum));
	all_nulls = palloc(type->natts * sizeof(bool));
	memset(all_nulls, true, type->natts * sizeof(bool));
	memcpy(all_values, values, ncolumns * sizeof(Datum));
	memcpy(all_nulls, nulls, ncolumns * sizeof(bool));
	return heap_form_tuple(type, all_values, all_nulls);
}

static HeapTuple
form_row(const Store *store, const Datum *values, const bool *nulls)
{
	return store_form_tuple(RelationGetDescr(store->rel), store_columns(store->table), values, nulls);
}

/* Inserts a row and its index entries; a duplicate key is an error. */
void
store_insert(Store *store, const Datum *values, const bool *nulls)
{
	NewRow		row = {
		.tuple = form_row(store, values, nulls),
		.values = values,
		.nulls = nulls,
		.which = COMPAT_ALL_INDEXES,
	};

	heap_insert(store->rel, row.tuple, GetCurrentCommandId(true), 0, NULL);
	insert_index_entries(store, &row);
	heap_freetuple(row.tuple);
}

#ifdef USE_ASSERT_CHECKING
/*
 * heap_update() answers TM_BeingModified at once when it is not to wait, as we
 * want it to, but asserts first that it never has to (heapam.c, "no wait" case).
 * So a server that checks assertions has the row locked before.
 */
static TM_Result
lock_before_update(Store *store, ItemPointer tid)
{
	HeapTupleData tuple = {.t_self = *tid};
	TM_FailureData failure;
	Buffer		buffer;
	TM_Result	result;

	result = heap_lock_tuple(store->rel, &tuple, GetCurrentCommandId(true), LockTupleNoKeyExclusive,
							 LockWaitSkip, false, &buffer, &failure);
	ReleaseBuffer(buffer);
	return result == TM_WouldBlock ? TM_BeingModified : result;
}
#endif

/*
 * Replaces the row version at tid, and only that version: TM_Ok is the proof
 * that nobody changed the row since it was read.  Without wait a row that
 * another transaction has locked or changed gives TM_BeingModified at once;
 * wait is for rows that this transaction has locked itself.
 */
TM_Result
store_update(Store *store, ItemPointer tid, const Datum *values, const bool *nulls, bool wait)
{
	NewRow		row = {
		.tuple = form_row(store, values, nulls),
		.values = values,
		.nulls = nulls,
		.update = true,
		.churns = churns[store->table],
		.which = COMPAT_ALL_INDEXES,
	};
	TM_FailureData failure;
	LockTupleMode lock_mode;
	TM_Result	result;

#ifdef USE_ASSERT_CHECKING
	result = wait ? TM_Ok : lock_before_update(store, tid);
	if (result != TM_Ok)
		return result;
	wait = true;
#endif
	result = compat_heap_update(store->rel, tid, row.tuple, GetCurrentCommandId(true), wait,
								&failure, &lock_mode, &row.which);
	row.key_intact = lock_mode == LockTupleNoKeyExclusive;
	if (result == TM_Ok && compat_wants_index_entries(row.tuple, row.which))
		insert_index_entries(store, &row);
	store->place = row.tuple->t_self;
	heap_freetuple(row.tuple);
	return result;
}

/* Deletes a row that this transaction has locked. */
void
store_delete(Store *store, ItemPointer tid)
{
	simple_heap_delete(store->rel, tid);
}
