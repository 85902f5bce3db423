/*
 * inventory_best.c: the best free seats for a party.
 *
 * First by what the backend remembers of the blocks (take_by_hints): a look at
 * one or a few rows, and the best of them is taken by replacing the very row
 * version that was looked at.  Only when that finds nothing are all blocks in
 * question looked at (take_by_survey), and only that may say that there are no
 * seats.
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
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "attempt.h"
#include "cache_load.h"
#include "inventory.h"
#include "pick.h"
#include "seat_batch.h"
#include "seat_block.h"

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

/* Hints are renewed so seldom that it takes about a thousandth of the time. */
#define SURVEY_SHARE 1000

typedef struct Search
{
	Event	   *event;
	const Wish *wish;
	Take	   *take;
	SeatBlocks	blocks;
	bool		met_others;
} Search;

/* What a look at all blocks in question found. */
typedef struct Survey
{
	int32		free;			/* seats that are free as committed */
	int32		longest;		/* the largest party that could sit together */
	int32		free_now;		/* of them in blocks that nobody is deciding on */
	int32		in_flight;		/* blocks that others are deciding on */
	int32		longest_in_flight;
	Run			best;			/* length 0: no block that nobody is deciding on seats the party */
	SeatBlock	best_block;
	List	   *runs;			/* Runs in blocks that nobody is deciding on */
} Survey;

static bool
eligible(const Search *search, const VenueBlock *block)
{
	const Wish *wish = search->wish;

	return (wish->section < 0 || block->section == wish->section) &&
		(wish->category_no < 0 || block->category_no == wish->category_no) &&
		(!wish->accessible || block->accessible != NULL) &&
		search->event->price[block->category_no] >= 0;
}

static void
block_range(const Search *search, int32 *from, int32 *to)
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

/*
 * What the map in shared memory says of a block, which is as good as seeing its
 * row; of what a batch has changed it knows nothing yet.
 */
static void
renew_hint(const Search *search, int32 block_no)
{
	BlockHint  *hint = &search->event->hints->blocks[block_no];
	MapBlock   *seen;
	uint32		given_back;

	if (search->blocks.map == NULL || block_no >= search->blocks.map->nblocks ||
		seat_batch_has(search->event, block_no))
		return;
	seen = &map_blocks(search->blocks.map)[block_no];
	given_back = pg_atomic_read_u32(&seen->given_back);
	hint->run = seen->run;
	if (hint->given_back == given_back)
		return;
	hint->given_back = given_back;
	hint->score = search->event->layout->blocks[block_no].best_score;
}

/* As the map in shared memory has it; what this transaction itself decides on is not in other hands. */
static bool
in_other_hands(const Search *search, int32 block_no)
{
	EventMap   *map = search->blocks.map;

	return map != NULL && block_no < map->nblocks &&
		pg_atomic_read_u32(&map_blocks(map)[block_no].deciders) != 0 &&
		!cache_decides(search->event->event_id, block_no);
}

/*
 * The most promising blocks by the hints, best first: a bounded insertion sort
 * over one pass.  Equal ones are kept in their order in the house.
 */
