/*
 * store.c: rows of the product's own tables, below the executor.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "store.h"
#include "store_index.h"

static const char *const table_names[STORE_TABLES] = {
	[STORE_SEAT_BLOCK] = "seat_block",
	[STORE_BOOKING] = "booking",
	[STORE_TICKET] = "ticket",
	[STORE_TICKET_VOID] = "ticket_void",
	[STORE_BOOKING_HISTORY] = "booking_history",
	[STORE_IDEMPOTENCY_KEY] = "idempotency_key",
	[STORE_VENUE_BLOCK] = "venue_block",
	[STORE_WAITING_ROOM_POINTER] = "waiting_room_pointer",
	[STORE_WAITING_ROOM_ENTRY] = "waiting_room_entry",
	[STORE_WAITING_ROOM_SESSION] = "waiting_room_session",
	[STORE_REQUEST] = "request",
	[STORE_REQUEST_PACE] = "request_pace",
};

static const char *const index_names[STORE_INDEXES] = {
	[STORE_SEAT_BLOCK_KEY] = "seat_block_pkey",
	[STORE_BOOKING_KEY] = "booking_pkey",
	[STORE_BOOKING_DUE] = "booking_due_idx",
	[STORE_BOOKING_CUSTOMER] = "booking_customer_idx",
	[STORE_BOOKING_PAYMENT] = "booking_payment_idx",
	[STORE_BOOKING_ENDED] = "booking_ended_idx",
	[STORE_BOOKING_HISTORY_BOOKING] = "booking_history_booking_idx",
	[STORE_TICKET_KEY] = "ticket_pkey",
	[STORE_IDEMPOTENCY_KEY_KEY] = "idempotency_key_pkey",
	[STORE_IDEMPOTENCY_KEY_DUE] = "idempotency_key_expires_idx",
	[STORE_VENUE_BLOCK_KEY] = "venue_block_pkey",
	[STORE_WAITING_ROOM_POINTER_KEY] = "waiting_room_pointer_pkey",
	[STORE_WAITING_ROOM_ENTRY_KEY] = "waiting_room_entry_pkey",
	[STORE_WAITING_ROOM_ENTRY_NUMBER] = "waiting_room_entry_event_id_entry_key",
	[STORE_WAITING_ROOM_ENTRY_ADDRESS] = "waiting_room_entry_address_idx",
	[STORE_WAITING_ROOM_SESSION_KEY] = "waiting_room_session_pkey",
	[STORE_WAITING_ROOM_SESSION_ENDS] = "waiting_room_session_ends_idx",
	[STORE_WAITING_ROOM_SESSION_PLACE] = "waiting_room_session_place_idx",
	[STORE_REQUEST_KEY] = "request_pkey",
	[STORE_REQUEST_WAITING] = "request_waiting_idx",
	[STORE_REQUEST_ENDED] = "request_ended_idx",
	[STORE_REQUEST_PACE_KEY] = "request_pace_pkey",
};

/*
 * Whose rows have many versions: an index page that is full may then be full
 * of entries of dead ones, so that it is worth a look before it is split.
 */
static const bool churns[STORE_TABLES] = {
	[STORE_SEAT_BLOCK] = true,
};

/* They change with DROP and CREATE EXTENSION and with REINDEX CONCURRENTLY. */
static Oid	table_oids[STORE_TABLES];
static Oid	index_oids[STORE_INDEXES];

/* Relation cache callback: must not read the catalog, so it only forgets. */
static void
relation_invalidated(Datum arg, Oid relid)
{
	for (int i = 0; i < STORE_TABLES; i++)
		if (!OidIsValid(relid) || table_oids[i] == relid)
			table_oids[i] = InvalidOid;
	for (int i = 0; i < STORE_INDEXES; i++)
		if (!OidIsValid(relid) || index_oids[i] == relid)
			index_oids[i] = InvalidOid;
	index_plans_outdated(relid);
}

void
store_init(void)
{
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
}

static Oid
relation_oid(Oid *remembered, const char *name)
{
	if (!OidIsValid(*remembered))
	{
		Oid			oid = get_relname_relid(name, get_namespace_oid("tixbook", false));

		if (!OidIsValid(oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation \"tixbook.%s\" does not exist", name),
					 errhint("Create the extension tixbook in this database.")));
		*remembered = oid;
	}
	return *remembered;
}

