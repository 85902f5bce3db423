/*
 * reservation.c: a hold is made.
 *
 * In this order: the wish is checked, a repeated one is answered, the
 * customer's limit is claimed, the seats are taken (reservation_take.c), the
 * booking is written, and the answer stored with its key.  All of it commits
 * together.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "bounded_wait.h"
#include "cache.h"
#include "claim.h"
#include "hold.h"
#include "idempotency.h"
#include "reservation.h"
#include "settings.h"
#include "waitingroom.h"
#include "worker.h"

#define MAX_CUSTOMER_CHARS 255

/* Whether somebody can have that name. */
bool
reservation_customer(const char *customer, Refusal *refusal)
{
	if (customer != NULL &&
		(*customer == '\0' || pg_mbstrlen(customer) > MAX_CUSTOMER_CHARS))
		return refuse_parameter(refusal, "customer", "must have 1 to 255 characters");
	return true;
}

/* The section and the category of the wish, by name. */
bool
reservation_scope(Reservation *reservation, const char *section, const char *category, Refusal *refusal)
{
	const VenueLayout *layout = reservation->event->layout;

	reservation->wish.section = section == NULL ? -1 : catalog_find_section(layout, section);
	reservation->wish.category_no = category == NULL ? -1 : catalog_find_category(layout, category);
	if (section != NULL && reservation->wish.section < 0)
		return refuse(refusal, REASON_SECTION_NOT_FOUND, psprintf("\"%s\"", section),
					  "{\"event_id\": %d, \"section\": %s}",
					  reservation->event->event_id, json_quote(section));
	if (category != NULL && reservation->wish.category_no < 0)
		return refuse(refusal, REASON_CATEGORY_NOT_FOUND, psprintf("\"%s\"", category),
					  "{\"event_id\": %d, \"category\": %s}",
					  reservation->event->event_id, json_quote(category));
	return true;
}

static bool
refuse_off_sale(const Reservation *reservation, const char *status, Refusal *refusal)
{
	const Event *event = reservation->event;
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"event_id\": %d, \"status\": \"%s\"", event->event_id, status);
	if (!TIMESTAMP_NOT_FINITE(event->sale_starts_at))
		appendStringInfo(&detail, ", \"sale_starts_at\": \"%s\"",
						 timestamptz_to_str(event->sale_starts_at));
	if (!TIMESTAMP_NOT_FINITE(event->sale_ends_at))
		appendStringInfo(&detail, ", \"sale_ends_at\": \"%s\"",
						 timestamptz_to_str(event->sale_ends_at));
	appendStringInfoChar(&detail, '}');
	return refuse(refusal, REASON_EVENT_NOT_ON_SALE, psprintf("%d", event->event_id),
				  "%s", detail.data);
}

static bool
check_on_sale(const Reservation *reservation, Refusal *refusal)
{
	static const char *const names[] = {
		[SALE_DRAFT] = "draft",[SALE_PAUSED] = "paused",[SALE_CLOSED] = "closed",
	};
	const Event *event = reservation->event;

	if (event->status != SALE_ON)
		return refuse_off_sale(reservation, names[event->status], refusal);
	if (reservation->now < event->sale_starts_at)
		return refuse_off_sale(reservation, "not_started", refusal);
	if (reservation->now >= event->sale_ends_at)
		return refuse_off_sale(reservation, "ended", refusal);
	return true;
}

static bool
check_quantity(const Reservation *reservation, Refusal *refusal)
{
	int32		limit = reservation->event->max_per_booking;

	if (reservation->wish.quantity < 1)
		return refuse_parameter(refusal, "quantity", "must be 1 seat or more");
	if (reservation->wish.quantity <= limit)
		return true;
	return refuse(refusal, REASON_LIMIT_EXCEEDED,
				  psprintf("event %d sells at most %d in a booking", reservation->event->event_id, limit),
				  "{\"event_id\": %d, \"limit\": \"max_per_booking\", \"max\": %d, \"wanted\": %d}",
				  reservation->event->event_id, limit, reservation->wish.quantity);
}

/* Days and months are for the calendar of the time zone to tell. */
static TimestampTz
later_by(TimestampTz now, const Interval *ttl)
{
	if (ttl->month == 0 && ttl->day == 0 && ttl->time >= 0 && ttl->time <= USECS_PER_DAY)
		return now + ttl->time;
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now),
												   IntervalPGetDatum(ttl)));
}

/*
 * When a hold made now ends; false: the caller wants it too long, or for no
 * time.  What the event or the setting says is cut short where it is too long.
 */
static bool
hold_end(const Reservation *reservation, TimestampTz *expires_at, Refusal *refusal)
{
	const Interval *ttl = reservation->hold_for != NULL ? reservation->hold_for : &reservation->event->hold_ttl;
	TimestampTz latest = reservation->now + (int64) tixbook_max_hold * USECS_PER_SEC;

	if (ttl->time == 0 && ttl->day == 0 && ttl->month == 0 && reservation->hold_for == NULL)
	{
		*expires_at = Min(reservation->now + (int64) tixbook_hold_ttl * USECS_PER_SEC, latest);
		return true;
	}
	if (ttl->month < -1200 || ttl->month > 1200 || ttl->day < -36500 || ttl->day > 36500)
		return refuse_parameter(refusal, "hold_for", "is longer than tixbook.max_hold");
	*expires_at = later_by(reservation->now, ttl);
	if (*expires_at <= reservation->now)
		return refuse_parameter(refusal, "hold_for", "must be longer than nothing");
	if (reservation->hold_for == NULL)
		*expires_at = Min(*expires_at, latest);
	if (*expires_at > latest)
		return refuse_parameter(refusal, "hold_for", "is longer than tixbook.max_hold");
	return true;
}

