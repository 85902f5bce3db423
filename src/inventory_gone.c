/*
 * inventory_gone.c: refusals that are certain without a look at any row.
 *
 * Most who come to a sale come too late, and learn it from the map in shared
 * memory.  That is certain when the map says that the seats are taken, when
 * nobody is deciding on any of their blocks (so what is taken is committed, and
 * nobody is about to give it back), and when no hold of the event is due.
 * Everything else is left to the rows.
 */
#include "postgres.h"

#include "access/xact.h"

#include "arguments.h"
#include "cache_load.h"
#include "inventory.h"

/* Who decides comes first: whoever has stopped by then has published before. */
static bool
section_is_gone(EventMap *map, int32 section)
{
	bool		decided = pg_atomic_read_u32(&map->sections[section].deciders) == 0;

	pg_read_barrier();
	return decided && pg_atomic_read_u32(&map->sections[section].free) == 0;
}

static bool
sections_are_gone(EventMap *map, const Wish *wish)
{
	if (wish->accessible || wish->category_no >= 0 || wish->section >= map->nsections)
		return false;
	if (wish->section >= 0)
		return section_is_gone(map, wish->section);
	for (int32 i = 0; i < map->nsections; i++)
		if (!section_is_gone(map, i))
			return false;
	return true;
}

/* The named seats that are gone for certain. */
static int32
find_gone(EventMap *map, const Event *event, const int32 *seats, int32 nseats, int32 *gone)
{
	int32		ngone = 0;

	for (int32 i = 0; i < nseats; i++)
	{
		int32		block_no = catalog_block_of_seat(event->layout, seats[i]);

		if (block_no < 0 || block_no >= map->nblocks)
			return 0;			/* to be refused for another reason */
		if (pg_atomic_read_u32(&map_blocks(map)[block_no].deciders) != 0)
			continue;
		pg_read_barrier();
		if (event_map_get(map, seats[i]))
			gone[ngone++] = seats[i];
	}
	return ngone;
}

static bool
refuse_by_map(EventMap *map, Event *event, const Wish *wish, const int32 *seats,
			  TimestampTz now, Refusal *refusal)
{
	int32	   *gone;
	int32		ngone;

	if (!event_map_settled(map))
		return false;
	if (seats == NULL)
	{
		if (!sections_are_gone(map, wish) || event_map_next_due(map) <= now)
			return false;
		inventory_refuse_want(event, wish, 0, 0, refusal);
		return true;
	}
	gone = palloc(wish->quantity * sizeof(int32));
	ngone = find_gone(map, event, seats, wish->quantity, gone);
	if (ngone == 0 || event_map_next_due(map) <= now)
		return false;
	inventory_refuse_seats(event, REASON_SEAT_TAKEN, gone, ngone, refusal);
	return true;
}

/* True, with the refusal: the wish, or the seats that it names, cannot be had. */
bool
inventory_certainly_gone(Event *event, const Wish *wish, const int32 *seats, TimestampTz now,
						 Refusal *refusal)
{
	EventMap   *map = cache_touched(event->event_id) ? NULL : cache_map(event);
	bool		refused;

	if (map == NULL)
		return false;
	refused = refuse_by_map(map, event, wish, seats, now, refusal);
	cache_unpin(&map->object);
	return refused;
}
