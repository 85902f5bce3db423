/*
 * A search for the best seats: what the ways to find them have in common.  For
 * inventory_best.c, inventory_split.c and inventory_survey.c.
 */
#ifndef TIXBOOK_INVENTORY_SEARCH_H
#define TIXBOOK_INVENTORY_SEARCH_H

#include "inventory.h"
#include "pick.h"
#include "seat_block.h"

typedef struct Search
{
	Event	   *event;
	const Wish *wish;
	Take	   *take;
	SeatBlocks	blocks;
	bool		met_others;		/* blocks in other hands might serve */
} Search;

/* inventory_search.c */
extern void search_start(Search *search, Event *event, const Wish *wish, Take *take);
extern bool search_end(Search *search, bool taken);
extern void search_forget(Search *search);
extern bool search_eligible(const Search *search, const VenueBlock *block);
extern void search_range(const Search *search, int32 *from, int32 *to);
extern bool search_in_other_hands(const Search *search, int32 block_no);
extern bool search_may_be_left(const Search *search, int32 block_no);
extern void search_add_run(Search *search, SeatBlock *row, const Run *run);
extern bool search_take_run(Search *search, SeatBlock *row, const Run *run);

/* inventory_split.c */
extern bool search_take_in_parts(Search *search, List *free_runs);

#endif
