/*
 * store_scan.c: rows of the product's own tables found, and locked, below the executor.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "store.h"

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
		scan->index = index_open(store_index_oid(scan->index_id), scan->lock_mode);
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

/* Opens a walk, to read, over the rows whose index entry begins with that id, as of a snapshot. */
void
store_scan_open_by_id(StoreScan *scan, StoreTable table, StoreIndex index, int32 id, Snapshot snapshot)
{
	ScanKeyData key;

	store_scan_open_to_read(scan, table, index);
	store_key_int4(&key, 1, id);
	store_scan_start_as_of(scan, snapshot, &key, 1);
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
	Relation	index = index_open(store_index_oid(index_id), AccessShareLock);
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

/*
 * Who only locked a row has left it as it was when he is done; who replaced it
 * has not: then its version is an old one, also if that is committed by now.
 */
static RowHands
hands_of(TransactionId xid, bool only_locked)
{
	if (TransactionIdIsCurrentTransactionId(xid))
		return ROW_OURS;
	if (TransactionIdIsInProgress(xid))
		return ROW_IN_OTHER_HANDS;
	return !only_locked && TransactionIdDidCommit(xid) ? ROW_IN_OTHER_HANDS : ROW_FREE;
}

/* A transaction and its own savepoints make a multixact of locks, too. */
static RowHands
hands_of_multixact(MultiXactId multi, bool only_locked)
{
	MultiXactMember *members;
	int			n = GetMultiXactIdMembers(multi, &members, false, only_locked);
	RowHands	hands = ROW_FREE;

	for (int i = 0; i < n; i++)
		hands = Max(hands, hands_of(members[i].xid, !ISUPDATE_from_mxstatus(members[i].status)));
	if (n > 0)
		pfree(members);
	return hands;
}

/*
 * In whose hands the row just found is.  A row that this transaction has locked
 * and then replaced is still ours: the new version carries our lock on.  One
 * that was replaced since the walk's snapshot is in other hands, too: it is to
 * be looked at again.
 */
RowHands
store_row_hands(StoreScan *scan)
{
	HeapTuple	tuple = ExecFetchSlotHeapTuple(scan->slot, false, NULL);
	HeapTupleHeader header = tuple->t_data;
	bool		only_locked = HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask);

	if (header->t_infomask & HEAP_XMAX_INVALID)
		return ROW_FREE;
	if (header->t_infomask & HEAP_XMAX_IS_MULTI)
		return hands_of_multixact(HeapTupleHeaderGetRawXmax(header), only_locked);
	return hands_of(HeapTupleHeaderGetRawXmax(header), only_locked);
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
