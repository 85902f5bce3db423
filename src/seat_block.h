/*
 * The row of a seat block: read, replaced as a whole.
 */
#ifndef TIXBOOK_SEAT_BLOCK_H
#define TIXBOOK_SEAT_BLOCK_H

#include "catalog.h"
#include "store.h"

typedef struct SeatBlock
{
	int32		block_no;
	ItemPointerData tid;
	int64		version;
	int32		free;			/* as read; what was written counts itself */
	Seatmap    *taken;
	Seatmap    *blocked;		/* NULL: none */
	RowHands	hands;			/* who is deciding on it */
} SeatBlock;

/* The blocks of one event, opened for one call. */
typedef struct SeatBlocks
{
	Event	   *event;
	EventMap   *map;			/* in shared memory, pinned; NULL: none */
	bool		to_read;		/* only */
	Store		store;
	StoreScan	scan;
} SeatBlocks;

typedef enum LockResult
{
	BLOCK_LOCKED,
	BLOCK_IN_OTHER_HANDS,
	BLOCK_ABSENT
} LockResult;

extern void seat_block_init(void);

extern void seat_blocks_open(SeatBlocks *blocks, Event *event);
extern void seat_blocks_open_to_read(SeatBlocks *blocks, Event *event);
extern void seat_blocks_close(SeatBlocks *blocks);

extern bool seat_block_read(SeatBlocks *blocks, int32 block_no, SeatBlock *block);
extern void seat_block_walk(SeatBlocks *blocks, int32 from);
extern void seat_block_walk_as_of(SeatBlocks *blocks, Snapshot snapshot);
extern bool seat_block_next(SeatBlocks *blocks, SeatBlock *block);

extern void seat_block_state(const Event *event, const SeatBlock *block, const ItemPointerData *place,
							 BlockState *state);

extern LockResult seat_block_lock(SeatBlocks *blocks, int32 block_no, SeatBlock *block);
extern bool seat_block_replace(SeatBlocks *blocks, SeatBlock *block);
extern void seat_block_write(SeatBlocks *blocks, SeatBlock *block);

#endif