/* The seats that a customer holds or has bought at the event. */
static int64
seats_of_customer(const Reservation *reservation)
{
	Bookings	bookings;
	ScanKeyData keys[2];
	int64		seats = 0;

	store_key_text(&keys[0], 1, reservation->customer);
	store_key_int4(&keys[1], 2, reservation->event->event_id);
	bookings_open(&bookings, STORE_BOOKING_CUSTOMER);
	store_scan_start(&bookings.scan, keys, 2);
	while (store_scan_next(&bookings.scan))
	{
		Booking		booking;

		booking_found(&bookings, &booking);
		if (booking.status == BOOKING_CONFIRMED || booking_is_live_hold(&booking, reservation->now))
			seats += booking.nseats;
	}
	bookings_close(&bookings);
	return seats;
}

/*
 * Whether the customer may have that many more.  The claim makes concurrent
 * requests of one customer take turns until they commit.
 */
static bool
check_customer_limit(const Reservation *reservation, Refusal *refusal)
{
	const Event *event = reservation->event;
	BoundedWait wait;
	int64		has;

	if (reservation->customer == NULL || event->max_per_customer == 0)
		return true;
	bounded_wait_start(&wait, reservation->batch != NULL ? 0 : tixbook_lock_wait);
	if (!claim_within(CLAIM_CUSTOMER, event->event_id, reservation->customer, &wait))
		return refuse_busy(refusal, "another request of the same customer", event->event_id);
	has = seats_of_customer(reservation);
	if (has + reservation->wish.quantity <= event->max_per_customer)
		return true;
	return refuse(refusal, REASON_LIMIT_EXCEEDED,
				  psprintf("event %d sells at most %d to a customer",
						   event->event_id, event->max_per_customer),
				  "{\"event_id\": %d, \"limit\": \"max_per_customer\", \"max\": %d, \"has\": %lld, \"wanted\": %d}",
				  event->event_id, event->max_per_customer, (long long) has,
				  reservation->wish.quantity);
}

static void
write_booking(const Reservation *reservation, const Take *taken, TimestampTz expires_at, Booking *booking)
{
	Bookings	bookings;

	memset(booking, 0, sizeof(Booking));
	booking_new_id(&booking->id, reservation->event->event_id, reservation->now);
	booking->created_at = reservation->now;
	booking->expires_at = expires_at;
	booking->amount = taken->amount;
	booking->event_id = reservation->event->event_id;
	booking->status = BOOKING_HELD;
	booking->adjacent = taken->adjacent;
	booking->nseats = taken->nseats;
	booking->seats = taken->seats;
	booking->currency = reservation->event->currency;
	booking->customer = reservation->customer;

	bookings_open(&bookings, STORE_BOOKING_KEY);
	booking_insert(&bookings, booking);
	bookings_close(&bookings);
	cache_hold_ends(booking->event_id, expires_at);
	worker_due(JOB_EXPIRY, expires_at);
}

/* Where the event has a waiting room, he must have been let in. */
static bool
check_admission(const Reservation *reservation, Refusal *refusal)
{
	return reservation->admitted ||
		waitingroom_admits(reservation->event, reservation->customer, reservation->admission,
						   reservation->now, refusal);
}

/* Whether the sale, the event's limits and the settings allow it, and when the hold would end. */
bool
reservation_check(const Reservation *reservation, TimestampTz *expires_at, Refusal *refusal)
{
	return check_on_sale(reservation, refusal) && check_admission(reservation, refusal) &&
		check_quantity(reservation, refusal) &&
		hold_end(reservation, expires_at, refusal);
}

static bool
make_hold(const Reservation *reservation, Booking *booking, Refusal *refusal)
{
	TimestampTz expires_at = 0;
	Take		taken;

	if (!reservation_check(reservation, &expires_at, refusal) ||
		!check_customer_limit(reservation, refusal) || !reservation_take(reservation, &taken, refusal))
		return false;
	write_booking(reservation, &taken, expires_at, booking);
	return true;
}

/* Makes the hold, once for all repetitions of one that carries a key. */
bool
reservation_make(const Reservation *reservation, Booking *booking, Refusal *refusal)
{
	KeyedRequest keyed;
	Jsonb	   *response;

	if (reservation->key == NULL)
		return make_hold(reservation, booking, refusal);
	if (!idempotency_request(&keyed, reservation->event->event_id, reservation->operation,
							 reservation->customer, reservation->key, reservation->parameters, refusal) ||
		!idempotency_begin(&keyed, &response, refusal))
		return false;
	if (response != NULL)
	{
		hold_from_jsonb(response, booking);
		return true;
	}
	if (!make_hold(reservation, booking, refusal))
		return false;
	idempotency_store(&keyed, hold_to_jsonb(booking));
	return true;
}
