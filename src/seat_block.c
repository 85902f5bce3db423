/*
 * seat_block.c: the row of a seat block.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"

#include "pick.h"
#include "seat_batch.h"
#include "seat_block.h"

enum
{
	COLUMN_EVENT_ID,
	COLUMN_BLOCK_NO,
	COLUMN_VERSION,
	COLUMN_FREE,
	COLUMN_TAKEN,
	COLUMN_BLOCKED,
	COLUMNS
};

/* Whether the current transaction has written a block. */
static bool blocks_written = false;

/*
 * Seats taken in a prepared transaction would be decided by nobody: no
 * deadline ends it, and a crash does not either.
 */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE && blocks_written)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has taken seats or given some back")));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		blocks_written = false;
}

void
seat_block_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
}

void
seat_blocks_open(SeatBlocks *blocks, Event *event)
{
	blocks->event = event;
	blocks->map = NULL;
	blocks->to_read = false;
	store_open(&blocks->store, STORE_SEAT_BLOCK);
	store_scan_open_on(&blocks->scan, &blocks->store, STORE_SEAT_BLOCK_KEY);
}

/* Also on a standby. */
void
seat_blocks_open_to_read(SeatBlocks *blocks, Event *event)
{
	blocks->event = event;
	blocks->map = NULL;
	blocks->to_read = true;
	store_scan_open_to_read(&blocks->scan, STORE_SEAT_BLOCK, STORE_SEAT_BLOCK_KEY);
}

void
seat_blocks_close(SeatBlocks *blocks)
{
	store_scan_close(&blocks->scan);
	if (!blocks->to_read)
		store_close(&blocks->store);
}

/* Bits are reached by the sizes of the venue's blocks: they must be the row's too. */
static void
check_size(const SeatBlocks *blocks, const SeatBlock *block)
{
	const VenueLayout *layout = blocks->event->layout;
	int32		capacity;

	if (block->block_no < 0 || block->block_no >= layout->nblocks)
		return;
	capacity = layout->blocks[block->block_no].capacity;
	if (block->taken->capacity != capacity ||
		(block->blocked != NULL && block->blocked->capacity != capacity))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("seat block %d of event %d is not as large as in its venue",
						block->block_no, blocks->event->event_id),
				 errhint("tixbook.verify() tells which blocks are wrong.")));
}

/* The row in the slot of the walk, its maps copied. */
static void
block_from_slot(SeatBlocks *blocks, SeatBlock *block)
{
	TupleTableSlot *slot = blocks->scan.slot;

	slot_getallattrs(slot);
	block->block_no = DatumGetInt32(slot->tts_values[COLUMN_BLOCK_NO]);
	block->tid = slot->tts_tid;
	block->version = DatumGetInt64(slot->tts_values[COLUMN_VERSION]);
	block->free = DatumGetInt32(slot->tts_values[COLUMN_FREE]);
	block->taken = seatmap_copy(DatumGetSeatmap(slot->tts_values[COLUMN_TAKEN]));
	block->blocked = slot->tts_isnull[COLUMN_BLOCKED] ? NULL :
		seatmap_copy(DatumGetSeatmap(slot->tts_values[COLUMN_BLOCKED]));
	block->hands = store_row_hands(&blocks->scan);
	check_size(blocks, block);
}

/* Whether the row in the slot is the block in question. */
static bool
is_block(SeatBlocks *blocks, int32 block_no)
{
	TupleTableSlot *slot = blocks->scan.slot;

	slot_getsomeattrs(slot, COLUMN_BLOCK_NO + 1);
	return DatumGetInt32(slot->tts_values[COLUMN_EVENT_ID]) == blocks->event->event_id &&
		DatumGetInt32(slot->tts_values[COLUMN_BLOCK_NO]) == block_no;
}

/* Where the map in shared memory says that the newest version is; false: it is not, or nothing says. */
static bool
find_published(SeatBlocks *blocks, int32 block_no)
{
	ItemPointerData place;

	return blocks->map != NULL && block_no < blocks->map->nblocks &&
		event_map_place(blocks->map, block_no, &place) &&
		store_fetch_version(&blocks->scan, &place) && is_block(blocks, block_no);
}

/*
 * Finds the newest committed version of a block; false: the event has no such
 * block.  Where it was published is tried first, then where its row was the
 * last time: while updates are HOT it is still there, and the way through the
 * index is saved.
 */
static bool
find_block(SeatBlocks *blocks, int32 block_no)
{
	ItemPointer place = &blocks->event->hints->blocks[block_no].place;
	ScanKeyData keys[2];

	if (find_published(blocks, block_no))
		return true;
	if (ItemPointerIsValid(place) && store_fetch(&blocks->scan, place) && is_block(blocks, block_no))
		return true;
	store_key_int4(&keys[0], 1, blocks->event->event_id);
	store_key_int4(&keys[1], 2, block_no);
	store_scan_start(&blocks->scan, keys, 2);
	if (!store_scan_next(&blocks->scan))
		return false;
	*place = store_place(&blocks->scan);
	return true;
}

/* Reads a block without locking it. */
bool
seat_block_read(SeatBlocks *blocks, int32 block_no, SeatBlock *block)
{
	if (seat_batch_copy(blocks->event, block_no, block))
		return true;
	if (!find_block(blocks, block_no))
		return false;
	block_from_slot(blocks, block);
	return true;
}

