/*
 * inventory_best.c: the best free seats for a party, by what the backend
 * remembers of the blocks: a look at one or a few rows, and the best of them is
 * taken by replacing the very row version that was looked at.  Only when that
 * finds nothing are all blocks looked at, in inventory_survey.c.
 *
 * Where the event's map is in shared memory, the looks are at that, and only the
 * row of the block that is chosen is read.
 *
 * Concurrent buyers want the same best block.  A block that another
 * transaction is deciding on is passed over, and the more often that happens
 * the wider a backend spreads its first look over the best blocks.
 */
#include "postgres.h"

#include <float.h>

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "cache_load.h"
#include "inventory_search.h"
#include "seat_batch.h"

/* Blocks looked at for a better run than the first one found. */
#define LOOKS 4
#define MAX_SPREAD 64
StaticAssertDecl(MAX_SPREAD + LOOKS <= MAX_FRONT, "a front has room for every candidate");

/* Times that the hints are followed before all blocks are looked at. */
#define HINTED_ATTEMPTS 8

/* Searches that one front serves. */
#define FRONT_USES 16

/* A place this much farther off is as good: nobody sees the difference. */
#define NEAR_ENOUGH 1.1

/*
 * What the map in shared memory says of a block, which is as good as seeing its
 * row; of what this transaction or a batch has changed it knows nothing yet.
 */
static void
renew_hint(const Search *search, int32 block_no)
{
	BlockHint  *hint = &search->event->hints->blocks[block_no];
	MapBlock   *seen;
	uint32		given_back;

	if (search->blocks.map == NULL || block_no >= search->blocks.map->nblocks ||
		seat_batch_has(search->event, block_no) ||
		cache_decides(search->event->event_id, block_no))
		return;
	seen = &map_blocks(search->blocks.map)[block_no];
	given_back = pg_atomic_read_u32(&seen->given_back);
	hint->run = seen->run;
	if (hint->given_back == given_back)
		return;
	hint->given_back = given_back;
	hint->score = search->event->layout->blocks[block_no].best_score;
}

/*
 * The most promising blocks by the hints, best first: a bounded insertion sort
 * over the ranking, to where no block can be as good any more as those there
 * are: what is left of a block is never better than its best seat.
 */
static int
choose_candidates(Search *search, RankedBlock *candidates, int wanted)
{
	BlockHint  *seen = search->event->hints->blocks;
	const VenueLayout *layout = search->event->layout;
	const VenueBlock *blocks = layout->blocks;
	const Ranking *ranking = search->wish->section < 0 ? &layout->ranking :
		&layout->sections[search->wish->section].ranking;
	int32		quantity = search->wish->quantity;
	float4		worst = FLT_MAX;
	int			n = 0;

	for (int32 i = 0; i < ranking->n && !(n == wanted && ranking->blocks[i].score >= worst); i++)
	{
		int32		b = ranking->blocks[i].block_no;
		int			place;

		renew_hint(search, b);
		if (seen[b].run < quantity || (n == wanted && seen[b].score >= worst) ||
			!search_eligible(search, &blocks[b]))
			continue;
		if (search_in_other_hands(search, b))
		{
			search->met_others |= search_may_be_left(search, b);
			continue;
		}
		place = n < wanted ? n++ : n - 1;
		for (; place > 0 && candidates[place - 1].score > seen[b].score; place--)
			candidates[place] = candidates[place - 1];
		candidates[place].block_no = b;
		candidates[place].score = seen[b].score;
		worst = candidates[n - 1].score;
	}
	return n;
}

/* Finds the best run for the party in the bits of a block, and notes what it is worth. */
static bool
find_run(Search *search, int32 block_no, const Seatmap *taken, Run *run)
{
	const VenueBlock *block = &search->event->layout->blocks[block_no];
	BlockHint  *hint = &search->event->hints->blocks[block_no];
	const Seatmap *map = pick_effective_map(block, taken, false);
	bool		found;

	catalog_need_scores(search->event->layout, block_no);
	run->block_no = block_no;
	found = pick_run(block, map, search->wish->quantity, run);
	if (found)
		hint->score = run->score;
	else
		hint->run = Min(hint->run, search->wish->quantity - 1);
	return found;
}

/*
 * Looks at a block in shared memory, of which row keeps the version; false: it
 * seats no such party, or others are deciding on it.
 */
static bool
look_at_map(Search *search, int32 block_no, SeatBlock *row, Run *run)
{
	EventMap   *map = search->blocks.map;
	Seatmap    *taken;
	bool		found;

	if (search_in_other_hands(search, block_no))
	{
		search->met_others |= search_may_be_left(search, block_no);
		return false;
	}
	row->taken = NULL;
	row->version = (int64) pg_atomic_read_u64(&map_blocks(map)[block_no].version);
	pg_read_barrier();
	taken = seatmap_new(map_blocks(map)[block_no].capacity);
	event_map_copy_block(map, block_no, taken);
	found = find_run(search, block_no, taken, run);
	pfree(taken);
	return found;
}

/* Looks at its row. */
static bool
look_at_row(Search *search, int32 block_no, SeatBlock *row, Run *run)
{
	if (!seat_block_read(&search->blocks, block_no, row))
	{
		search->event->hints->blocks[block_no].run = 0;
		return false;
	}
	if (!find_run(search, block_no, row->taken, run))
		return false;
	search->met_others |= row->hands == ROW_IN_OTHER_HANDS;
	return row->hands != ROW_IN_OTHER_HANDS;
}

/*
 * Finds a run that was chosen in shared memory in the row of its block, or, if
 * that has changed since, the best one that is there now.
 */
