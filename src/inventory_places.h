/*
 * Seats that are named, by block: what taking, giving back and blocking them
 * have in common.
 */
#ifndef TIXBOOK_INVENTORY_PLACES_H
#define TIXBOOK_INVENTORY_PLACES_H

#include "bounded_wait.h"
#include "inventory.h"
#include "seat_block.h"

/* One seat that is to change, in its block. */
typedef struct SeatPlace
{
	int32		block_no;
	int32		offset;			/* in the block */
	int32		list;			/* which of several lists named it */
} SeatPlace;

/* The places of one block among sorted ones: [from, to). */
typedef struct BlockGroup
{
	int32		block_no;
	int32		from;
	int32		to;
	bool		parts;			/* of lists that lie in other groups too */
	LockResult	locked;
	SeatBlock	row;
} BlockGroup;

/* The places of seats, which ascend, so that their blocks do too; seats that the event does not have are refused. */
extern bool place_seats(Event *event, const int32 *seats, int32 nseats, SeatPlace *places, Refusal *refusal);

/* Groups places, sorted by block. */
extern BlockGroup *group_places(const SeatPlace *places, int32 nplaces, int32 *ngroups);

/* Locks the block of a group, and of all, in their order; false: one is in other hands.  Without a wait it is tried once. */
extern bool lock_group(SeatBlocks *blocks, BlockGroup *group, BoundedWait *wait);
extern bool lock_groups(SeatBlocks *blocks, BlockGroup *groups, int32 ngroups, BoundedWait *wait);

/* The next look finds out what is free there now. */
extern void forget_hint(Event *event, int32 block_no);

#endif
