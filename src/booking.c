/*
 * booking.c: what happens to a hold: confirm, release, cancel.
 *
 * The row of the booking is replaced first, which takes its lock and proves
 * that it was the newest one, then the blocks of its seats.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "booking.h"
#include "inventory.h"
#include "refund.h"
#include "settings.h"
#include "ticket.h"
#include "waitingroom.h"

PG_FUNCTION_INFO_V1(tixbook_confirm);
PG_FUNCTION_INFO_V1(tixbook_release);
PG_FUNCTION_INFO_V1(tixbook_cancel);

#define MAX_REFERENCE_CHARS 255

/*
 * Finds a booking to change, locked or as it was read; false: there is none,
 * or others have it for longer than the wait.
 */
static bool
find_booking(Bookings *bookings, const pg_uuid_t *id, Booking *booking, bool lock,
			 BoundedWait *wait, Refusal *refusal)
{
	ScanKeyData key;

	store_key_uuid(&key, 1, id);
	for (;;)
	{
		store_scan_start(&bookings->scan, &key, 1);
		if (!store_scan_next(&bookings->scan))
			return refuse(refusal, REASON_BOOKING_NOT_FOUND, booking_id_text(id),
						  "{\"booking_id\": \"%s\"}", booking_id_text(id));
		booking_found(bookings, booking);
		if (lock ? booking_lock_found(bookings, booking) : booking_to_change(bookings, booking))
			return true;
		if (!bounded_wait(wait))
			return booking_is_busy(booking, refusal);
	}
}

bool
booking_lock(Bookings *bookings, const pg_uuid_t *id, Booking *booking, BoundedWait *wait,
			 Refusal *refusal)
{
	return find_booking(bookings, id, booking, true, wait, refusal);
}

/* Repeating a confirmation that has happened, with the same payment, is no mistake. */
static bool
confirmed_before(const Booking *booking, const char *reference)
{
	return booking->status == BOOKING_CONFIRMED && booking->payment_reference != NULL &&
		strcmp(booking->payment_reference, reference) == 0;
}

/* Who has the payment reference already: false where another booking has, or still may get it. */
static bool
reference_is_free(const Booking *booking, const char *reference, BoundedWait *wait,
				  Refusal *refusal)
{
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, booking->event_id);
	store_key_text(&keys[1], 2, reference);
	for (;;)
	{
		switch (store_key_claim(STORE_BOOKING, STORE_BOOKING_PAYMENT, keys, 2))
		{
			case KEY_FREE:
				return true;
			case KEY_TAKEN:
				return refuse(refusal, REASON_PAYMENT_REFERENCE_USED, reference,
							  "{\"event_id\": %d, \"payment_reference\": %s}",
							  booking->event_id, json_quote(reference));
			case KEY_IN_OTHER_HANDS:
				if (!bounded_wait(wait))
					return booking_is_busy(booking, refusal);
		}
	}
}

/*
 * Confirms the booking under the payment reference.  The index over references
 * decides between two bookings that want the same: the later one takes its
 * change back, and waits for what becomes of the earlier one.
 */
static bool
take_reference(Bookings *bookings, Booking *booking, const char *reference, BoundedWait *wait,
			   Refusal *refusal)
{
	Booking		hold = *booking;

	store_tell_duplicate(&bookings->store, STORE_BOOKING_PAYMENT);
	for (;;)
	{
		booking->payment_reference = pstrdup(reference);
		if (!booking_change(bookings, booking, BOOKING_CONFIRMED, NULL, refusal))
			return false;
		if (!bookings->store.duplicate)
			return true;
		hold.tid = booking->tid;
		hold.locked = true;
		(void) booking_write(bookings, &hold);
		*booking = hold;
		if (!reference_is_free(booking, reference, wait, refusal))
			return false;
	}
}

/* Makes a live hold a sale, with its tickets; false: its state or the reference does not allow it. */
bool
booking_confirm(Bookings *bookings, Booking *booking, const char *reference, BoundedWait *wait,
				Refusal *refusal)
{
	if (confirmed_before(booking, reference))
		return true;
	if (!take_reference(bookings, booking, reference, wait, refusal))
		return false;
	tickets_issue(booking);
	waitingroom_bought(booking->event_id, booking->customer, booking->confirmed_at);
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
	return ok || booking_is_busy(booking, refusal);
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
	refund_cancelled(booking);
	return booking_give_back(booking, refusal);
}

/* What can happen to a booking; text says more of it. */
typedef bool (*Change) (Bookings *bookings, Booking *booking, const char *text, BoundedWait *wait,
						Refusal *refusal);

/* Changes the booking as it was read; where somebody else was faster, once more under its lock. */
static bool
change_booking(const pg_uuid_t *id, Change change, const char *text, Booking *booking,
			   Refusal *refusal)
{
	Bookings	bookings;
	BoundedWait wait;
	bool		done;

	bounded_wait_start(&wait, tixbook_lock_wait);
	bookings_open(&bookings, STORE_BOOKING_KEY);
	done = find_booking(&bookings, id, booking, false, &wait, refusal) &&
		change(&bookings, booking, text, &wait, refusal);
	if (!done && bookings.raced)
		done = booking_lock(&bookings, id, booking, &wait, refusal) &&
			change(&bookings, booking, text, &wait, refusal);
	bookings_close(&bookings);
	return done;
}

static Datum
change_entry(FunctionCallInfo fcinfo, Change change, const char *text)
{
	Refusal		refusal = {REASON_NONE};
	Booking		booking;

	if (PG_ARGISNULL(0))
		refuse_parameter(&refusal, "booking_id", "must not be null");
	else if (change_booking(PG_GETARG_UUID_P(0), change, text, &booking, &refusal))
		return booking_datum(fcinfo, &booking);
	refusal_raise(&refusal);
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
