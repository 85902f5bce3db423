/*
 * next_due.c: since when holds of an event can be due.
 *
 * The index of holds by their end keeps the entries of those that are over until
 * it is vacuumed.  In a house whose last seats are held, lost and held again that
 * soon are many, and everybody who comes too late would walk over all of them.
 * So the map knows a moment before which no hold of its event ends any more, and
 * who looks goes on from there.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "booking.h"
#include "cache_load.h"
#include "next_due.h"

/*
 * When the first hold ends, of those that do at from or later.  Of what is due
 * the event's own counts, lest others keep it from a certain answer; of what is
 * not, the first of any event, which is found at once.
 */
static TimestampTz
first_end(int32 event_id, TimestampTz from)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end;

	if (from <= now && booking_earliest_end(event_id, from, now, &end))
		return end;
	return booking_earliest_end(0, Max(from, now + 1), DT_NOEND, &end) ? end : DT_NOEND;
}

/* What a session that has begun a renewal must not leave behind, however it ends. */
typedef struct Renewal
{
	EventMap   *map;
	TimestampTz from;
} Renewal;

static void
give_up_renewal(int code, Datum arg)
{
	const Renewal *renewal = (Renewal *) DatumGetPointer(arg);

	event_map_end_renewal(renewal->map, renewal->from);
}

/* A session that is terminated meanwhile does not come to a PG_CATCH. */
static pg_noinline void
renew(EventMap *map, int32 event_id)
{
	Renewal		renewal = {.map = map};
	TimestampTz due;

	if (!event_map_begin_renewal(map, &renewal.from))
		return;
	PG_ENSURE_ERROR_CLEANUP(give_up_renewal, PointerGetDatum(&renewal));
	{
		due = first_end(event_id, renewal.from);
	}
	PG_END_ENSURE_ERROR_CLEANUP(give_up_renewal, PointerGetDatum(&renewal));
	event_map_end_renewal(map, due);
}

/* A transaction that has written sees holds as it leaves them, so it does not find out. */
TimestampTz
next_due(Event *event)
{
	EventMap   *map = cache_map(event);
	TimestampTz due;

	if (map == NULL)
		return 0;
	if (event_map_next_due(map) <= GetCurrentTimestamp() && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		renew(map, event->event_id);
	due = event_map_next_due(map);
	cache_unpin(&map->object);
	return Min(due, cache_next_due(event->event_id));
}
