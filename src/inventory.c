/*
 * inventory.c: named seats are taken and given back.
 *
 * Who takes seats never waits for a block while it has another: an attempt
 * either succeeds at once or leaves nothing.  Who gives seats back waits a
 * little, for blocks in the order of their numbers.
 */
#include "postgres.h"

#include "attempt.h"
#include "cache_load.h"
#include "inventory_places.h"
#include "seat_batch.h"

/* The seats of the groups that are taken, or that no block has any more. */
static int32
find_gone(const BlockGroup *groups, int32 ngroups, const SeatPlace *places,
		  const int32 *seats, int32 *gone)
{
	int32		ngone = 0;

	for (int32 g = 0; g < ngroups; g++)
		for (int32 i = groups[g].from; i < groups[g].to; i++)
			if (groups[g].locked == BLOCK_ABSENT ||
				seatmap_get(groups[g].row.taken, places[i].offset))
				gone[ngone++] = seats[i];
	return ngone;
}

/*
 * Looks at the groups without locking; whether somebody is deciding on one.
 * Most who come too late learn it here, and lock nothing.
 */
static bool
look_at_groups(SeatBlocks *blocks, BlockGroup *groups, int32 ngroups)
{
	bool		undecided = false;

	for (int32 i = 0; i < ngroups; i++)
	{
		bool		there = seat_block_read(blocks, groups[i].block_no, &groups[i].row);

		groups[i].locked = there ? BLOCK_LOCKED : BLOCK_ABSENT;
		undecided |= there && groups[i].row.hands == ROW_IN_OTHER_HANDS;
	}
	return undecided;
}

/* Sets the places of a group in its row. */
static void
set_group(BlockGroup *group, const SeatPlace *places)
{
	for (int32 i = group->from; i < group->to; i++)
		seatmap_set(group->row.taken, places[i].offset);
}

/* Prices the seats; false: one of them is not for sale at this event. */
static bool
price_seats(const Event *event, const SeatPlace *places, int32 nplaces, int64 *amount)
{
	*amount = 0;
	for (int32 i = 0; i < nplaces; i++)
	{
		int64		price = event->price[event->layout->blocks[places[i].block_no].category_no];

		if (price < 0)
			return false;
		*amount += price;
	}
	return true;
}

/* Whether the seats, which ascend, stand side by side (or anywhere in one standing block). */
static bool
side_by_side(const Event *event, const SeatPlace *places, int32 nplaces)
{
	for (int32 i = 1; i < nplaces; i++)
		if (places[i].block_no != places[0].block_no ||
			(places[i].offset != places[i - 1].offset + 1 &&
			 !event->layout->blocks[places[0].block_no].standing))
			return false;
	return true;
}

/* Locks all, looks again, and writes. */
static bool
lock_and_take(Event *event, BlockGroup *groups, int32 ngroups, const SeatPlace *places,
			  const int32 *seats, int32 *gone)
{
	SeatBlocks	blocks;
	bool		taken;

	mapped_blocks_open(&blocks, event);
	taken = lock_groups(&blocks, groups, ngroups, NULL) &&
		find_gone(groups, ngroups, places, seats, gone) == 0;
	for (int32 g = 0; taken && g < ngroups; g++)
	{
		set_group(&groups[g], places);
		seat_block_write(&blocks, &groups[g].row);
	}
	mapped_blocks_close(&blocks);
	return taken;
}

/*
 * Takes places in several blocks.  A subtransaction, so that an attempt that
 * fails leaves no locks; a batch keeps them.  False: some are in other hands,
 * or gone since they were looked at.
 */
static bool
take_several(Event *event, BlockGroup *groups, int32 ngroups, const SeatPlace *places,
			 const int32 *seats, int32 *gone)
{
	bool		taken;

	if (seat_batch_is_on(event))
		return lock_and_take(event, groups, ngroups, places, seats, gone);
	ATTEMPT(taken, lock_and_take(event, groups, ngroups, places, seats, gone));
	return taken;
}

static bool
take_one(Event *event, BlockGroup *group, const SeatPlace *places)
{
	SeatBlocks	blocks;
	bool		taken;

	set_group(group, places);
	mapped_blocks_open(&blocks, event);
	taken = seat_block_replace(&blocks, &group->row);
	mapped_blocks_close(&blocks);
	return taken;
}

static bool
take_places(Event *event, const SeatPlace *places, const int32 *seats, int32 nseats,
			Refusal *refusal)
{
	int32		ngroups;
	BlockGroup *groups = group_places(places, nseats, &ngroups);
	int32	   *gone = palloc(nseats * sizeof(int32));
	int32		ngone;
	SeatBlocks	blocks;
	bool		undecided;

	mapped_blocks_open(&blocks, event);
	undecided = look_at_groups(&blocks, groups, ngroups);
	mapped_blocks_close(&blocks);
	ngone = find_gone(groups, ngroups, places, seats, gone);
	if (ngone > 0)
		return inventory_refuse_seats(event, REASON_SEAT_TAKEN, gone, ngone, refusal);
	if (undecided)
		return refuse_busy(refusal, psprintf("event %d", event->event_id), event->event_id);
	if (ngroups == 1 ? take_one(event, groups, places) :
		take_several(event, groups, ngroups, places, seats, gone))
		return true;
	return refuse_busy(refusal, psprintf("event %d", event->event_id), event->event_id);
}

