/* The seat map of an event, loaded from its rows when it is not there. */
#ifndef TIXBOOK_CACHE_LOAD_H
#define TIXBOOK_CACHE_LOAD_H

#include "cache.h"
#include "catalog.h"
#include "seat_block.h"

/*
 * The event's map, pinned (cache_unpin); NULL: there is none
 * to be had now, and the rows must be read.
 */
extern EventMap *cache_map(Event *event);

/* The blocks of an event, opened with its map at hand, if there is one. */
extern void mapped_blocks_open(SeatBlocks *blocks, Event *event);
extern void mapped_blocks_close(SeatBlocks *blocks);

#endif
