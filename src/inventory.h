/*
 * Seat blocks: find seats, take them, give them back, each under the row lock
 * of its block.
 */
#ifndef TIXBOOK_INVENTORY_H
#define TIXBOOK_INVENTORY_H

#include "catalog.h"
#include "errors.h"

/* What a party asks for. */
typedef struct Wish
{
	int32		quantity;
	int32		section;		/* position in the layout, -1: any */
	int32		category_no;	/* -1: any */
	bool		accessible;
	bool		together;		/* rather nothing than split */
} Wish;

/* What it got. */
typedef struct Take
{
	int32		nseats;
	int32	   *seats;			/* seat_index, ascending */
	int64		amount;			/* minor units */
	bool		adjacent;
} Take;

/* Seats of one event that are to be given back, in any order. */
typedef struct SeatList
{
	int32		nseats;
	int32	   *seats;
} SeatList;

/*
 * Taking seats never waits: what others are deciding on makes it busy, and an
 * attempt that fails leaves no locks.
 *
 * The best seats for a wish, which has been checked.  The first looks only
 * where this backend remembers seats, and proves nothing when it finds none;
 * others is set when blocks in other hands might serve.  The second seats the
 * party in parts, where the map in shared memory says that there are free seats,
 * and proves nothing either.  The third looks at all blocks, and says why there
 * are none.  Who is patient would rather come back than be split while a block
 * in other hands could seat the party together.
 */
extern bool inventory_take_remembered(Event *event, const Wish *wish, Take *take, bool *others);
extern bool inventory_take_in_parts(Event *event, const Wish *wish, Take *take);
extern bool inventory_take_best(Event *event, const Wish *wish, bool patient, Take *take,
								Refusal *refusal);

/* Exactly these seats, which ascend; else the refusal names those that are gone. */
extern bool inventory_take_named(Event *event, const int32 *seats, int32 nseats,
								 Take *take, Refusal *refusal);

/* Whether it is certain, without a look at any row, that the seats (NULL: any for the wish) are gone. */
extern bool inventory_certainly_gone(Event *event, const Wish *wish, const int32 *seats,
									 TimestampTz now, Refusal *refusal);

/* The refusals for want of seats; both return false. */
extern bool inventory_refuse_want(const Event *event, const Wish *wish, int32 free,
								  int32 largest_run, Refusal *refusal);
extern bool inventory_refuse_seats(const Event *event, Reason reason, const int32 *seats,
								   int32 nseats, Refusal *refusal);

/*
 * Gives back the seats of as many lists as it can, and clears ok[i] for those
 * of which a block is in other hands; each block is written once.
 */
extern void inventory_give_back(Event *event, const SeatList *lists, int nlists,
								int wait_ms, bool *ok);

#endif
