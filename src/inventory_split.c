/*
 * inventory_split.c: a party that finds no seats side by side is seated in
 * parts.
 */
#include "postgres.h"

#include "attempt.h"
#include "cache_load.h"
#include "inventory_search.h"

/* Takes the parts of one block; false: not as the survey saw it any more. */
static bool
take_parts_of_block(Search *search, int32 block_no, const List *parts)
{
	const VenueBlock *block = &search->event->layout->blocks[block_no];
	SeatBlock	row;
	ListCell   *cell;

	if (seat_block_lock(&search->blocks, block_no, &row) != BLOCK_LOCKED)
		return false;
	foreach(cell, parts)
	{
		const Run  *run = lfirst(cell);

		if (run->block_no != block_no)
			continue;
		if (block->standing ? row.taken->capacity - seatmap_cardinality(row.taken) < run->length :
			seatmap_next_run(row.taken, run->from, run->length) != run->from)
			return false;
		search_add_run(search, &row, run);
	}
	seat_block_write(&search->blocks, &row);
	return true;
}

static int
compare_parts(const ListCell *a, const ListCell *b)
{
	const Run  *ra = lfirst(a);
	const Run  *rb = lfirst(b);

	if (ra->block_no != rb->block_no)
		return ra->block_no < rb->block_no ? -1 : 1;
	return ra->from < rb->from ? -1 : ra->from > rb->from;
}

/* Takes the parts, blocks in their order; false: others were faster somewhere. */
static bool
take_parts(Search *search, List *parts)
{
	int32		previous = -1;
	ListCell   *cell;

	list_sort(parts, compare_parts);
	foreach(cell, parts)
	{
		const Run  *run = lfirst(cell);

		if (run->block_no != previous && !take_parts_of_block(search, run->block_no, parts))
			return false;
		previous = run->block_no;
	}
	search->take->adjacent = false;
	return true;
}

/*
 * Seats the party in parts of those free runs, which it uses up, all or nobody;
 * false: there are too few, or others were faster.
 */
bool
search_take_in_parts(Search *search, List *free_runs)
{
	List	   *parts = pick_split(free_runs, search->wish->quantity);
	Attempt		attempt;
	bool		taken;

	if (parts == NIL)
		return false;
	mapped_blocks_close(&search->blocks);
	attempt_begin(&attempt);
	mapped_blocks_open(&search->blocks, search->event);
	taken = take_parts(search, parts);
	mapped_blocks_close(&search->blocks);
	attempt_end(&attempt, taken);
	mapped_blocks_open(&search->blocks, search->event);
	if (!taken)
		search_forget(search);
	return taken;
}
