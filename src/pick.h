/*
 * Choosing seats: pure functions over the bits of blocks, no table in sight.
 */
#ifndef TIXBOOK_PICK_H
#define TIXBOOK_PICK_H

#include "nodes/pg_list.h"

#include "catalog.h"

/* Seats next to each other in one block, and what they are worth. */
typedef struct Run
{
	int32		block_no;
	int32		from;			/* first seat, within the block */
	int32		length;
	int32		orphans;		/* single free seats that taking it would strand */
	float4		score;			/* mean distance from the focal point */
	float4		off_centre;		/* mean distance from the centre line */
} Run;

/* What a pick sees of a block: the seats it must not touch are set; it may be taken itself. */
extern const Seatmap *pick_effective_map(const VenueBlock *block, const Seatmap *taken, bool accessible);

extern int	pick_compare(const Run *a, const Run *b);
extern bool pick_run(const VenueBlock *block, const Seatmap *map, int32 length, Run *best);
extern int32 pick_longest(const VenueBlock *block, const Seatmap *map);

/* Parts for a party that finds no seats side by side; NULL: too few seats. */
extern List *pick_split(List *free_runs, int32 quantity);
extern List *pick_free_runs(List *runs, const VenueBlock *block, int32 block_no, const Seatmap *map);

#endif