/* Starts a walk over the blocks of the event from one on, by number. */
void
seat_block_walk(SeatBlocks *blocks, int32 from)
{
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, blocks->event->event_id);
	store_key_int4_from(&keys[1], 2, from);
	store_scan_start(&blocks->scan, keys, 2);
}

/* The same over all of them, as of a snapshot. */
void
seat_block_walk_as_of(SeatBlocks *blocks, Snapshot snapshot)
{
	ScanKeyData key;

	store_key_int4(&key, 1, blocks->event->event_id);
	store_scan_start_as_of(&blocks->scan, snapshot, &key, 1);
}

bool
seat_block_next(SeatBlocks *blocks, SeatBlock *block)
{
	if (!store_scan_next(&blocks->scan))
		return false;
	block_from_slot(blocks, block);
	(void) seat_batch_copy(blocks->event, block->block_no, block);
	return true;
}

/* Locks a block and reads what it then is.  Does not wait. */
LockResult
seat_block_lock(SeatBlocks *blocks, int32 block_no, SeatBlock *block)
{
	if (seat_batch_copy(blocks->event, block_no, block))
		return BLOCK_LOCKED;
	if (!find_block(blocks, block_no))
		return BLOCK_ABSENT;
	(void) cache_decide(blocks->event->event_id, block_no);
	if (!store_lock(&blocks->scan))
	{
		cache_undecide(blocks->event->event_id, block_no);
		return BLOCK_IN_OTHER_HANDS;
	}
	block_from_slot(blocks, block);
	if (seat_batch_is_on(blocks->event))
		seat_batch_keep(block);
	return BLOCK_LOCKED;
}

/* What a map keeps of a block: the row, which stands at that place, as requests see it. */
void
seat_block_state(const Event *event, const SeatBlock *block, const ItemPointerData *place,
				 BlockState *state)
{
	const VenueBlock *venue_block = &event->layout->blocks[block->block_no];
	const Seatmap *map = pick_effective_map(venue_block, block->taken, false);

	state->block_no = block->block_no;
	state->version = block->version;
	state->place = *place;
	state->free = map->capacity - seatmap_cardinality(map);
	state->run = pick_longest(venue_block, map);
	state->gives_back = false;
	state->taken = block->taken;
}

/* Has the new state published when the transaction commits. */
static void
tell_map(SeatBlocks *blocks, const SeatBlock *block, int32 free)
{
	BlockState	state;

	if (!cache_is_on())
		return;
	seat_block_state(blocks->event, block, &blocks->store.place, &state);
	state.gives_back = free > block->free;
	cache_changed(blocks->event->event_id, &state);
}

static TM_Result
write_block(SeatBlocks *blocks, SeatBlock *block, bool wait)
{
	int32		free = block->taken->capacity - seatmap_cardinality(block->taken);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	TM_Result	result;

	blocks_written = true;
	block->version++;
	values[COLUMN_EVENT_ID] = Int32GetDatum(blocks->event->event_id);
	values[COLUMN_BLOCK_NO] = Int32GetDatum(block->block_no);
	values[COLUMN_VERSION] = Int64GetDatum(block->version);
	values[COLUMN_FREE] = Int32GetDatum(free);
	values[COLUMN_TAKEN] = PointerGetDatum(block->taken);
	values[COLUMN_BLOCKED] = PointerGetDatum(block->blocked);
	nulls[COLUMN_BLOCKED] = block->blocked == NULL;

	result = store_update(&blocks->store, &block->tid, values, nulls, wait);
	if (result == TM_Ok)
		tell_map(blocks, block, free);
	CommandCounterIncrement();
	return result;
}

/* For a batch the block is locked, if it is still as it was read, and its change kept. */
static bool
replace_in_batch(SeatBlocks *blocks, const SeatBlock *block)
{
	SeatBlock	locked;

	if (seat_block_lock(blocks, block->block_no, &locked) != BLOCK_LOCKED ||
		locked.version != block->version)
		return false;
	seat_batch_change(block);
	return true;
}

/*
 * Takes the row lock and writes the block in one step, provided that nobody
 * has touched it since it was read: replacing that very row version is the
 * proof.  False: somebody has, or is about to; read again.
 */
bool
seat_block_replace(SeatBlocks *blocks, SeatBlock *block)
{
	bool		ours = block->hands == ROW_OURS;

	if (seat_batch_is_on(blocks->event))
		return replace_in_batch(blocks, block);
	/* A row in our own hands would look like one in others' to who does not wait. */
	if ((cache_decide(blocks->event->event_id, block->block_no) || ours) &&
		write_block(blocks, block, ours) == TM_Ok)
		return true;
	cache_undecide(blocks->event->event_id, block->block_no);
	return false;
}

/* Writes a block that this transaction has locked. */
void
seat_block_write(SeatBlocks *blocks, SeatBlock *block)
{
	TM_Result	result;

	if (seat_batch_is_on(blocks->event))
	{
		seat_batch_change(block);
		return;
	}
	result = write_block(blocks, block, true);
	if (result != TM_Ok)
		elog(ERROR, "seat block %d of event %d changed under its lock (result %d)",
			 block->block_no, blocks->event->event_id, result);
}
