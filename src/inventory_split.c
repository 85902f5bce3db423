/*
 * inventory_split.c: a party that finds no seats side by side is seated in
 * parts.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "attempt.h"
#include "cache_load.h"
#include "inventory_search.h"
#include "seat_batch.h"

/* Times that parts are picked anew because others were faster. */
#define ATTEMPTS 8

/* Whether the parts of a block, as it now is, are free still. */
static bool
parts_are_free(const VenueBlock *block, const SeatBlock *row, const List *parts)
{
	ListCell   *cell;

	foreach(cell, parts)
	{
		const Run  *run = lfirst(cell);

		if (run->block_no != row->block_no)
			continue;
		if (block->standing ? row->taken->capacity - seatmap_cardinality(row->taken) < run->length :
			seatmap_next_run(row->taken, run->from, run->length) != run->from)
			return false;
	}
	return true;
}

/* Locks a block for its parts; false: not as the survey saw it any more. */
static bool
lock_parts_of_block(Search *search, int32 block_no, const List *parts, SeatBlock *row)
{
	return seat_block_lock(&search->blocks, block_no, row) == BLOCK_LOCKED &&
		parts_are_free(&search->event->layout->blocks[block_no], row, parts);
}

static void
take_parts_of_block(Search *search, SeatBlock *row, const List *parts)
{
	ListCell   *cell;

	foreach(cell, parts)
	{
		const Run  *run = lfirst(cell);

		if (run->block_no == row->block_no)
			search_add_run(search, row, run);
	}
	seat_block_write(&search->blocks, row);
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

/*
 * Takes the parts, blocks in their order; false: others were faster somewhere.
 * All are locked before any is written.
 */
static bool
take_parts(Search *search, List *parts)
{
	SeatBlock  *rows = palloc(list_length(parts) * sizeof(SeatBlock));
	int			n = 0;
	ListCell   *cell;

	list_sort(parts, compare_parts);
	foreach(cell, parts)
	{
		const Run  *run = lfirst(cell);

		if (n > 0 && run->block_no == rows[n - 1].block_no)
			continue;
		if (!lock_parts_of_block(search, run->block_no, parts, &rows[n++]))
			return false;
	}
	for (int i = 0; i < n; i++)
		take_parts_of_block(search, &rows[i], parts);
	search->take->adjacent = false;
	return true;
}

static bool
open_and_take_parts(Search *search, List *parts)
{
	bool		taken;

	mapped_blocks_open(&search->blocks, search->event);
	taken = take_parts(search, parts);
	mapped_blocks_close(&search->blocks);
	return taken;
}

/*
 * Seats the party in parts of those free runs, which it uses up, all or nobody;
 * false: there are too few, or others were faster.
 */
bool
search_take_in_parts(Search *search, List *free_runs)
{
	List	   *parts = pick_split(free_runs, search->wish->quantity);
	bool		taken;

	if (parts == NIL)
		return false;
	if (seat_batch_is_on(search->event))
		return take_parts(search, parts);
	mapped_blocks_close(&search->blocks);
	ATTEMPT(taken, open_and_take_parts(search, parts));
	mapped_blocks_open(&search->blocks, search->event);
	if (!taken)
		search_forget(search);
	return taken;
}

/*
 * The free runs in blocks that nobody is deciding on, as the map in shared
 * memory has them; NIL where it cannot tell.
 */
static List *
free_runs_by_map(const Search *search)
{
	EventMap   *map = search->blocks.map;
	const VenueBlock *blocks = search->event->layout->blocks;
	List	   *runs = NIL;
	int32		from,
				to;

	if (map == NULL)
		return NIL;
	search_range(search, &from, &to);
	for (int32 b = from; b < Min(to, map->nblocks); b++)
	{
		Seatmap    *taken;

		if (map_blocks(map)[b].free == 0 || !search_eligible(search, &blocks[b]) ||
			search_in_other_hands(search, b) || cache_decides(search->event->event_id, b))
			continue;
		taken = seatmap_new(blocks[b].capacity);
		event_map_copy_block(map, b, taken);
		runs = pick_free_runs(runs, &blocks[b], b, pick_effective_map(&blocks[b], taken, false));
	}
	return runs;
}

bool
inventory_take_in_parts(Event *event, const Wish *wish, Take *take)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tixbook parts",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Search		search;
	bool		taken = false;

	search_start(&search, event, wish, take);
	old = MemoryContextSwitchTo(context);
	for (int attempt = 0; attempt < ATTEMPTS && !taken; attempt++)
	{
		List	   *runs = free_runs_by_map(&search);

		if (runs == NIL)
			break;
		taken = search_take_in_parts(&search, runs);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return search_end(&search, taken);
}
