/*
 * ended_hold.c: the bookings that were released or have expired go when nobody
 * will ask for them any more.
 *
 * A house that sells out leaves a multiple of its sales behind in holds that
 * came to nothing.  They have an index of their own, by their end, so that the
 * purge reads nothing but what it deletes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "booking.h"
#include "ended_hold.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_purge_ended_holds);

static bool
kept_for_ever(void)
{
	return tixbook_ended_hold_ttl < 0;
}

static int64
ttl(void)
{
	return (int64) tixbook_ended_hold_ttl * USECS_PER_SEC;
}

static void
delete_history(const Booking *booking)
{
	ScanKeyData keys[2];
	StoreScan	scan;
	Store		store;

	store_open(&store, STORE_BOOKING_HISTORY);
	store_scan_open_on(&scan, &store, STORE_BOOKING_HISTORY_BOOKING);
	store_key_int4(&keys[0], 1, booking->event_id);
	store_key_uuid(&keys[1], 2, &booking->id);
	store_scan_start(&scan, keys, 2);
	while (store_scan_next(&scan))
		(void) store_delete_found(&store, &scan);
	store_scan_close(&scan);
	store_close(&store);
}

/* Deletes the booking just found with its history, unless somebody else has it in hands. */
static bool
delete_found(void *with, TimestampTz *over_at)
{
	Bookings   *bookings = with;
	Booking		booking;

	booking_found(bookings, &booking);
	*over_at = booking.expires_at;
	if (!booking_lock_found(bookings, &booking) ||
		(booking.status != BOOKING_EXPIRED && booking.status != BOOKING_RELEASED))
		return false;
	/* Of an expiry there is none, but there may be payments before it that were declined. */
	delete_history(&booking);
	store_delete(&bookings->store, &booking.tid);
	return true;
}

/*
 * Deletes up to batch bookings whose time is over, in the current transaction,
 * and returns how many; those that others have locked are left.
 */
int
ended_holds_purge(int batch, PurgeWalk *walk)
{
	Bookings	bookings;
	int			purged;

	if (kept_for_ever())
		return 0;
	bookings_open(&bookings, STORE_BOOKING_ENDED);
	purged = purge_walk(walk, &bookings.scan, GetCurrentTimestamp() - ttl(), batch, delete_found, &bookings);
	bookings_close(&bookings);
	CommandCounterIncrement();
	return purged;
}

/* When the next booking's time is over; false: there is none. */
bool
ended_holds_next_due(TimestampTz *due, PurgeWalk *walk)
{
	Bookings	bookings;
	Booking		first;
	bool		found;

	if (kept_for_ever())
		return false;
	bookings_open(&bookings, STORE_BOOKING_ENDED);
	found = purge_walk_find(walk, &bookings.scan);
	if (found)
	{
		booking_found(&bookings, &first);
		purge_walk_note(walk, first.expires_at);
		*due = first.expires_at + ttl();
	}
	bookings_close(&bookings);
	return found;
}

/* purge_ended_holds(batch integer) → integer */
Datum
tixbook_purge_ended_holds(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_ended_holds()");
	PG_RETURN_INT32(ended_holds_purge(argument_batch(fcinfo, 0), NULL));
}