static bool
confirm_in_row(Search *search, SeatBlock *row, Run *run)
{
	int64		seen = row->version;

	if (!seat_block_read(&search->blocks, run->block_no, row))
		return false;
	if (row->version != seen &&
		!find_run(search, run->block_no, row->taken, run))
		return false;
	search->met_others |= row->hands == ROW_IN_OTHER_HANDS;
	return row->hands != ROW_IN_OTHER_HANDS;
}

static bool
look(Search *search, int32 block_no, SeatBlock *row, Run *run)
{
	/* What this transaction itself has changed stands in the row alone. */
	if (search->blocks.map != NULL && block_no < search->blocks.map->nblocks &&
		!cache_decides(search->event->event_id, block_no))
		return look_at_map(search, block_no, row, run);
	return look_at_row(search, block_no, row, run);
}

/* Whether the best run so far need not be compared with one in the next block. */
static bool
good_enough(const Search *search, const Run *best, int looks, const RankedBlock *next)
{
	if (looks >= LOOKS)
		return true;
	return best->orphans == 0 &&
		(search->event->hints->spread >= 2 ||
		 best->score <= next->score * NEAR_ENOUGH);
}

/*
 * Among how many of the first candidates to begin at random, so that buyers do
 * not converge: as many as others are deciding on now, or, where no map tells,
 * as meeting them has taught.
 */
static int
spread_of(const Search *search, const Front *front)
{
	int			busy = 0;

	if (search->blocks.map == NULL)
		return Min((int) search->event->hints->spread, front->n);
	for (int i = 0; i < front->n; i++)
		busy += search_in_other_hands(search, front->blocks[i].block_no);
	return Min(busy + 1, front->n);
}

/* Looks at the blocks of the front until one is good enough, and takes the best. */
static bool
take_candidate(Search *search, Front *front)
{
	int			spread = spread_of(search, front);
	int			start = spread > 1 ? (int) (pg_prng_uint32(&pg_global_prng_state) % spread) : 0;
	int			looks = 0;
	SeatBlock	row,
				best_row;
	Run			run,
				best = {0};

	for (int i = 0; i < front->n; i++)
	{
		RankedBlock *block = &front->blocks[(start + i) % front->n];

		if (best.length > 0 && good_enough(search, &best, looks, block))
			break;
		if (!look(search, block->block_no, &row, &run))
			continue;
		block->score = run.score;
		looks++;
		if (best.length == 0 || pick_compare(&run, &best) < 0)
		{
			best = run;
			best_row = row;
		}
	}
	if (best.length == 0)
		return false;
	/* What was seen in shared memory is looked for in the row. */
	if (best_row.taken == NULL && !confirm_in_row(search, &best_row, &best))
		return false;
	return search_take_run(search, &best_row, &best);
}

static void
adapt_spread(Search *search)
{
	float4		spread = search->event->hints->spread;

	spread = search->met_others ? spread + 2 : spread - spread / 16;
	search->event->hints->spread = Max(1, Min(spread, MAX_SPREAD));
}

/* Puts a front that is nearly in order into order again. */
static void
sort_front(Front *front)
{
	for (int i = 1; i < front->n; i++)
	{
		RankedBlock block = front->blocks[i];
		int			place = i;

		for (; place > 0 && front->blocks[place - 1].score > block.score; place--)
			front->blocks[place] = front->blocks[place - 1];
		front->blocks[place] = block;
	}
}

/*
 * The front of a search: chosen among all blocks now and then, and kept for
 * some searches in between, in which its blocks only get a little worse.
 */
static Front *
front_of(Search *search, bool afresh)
{
	const Wish *wish = search->wish;
	EventHints *event_hints = search->event->hints;
	int32		section = wish->section >= 0 ? wish->section : search->event->layout->nsections;
	Front	   *front = event_hints->fronts[section];

	if (front == NULL)
	{
		front = MemoryContextAllocZero(event_hints->context, sizeof(Front));
		event_hints->fronts[section] = front;
	}
	if (afresh || front->uses_left-- <= 0 || front->quantity != wish->quantity ||
		front->category_no != wish->category_no)
	{
		/* A map tells beforehand which blocks others are deciding on. */
		int			wanted = (search->blocks.map != NULL ? FRONT_USES : (int) event_hints->spread) + LOOKS;

		front->quantity = wish->quantity;
		front->category_no = wish->category_no;
		front->n = choose_candidates(search, front->blocks, Min(wanted, MAX_FRONT));
		/* That there was none is soon no longer so. */
		front->uses_left = front->n > 0 ? FRONT_USES : 0;
	}
	else
		sort_front(front);
	return front;
}

static bool
take_by_hints(Search *search)
{
	for (int attempt = 0; attempt < HINTED_ATTEMPTS; attempt++)
	{
		Front	   *front;
		bool		taken;

		search->met_others = false;
		front = front_of(search, attempt > 0);
		if (front->n == 0)
			return false;
		taken = take_candidate(search, front);
		adapt_spread(search);
		if (taken)
			return true;
	}
	return false;
}



/* Whether what is remembered of the blocks is worth a look: a map in shared memory keeps it up to date. */
static bool
hints_serve(const Search *search)
{
	/* Nothing is remembered of accessible seats. */
	return !search->wish->accessible &&
		(search->blocks.map != NULL || GetCurrentTimestamp() < search->event->hints->next_survey);
}

bool
inventory_take_remembered(Event *event, const Wish *wish, Take *take, bool *others)
{
	Search		search;
	bool		taken;

	search_start(&search, event, wish, take);
	taken = search_end(&search, hints_serve(&search) && take_by_hints(&search));
	*others = search.met_others;
	return taken;
}
