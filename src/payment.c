/*
 * payment.c: what a payment does to its booking.
 *
 * While the provider decides, the booking is `paying`, and keeps its seats for
 * at least the payment window.  The payments themselves are rows that
 * sql/payment.sql keeps; here are the two changes of a booking that they need.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "booking.h"
#include "bounded_wait.h"
#include "cache.h"
#include "settings.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_begin_payment);
PG_FUNCTION_INFO_V1(tixbook_end_payment);
PG_FUNCTION_INFO_V1(tixbook_new_payment_id);

/* The booking whose row is locked for the change, or a refusal. */
static bool
find_booking(FunctionCallInfo fcinfo, Bookings *bookings, Booking *booking, BoundedWait *wait,
			 Refusal *refusal)
{
	if (PG_ARGISNULL(0))
		return refuse_parameter(refusal, "booking_id", "must not be null");
	return booking_lock(bookings, PG_GETARG_UUID_P(0), booking, wait, refusal);
}

/* The hold ends at another instant than before. */
static void
tell_hold_end(const Booking *booking)
{
	cache_hold_ends(booking->event_id, booking->expires_at);
	worker_due(JOB_EXPIRY, booking->expires_at);
}

/* begin_payment(booking_id uuid) → booking: held becomes paying, and its end is put off. */
Datum
tixbook_begin_payment(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	BoundedWait wait;
	bool		done;

	PreventCommandIfReadOnly("tixbook.begin_payment()");
	bounded_wait_start(&wait, tixbook_lock_wait);
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = find_booking(fcinfo, &bookings, &booking, &wait, &refusal);
	if (done)
	{
		TimestampTz now = GetCurrentTimestamp();

		if (booking_is_live_hold(&booking, now))
			booking.expires_at = Max(booking.expires_at,
									 now + (int64) tixbook_payment_window * USECS_PER_SEC);
		done = booking_change(&bookings, &booking, BOOKING_PAYING, NULL, &refusal);
	}
	bookings_close(&bookings);
	if (!done)
		refusal_raise(&refusal);
	tell_hold_end(&booking);
	PG_RETURN_DATUM(booking_datum(fcinfo, &booking));
}

/* The card was declined: the hold has what is left of its time, or is over. */
static bool
return_to_hold(Bookings *bookings, Booking *booking, TimestampTz hold_expires_at, const char *reason,
			   Refusal *refusal)
{
	if (booking->status != BOOKING_PAYING)
		return true;
	booking->expires_at = hold_expires_at;
	if (booking_change(bookings, booking, BOOKING_HELD, reason, refusal))
	{
		tell_hold_end(booking);
		return true;
	}
	return refusal->reason == REASON_HOLD_EXPIRED &&
		booking_change(bookings, booking, BOOKING_EXPIRED, reason, refusal) &&
		booking_give_back(booking, refusal);
}

/* Whether the refusal says that the hold had gone when its money came; its booking, even. */
static bool
came_too_late(const Refusal *refusal)
{
	return refusal->reason == REASON_HOLD_EXPIRED ||
		refusal->reason == REASON_ILLEGAL_TRANSITION ||
		refusal->reason == REASON_BOOKING_NOT_FOUND;
}

/*
 * end_payment(booking_id uuid, payment_reference text, hold_expires_at
 * timestamptz, reason text) → boolean: the provider has decided.  With a
 * reference the money was captured, and false says that the booking could not
 * be confirmed any more.
 */
Datum
tixbook_end_payment(PG_FUNCTION_ARGS)
{
	char	   *reference = argument_text(fcinfo, 1);
	char	   *reason = argument_text(fcinfo, 3);
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	BoundedWait wait;
	bool		done;

	PreventCommandIfReadOnly("tixbook.end_payment()");
	if (PG_ARGISNULL(2))
		elog(ERROR, "a payment must know when its hold ended");
	bounded_wait_start(&wait, tixbook_lock_wait);
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = find_booking(fcinfo, &bookings, &booking, &wait, &refusal) &&
		(reference != NULL ? booking_confirm(&bookings, &booking, reference, &wait, &refusal) :
		 return_to_hold(&bookings, &booking, PG_GETARG_TIMESTAMPTZ(2), reason, &refusal));
	bookings_close(&bookings);
	if (!done && !came_too_late(&refusal))
		refusal_raise(&refusal);
	PG_RETURN_BOOL(done);
}

/* new_payment_id(event_id integer) → uuid: made like a booking reference, so it carries its event. */
Datum
tixbook_new_payment_id(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	booking_new_id(id, PG_GETARG_INT32(0), GetCurrentTimestamp());
	PG_RETURN_UUID_P(id);
}