Oid
store_table_oid(StoreTable table)
{
	return relation_oid(&table_oids[table], table_names[table]);
}

/* The file that the rows of a table are in now; it takes no lock, so it may be about to change. */
Oid
store_file(StoreTable table)
{
	Relation	rel = RelationIdGetRelation(store_table_oid(table));
	Oid			file = InvalidOid;

	if (RelationIsValid(rel))
	{
		file = compat_file_number(rel);
		RelationClose(rel);
	}
	return file;
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

static Oid
index_oid(StoreIndex index)
{
	return relation_oid(&index_oids[index], index_names[index]);
}

/*
 * From here on a row whose key stands in that unique index already, committed
 * or not, is no error: it is written, and store->duplicate tells.  The writer
 * must take it back then.
 */
void
store_tell_duplicate(Store *store, StoreIndex index)
{
	store->told_index = index_oid(index);
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

/* Inserts a row and its index entries; a duplicate key is an error. */
void
store_insert(Store *store, const Datum *values, const bool *nulls)
{
	NewRow		row = {
		.tuple = heap_form_tuple(RelationGetDescr(store->rel), unconstify(Datum *, values),
								 unconstify(bool *, nulls)),
		.values = values,
		.nulls = nulls,
		.which = COMPAT_ALL_INDEXES,
	};

	heap_insert(store->rel, row.tuple, GetCurrentCommandId(true), 0, NULL);
	insert_index_entries(store, &row);
	heap_freetuple(row.tuple);
}

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
		.tuple = heap_form_tuple(RelationGetDescr(store->rel), unconstify(Datum *, values),
								 unconstify(bool *, nulls)),
		.values = values,
		.nulls = nulls,
		.update = true,
		.churns = churns[store->table],
		.which = COMPAT_ALL_INDEXES,
	};
	TM_FailureData failure;
	LockTupleMode lock_mode;
	TM_Result	result;

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

static void
open_scan(StoreScan *scan, StoreTable table, StoreIndex index, LOCKMODE lock_mode)
{
	memset(scan, 0, sizeof(StoreScan));
	scan->index_id = index;
	scan->lock_mode = lock_mode;
	scan->rel = table_open(store_table_oid(table), lock_mode);
}

/* Opens a walk; store_scan_start says over which rows, as often as wanted. */
void
store_scan_open(StoreScan *scan, StoreTable table, StoreIndex index)
{
	open_scan(scan, table, index, RowExclusiveLock);
}

/* The same for who only reads, also on a standby. */
void
store_scan_open_to_read(StoreScan *scan, StoreTable table, StoreIndex index)
{
	open_scan(scan, table, index, AccessShareLock);
}

/* A walk over a table that is open for writing, and stays so longer than the walk. */
void
store_scan_open_on(StoreScan *scan, const Store *store, StoreIndex index)
{
	memset(scan, 0, sizeof(StoreScan));
	scan->index_id = index;
	scan->lock_mode = RowExclusiveLock;
	scan->rel = store->rel;
	scan->shared = true;
}

static void
clear_slot(StoreScan *scan)
{
	if (scan->slot == NULL)
		scan->slot = table_slot_create(scan->rel, NULL);
	ExecClearTuple(scan->slot);
}

static void
look_by(StoreScan *scan, Snapshot snapshot)
{
	clear_slot(scan);
	if (scan->snapshot != NULL)
		UnregisterSnapshot(scan->snapshot);
	scan->snapshot = RegisterSnapshot(snapshot);
}

/* From here on the walk sees what is committed now. */
static void
look_afresh(StoreScan *scan)
{
	look_by(scan, GetLatestSnapshot());
}

/* Starts over the rows that match the keys as of a snapshot. */
void
store_scan_start_as_of(StoreScan *scan, Snapshot snapshot, ScanKey keys, int nkeys)
{
	look_by(scan, snapshot);
	if (scan->index == NULL)
		scan->index = index_open(index_oid(scan->index_id), scan->lock_mode);
	if (scan->scan != NULL && scan->scan->numberOfKeys != nkeys)
	{
		index_endscan(scan->scan);
		scan->scan = NULL;
	}
	if (scan->scan == NULL)
		scan->scan = compat_index_beginscan(scan->rel, scan->index, scan->snapshot, nkeys);
	scan->scan->xs_snapshot = scan->snapshot;
	index_rescan(scan->scan, keys, nkeys, NULL, 0);
}

/* The same as of now. */
void
store_scan_start(StoreScan *scan, ScanKey keys, int nkeys)
{
	store_scan_start_as_of(scan, GetLatestSnapshot(), keys, nkeys);
}

/* Where the index entry of the row just found points: it stays while updates are HOT. */
ItemPointerData
store_place(StoreScan *scan)
{
	return scan->scan->xs_heaptid;
}

/*
 * A table can have become shorter than it was when the place was noted.  Whoever
 * makes it shorter has every session forget the length it knows, as the page for
 * its next row, before anybody can lock the table again (smgrtruncate), so a
 * longer one need not be measured.
 */
static bool
place_exists(StoreScan *scan, ItemPointer place)
{
	BlockNumber block = ItemPointerGetBlockNumber(place);
	BlockNumber known = RelationGetSmgr(scan->rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) || block < RelationGetNumberOfBlocks(scan->rel);
}

/*
 * Fetches the row that an index entry pointed to some time ago, as it is now.
 * False where it cannot be found so; what is found may be another row, which
 * has come to stand there, so the caller must check its key.
 */
bool
store_fetch(StoreScan *scan, ItemPointer place)
{
	ItemPointerData tid = *place;
	bool		again = false;
	bool		all_dead;

	if (!place_exists(scan, place))
		return false;
	look_afresh(scan);
	if (scan->fetch == NULL)
		scan->fetch = table_index_fetch_begin(scan->rel);
	return table_index_fetch_tuple(scan->fetch, &tid, scan->snapshot, scan->slot, &again, &all_dead);
}

/*
 * Prunes a page where an index scan would, or it fills up with dead versions.
 * Whether there is need of it is told before, as heap_page_prune_opt tells it,
 * but by the page alone: that first works out what nobody sees any more.
 */
static void
prune_when_tight(Relation rel, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	Size		wanted = Max(RelationGetTargetPageFreeSpace(rel, HEAP_DEFAULT_FILLFACTOR), BLCKSZ / 10);

	if (PageIsFull(page) || PageGetHeapFreeSpace(page) < wanted)
		heap_page_prune_opt(rel, buffer);
}

/*
 * Fetches the very row version at a place if it is the newest committed one, or
 * this transaction's own: without a snapshot, a chain to follow or an index.
 * The caller must check its key, as above.
 */
bool
store_fetch_version(StoreScan *scan, ItemPointer place)
{
	Buffer		buffer = ReadBuffer(scan->rel, ItemPointerGetBlockNumber(place));
	bool		found;

	clear_slot(scan);
	prune_when_tight(scan->rel, buffer);
	found = table_tuple_fetch_row_version(scan->rel, place, SnapshotSelf, scan->slot);
	ReleaseBuffer(buffer);
	return found;
}

/* The same for a place that was noted some time ago, where a row may have been that never changes. */
bool
store_fetch_noted(StoreScan *scan, ItemPointer place)
{
	return place_exists(scan, place) && store_fetch_version(scan, place);
}

bool
store_scan_next(StoreScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

void
store_scan_close(StoreScan *scan)
{
	if (scan->slot != NULL)
		ExecDropSingleTupleTableSlot(scan->slot);
	if (scan->fetch != NULL)
		table_index_fetch_end(scan->fetch);
	if (scan->scan != NULL)
		index_endscan(scan->scan);
	if (scan->snapshot != NULL)
		UnregisterSnapshot(scan->snapshot);
	if (scan->index != NULL)
		index_close(scan->index, NoLock);
	if (!scan->shared)
		table_close(scan->rel, NoLock);
}

/* Whether a row with that key stands in a unique index, also one that is not committed yet. */
KeyClaim
store_key_claim(StoreTable table, StoreIndex index_id, ScanKey keys, int nkeys)
{
	Relation	rel = table_open(store_table_oid(table), AccessShareLock);
	Relation	index = index_open(index_oid(index_id), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	SnapshotData dirty = {.snapshot_type = SNAPSHOT_DIRTY};
	IndexScanDesc scan = compat_index_beginscan(rel, index, &dirty, nkeys);
	KeyClaim	claim = KEY_FREE;

	index_rescan(scan, keys, nkeys, NULL, 0);
	while (claim != KEY_TAKEN && index_getnext_slot(scan, ForwardScanDirection, slot))
		claim = TransactionIdIsValid(dirty.xmin) || TransactionIdIsValid(dirty.xmax) ?
			KEY_IN_OTHER_HANDS : KEY_TAKEN;
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return claim;
}

static RowHands
hands_of(TransactionId xid)
{
	if (TransactionIdIsCurrentTransactionId(xid))
		return ROW_OURS;
	return TransactionIdIsInProgress(xid) ? ROW_IN_OTHER_HANDS : ROW_FREE;
}

/* A transaction and its own savepoints make a multixact of locks, too. */
static RowHands
hands_of_multixact(MultiXactId multi, bool only_locked)
{
	MultiXactMember *members;
	int			n = GetMultiXactIdMembers(multi, &members, false, only_locked);
	RowHands	hands = ROW_FREE;

	for (int i = 0; i < n; i++)
		hands = Max(hands, hands_of(members[i].xid));
	if (n > 0)
		pfree(members);
	return hands;
}

/*
 * In whose hands the row just found is.  A row that this transaction has locked
 * and then replaced is still ours: the new version carries our lock on.
 */
RowHands
store_row_hands(StoreScan *scan)
{
	HeapTuple	tuple = ExecFetchSlotHeapTuple(scan->slot, false, NULL);
	HeapTupleHeader header = tuple->t_data;

	if (header->t_infomask & HEAP_XMAX_INVALID)
		return ROW_FREE;
	if (header->t_infomask & HEAP_XMAX_IS_MULTI)
		return hands_of_multixact(HeapTupleHeaderGetRawXmax(header),
								  HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask));
	return hands_of(HeapTupleHeaderGetRawXmax(header));
}

/*
 * Locks the newest version of the row just found, which then stands in the
 * slot.  False when another transaction has it, or it is gone.
 */
bool
store_lock(StoreScan *scan)
{
	ItemPointerData tid = scan->slot->tts_tid;
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(scan->rel, &tid, scan->snapshot, scan->slot,
							  GetCurrentCommandId(true), LockTupleNoKeyExclusive,
							  LockWaitSkip, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	return result == TM_Ok;
}

/* Deletes the row just found; false: another transaction has it, or it is gone. */
bool
store_delete_found(Store *store, StoreScan *scan)
{
	if (!store_lock(scan))
		return false;
	store_delete(store, &scan->slot->tts_tid);
	CommandCounterIncrement();
	return true;
}

void
store_key_int4(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(value));
}

void
store_key_int4_from(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_INT4GE, Int32GetDatum(value));
}

void
store_key_int8(ScanKey key, AttrNumber column, int64 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
}

void
store_key_int8_from(ScanKey key, AttrNumber column, int64 value)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(value));
}

