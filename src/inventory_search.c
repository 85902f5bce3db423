/*
 * inventory_search.c: a search for the best seats: where it looks, and how it
 * takes what it found.
 */
#include "postgres.h"

#include "cache_load.h"
#include "inventory_search.h"

void
search_start(Search *search, Event *event, const Wish *wish, Take *take)
{
	search->event = event;
	search->wish = wish;
	search->take = take;
	search->met_others = false;
	take->seats = palloc(wish->quantity * sizeof(int32));
	search_forget(search);
	mapped_blocks_open(&search->blocks, event);
}

/* What was taken is in order: parts by block and seat, and the seats of a run one after another. */
bool
search_end(Search *search, bool taken)
{
	mapped_blocks_close(&search->blocks);
	for (int32 i = 1; taken && i < search->take->nseats; i++)
		Assert(search->take->seats[i - 1] < search->take->seats[i]);
	return taken;
}

bool
search_eligible(const Search *search, const VenueBlock *block)
{
	const Wish *wish = search->wish;

	return (wish->section < 0 || block->section == wish->section) &&
		(wish->category_no < 0 || block->category_no == wish->category_no) &&
		(!wish->accessible || block->accessible != NULL) &&
		search->event->price[block->category_no] >= 0;
}

void
search_range(const Search *search, int32 *from, int32 *to)
{
	const VenueLayout *layout = search->event->layout;

	*from = 0;
	*to = layout->nblocks;
	if (search->wish->section >= 0)
	{
		*from = layout->sections[search->wish->section].first_block;
		*to = layout->sections[search->wish->section].end_block;
	}
}

/* As the map in shared memory has it; what this transaction itself decides on is not in other hands. */
bool
search_in_other_hands(const Search *search, int32 block_no)
{
	EventMap   *map = search->blocks.map;

	return map != NULL && block_no < map->nblocks &&
		pg_atomic_read_u32(&map_blocks(map)[block_no].deciders) != 0 &&
		!cache_decides(search->event->event_id, block_no);
}

/*
 * Whether a block in other hands may still seat the party when they are done:
 * they will most probably take as much of it as the party would.
 */
bool
search_may_be_left(const Search *search, int32 block_no)
{
	const MapBlock *block = &map_blocks(search->blocks.map)[block_no];
	int64		deciders = pg_atomic_read_u32((pg_atomic_uint32 *) &block->deciders);

	return block->run >= search->wish->quantity &&
		block->free >= (deciders + 1) * search->wish->quantity;
}

static void
add_seat(Search *search, const VenueBlock *block, SeatBlock *row, int32 seat)
{
	seatmap_set(row->taken, seat);
	search->take->seats[search->take->nseats++] = block->first_seat + seat;
	search->take->amount += search->event->price[block->category_no];
}

/* Sets the seats of a run in the row and notes them as taken. */
void
search_add_run(Search *search, SeatBlock *row, const Run *run)
{
	const VenueBlock *block = &search->event->layout->blocks[run->block_no];
	int32		seat = run->from;

	for (int32 i = 0; i < run->length; i++, seat++)
	{
		if (block->standing)
			seat = seatmap_next_clear(row->taken, seat);
		add_seat(search, block, row, seat);
	}
}

void
search_forget(Search *search)
{
	search->take->nseats = 0;
	search->take->amount = 0;
}

/* Takes a run of the row as it was read; false: somebody was faster. */
bool
search_take_run(Search *search, SeatBlock *row, const Run *run)
{
	search_add_run(search, row, run);
	if (!seat_block_replace(&search->blocks, row))
	{
		search->met_others = true;
		search_forget(search);
		return false;
	}
	search->take->adjacent = true;
	return true;
}

