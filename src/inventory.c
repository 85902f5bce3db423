/*
 * inventory.c: named seats are taken, given back, blocked and unblocked.
 *
 * Who takes seats never waits for a block while it has another: an attempt
 * either succeeds at once or leaves nothing.  Who gives seats back waits a
 * little, for blocks in the order of their numbers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "attempt.h"
#include "bounded_wait.h"
#include "cache_load.h"
#include "inventory.h"
#include "seat_batch.h"
#include "seat_block.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_block_seats);
PG_FUNCTION_INFO_V1(tixbook_unblock_seats);

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
	LockResult	locked;
	SeatBlock	row;
} BlockGroup;

bool
inventory_refuse_seats(const Event *event, Reason reason, const int32 *seats, int32 nseats,
					   Refusal *refusal)
{
	char	   *list = json_numbers(seats, nseats);

	return refuse(refusal, reason, psprintf("%s of event %d", list, event->event_id),
				  "{\"event_id\": %d, \"seats\": %s}", event->event_id, list);
}

/*
 * The places of seats, which ascend, so that their blocks do too; seats that
 * the event does not have are refused.
 */
static bool
place_seats(Event *event, const int32 *seats, int32 nseats, SeatPlace *places, Refusal *refusal)
{
	int32	   *unknown = palloc(nseats * sizeof(int32));
	int32		nunknown = 0;

	for (int32 i = 0; i < nseats; i++)
	{
		int32		block_no = seats[i] >= 0 && seats[i] < event->capacity ?
		catalog_block_of_seat(event->layout, seats[i]) : -1;

		if (block_no < 0)
		{
			unknown[nunknown++] = seats[i];
			continue;
		}
		places[i].block_no = block_no;
		places[i].offset = seats[i] - event->layout->blocks[block_no].first_seat;
		places[i].list = 0;
	}
	return nunknown == 0 || inventory_refuse_seats(event, REASON_SEAT_NOT_FOUND, unknown, nunknown, refusal);
}

/* Groups sorted places by block. */
static BlockGroup *
group_places(const SeatPlace *places, int32 nplaces, int32 *ngroups)
{
	BlockGroup *groups = palloc(nplaces * sizeof(BlockGroup));

	*ngroups = 0;
	for (int32 i = 0; i < nplaces; i++)
	{
		if (i == 0 || places[i].block_no != places[i - 1].block_no)
		{
			groups[*ngroups].block_no = places[i].block_no;
			groups[*ngroups].from = i;
			(*ngroups)++;
		}
		groups[*ngroups - 1].to = i + 1;
	}
	return groups;
}

/* Without a wait it is tried once. */
static LockResult
lock_within(SeatBlocks *blocks, int32 block_no, SeatBlock *row, BoundedWait *wait)
{
	LockResult	result = seat_block_lock(blocks, block_no, row);

	while (result == BLOCK_IN_OTHER_HANDS && wait != NULL && bounded_wait(wait))
		result = seat_block_lock(blocks, block_no, row);
	return result;
}

/* Locks the blocks of all groups, in their order; false: one is in other hands. */
static bool
lock_groups(SeatBlocks *blocks, BlockGroup *groups, int32 ngroups, BoundedWait *wait)
{
	for (int32 i = 0; i < ngroups; i++)
	{
		groups[i].locked = lock_within(blocks, groups[i].block_no, &groups[i].row, wait);
		if (groups[i].locked == BLOCK_IN_OTHER_HANDS)
			return false;
	}
	return true;
}

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

/*
 * Takes places in several blocks: locks them all, looks again, and writes.  A
 * subtransaction, so that an attempt that fails leaves no locks; a batch keeps
 * them.  False: some are in other hands, or gone since they were looked at.
 */