void
store_key_int4_upto(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTLessEqualStrategyNumber, F_INT4LE, Int32GetDatum(value));
}

/* The key columns of text are all COLLATE "C", which ScanKeyInit assumes. */
void
store_key_text(ScanKey key, AttrNumber column, const char *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(value));
}

void
store_key_uuid(ScanKey key, AttrNumber column, const void *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(value));
}

void
store_key_at_or_before(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
				TimestampTzGetDatum(instant));
}

void
store_key_after(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(instant));
}

void
store_key_at_or_after(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
				TimestampTzGetDatum(instant));
}

void
bounded_wait_start(BoundedWait *wait, int milliseconds)
{
	wait->deadline = GetCurrentTimestamp() + (int64) milliseconds * 1000;
	wait->pause = 1;
	wait->longest_pause = 16;
}

/* The same with pauses that do not grow, where a try is cheap. */
void
bounded_wait_start_even(BoundedWait *wait, int milliseconds, long pause)
{
	bounded_wait_start(wait, milliseconds);
	wait->pause = wait->longest_pause = pause;
}

/*
 * Pauses a moment before another try; false when the time is over.
 *
 * Sleeping and trying again, where a lock wait would do, is what keeps the
 * product from ever deadlocking: whoever sleeps here can always give up.
 */
bool
bounded_wait(BoundedWait *wait)
{
	CHECK_FOR_INTERRUPTS();
	if (GetCurrentTimestamp() >= wait->deadline)
		return false;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 wait->pause, PG_WAIT_LOCK);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	wait->pause = Min(wait->pause * 2, wait->longest_pause);
	return true;
}
