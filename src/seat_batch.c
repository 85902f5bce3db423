/*
 * seat_batch.c: the seat blocks of a batch.
 */
#include "postgres.h"

#include "cache_load.h"
#include "seat_batch.h"

typedef struct KeptBlock
{
	SeatBlock	row;
	bool		changed;
} KeptBlock;

typedef struct SeatBatch
{
	Event	   *event;
	MemoryContext context;
	int32		nblocks;
	KeptBlock **blocks;			/* by block_no; NULL: not locked */
} SeatBatch;

static SeatBatch *batch = NULL;

void
seat_batch_begin(Event *event)
{
	if (batch != NULL)
		elog(ERROR, "a batch of event %d is on already", batch->event->event_id);
	batch = palloc0(sizeof(SeatBatch));
	batch->event = event;
	batch->context = CurrentMemoryContext;
	batch->nblocks = event->layout->nblocks;
	batch->blocks = palloc0(Max(batch->nblocks, 1) * sizeof(KeptBlock *));
}

void
seat_batch_forget(void)
{
	batch = NULL;
}

/* The batch is off when its blocks are written, so that they are. */
void
seat_batch_end(void)
{
	SeatBatch  *ended = batch;
	SeatBlocks	blocks;

	batch = NULL;
	mapped_blocks_open(&blocks, ended->event);
	for (int32 i = 0; i < ended->nblocks; i++)
		if (ended->blocks[i] != NULL && ended->blocks[i]->changed)
			seat_block_write(&blocks, &ended->blocks[i]->row);
	mapped_blocks_close(&blocks);
}

bool
seat_batch_is_on(const Event *event)
{
	return batch != NULL && batch->event->event_id == event->event_id;
}

bool
seat_batch_has(const Event *event, int32 block_no)
{
	return seat_batch_is_on(event) && block_no >= 0 && block_no < batch->nblocks &&
		batch->blocks[block_no] != NULL;
}

/* The block with maps of its own. */
static void
copy_block(SeatBlock *to, const SeatBlock *from)
{
	*to = *from;
	to->taken = seatmap_copy(from->taken);
	to->blocked = from->blocked == NULL ? NULL : seatmap_copy(from->blocked);
}

bool
seat_batch_copy(const Event *event, int32 block_no, SeatBlock *block)
{
	if (!seat_batch_has(event, block_no))
		return false;
	copy_block(block, &batch->blocks[block_no]->row);
	return true;
}

void
seat_batch_keep(const SeatBlock *block)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->context);
	KeptBlock  *kept;

	if (block->block_no < 0 || block->block_no >= batch->nblocks)
		elog(ERROR, "event %d has no seat block %d", batch->event->event_id, block->block_no);
	kept = palloc0(sizeof(KeptBlock));
	copy_block(&kept->row, block);
	kept->row.hands = ROW_OURS;
	batch->blocks[block->block_no] = kept;
	MemoryContextSwitchTo(caller);
}

void
seat_batch_change(const SeatBlock *block)
{
	KeptBlock  *kept = batch->blocks[block->block_no];

	if (kept == NULL)
		elog(ERROR, "seat block %d of event %d is not locked", block->block_no,
			 batch->event->event_id);
	memcpy(kept->row.taken, block->taken, SEATMAP_SIZE(block->taken->capacity));
	kept->changed = true;
}
