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
booking_is_busy(const pg_uuid_t *id, Refusal *refusal)
{
	int32		event_id;

	booking_event_of(id, &event_id);
	return refuse_busy(refusal, psprintf("booking %s", id_text(id)), event_id);
}

/*
 * Finds and locks a booking; false: there is none, or others have it for
 * longer than the wait.
 */
bool
booking_lock(Bookings *bookings, const pg_uuid_t *id, Booking *booking, BoundedWait *wait,
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
			return booking_is_busy(id, refusal);
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
		return booking_is_busy(&booking->id, refusal);
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

/* Makes a live hold a sale, with its tickets; false: its state or the reference does not allow it. */
bool
booking_confirm(Bookings *bookings, Booking *booking, const char *reference, BoundedWait *wait,
				Refusal *refusal)
{
	if (confirmed_before(booking, reference))
		return true;
	if (booking_is_live_hold(booking, GetCurrentTimestamp()))
	{
		if (!claim_reference(booking, reference, wait, refusal))
			return false;
		booking->payment_reference = pstrdup(reference);
	}
	if (!booking_change(bookings, booking, BOOKING_CONFIRMED, NULL, refusal))
		return false;
	tickets_issue(booking);
	return true;
}

/* Gives the seats of a booking back; false: one of their blocks is in other hands. */
bool
booking_give_back(const Booking *booking, Refusal *refusal)
{
	Event	   *event = catalog_event(booking->event_id);
	SeatList	seats = {booking->nseats, booking->seats};
	bool		ok = true;

	if (event != NULL)
		inventory_give_back(event, &seats, 1, tixbook_lock_wait, &ok);
	return ok || booking_is_busy(&booking->id, refusal);
}

static bool
release_booking(Bookings *bookings, Booking *booking, const char *unused, BoundedWait *wait,
				Refusal *refusal)
{
	if (booking->status == BOOKING_RELEASED)
		return true;
	return booking_change(bookings, booking, BOOKING_RELEASED, NULL, refusal) &&
		booking_give_back(booking, refusal);
}

static bool
cancel_booking(Bookings *bookings, Booking *booking, const char *reason, BoundedWait *wait,
			   Refusal *refusal)
{
	if (booking->status == BOOKING_CANCELLED)
		return true;
	if (!booking_change(bookings, booking, BOOKING_CANCELLED, reason, refusal))
		return false;
	tickets_void(booking);
	return booking_give_back(booking, refusal);
}

/* What can happen to a booking, whose row is locked; text says more of it. */
typedef bool (*Change) (Bookings *bookings, Booking *booking, const char *text, BoundedWait *wait,
						Refusal *refusal);

/* Locks the booking named by the first argument, and changes it. */
static Datum
change_entry(FunctionCallInfo fcinfo, Change change, const char *text)
{
	Refusal		refusal = {REASON_NONE};
	Bookings	bookings;
	Booking		booking;
	BoundedWait wait;
	bool		done;

	if (PG_ARGISNULL(0))
	{
		refuse_parameter(&refusal, "booking_id", "must not be null");
		refusal_raise(&refusal);
	}
	bounded_wait_start(&wait, tixbook_lock_wait);
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = booking_lock(&bookings, PG_GETARG_UUID_P(0), &booking, &wait, &refusal) &&
		change(&bookings, &booking, text, &wait, &refusal);
	bookings_close(&bookings);
	if (!done)
		refusal_raise(&refusal);
	return booking_datum(&booking);
}

/* confirm(booking_id uuid, payment_reference text) → booking */
Datum
tixbook_confirm(PG_FUNCTION_ARGS)
{
	char	   *reference = argument_text(fcinfo, 1);
	Refusal		refusal = {REASON_NONE};

	PreventCommandIfReadOnly("tixbook.confirm()");
	if (reference != NULL && *reference != '\0' && pg_mbstrlen(reference) <= MAX_REFERENCE_CHARS)
		return change_entry(fcinfo, booking_confirm, reference);
	refuse_parameter(&refusal, "payment_reference", "must have 1 to 255 characters");
	refusal_raise(&refusal);
}

/* release(booking_id uuid) → booking */
Datum
tixbook_release(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.release()");
	return change_entry(fcinfo, release_booking, NULL);
}

/* cancel(booking_id uuid, reason text) → booking */
Datum
tixbook_cancel(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.cancel()");
	return change_entry(fcinfo, cancel_booking, argument_text(fcinfo, 1));
}
