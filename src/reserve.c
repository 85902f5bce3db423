/*
 * reserve.c: a hold is made.
 *
 * In this order: the request is checked, a repeated one is answered, the
 * customer's limit is claimed, the seats are taken, the booking is written,
 * and the answer stored with its key.  All of it commits together.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "attempt.h"
#include "booking.h"
#include "cache_load.h"
#include "claim.h"
#include "expiry.h"
#include "hold.h"
#include "idempotency.h"
#include "inventory.h"
#include "settings.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_reserve);
PG_FUNCTION_INFO_V1(tixbook_reserve_seats);

#define MAX_CUSTOMER_CHARS 255

/* How many due holds a reservation ends for its own sake: no more than help it. */
#define FIRST_MAKE_WAY_BATCH 16
#define MAX_MAKE_WAY_BATCH 100000

/* How long a party that could sit together waits for that, rather than be split. */
#define TOGETHER_WAIT_MS 100

/* How long blocks in other hands are waited for before all of them are looked at, which is dear. */
#define HANDS_WAIT_MS 16

/* A request to hold seats: the best for a wish, or named ones. */
typedef struct Request
{
	Event	   *event;
	Wish		wish;
	const int32 *seats;			/* named seats, ascending; NULL: the best */
	char	   *customer;		/* or NULL */
	Interval   *hold_for;		/* or NULL */
	char	   *key;			/* or NULL */
	const char *operation;
	char	   *parameters;		/* their canonical text, where there is a key */
	TimestampTz now;
} Request;

static bool
refuse_off_sale(const Request *request, const char *status, Refusal *refusal)
{
	const Event *event = request->event;
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
check_on_sale(const Request *request, Refusal *refusal)
{
	static const char *const names[] = {
		[SALE_DRAFT] = "draft",[SALE_PAUSED] = "paused",[SALE_CLOSED] = "closed",
	};
	const Event *event = request->event;

	if (event->status != SALE_ON)
		return refuse_off_sale(request, names[event->status], refusal);
	if (request->now < event->sale_starts_at)
		return refuse_off_sale(request, "not_started", refusal);
	if (request->now >= event->sale_ends_at)
		return refuse_off_sale(request, "ended", refusal);
	return true;
}

static bool
check_quantity(const Request *request, Refusal *refusal)
{
	int32		limit = request->event->max_per_booking;

	if (request->wish.quantity < 1)
		return refuse_parameter(refusal, "quantity", "must be 1 seat or more");
	if (request->wish.quantity <= limit)
		return true;
	return refuse(refusal, REASON_LIMIT_EXCEEDED,
				  psprintf("event %d sells at most %d in a booking", request->event->event_id, limit),
				  "{\"event_id\": %d, \"limit\": \"max_per_booking\", \"max\": %d, \"wanted\": %d}",
				  request->event->event_id, limit, request->wish.quantity);
}

/*
 * When a hold made now ends; false: the caller wants it too long, or for no
 * time.  What the event or the setting says is cut short where it is too long.
 */
static bool
hold_end(const Request *request, TimestampTz *expires_at, Refusal *refusal)
{
	const Interval *ttl = request->hold_for != NULL ? request->hold_for : &request->event->hold_ttl;
	TimestampTz latest = request->now + (int64) tixbook_max_hold * USECS_PER_SEC;

	if (ttl->time == 0 && ttl->day == 0 && ttl->month == 0 && request->hold_for == NULL)
	{
		*expires_at = Min(request->now + (int64) tixbook_hold_ttl * USECS_PER_SEC, latest);
		return true;
	}
	if (ttl->month < -1200 || ttl->month > 1200 || ttl->day < -36500 || ttl->day > 36500)
		return refuse_parameter(refusal, "hold_for", "is longer than tixbook.max_hold");
	*expires_at = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														  TimestampTzGetDatum(request->now),
														  IntervalPGetDatum(ttl)));
	if (*expires_at <= request->now)
		return refuse_parameter(refusal, "hold_for", "must be longer than nothing");
	if (request->hold_for == NULL)
		*expires_at = Min(*expires_at, latest);
	if (*expires_at > latest)
		return refuse_parameter(refusal, "hold_for", "is longer than tixbook.max_hold");
	return true;
}

