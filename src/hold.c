/*
 * hold.c: the answer of a reservation, tixbook.hold.
 *
 * The same answer must be given again when the request is repeated, also when
 * the booking has gone on since; so it is kept, as JSON, with the key.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "hold.h"
#include "result_row.h"

enum
{
	COLUMN_BOOKING_ID,
	COLUMN_EVENT_ID,
	COLUMN_SEATS,
	COLUMN_AMOUNT,
	COLUMN_CURRENCY,
	COLUMN_EXPIRES_AT,
	COLUMN_ADJACENT,
	COLUMNS
};

/* The hold as a value of the type that the function called returns. */
Datum
hold_datum(FunctionCallInfo fcinfo, const Booking *booking)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	*id = booking->id;
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(id);
	values[COLUMN_EVENT_ID] = Int32GetDatum(booking->event_id);
	values[COLUMN_SEATS] = seats_datum(booking->seats, booking->nseats);
	values[COLUMN_AMOUNT] = Int64GetDatum(booking->amount);
	values[COLUMN_CURRENCY] = CStringGetTextDatum(booking->currency);
	values[COLUMN_EXPIRES_AT] = TimestampTzGetDatum(booking->expires_at);
	values[COLUMN_ADJACENT] = BoolGetDatum(booking->adjacent);
	return result_row(fcinfo, COLUMNS, values, nulls);
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

static void
push_number(JsonbParseState **state, JsonbIteratorToken token, int64 number)
{
	JsonbValue	value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, token, &value);
}

static void
push_seats(JsonbParseState **state, const Booking *booking)
{
	push_string(state, WJB_KEY, "seats");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int32 i = 0; i < booking->nseats; i++)
		push_number(state, WJB_ELEM, booking->seats[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

Jsonb *
hold_to_jsonb(const Booking *booking)
{
	JsonbParseState *state = NULL;
	JsonbValue	adjacent = {.type = jbvBool, .val.boolean = booking->adjacent};
	char		expires_at[MAXDATELEN + 1];

	JsonEncodeDateTime(expires_at, TimestampTzGetDatum(booking->expires_at), TIMESTAMPTZOID, NULL);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_string(&state, WJB_KEY, "booking_id");
	push_string(&state, WJB_VALUE,
				DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&booking->id))));
	push_string(&state, WJB_KEY, "event_id");
	push_number(&state, WJB_VALUE, booking->event_id);
	push_seats(&state, booking);
	push_string(&state, WJB_KEY, "amount");
	push_number(&state, WJB_VALUE, booking->amount);
	push_string(&state, WJB_KEY, "currency");
	push_string(&state, WJB_VALUE, booking->currency);
	push_string(&state, WJB_KEY, "expires_at");
	push_string(&state, WJB_VALUE, expires_at);
	push_string(&state, WJB_KEY, "adjacent");
	pushJsonbValue(&state, WJB_VALUE, &adjacent);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static JsonbValue *
member(Jsonb *json, const char *key, enum jbvType type)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL);

	if (value == NULL || value->type != type)
		elog(ERROR, "a stored hold has no %s", key);
	return value;
}

static char *
string_member(Jsonb *json, const char *key)
{
	JsonbValue *value = member(json, key, jbvString);

	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int64
number_of(JsonbValue *value)
{
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
}

/* The inverse of hold_to_jsonb: fills in what a hold shows of its booking. */
void
hold_from_jsonb(Jsonb *json, Booking *booking)
{
	JsonbContainer *seats = member(json, "seats", jbvBinary)->val.binary.data;

	booking->id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in,
													 CStringGetDatum(string_member(json, "booking_id"))));
	booking->event_id = (int32) number_of(member(json, "event_id", jbvNumeric));
	booking->amount = number_of(member(json, "amount", jbvNumeric));
	booking->currency = string_member(json, "currency");
	booking->expires_at =
		DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
												CStringGetDatum(string_member(json, "expires_at")),
												ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	booking->adjacent = member(json, "adjacent", jbvBool)->val.boolean;
	booking->nseats = JsonContainerSize(seats);
	booking->seats = palloc(booking->nseats * sizeof(int32));
	for (int32 i = 0; i < booking->nseats; i++)
		booking->seats[i] = (int32) number_of(getIthJsonbValueFromContainer(seats, i));
}