bool
inventory_take_named(Event *event, const int32 *seats, int32 nseats, Take *take, Refusal *refusal)
{
	SeatPlace  *places = palloc(nseats * sizeof(SeatPlace));

	if (!place_seats(event, seats, nseats, places, refusal))
		return false;
	if (!price_seats(event, places, nseats, &take->amount))
		return inventory_refuse_seats(event, REASON_SEAT_TAKEN, seats, nseats, refusal);
	take->seats = palloc(nseats * sizeof(int32));
	memcpy(take->seats, seats, nseats * sizeof(int32));
	take->nseats = nseats;
	take->adjacent = side_by_side(event, places, nseats);
	return take_places(event, places, seats, nseats, refusal);
}

static int
compare_places(const void *a, const void *b)
{
	const SeatPlace *pa = a;
	const SeatPlace *pb = b;

	return (pa->block_no > pb->block_no) - (pa->block_no < pb->block_no);
}

/* The places of all lists together, by block. */
static SeatPlace *
places_of_lists(Event *event, const SeatList *lists, int nlists, int32 *nplaces)
{
	SeatPlace  *places;
	int32		n = 0;

	for (int i = 0; i < nlists; i++)
		n += lists[i].nseats;
	places = palloc(Max(n, 1) * sizeof(SeatPlace));
	*nplaces = 0;
	for (int i = 0; i < nlists; i++)
		for (int32 j = 0; j < lists[i].nseats; j++)
		{
			int32		block_no = catalog_block_of_seat(event->layout, lists[i].seats[j]);

			if (block_no < 0)
				continue;		/* nothing to give back; verify() tells */
			places[*nplaces].block_no = block_no;
			places[*nplaces].offset = lists[i].seats[j] - event->layout->blocks[block_no].first_seat;
			places[*nplaces].list = i;
			(*nplaces)++;
		}
	qsort(places, *nplaces, sizeof(SeatPlace), compare_places);
	return places;
}

/*
 * Marks the groups that give back a part of a list: that is given back as a
 * whole or not at all, so all its blocks are locked before any is written.
 */
static void
mark_parts(BlockGroup *groups, int32 ngroups, const SeatPlace *places, int nlists)
{
	int32	   *group_of = palloc(nlists * sizeof(int32));

	memset(group_of, -1, nlists * sizeof(int32));
	for (int32 g = 0; g < ngroups; g++)
	{
		groups[g].parts = false;
		for (int32 i = groups[g].from; i < groups[g].to; i++)
		{
			int32	   *first = &group_of[places[i].list];

			if (*first >= 0 && *first != g)
				groups[g].parts = groups[*first].parts = true;
			*first = g;
		}
	}
}

/* Clears what is to be given back in the row of a group; false: there is nothing. */
static bool
clear_group(BlockGroup *group, const SeatPlace *places, const bool *ok)
{
	bool		changed = false;

	for (int32 i = group->from; i < group->to; i++)
		if (ok[places[i].list])
		{
			seatmap_clear(group->row.taken, places[i].offset);
			changed = true;
		}
	return changed;
}

/* Lists that lie in this group alone need no lock before: the block is replaced as it was read. */
static bool
replace_group(SeatBlocks *blocks, BlockGroup *group, const SeatPlace *places, const bool *ok,
			  BoundedWait *wait)
{
	do
	{
		if (!seat_block_read(blocks, group->block_no, &group->row))
			return true;
		if (group->row.hands != ROW_IN_OTHER_HANDS && clear_group(group, places, ok) &&
			seat_block_replace(blocks, &group->row))
			return true;
	} while (bounded_wait(wait));
	return false;
}

static void
leave_group(const BlockGroup *group, const SeatPlace *places, bool *ok)
{
	for (int32 i = group->from; i < group->to; i++)
		ok[places[i].list] = false;
}

/* Gives back what lies in this group alone, or locks it for the parts that it gives back. */
static bool
begin_group(SeatBlocks *blocks, BlockGroup *group, const SeatPlace *places, const bool *ok,
			BoundedWait *wait)
{
	forget_hint(blocks->event, group->block_no);
	return group->parts ? lock_group(blocks, group, wait) : replace_group(blocks, group, places, ok, wait);
}

void
inventory_give_back(Event *event, const SeatList *lists, int nlists, int wait_ms, bool *ok)
{
	SeatBlocks	blocks;
	int32		nplaces,
				ngroups;
	SeatPlace  *places = places_of_lists(event, lists, nlists, &nplaces);
	BlockGroup *groups = group_places(places, nplaces, &ngroups);
	BoundedWait wait;

	for (int i = 0; i < nlists; i++)
		ok[i] = true;
	mark_parts(groups, ngroups, places, nlists);
	bounded_wait_start(&wait, wait_ms);
	mapped_blocks_open(&blocks, event);
	for (int32 g = 0; g < ngroups; g++)
		if (!begin_group(&blocks, &groups[g], places, ok, &wait))
			leave_group(&groups[g], places, ok);
	for (int32 g = 0; g < ngroups; g++)
		if (groups[g].parts && groups[g].locked == BLOCK_LOCKED && clear_group(&groups[g], places, ok))
			seat_block_write(&blocks, &groups[g].row);
	mapped_blocks_close(&blocks);
}