static int
choose_candidates(Search *search, int32 *candidates, int wanted)
{
	BlockHint  *seen = search->event->hints->blocks;
	const VenueBlock *blocks = search->event->layout->blocks;
	int32		quantity = search->wish->quantity;
	float4		worst = FLT_MAX;
	int			n = 0;
	int32		from,
				to;

	block_range(search, &from, &to);
	for (int32 b = from; b < to; b++)
	{
		int			place;

		renew_hint(search, b);
		if (seen[b].run < quantity || (n == wanted && seen[b].score >= worst) ||
			!eligible(search, &blocks[b]))
			continue;
		if (in_other_hands(search, b))
		{
			search->met_others = true;
			continue;
		}
		place = n < wanted ? n++ : n - 1;
		while (place > 0 && seen[candidates[place - 1]].score > seen[b].score)
		{
			candidates[place] = candidates[place - 1];
			place--;
		}
		candidates[place] = b;
		worst = seen[candidates[n - 1]].score;
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

	if (in_other_hands(search, block_no))
	{
		search->met_others = true;
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

static void
add_seat(Search *search, const VenueBlock *block, SeatBlock *row, int32 seat)
{
	seatmap_set(row->taken, seat);
	search->take->seats[search->take->nseats++] = block->first_seat + seat;
	search->take->amount += search->event->price[block->category_no];
}

/* Sets the seats of a run in the row and notes them as taken. */
static void
add_run(Search *search, SeatBlock *row, const Run *run)
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

static void
forget_take(Take *take)
{
	take->nseats = 0;
	take->amount = 0;
}

/* Takes a run of the row as it was read; false: somebody was faster. */
static bool
take_run(Search *search, SeatBlock *row, const Run *run)
{
	add_run(search, row, run);
	if (!seat_block_replace(&search->blocks, row))
	{
		search->met_others = true;
		forget_take(search->take);
		return false;
	}
	search->take->adjacent = true;
	return true;
}

/* Whether the best run so far need not be compared with one in the next block. */
static bool
good_enough(const Search *search, const Run *best, int looks, int32 next_block)
{
	if (looks >= LOOKS)
		return true;
	return best->orphans == 0 &&
		(search->event->hints->spread >= 2 ||
		 best->score <= search->event->hints->blocks[next_block].score * NEAR_ENOUGH);
}

/*
 * Among how many of the first candidates to begin at random, so that buyers do
 * not converge: as many as others are deciding on now, or, where no map tells,
 * as meeting them has taught.
 */
static int
spread_of(const Search *search, const int32 *candidates, int n)
{
	int			busy = 0;

	if (search->blocks.map == NULL)
		return Min((int) search->event->hints->spread, n);
	for (int i = 0; i < n; i++)
		busy += in_other_hands(search, candidates[i]);
	return Min(busy + 1, n);
}

/* Looks at candidates until one is good enough, and takes the best. */
static bool
take_candidate(Search *search, const int32 *candidates, int n)
{
	int			spread = spread_of(search, candidates, n);
	int			start = spread > 1 ? (int) (pg_prng_uint32(&pg_global_prng_state) % spread) : 0;
	int			looks = 0;
	SeatBlock	row,
				best_row;
	Run			run,
				best = {0};

	for (int i = 0; i < n; i++)
	{
		int32		block_no = candidates[(start + i) % n];

		if (best.length > 0 && good_enough(search, &best, looks, block_no))
			break;
		if (!look(search, block_no, &row, &run))
			continue;
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
	return take_run(search, &best_row, &best);
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
sort_front(const BlockHint *seen, Front *front)
{
	for (int i = 1; i < front->n; i++)
	{
		int32		block_no = front->blocks[i];
		int			place = i;

		for (; place > 0 && seen[front->blocks[place - 1]].score > seen[block_no].score; place--)
			front->blocks[place] = front->blocks[place - 1];
		front->blocks[place] = block_no;
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
		sort_front(event_hints->blocks, front);
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
		taken = take_candidate(search, front->blocks, front->n);
		adapt_spread(search);
		if (taken)
			return true;
	}
	return false;
}

/* Keeps the best run for the party so far, if this block can have a better one. */
static void
survey_run(Search *search, Survey *survey, SeatBlock *row, const Seatmap *map)
{
	const VenueBlock *block = &search->event->layout->blocks[row->block_no];
	Run			run = {.block_no = row->block_no};

	if (survey->best.length > 0 && survey->best.orphans == 0 && block->best_score > survey->best.score)
		return;
	catalog_need_scores(search->event->layout, row->block_no);
	if (pick_run(block, map, search->wish->quantity, &run) &&
		(survey->best.length == 0 || pick_compare(&run, &survey->best) < 0))
	{
		survey->best = run;
		survey->best_block = *row;
	}
}

static void
survey_block(Search *search, Survey *survey, SeatBlock *row)
{
	const VenueBlock *block = &search->event->layout->blocks[row->block_no];
	const Wish *wish = search->wish;
	const Seatmap *map = pick_effective_map(block, row->taken, wish->accessible);
	int32		free = map->capacity - seatmap_cardinality(map);
	int32		longest = pick_longest(block, map);

	if (!wish->accessible)
	{
		search->event->hints->blocks[row->block_no].run = longest;
		search->event->hints->blocks[row->block_no].score = block->best_score;
	}
	survey->free += free;
	survey->longest = Max(survey->longest, longest);
	if (row->hands == ROW_IN_OTHER_HANDS)
	{
		survey->in_flight++;
		survey->longest_in_flight = Max(survey->longest_in_flight, longest);
		return;
	}
	survey->free_now += free;
	survey->runs = pick_free_runs(survey->runs, block, row->block_no, map);
	if (longest >= wish->quantity)
		survey_run(search, survey, row, map);
}

/* Looks at every block in question, and renews the hints by the way. */
static void
make_survey(Search *search, Survey *survey)
{
	TimestampTz started = GetCurrentTimestamp();
	TimestampTz ended;
	SeatBlock	row;
	int32		from,
				to;

	memset(survey, 0, sizeof(Survey));
	block_range(search, &from, &to);
	seat_block_walk(&search->blocks, from);
	while (seat_block_next(&search->blocks, &row) && row.block_no < to)
	{
		CHECK_FOR_INTERRUPTS();
		if (row.block_no < search->event->layout->nblocks &&
			eligible(search, &search->event->layout->blocks[row.block_no]))
			survey_block(search, survey, &row);
	}
	ended = GetCurrentTimestamp();
	search->event->hints->next_survey = ended + Max(USECS_PER_SEC, (ended - started) * SURVEY_SHARE);
}

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
			add_run(search, row, run);
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

/* Seats the party in parts, all or nobody. */
static bool
take_split(Search *search, const Survey *survey)
{
	List	   *parts = pick_split(survey->runs, search->wish->quantity);
	Attempt		attempt;
	bool		taken;

	if (parts == NIL)
		return false;
	if (seat_batch_is_on(search->event))
		return take_parts(search, parts);
	mapped_blocks_close(&search->blocks);
	attempt_begin(&attempt);
	mapped_blocks_open(&search->blocks, search->event);
	taken = take_parts(search, parts);
	mapped_blocks_close(&search->blocks);
	attempt_end(&attempt, taken);
	mapped_blocks_open(&search->blocks, search->event);
	if (!taken)
		forget_take(search->take);
	return taken;
}

/* What a person would call the place where there are no seats. */
static char *
scope_of(const Event *event, const Wish *wish)
{
	if (wish->section >= 0)
		return psprintf("section \"%s\" of event %d",
						event->layout->sections[wish->section].name, event->event_id);
	return psprintf("event %d", event->event_id);
}

bool
inventory_refuse_want(const Event *event, const Wish *wish, int32 free, int32 largest_run,
					  Refusal *refusal)
{
	Reason		reason = free == 0 ? REASON_SOLD_OUT :
		free < wish->quantity ? REASON_NOT_ENOUGH_SEATS : REASON_NO_ADJACENT_SEATS;

	return refuse(refusal, reason, scope_of(event, wish),
				  "{\"event_id\": %d, \"quantity\": %d, \"free\": %d, \"largest_run\": %d}",
				  event->event_id, wish->quantity, free, largest_run);
}

/*
 * Looks at all blocks in question and takes the best.  Refuses for want of
 * seats only when nobody is deciding on any of them; else it says busy, at once.
 */
static bool
take_by_survey(Search *search, bool patient, Refusal *refusal)
{
	const Wish *wish = search->wish;
	Survey		survey;
	bool		may_split;

	make_survey(search, &survey);
	if (survey.best.length > 0 && take_run(search, &survey.best_block, &survey.best))
		return true;
	may_split = !wish->together && (!patient || survey.longest_in_flight < wish->quantity);
	if (survey.best.length == 0 && may_split && survey.free_now >= wish->quantity &&
		take_split(search, &survey))
		return true;
	if (survey.in_flight == 0 && survey.best.length == 0 &&
		(wish->together || survey.free < wish->quantity))
		return inventory_refuse_want(search->event, wish, survey.free, survey.longest, refusal);
	return refuse_busy(refusal, scope_of(search->event, wish), search->event->event_id);
}

static void
start_search(Search *search, Event *event, const Wish *wish, Take *take)
{
	search->event = event;
	search->wish = wish;
	search->take = take;
	search->met_others = false;
	take->seats = palloc(wish->quantity * sizeof(int32));
	forget_take(take);
	mapped_blocks_open(&search->blocks, event);
}

static bool
end_search(Search *search, bool taken)
{
	mapped_blocks_close(&search->blocks);
	if (taken)
		qsort(search->take->seats, search->take->nseats, sizeof(int32), compare_int32);
	return taken;
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

	start_search(&search, event, wish, take);
	taken = end_search(&search, hints_serve(&search) && take_by_hints(&search));
	*others = search.met_others;
	return taken;
}

bool
inventory_take_best(Event *event, const Wish *wish, bool patient, Take *take, Refusal *refusal)
{
	Search		search;

	start_search(&search, event, wish, take);
	return end_search(&search, take_by_survey(&search, patient, refusal));
}
