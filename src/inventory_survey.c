/*
 * inventory_survey.c: a look at all blocks in question.
 *
 * It finds what is remembered nowhere, and is the only one that may say that
 * there are no seats.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "inventory_search.h"

/* Hints are renewed so seldom that it takes about a thousandth of the time. */
#define SURVEY_SHARE 1000

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
	search_range(search, &from, &to);
	seat_block_walk(&search->blocks, from);
	while (seat_block_next(&search->blocks, &row) && row.block_no < to)
	{
		CHECK_FOR_INTERRUPTS();
		if (row.block_no < search->event->layout->nblocks &&
			search_eligible(search, &search->event->layout->blocks[row.block_no]))
			survey_block(search, survey, &row);
	}
	ended = GetCurrentTimestamp();
	search->event->hints->next_survey = ended + Max(USECS_PER_SEC, (ended - started) * SURVEY_SHARE);
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
	if (survey.best.length > 0 && search_take_run(search, &survey.best_block, &survey.best))
		return true;
	may_split = !wish->together && (!patient || survey.longest_in_flight < wish->quantity);
	if (survey.best.length == 0 && may_split && survey.free_now >= wish->quantity &&
		search_take_in_parts(search, survey.runs))
		return true;
	if (survey.in_flight == 0 && survey.best.length == 0 &&
		(wish->together || survey.free < wish->quantity))
		return inventory_refuse_want(search->event, wish, survey.free, survey.longest, refusal);
	return refuse_busy(refusal, scope_of(search->event, wish), search->event->event_id);
}

bool
inventory_take_best(Event *event, const Wish *wish, bool patient, Take *take, Refusal *refusal)
{
	Search		search;

	search_start(&search, event, wish, take);
	return search_end(&search, take_by_survey(&search, patient, refusal));
}
