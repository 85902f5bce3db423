/*
 * inventory_blocked.c: seats are blocked, so that nobody can book them, and
 * unblocked.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "arguments.h"
#include "cache_load.h"
#include "inventory_places.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_block_seats);
PG_FUNCTION_INFO_V1(tixbook_unblock_seats);

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
