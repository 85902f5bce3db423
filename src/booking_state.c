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
#include "publish.h"
#include "webhook.h"

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
write_history(const Booking *booking, BookingStatus from, const char *reason)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	Store		store;

	values[COLUMN_EVENT_ID] = Int32GetDatum(booking->event_id);
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(&booking->id);
	values[COLUMN_CHANGED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[COLUMN_FROM_STATUS] = booking_status_datum(from);
	values[COLUMN_TO_STATUS] = booking_status_datum(booking->status);
	values[COLUMN_REASON] = reason == NULL ? (Datum) 0 : CStringGetTextDatum(reason);
	nulls[COLUMN_REASON] = reason == NULL;

	store_open(&store, STORE_BOOKING_HISTORY);
	store_insert(&store, values, nulls);
	store_close(&store);
}

static bool
refuse_transition(const Booking *booking, BookingStatus to, Refusal *refusal)
{
	char	   *id = booking_id_text(&booking->id);

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

/* Somebody else is deciding on the booking. */
bool
booking_is_busy(const Booking *booking, Refusal *refusal)
{
	return refuse_busy(refusal, psprintf("booking %s", booking_id_text(&booking->id)),
					   booking->event_id);
}

/* What the booking itself does not tell: history() derives the rest from it. */
static bool
needs_history(BookingStatus to, const char *reason)
{
	return (to != BOOKING_CONFIRMED && to != BOOKING_EXPIRED) || reason != NULL;
}

/*
 * Brings a booking into another state, and writes that into its history; the
 * only way to change a status.  False: its state does not allow it, or it was
 * not locked and somebody else was faster (bookings->raced).  A hold that is
 * due can only expire.
 */
bool
booking_change(Bookings *bookings, Booking *booking, BookingStatus to, const char *reason,
			   Refusal *refusal)
{
	BookingStatus from = booking->status;

	if (!allowed[from][to] ||
		(to != BOOKING_EXPIRED && booking_is_due(booking, GetCurrentTimestamp())))
		return refuse_transition(booking, to, refusal);
	booking->status = to;
	if (to == BOOKING_CONFIRMED)
		booking->confirmed_at = GetCurrentTimestamp();
	if (!booking_write(bookings, booking))
		return booking_is_busy(booking, refusal);
	if (needs_history(to, reason))
		write_history(booking, from, reason);
	webhook_booking_changed(booking);
	publish_booking_changed(booking);
	return true;
}