/* The seats that a customer holds or has bought at the event. */
static int64
seats_of_customer(const Request *request)
{
	Bookings	bookings;
	ScanKeyData keys[2];
	int64		seats = 0;

	store_key_text(&keys[0], 1, request->customer);
	store_key_int4(&keys[1], 2, request->event->event_id);
	bookings_open(&bookings, STORE_BOOKING_CUSTOMER);
	store_scan_start(&bookings.scan, keys, 2);
	while (store_scan_next(&bookings.scan))
	{
		Booking		booking;

		booking_found(&bookings, &booking);
		if (booking.status == BOOKING_CONFIRMED || booking_is_live_hold(&booking, request->now))
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
check_customer_limit(const Request *request, Refusal *refusal)
{
	const Event *event = request->event;
	BoundedWait wait;
	int64		has;

	if (request->customer == NULL || event->max_per_customer == 0)
		return true;
	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!claim_within(CLAIM_CUSTOMER, event->event_id, request->customer, &wait))
		return refuse_busy(refusal, "another request of the same customer", event->event_id);
	has = seats_of_customer(request);
	if (has + request->wish.quantity <= event->max_per_customer)
		return true;
	return refuse(refusal, REASON_LIMIT_EXCEEDED,
				  psprintf("event %d sells at most %d to a customer",
						   event->event_id, event->max_per_customer),
				  "{\"event_id\": %d, \"limit\": \"max_per_customer\", \"max\": %d, \"has\": %lld, \"wanted\": %d}",
				  event->event_id, event->max_per_customer, (long long) has,
				  request->wish.quantity);
}

static bool
take(const Request *request, bool patient, Take *taken, Refusal *refusal)
{
	if (request->seats != NULL)
		return inventory_take_named(request->event, request->seats, request->wish.quantity,
									taken, refusal);
	return inventory_take_best(request->event, &request->wish, patient, taken, refusal);
}

/*
 * Ends up to batch due holds that stand in the way, and takes the seats; the
 * one only together with the other.  A hold that is due and in other hands may
 * leave seats in a moment, so then no refusal for want of seats may stand.
 */
static bool
make_way_and_take(const Request *request, bool patient, int batch, int *ended, Take *taken,
				  Refusal *refusal)
{
	Attempt		attempt;
	bool		others;
	bool		done;

	attempt_begin(&attempt);
	*ended = expiry_make_way(request->event, request->seats != NULL ? NULL : &request->wish,
							 request->seats, request->wish.quantity, batch, &others);
	done = take(request, patient, taken, refusal);
	attempt_end(&attempt, done);
	if (!done && others && refusal->reason != REASON_BUSY)
		refuse_busy(refusal, psprintf("event %d", request->event->event_id),
					request->event->event_id);
	return done;
}

static pg_noinline void
find_next_due(EventMap *map)
{
	volatile TimestampTz due = 0;

	event_map_renew_due(map);
	PG_TRY();
	{
		TimestampTz earliest;

		due = expiry_next_due(&earliest) ? earliest : DT_NOEND;
	}
	PG_FINALLY();
	{
		event_map_due_renewed(map, due);
	}
	PG_END_TRY();
}

/*
 * Whether it is certain that no hold of the event is due.  What it finds out
 * stands in the map: after a refusal for want of seats, who comes next can be
 * told so without a look at any row, until the next hold ends.  A transaction
 * that has written sees holds as it leaves them, so it does not find out.
 */
static bool
nothing_due(Event *event, TimestampTz now)
{
	EventMap   *map = cache_map(event);
	bool		nothing;

	if (map == NULL)
		return false;
	if (!event_map_nothing_due(map, now) && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		find_next_due(map);
	nothing = event_map_nothing_due(map, now);
	cache_unpin(&map->object);
	return nothing;
}

/* Whether it would rather wait than be split. */
static bool
is_patient(const Request *request)
{
	return !TimestampDifferenceExceeds(request->now, GetCurrentTimestamp(), TOGETHER_WAIT_MS);
}

/*
 * From where seats are remembered; blocks in other hands are waited for a
 * little.  False proves nothing.
 */
static bool
take_remembered(const Request *request, Take *taken, bool *others)
{
	BoundedWait wait;

	bounded_wait_start_even(&wait, Min(HANDS_WAIT_MS, tixbook_lock_wait), 1);
	do
	{
		if (inventory_take_remembered(request->event, &request->wish, taken, others))
			return true;
	} while (*others && bounded_wait(&wait));
	return false;
}

/*
 * The best seats, without a look at all blocks.  A party is split only when no
 * seats for it together are to be hoped for, from those in other hands or from
 * holds that are due.
 */
static bool
take_at_once(const Request *request, Take *taken)
{
	bool		others;

	if (take_remembered(request, taken, &others))
		return true;
	return !others && !request->wish.together && !request->wish.accessible &&
		request->wish.quantity > 1 && nothing_due(request->event, request->now) &&
		inventory_take_in_parts(request->event, &request->wish, taken);
}

/*
 * Takes the seats.  What is busy is tried again and again until
 * tixbook.lock_wait is over, and nothing is locked in between: so nobody waits
 * for seats while others wait for his.
 */
static bool
take_seats(const Request *request, Take *taken, Refusal *refusal)
{
	BoundedWait wait;
	int			batch = FIRST_MAKE_WAY_BATCH;

	if (inventory_certainly_gone(request->event, &request->wish, request->seats, request->now,
								 refusal))
		return false;
	bounded_wait_start(&wait, tixbook_lock_wait);
	if (request->seats != NULL && take(request, true, taken, refusal))
		return true;
	for (;;)
	{
		int			ended;

		if (request->seats == NULL && take_at_once(request, taken))
			return true;
		if (make_way_and_take(request, is_patient(request), batch, &ended, taken, refusal))
			return true;
		/* It ended as many as it was allowed to: more may help. */
		if (ended == batch)
			batch = Min(batch * 4, MAX_MAKE_WAY_BATCH);
		else if (refusal->reason != REASON_BUSY)
		{
			(void) nothing_due(request->event, request->now);
			return false;
		}
		else if (!bounded_wait(&wait))
			return false;
	}
}

static void
write_booking(const Request *request, const Take *taken, TimestampTz expires_at, Booking *booking)
{
	Bookings	bookings;

	memset(booking, 0, sizeof(Booking));
	booking_new_id(&booking->id, request->event->event_id, request->now);
	booking->created_at = request->now;
	booking->expires_at = expires_at;
	booking->amount = taken->amount;
	booking->event_id = request->event->event_id;
	booking->status = BOOKING_HELD;
	booking->adjacent = taken->adjacent;
	booking->nseats = taken->nseats;
	booking->seats = taken->seats;
	booking->currency = request->event->currency;
	booking->customer = request->customer;

	bookings_open(&bookings, STORE_BOOKING_KEY);
	booking_insert(&bookings, booking);
	bookings_close(&bookings);
	cache_hold_ends(booking->event_id, expires_at);
	worker_hold_made(expires_at);
}

/* Makes the hold; false: refused, and the transaction should not commit. */
static bool
make_hold(const Request *request, Booking *booking, Refusal *refusal)
{
	TimestampTz expires_at = 0;
	Take		taken;

	if (!check_on_sale(request, refusal) || !check_quantity(request, refusal) ||
		!hold_end(request, &expires_at, refusal) || !check_customer_limit(request, refusal) ||
		!take_seats(request, &taken, refusal))
		return false;
	write_booking(request, &taken, expires_at, booking);
	return true;
}

/* The same, once for all repetitions of a request that carries a key. */
static bool
make_hold_once(const Request *request, Booking *booking, Refusal *refusal)
{
	KeyedRequest keyed;
	Jsonb	   *response;

	if (request->key == NULL)
		return make_hold(request, booking, refusal);
	if (!idempotency_request(&keyed, request->event->event_id, request->operation,
							 request->customer, request->key, request->parameters, refusal) ||
		!idempotency_begin(&keyed, &response, refusal))
		return false;
	if (response != NULL)
	{
		hold_from_jsonb(response, booking);
		return true;
	}
	if (!make_hold(request, booking, refusal))
		return false;
	idempotency_store(&keyed, hold_to_jsonb(booking));
	return true;
}

/* One parameter of the canonical text; absent and empty differ. */
static void
add_parameter(StringInfo text, const char *name, const char *value)
{
	appendStringInfo(text, "%s=%s\n", name, value == NULL ? "null" : json_quote(value));
}

static char *
interval_text(const Interval *interval)
{
	return interval == NULL ? NULL :
		psprintf("%d %d %lld", interval->month, interval->day, (long long) interval->time);
}

/* What reserve and reserve_seats have in common, from argument `first` on. */
static bool
read_customer(FunctionCallInfo fcinfo, int first, Request *request, Refusal *refusal)
{
	request->now = GetCurrentTimestamp();
	request->customer = argument_text(fcinfo, first);
	request->hold_for = PG_ARGISNULL(first + 1) ? NULL : PG_GETARG_INTERVAL_P(first + 1);
	request->key = argument_text(fcinfo, first + 2);
	if (request->customer != NULL &&
		(*request->customer == '\0' || pg_mbstrlen(request->customer) > MAX_CUSTOMER_CHARS))
		return refuse_parameter(refusal, "customer", "must have 1 to 255 characters");
	return true;
}

/* The section and the category of a wish, by name. */
static bool
read_scope(Request *request, const char *section, const char *category, Refusal *refusal)
{
	const VenueLayout *layout = request->event->layout;

	request->wish.section = section == NULL ? -1 : catalog_find_section(layout, section);
	request->wish.category_no = category == NULL ? -1 : catalog_find_category(layout, category);
	if (section != NULL && request->wish.section < 0)
		return refuse(refusal, REASON_SECTION_NOT_FOUND, psprintf("\"%s\"", section),
					  "{\"event_id\": %d, \"section\": %s}",
					  request->event->event_id, json_quote(section));
	if (category != NULL && request->wish.category_no < 0)
		return refuse(refusal, REASON_CATEGORY_NOT_FOUND, psprintf("\"%s\"", category),
					  "{\"event_id\": %d, \"category\": %s}",
					  request->event->event_id, json_quote(category));
	return true;
}

/* The canonical text of a request that carries a key: equal requests have equal ones. */
static char *
parameters_of_best(const Request *request, const char *section, const char *category)
{
	StringInfoData text;

	initStringInfo(&text);
	add_parameter(&text, "section", section);
	add_parameter(&text, "category", category);
	add_parameter(&text, "customer", request->customer);
	add_parameter(&text, "hold_for", interval_text(request->hold_for));
	appendStringInfo(&text, "quantity=%d accessible=%d together=%d", request->wish.quantity,
					 request->wish.accessible, request->wish.together);
	return text.data;
}

static char *
parameters_of_named(const Request *request)
{
	StringInfoData text;

	initStringInfo(&text);
	add_parameter(&text, "customer", request->customer);
	add_parameter(&text, "hold_for", interval_text(request->hold_for));
	appendStringInfo(&text, "seats=%s", json_numbers(request->seats, request->wish.quantity));
	return text.data;
}

static bool
reserve_best(FunctionCallInfo fcinfo, Booking *booking, Refusal *refusal)
{
	Request		request = {.operation = "reserve"};
	char	   *section = argument_text(fcinfo, 2);
	char	   *category = argument_text(fcinfo, 6);

	request.event = argument_event(fcinfo, 0, refusal);
	if (request.event == NULL ||
		!read_scope(&request, section, category, refusal) ||
		!read_customer(fcinfo, 3, &request, refusal))
		return false;
	request.wish.quantity = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	request.wish.accessible = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	request.wish.together = !PG_ARGISNULL(8) && PG_GETARG_BOOL(8);
	if (request.key != NULL)
		request.parameters = parameters_of_best(&request, section, category);
	return make_hold_once(&request, booking, refusal);
}

static bool
reserve_named(FunctionCallInfo fcinfo, Booking *booking, Refusal *refusal)
{
	Request		request = {.operation = "reserve_seats"};
	int32	   *seats;

	request.event = argument_event(fcinfo, 0, refusal);
	if (request.event == NULL ||
		!argument_seats(fcinfo, 1, &seats, &request.wish.quantity, refusal) ||
		!read_customer(fcinfo, 2, &request, refusal))
		return false;
	request.seats = seats;
	if (request.key != NULL)
		request.parameters = parameters_of_named(&request);
	return make_hold_once(&request, booking, refusal);
}

/* reserve(event_id, quantity, section, customer, hold_for, idempotency_key, category, accessible, together) → hold */
Datum
tixbook_reserve(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Booking		booking;

	PreventCommandIfReadOnly("tixbook.reserve()");
	if (!reserve_best(fcinfo, &booking, &refusal))
		refusal_raise(&refusal);
	PG_RETURN_DATUM(hold_datum(fcinfo, &booking));
}

/* reserve_seats(event_id, seats, customer, hold_for, idempotency_key) → hold */
Datum
tixbook_reserve_seats(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Booking		booking;

	PreventCommandIfReadOnly("tixbook.reserve_seats()");
	if (!reserve_named(fcinfo, &booking, &refusal))
		refusal_raise(&refusal);
	PG_RETURN_DATUM(hold_datum(fcinfo, &booking));
}
