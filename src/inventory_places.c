/*
 * inventory_places.c: named seats, by block, and the locks of their blocks.
 */
#include "postgres.h"

#include "arguments.h"
#include "inventory_places.h"

bool
inventory_refuse_seats(const Event *event, Reason reason, const int32 *seats, int32 nseats,
					   Refusal *refusal)
{
	char	   *list = json_numbers(seats, nseats);

	return refuse(refusal, reason, psprintf("%s of event %d", list, event->event_id),
				  "{\"event_id\": %d, \"seats\": %s}", event->event_id, list);
}

bool
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

BlockGroup *
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

bool
lock_group(SeatBlocks *blocks, BlockGroup *group, BoundedWait *wait)
{
	do
		group->locked = seat_block_lock(blocks, group->block_no, &group->row);
	while (group->locked == BLOCK_IN_OTHER_HANDS && wait != NULL && bounded_wait(wait));
	return group->locked != BLOCK_IN_OTHER_HANDS;
}

bool
lock_groups(SeatBlocks *blocks, BlockGroup *groups, int32 ngroups, BoundedWait *wait)
{
	for (int32 i = 0; i < ngroups; i++)
		if (!lock_group(blocks, &groups[i], wait))
			return false;
	return true;
}

void
forget_hint(Event *event, int32 block_no)
{
	event->hints->blocks[block_no].run = event->layout->blocks[block_no].capacity;
	event->hints->blocks[block_no].score = event->layout->blocks[block_no].best_score;
}
