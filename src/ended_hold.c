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
delete_found(Bookings *bookings, Booking *booking)
{
	if (!booking_lock_found(bookings, booking) ||
		(booking->status != BOOKING_EXPIRED && booking->status != BOOKING_RELEASED))
		return false;
	/* Of an expiry there is none, but there may be payments before it that were declined. */
	delete_history(booking);
	store_delete(&bookings->store, &booking->tid);
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
	ScanKeyData keys[MAX_PURGE_KEYS];
	int			purged = 0;

	if (kept_for_ever())
		return 0;
	bookings_open(&bookings, STORE_BOOKING_ENDED);
	store_scan_start(&bookings.scan, keys, purge_walk_keys(walk, GetCurrentTimestamp() - ttl(), keys));
	while (purged < batch && store_scan_next(&bookings.scan))
	{
		Booking		booking;
		TimestampTz over_at;
		bool		deleted;

		CHECK_FOR_INTERRUPTS();
		booking_found(&bookings, &booking);
		over_at = booking.expires_at;
		deleted = delete_found(&bookings, &booking);
		purge_walk_passes(walk, over_at, deleted);
		purged += deleted;
	}
	if (purged < batch)
		purge_walk_ends(walk);
	bookings_close(&bookings);
	CommandCounterIncrement();
	return purged;
}

/* When the next booking's time is over; false: there is none. */
bool
ended_holds_next_due(TimestampTz *due, PurgeWalk *walk)
{
	ScanKeyData keys[MAX_PURGE_KEYS];

	if (kept_for_ever() ||
		!booking_earliest_end(STORE_BOOKING_ENDED, keys, purge_walk_keys(walk, DT_NOEND, keys), due))
		return false;
	*due += ttl();
	return true;
}

/* purge_ended_holds(batch integer) → integer */
Datum
tixbook_purge_ended_holds(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_ended_holds()");
	PG_RETURN_INT32(ended_holds_purge(argument_batch(fcinfo, 0), NULL));
}
