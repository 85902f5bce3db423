/*
 * pick.c: choosing seats.
 *
 * A party sits side by side in one block where it can: in the run that strands
 * the fewest single seats, then lies nearest the focal point, then least off
 * the centre line.  Where no block has such a run the party is split into as
 * few parts as may be, close to each other, with nobody alone if avoidable.
 */
#include "postgres.h"

#include <float.h>

#include "nodes/pg_list.h"

#include "pick.h"

/*
 * The seats that a request must not get: those taken, and the accessible ones
 * for a general request, all others for one that asks for accessible seats.
 */
const Seatmap *
pick_effective_map(const VenueBlock *block, const Seatmap *taken, bool accessible)
{
	Seatmap    *map;
	Size		bytes = SEATMAP_BYTES(taken->capacity);

	if (!accessible && block->accessible == NULL)
		return taken;
	map = seatmap_copy(taken);
	if (accessible && block->accessible == NULL)
		seatmap_set_range(map, 0, map->capacity);
	else if (accessible)
	{
		for (int32 seat = 0; seat < map->capacity; seat++)
			if (!seatmap_get(block->accessible, seat))
				seatmap_set(map, seat);
	}
	else
	{
		for (Size i = 0; i < bytes; i++)
			map->bits[i] |= block->accessible->bits[i];
	}
	return map;
}

/* Better first: fewer orphans, nearer, less off-centre. */
int
pick_compare(const Run *a, const Run *b)
{
	if (a->orphans != b->orphans)
		return a->orphans < b->orphans ? -1 : 1;
	if (a->score != b->score)
		return a->score < b->score ? -1 : 1;
	if (a->off_centre != b->off_centre)
		return a->off_centre < b->off_centre ? -1 : 1;
	return 0;
}

static float4
mean_over(const float4 *values, int32 from, int32 length)
{
	float4		sum = 0;

	if (values == NULL)
		return 0;
	for (int32 i = from; i < from + length; i++)
		sum += values[i];
	return sum / length;
}

/*
 * Whether the run at start, with these orphans and this sum of scores, beats
 * the best.  How far off-centre it lies is only worked out for a tie.
 */
static bool
beats(const VenueBlock *block, const Run *best, int32 start, int32 length, int32 orphans, float4 score)
{
	if (best->length == 0)
		return true;
	if (orphans != best->orphans)
		return orphans < best->orphans;
	if (score != best->score)
		return score < best->score;
	return mean_over(block->off_centre, start, length) <
		mean_over(block->off_centre, best->from, length);
}

/*
 * The best place for a party of length within the free run [from, to).  The
 * sum of its scores slides along with it.
 */
static void
pick_within(const VenueBlock *block, int32 from, int32 to, int32 length, Run *best)
{
	float4		sum = mean_over(block->score, from, length) * length;

	for (int32 start = from; start + length <= to; start++)
	{
		int32		orphans = (start - from == 1) + (to - start - length == 1);

		if (start > from)
			sum += block->score[start + length - 1] - block->score[start - 1];
		if (beats(block, best, start, length, orphans, sum / length))
		{
			best->from = start;
			best->length = length;
			best->orphans = orphans;
			best->score = sum / length;
		}
	}
}

/* Standing places are all alike: any that are free make a party. */
static bool
pick_standing(const Seatmap *map, int32 length, Run *best)
{
	if (map->capacity - seatmap_cardinality(map) < length)
		return false;
	best->from = seatmap_next_clear(map, 0);
	best->length = length;
	best->orphans = 0;
	best->score = FLT_MAX;
	best->off_centre = 0;
	return true;
}

/*
 * The best run of length free seats in the block; best->block_no is the
 * caller's.  In a standing block the run is only where the party begins: its
 * places are the next free ones.
 */
bool
pick_run(const VenueBlock *block, const Seatmap *map, int32 length, Run *best)
{
	int32		from = 0;

	best->length = 0;
	if (block->standing)
		return pick_standing(map, length, best);

	while (from < map->capacity && (from = seatmap_next_clear(map, from)) >= 0)
	{
		int32		to = seatmap_next_set(map, from);

		if (to < 0)
			to = map->capacity;
		if (to - from >= length)
			pick_within(block, from, to, length, best);
		from = to;
	}
	if (best->length != 0)
		best->off_centre = mean_over(block->off_centre, best->from, length);
	return best->length != 0;
}

/* The largest party that the block can seat together. */
int32
pick_longest(const VenueBlock *block, const Seatmap *map)
{
	return block->standing ? map->capacity - seatmap_cardinality(map) : seatmap_longest_run(map);
}

/* Appends the block's maximal free runs; a standing block is one run. */
List *
pick_free_runs(List *runs, const VenueBlock *block, int32 block_no, const Seatmap *map)
{
	int32		from = 0;

	while (from < map->capacity && (from = seatmap_next_clear(map, from)) >= 0)
	{
		Run		   *run = palloc0(sizeof(Run));
		int32		to = seatmap_next_set(map, from);

		if (to < 0 || block->standing)
			to = map->capacity;
		run->block_no = block_no;
		run->from = from;
		run->length = block->standing ? map->capacity - seatmap_cardinality(map) : to - from;
		run->score = block->best_score;
		runs = lappend(runs, run);
		from = to;
	}
	return runs;
}

/*
 * Whether a is the better next part: it seats more of those who are left, or
 * as many nearer to the part before, blocks being numbered as they lie in the
 * house.
 */
static bool
better_part(const Run *a, const Run *b, int32 needed, const Run *before)
{
	int32		seats_a = Min(a->length, needed);
	int32		seats_b = Min(b->length, needed);

	if (seats_a != seats_b)
		return seats_a > seats_b;
	if (before != NULL && abs(a->block_no - before->block_no) != abs(b->block_no - before->block_no))
		return abs(a->block_no - before->block_no) < abs(b->block_no - before->block_no);
	return a->score < b->score;
}

static Run *
best_part(const List *free_runs, int32 needed, const Run *before)
{
	Run		   *best = NULL;
	ListCell   *cell;

	foreach(cell, free_runs)
	{
		Run		   *run = lfirst(cell);

		if (run->length > 0 && (best == NULL || better_part(run, best, needed, before)))
			best = run;
	}
	return best;
}

/* Whether two who are left over would find a pair of seats elsewhere. */
static bool
pair_elsewhere(const List *free_runs, const Run *here)
{
	ListCell   *cell;

	foreach(cell, free_runs)
	{
		const Run  *run = lfirst(cell);

		if (run != here && run->length >= 2)
			return true;
	}
	return false;
}

/*
 * Splits a party over free runs, which it uses up: a list of Runs to take, or
 * NIL where they do not hold as many.  Greedy: the largest part first, each
 * next one the largest and then the nearest; not the optimum in every case,
 * but few parts, close by.
 */
List *
pick_split(List *free_runs, int32 quantity)
{
	List	   *parts = NIL;
	Run		   *before = NULL;

	while (quantity > 0)
	{
		Run		   *best = best_part(free_runs, quantity, before);
		Run		   *part = palloc(sizeof(Run));

		if (best == NULL)
			return NIL;
		*part = *best;
		part->length = Min(best->length, quantity);
		if (quantity - part->length == 1 && part->length > 2 && pair_elsewhere(free_runs, best))
			part->length--;
		parts = lappend(parts, part);
		quantity -= part->length;
		best->from += part->length;
		best->length -= part->length;
		before = part;
	}
	return parts;
}