static bool
take_several(Event *event, BlockGroup *groups, int32 ngroups, const SeatPlace *places,
			 const int32 *seats, int32 *gone)
{
	bool		alone = !seat_batch_is_on(event);
	Attempt		attempt;
	SeatBlocks	blocks;
	bool		taken;

	if (alone)
		attempt_begin(&attempt);
	mapped_blocks_open(&blocks, event);
	taken = lock_groups(&blocks, groups, ngroups, NULL) &&
		find_gone(groups, ngroups, places, seats, gone) == 0;
	for (int32 g = 0; taken && g < ngroups; g++)
	{
		set_group(&groups[g], places);
		seat_block_write(&blocks, &groups[g].row);
	}
	mapped_blocks_close(&blocks);
	if (alone)
		attempt_end(&attempt, taken);
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

/* The next look finds out what is free there now. */
static void
forget_hint(Event *event, int32 block_no)
{
	event->hints->blocks[block_no].run = event->layout->blocks[block_no].capacity;
	event->hints->blocks[block_no].score = event->layout->blocks[block_no].best_score;
}

static void
give_back_group(SeatBlocks *blocks, BlockGroup *group, const SeatPlace *places, const bool *ok)
{
	bool		changed = false;

	for (int32 i = group->from; i < group->to; i++)
		if (ok[places[i].list])
		{
			seatmap_clear(group->row.taken, places[i].offset);
			changed = true;
		}
	if (changed)
		seat_block_write(blocks, &group->row);
	forget_hint(blocks->event, group->block_no);
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
	bounded_wait_start(&wait, wait_ms);
	mapped_blocks_open(&blocks, event);
	for (int32 g = 0; g < ngroups; g++)
	{
		groups[g].locked = lock_within(&blocks, groups[g].block_no, &groups[g].row, &wait);
		if (groups[g].locked == BLOCK_IN_OTHER_HANDS)
			for (int32 i = groups[g].from; i < groups[g].to; i++)
				ok[places[i].list] = false;
	}
	for (int32 g = 0; g < ngroups; g++)
		if (groups[g].locked == BLOCK_LOCKED)
			give_back_group(&blocks, &groups[g], places, ok);
	mapped_blocks_close(&blocks);
}

/* Blocks one seat in its row, or unblocks it; whether that changed anything. */
static bool
change_blocked(SeatBlock *row, int32 offset, bool block)
{
	if (row->blocked == NULL)
		row->blocked = seatmap_new(row->taken->capacity);
	if (seatmap_get(row->blocked, offset) == block)
		return false;
	if (block)
	{
		seatmap_set(row->blocked, offset);
		seatmap_set(row->taken, offset);
	}
	else
	{
		seatmap_clear(row->blocked, offset);
		seatmap_clear(row->taken, offset);
	}
	return true;
}

static int32
change_group(SeatBlocks *blocks, BlockGroup *group, const SeatPlace *places, bool block)
{
	int32		changed = 0;

	for (int32 i = group->from; i < group->to; i++)
		changed += change_blocked(&group->row, places[i].offset, block);
	if (seatmap_cardinality(group->row.blocked) == 0)
		group->row.blocked = NULL;
	if (changed > 0)
		seat_block_write(blocks, &group->row);
	forget_hint(blocks->event, group->block_no);
	return changed;
}

/* The seats that are taken by a booking, so that they cannot be blocked. */
static int32
find_booked(const BlockGroup *groups, int32 ngroups, const SeatPlace *places,
			const int32 *seats, int32 *booked)
{
	int32		n = 0;

	for (int32 g = 0; g < ngroups; g++)
		for (int32 i = groups[g].from; i < groups[g].to; i++)
		{
			const SeatBlock *row = &groups[g].row;

			if (groups[g].locked == BLOCK_ABSENT ||
				(seatmap_get(row->taken, places[i].offset) &&
				 (row->blocked == NULL || !seatmap_get(row->blocked, places[i].offset))))
				booked[n++] = seats[i];
		}
	return n;
}

/* Blocks the seats, all or none, or unblocks those that are blocked. */
static bool
change_seats(Event *event, const int32 *seats, int32 nseats, bool block, int32 *changed,
			 Refusal *refusal)
{
	SeatPlace  *places = palloc(nseats * sizeof(SeatPlace));
	BlockGroup *groups;
	int32	   *booked = palloc(nseats * sizeof(int32));
	int32		ngroups,
				nbooked;
	bool		locked;
	BoundedWait wait;
	SeatBlocks	blocks;

	*changed = 0;
	if (!place_seats(event, seats, nseats, places, refusal))
		return false;
	groups = group_places(places, nseats, &ngroups);
	bounded_wait_start(&wait, tixbook_lock_wait);
	mapped_blocks_open(&blocks, event);
	locked = lock_groups(&blocks, groups, ngroups, &wait);
	nbooked = locked && block ? find_booked(groups, ngroups, places, seats, booked) : 0;
	for (int32 g = 0; locked && nbooked == 0 && g < ngroups; g++)
		if (groups[g].locked == BLOCK_LOCKED)
			*changed += change_group(&blocks, &groups[g], places, block);
	mapped_blocks_close(&blocks);
	if (!locked)
		return refuse_busy(refusal, psprintf("event %d", event->event_id), event->event_id);
	return nbooked == 0 || inventory_refuse_seats(event, REASON_SEAT_TAKEN, booked, nbooked, refusal);
}

static Datum
change_seats_entry(FunctionCallInfo fcinfo, bool block)
{
	Refusal		refusal = {REASON_NONE};
	Event	   *event;
	int32	   *seats;
	int32		nseats,
				changed;

	PreventCommandIfReadOnly(block ? "tixbook.block_seats()" : "tixbook.unblock_seats()");
	event = argument_event(fcinfo, 0, &refusal);
	if (event == NULL)
		refusal_raise(&refusal);
	/* A section without a free seat makes an empty list, which is no mistake. */
	if (!PG_ARGISNULL(1) && ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(1)),
												ARR_DIMS(PG_GETARG_ARRAYTYPE_P(1))) == 0)
		PG_RETURN_INT32(0);
	if (argument_seats(fcinfo, 1, &seats, &nseats, &refusal) &&
			 change_seats(event, seats, nseats, block, &changed, &refusal))
		PG_RETURN_INT32(changed);
	refusal_raise(&refusal);
}

/* block_seats(event_id integer, seats integer[]) → integer */
Datum
tixbook_block_seats(PG_FUNCTION_ARGS)
{
	return change_seats_entry(fcinfo, true);
}

/* unblock_seats(event_id integer, seats integer[]) → integer */
Datum
tixbook_unblock_seats(PG_FUNCTION_ARGS)
{
	return change_seats_entry(fcinfo, false);
}
