/*
 * arguments.c: arguments of SQL functions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "arguments.h"

bool
refuse_parameter(Refusal *refusal, const char *parameter, const char *complaint)
{
	return refuse(refusal, REASON_INVALID_PARAMETER, psprintf("%s %s", parameter, complaint),
				  "{\"parameter\": %s}", json_quote(parameter));
}

char *
argument_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

Event *
argument_event(FunctionCallInfo fcinfo, int n, Refusal *refusal)
{
	Event	   *event = PG_ARGISNULL(n) ? NULL : catalog_event(PG_GETARG_INT32(n));

	if (event == NULL)
	{
		char	   *id = PG_ARGISNULL(n) ? "null" : psprintf("%d", PG_GETARG_INT32(n));

		refuse(refusal, REASON_EVENT_NOT_FOUND, id, "{\"event_id\": %s}", id);
	}
	return event;
}

int
compare_int32(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return (x > y) - (x < y);
}

bool
argument_seats(FunctionCallInfo fcinfo, int n, int32 **seats, int32 *nseats, Refusal *refusal)
{
	ArrayType  *array = PG_ARGISNULL(n) ? NULL : PG_GETARG_ARRAYTYPE_P(n);
	int32		length = array == NULL ? 0 : ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (length == 0 || ARR_NDIM(array) != 1)
		return refuse_parameter(refusal, "seats", "must be a list of at least one seat");
	if (length > MAX_SEATS_A_CALL)
		return refuse_parameter(refusal, "seats", "names more seats than a call can take");
	if (array_contains_nulls(array))
		return refuse_parameter(refusal, "seats", "must not contain nulls");

	*nseats = length;
	*seats = palloc(length * sizeof(int32));
	memcpy(*seats, ARR_DATA_PTR(array), length * sizeof(int32));
	qsort(*seats, length, sizeof(int32), compare_int32);
	for (int32 i = 1; i < length; i++)
		if ((*seats)[i] == (*seats)[i - 1])
			return refuse_parameter(refusal, "seats", psprintf("names seat %d twice", (*seats)[i]));
	return true;
}

char *
json_numbers(const int32 *numbers, int32 n)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int32 i = 0; i < n; i++)
		appendStringInfo(&json, i == 0 ? "%d" : ", %d", numbers[i]);
	appendStringInfoChar(&json, ']');
	return json.data;
}

int32
argument_batch(FunctionCallInfo fcinfo, int n)
{
	int32		batch = PG_ARGISNULL(n) ? 0 : PG_GETARG_INT32(n);
	Refusal		refusal = {REASON_NONE};

	if (batch >= 1 && batch <= MAX_BATCH)
		return batch;
	refuse_parameter(&refusal, "batch", psprintf("must be from 1 to %d", MAX_BATCH));
	refusal_raise(&refusal);
}
