/*
 * reserve.c: the SQL functions that make a hold at once.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "hold.h"
#include "reservation.h"

PG_FUNCTION_INFO_V1(tixbook_reserve);
PG_FUNCTION_INFO_V1(tixbook_reserve_seats);
PG_FUNCTION_INFO_V1(tixbook_rebook_seats);
PG_FUNCTION_INFO_V1(tixbook_rebook_best);

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
read_customer(FunctionCallInfo fcinfo, int first, Reservation *reservation, Refusal *refusal)
{
	reservation->now = GetCurrentTimestamp();
	reservation->customer = argument_text(fcinfo, first);
	reservation->hold_for = PG_ARGISNULL(first + 1) ? NULL : PG_GETARG_INTERVAL_P(first + 1);
	reservation->key = argument_text(fcinfo, first + 2);
	return reservation_customer(reservation->customer, refusal);
}

/* The canonical text of a request that carries a key: equal requests have equal ones. */
static char *
parameters_of_best(const Reservation *reservation, const char *section, const char *category)
{
	StringInfoData text;

	initStringInfo(&text);
	add_parameter(&text, "section", section);
	add_parameter(&text, "category", category);
	add_parameter(&text, "customer", reservation->customer);
	add_parameter(&text, "hold_for", interval_text(reservation->hold_for));
	appendStringInfo(&text, "quantity=%d accessible=%d together=%d", reservation->wish.quantity,
					 reservation->wish.accessible, reservation->wish.together);
	return text.data;
}

static char *
parameters_of_named(const Reservation *reservation)
{
	StringInfoData text;

	initStringInfo(&text);
	add_parameter(&text, "customer", reservation->customer);
	add_parameter(&text, "hold_for", interval_text(reservation->hold_for));
	appendStringInfo(&text, "seats=%s", json_numbers(reservation->seats, reservation->wish.quantity));
	return text.data;
}

static bool
reserve_best(FunctionCallInfo fcinfo, Booking *booking, Refusal *refusal)
{
	Reservation reservation = {.operation = "reserve"};
	char	   *section = argument_text(fcinfo, 2);
	char	   *category = argument_text(fcinfo, 6);

	reservation.event = argument_event(fcinfo, 0, refusal);
	if (reservation.event == NULL ||
		!reservation_scope(&reservation, section, category, refusal) ||
		!read_customer(fcinfo, 3, &reservation, refusal))
		return false;
	reservation.wish.quantity = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	reservation.wish.accessible = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	reservation.wish.together = !PG_ARGISNULL(8) && PG_GETARG_BOOL(8);
	reservation.admission = argument_text(fcinfo, 9);
	if (reservation.key != NULL)
		reservation.parameters = parameters_of_best(&reservation, section, category);
	return reservation_make(&reservation, booking, refusal);
}

static bool
reserve_named(FunctionCallInfo fcinfo, Booking *booking, Refusal *refusal)
{
	Reservation reservation = {.operation = "reserve_seats"};
	int32	   *seats;

	reservation.event = argument_event(fcinfo, 0, refusal);
	if (reservation.event == NULL ||
		!argument_seats(fcinfo, 1, &seats, &reservation.wish.quantity, refusal) ||
		!read_customer(fcinfo, 2, &reservation, refusal))
		return false;
	reservation.seats = seats;
	reservation.admission = argument_text(fcinfo, 5);
	if (reservation.key != NULL)
		reservation.parameters = parameters_of_named(&reservation);
	return reservation_make(&reservation, booking, refusal);
}

/* reserve(event_id, quantity, section, customer, hold_for, idempotency_key, category, accessible, together, admission) → hold */
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

/* reserve_seats(event_id, seats, customer, hold_for, idempotency_key, admission) → hold */
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

/*
 * rebook_seats(event_id, seats, customer) → hold, for somebody who has
 * paid: he was let in from the waiting room when he made the hold that has ended.
 */
Datum
tixbook_rebook_seats(PG_FUNCTION_ARGS)
{
	Reservation reservation = {.operation = "rebook_seats", .admitted = true};
	Refusal		refusal = {REASON_NONE};
	int32	   *seats;
	Booking		booking;

	reservation.now = GetCurrentTimestamp();
	reservation.event = argument_event(fcinfo, 0, &refusal);
	if (reservation.event == NULL ||
		!argument_seats(fcinfo, 1, &seats, &reservation.wish.quantity, &refusal))
		refusal_raise(&refusal);
	reservation.seats = seats;
	reservation.customer = argument_text(fcinfo, 2);
	if (!reservation_make(&reservation, &booking, &refusal))
		refusal_raise(&refusal);
	PG_RETURN_DATUM(hold_datum(fcinfo, &booking));
}

static bool
rebook_best(FunctionCallInfo fcinfo, Booking *booking, Refusal *refusal)
{
	Reservation reservation = {.operation = "rebook_best", .admitted = true};

	reservation.now = GetCurrentTimestamp();
	reservation.event = argument_event(fcinfo, 0, refusal);
	if (reservation.event == NULL ||
		!reservation_scope(&reservation, argument_text(fcinfo, 2), argument_text(fcinfo, 3), refusal))
		return false;
	reservation.wish.quantity = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	reservation.wish.accessible = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	reservation.wish.together = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	reservation.customer = argument_text(fcinfo, 6);
	return reservation_make(&reservation, booking, refusal);
}

/*
 * rebook_best(event_id, quantity, section, category, accessible, together,
 * customer) → hold, for somebody who has paid, as above.
 */
Datum
tixbook_rebook_best(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Booking		booking;

	PreventCommandIfReadOnly("tixbook.rebook_best()");
	if (!rebook_best(fcinfo, &booking, &refusal))
		refusal_raise(&refusal);
	PG_RETURN_DATUM(hold_datum(fcinfo, &booking));
}
