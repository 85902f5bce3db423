/*
 * booking.c: what happens to a hold: confirm, release, cancel.
 *
 * The row of the booking is locked first, then the blocks of its seats.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "booking.h"
#include "claim.h"
#include "inventory.h"
#include "settings.h"
#include "ticket.h"

PG_FUNCTION_INFO_V1(tixbook_confirm);
PG_FUNCTION_INFO_V1(tixbook_release);
PG_FUNCTION_INFO_V1(tixbook_cancel);

#define MAX_REFERENCE_CHARS 255

static char *
id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

static bool
refuse_busy(Refusal *refusal, const pg_uuid_t *id)
{
	return refuse(refusal, REASON_BUSY, psprintf("booking %s", id_text(id)),
				  "{\"booking_id\": \"%s\", \"retry_after_ms\": %d}",
				  id_text(id), Max(tixbook_lock_wait, 100));
}

/*
 * Finds and locks a booking; false: there is none, or others have it for
 * longer than the wait.
 */
static bool
lock_booking(Bookings *bookings, const pg_uuid_t *id, Booking *booking, BoundedWait *wait,
			 Refusal *refusal)
{
	ScanKeyData key;

	store_key_uuid(&key, 1, id);
	for (;;)
	{
		store_scan_start(&bookings->scan, &key, 1);
		if (!store_scan_next(&bookings->scan))
			return refuse(refusal, REASON_BOOKING_NOT_FOUND, id_text(id),
						  "{\"booking_id\": \"%s\"}", id_text(id));
		if (store_lock(&bookings->scan))
			break;
		if (!bounded_wait(wait))
			return refuse_busy(refusal, id);
	}
	booking_found(bookings, booking);
	return true;
}

/*
 * Claims the payment reference for the booking, so that two bookings cannot
 * get it at once; false: it belongs to another one.
 */
static bool
claim_reference(const Booking *booking, const char *reference, BoundedWait *wait, Refusal *refusal)
{
	StoreScan	scan;
	ScanKeyData keys[2];
	bool		used;

	if (!claim_within(CLAIM_PAYMENT, booking->event_id, reference, wait))
		return refuse_busy(refusal, &booking->id);
	store_key_int4(&keys[0], 1, booking->event_id);
	store_key_text(&keys[1], 2, reference);
	store_scan_open(&scan, STORE_BOOKING, STORE_BOOKING_PAYMENT);
	store_scan_start(&scan, keys, 2);
	used = store_scan_next(&scan);
	store_scan_close(&scan);
	return !used || refuse(refusal, REASON_PAYMENT_REFERENCE_USED, reference,
						   "{\"event_id\": %d, \"payment_reference\": %s}",
						   booking->event_id, json_quote(reference));
}

/* Repeating a confirmation that has happened, with the same payment, is no mistake. */
static bool
confirmed_before(const Booking *booking, const char *reference)
{
	return booking->status == BOOKING_CONFIRMED && booking->payment_reference != NULL &&
		strcmp(booking->payment_reference, reference) == 0;
}

static bool
confirm_booking(Bookings *bookings, const pg_uuid_t *id, const char *reference,
				Booking *booking, Refusal *refusal)
{
	BoundedWait wait;

	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!lock_booking(bookings, id, booking, &wait, refusal))
		return false;
	if (confirmed_before(booking, reference))
		return true;
	if (booking_is_live_hold(booking, GetCurrentTimestamp()))
	{
		if (!claim_reference(booking, reference, &wait, refusal))
			return false;
		booking->payment_reference = pstrdup(reference);
	}
	if (!booking_change(bookings, booking, BOOKING_CONFIRMED, NULL, refusal))
		return false;
	tickets_issue(booking);
	return true;
}

/* Gives the seats of a booking back; false: one of their blocks is in other hands. */
static bool
give_seats_back(const Booking *booking, Refusal *refusal)
{
	Event	   *event = catalog_event(booking->event_id);
	SeatList	seats = {booking->nseats, booking->seats};
	bool		ok = true;

	if (event != NULL)
		inventory_give_back(event, &seats, 1, tixbook_lock_wait, &ok);
	return ok || refuse_busy(refusal, &booking->id);
}

static bool
release_booking(Bookings *bookings, const pg_uuid_t *id, Booking *booking, Refusal *refusal)
{
	BoundedWait wait;

	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!lock_booking(bookings, id, booking, &wait, refusal))
		return false;
	if (booking->status == BOOKING_RELEASED)
		return true;
	return booking_change(bookings, booking, BOOKING_RELEASED, NULL, refusal) &&
		give_seats_back(booking, refusal);
}

static bool
cancel_booking(Bookings *bookings, const pg_uuid_t *id, const char *reason, Booking *booking,
			   Refusal *refusal)
{
	BoundedWait wait;

	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!lock_booking(bookings, id, booking, &wait, refusal))
		return false;
	if (booking->status == BOOKING_CANCELLED)
		return true;
	if (!booking_change(bookings, booking, BOOKING_CANCELLED, reason, refusal))
		return false;
	tickets_void(booking);
	return give_seats_back(booking, refusal);
}

static pg_uuid_t *
booking_id_argument(FunctionCallInfo fcinfo)
{
	Refusal		refusal = {REASON_NONE};

	if (!PG_ARGISNULL(0))
		return PG_GETARG_UUID_P(0);
	refuse_parameter(&refusal, "booking_id", "must not be null");
	refusal_raise(&refusal);
}

/* confirm(booking_id uuid, payment_reference text) → booking */
Datum
tixbook_confirm(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = booking_id_argument(fcinfo);
	char	   *reference = argument_text(fcinfo, 1);
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	bool		done;

	PreventCommandIfReadOnly("tixbook.confirm()");
	if (reference == NULL || *reference == '\0' || pg_mbstrlen(reference) > MAX_REFERENCE_CHARS)
	{
		refuse_parameter(&refusal, "payment_reference", "must have 1 to 255 characters");
		refusal_raise(&refusal);
	}
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = confirm_booking(&bookings, id, reference, &booking, &refusal);
	bookings_close(&bookings);
	if (!done)
		refusal_raise(&refusal);
	PG_RETURN_DATUM(booking_datum(&booking));
}

/* release(booking_id uuid) → booking */
Datum
tixbook_release(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = booking_id_argument(fcinfo);
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	bool		done;

	PreventCommandIfReadOnly("tixbook.release()");
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = release_booking(&bookings, id, &booking, &refusal);
	bookings_close(&bookings);
	if (!done)
		refusal_raise(&refusal);
	PG_RETURN_DATUM(booking_datum(&booking));
}

/* cancel(booking_id uuid, reason text) → booking */
Datum
tixbook_cancel(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = booking_id_argument(fcinfo);
	char	   *reason = argument_text(fcinfo, 1);
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	bool		done;

	PreventCommandIfReadOnly("tixbook.cancel()");
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = cancel_booking(&bookings, id, reason, &booking, &refusal);
	bookings_close(&bookings);
	if (!done)
		refusal_raise(&refusal);
	PG_RETURN_DATUM(booking_datum(&booking));
}
