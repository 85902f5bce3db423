/*
 * booking_state.c: the states of a booking, and the one way from one to
 * another.
 *
 *   held ──► paying ──► confirmed ──► cancelled
 *    │  ◄──────┤
 *    │         └──► expired
 *    ├──► confirmed, released, expired
 *
 * A card that is declined takes paying back to held.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "booking.h"

enum
{
	COLUMN_EVENT_ID,
	COLUMN_BOOKING_ID,
	COLUMN_CHANGED_AT,
	COLUMN_FROM_STATUS,
	COLUMN_TO_STATUS,
	COLUMN_REASON,
	COLUMNS
};

static const bool allowed[BOOKING_STATUSES][BOOKING_STATUSES] = {
	[BOOKING_HELD] = {
		[BOOKING_PAYING] = true,
		[BOOKING_CONFIRMED] = true,
		[BOOKING_RELEASED] = true,
		[BOOKING_EXPIRED] = true,
	},
	[BOOKING_PAYING] = {
		[BOOKING_HELD] = true,
		[BOOKING_CONFIRMED] = true,
		[BOOKING_EXPIRED] = true,
	},
	[BOOKING_CONFIRMED] = {
		[BOOKING_CANCELLED] = true,
	},
};

static void
write_history(const Booking *booking, BookingStatus to, const char *reason)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	Store		store;

	values[COLUMN_EVENT_ID] = Int32GetDatum(booking->event_id);
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(&booking->id);
	values[COLUMN_CHANGED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[COLUMN_FROM_STATUS] = booking_status_datum(booking->status);
	values[COLUMN_TO_STATUS] = booking_status_datum(to);
	values[COLUMN_REASON] = reason == NULL ? (Datum) 0 : CStringGetTextDatum(reason);
	nulls[COLUMN_REASON] = reason == NULL;

	store_open(&store, STORE_BOOKING_HISTORY);
	store_insert(&store, values, nulls);
	store_close(&store);
}

static bool
refuse_transition(const Booking *booking, BookingStatus to, Refusal *refusal)
{
	char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&booking->id)));

	/* Who comes after the end of the hold is told that, not the name of a state. */
	if (booking->status == BOOKING_EXPIRED || booking_is_due(booking, GetCurrentTimestamp()))
		return refuse(refusal, REASON_HOLD_EXPIRED, id,
					  "{\"booking_id\": \"%s\", \"event_id\": %d, \"expires_at\": \"%s\"}",
					  id, booking->event_id, timestamptz_to_str(booking->expires_at));
	return refuse(refusal, REASON_ILLEGAL_TRANSITION, id,
				  "{\"booking_id\": \"%s\", \"event_id\": %d, \"status\": \"%s\", \"wanted\": \"%s\"}",
				  id, booking->event_id, booking_status_name(booking->status),
				  booking_status_name(to));
}

/*
 * Brings a booking, whose row this transaction has locked, into another state,
 * and writes that into its history; the only way to change a status.  False:
 * its state does not allow it.  A hold that is due can only expire.
 */
bool
booking_change(Bookings *bookings, Booking *booking, BookingStatus to, const char *reason,
			   Refusal *refusal)
{
	if (!allowed[booking->status][to] ||
		(to != BOOKING_EXPIRED && booking_is_due(booking, GetCurrentTimestamp())))
		return refuse_transition(booking, to, refusal);
	write_history(booking, to, reason);
	booking->status = to;
	booking_write(bookings, booking);
	return true;
}
