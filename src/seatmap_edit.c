/* Making seat maps in SQL, and new ones from old: set, clear, join and slice. */
#include "postgres.h"

#include "seatmap.h"
#include "seatmap_check.h"

PG_FUNCTION_INFO_V1(seatmap_empty);
Datum
seatmap_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_SEATMAP(seatmap_new(CheckCapacity(PG_GETARG_INT32(0))));
}

PG_FUNCTION_INFO_V1(seatmap_set_seat);
Datum
seatmap_set_seat(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);

	seatmap_set(map, CheckSeat(map, PG_GETARG_INT32(1)));
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_clear_seat);
Datum
seatmap_clear_seat(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);

	seatmap_clear(map, CheckSeat(map, PG_GETARG_INT32(1)));
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_set_seats);
Datum
seatmap_set_seats(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);
	int			count;
	const int32 *seats = CheckSeatArray(PG_GETARG_ARRAYTYPE_P(1), &count);

	for (int i = 0; i < count; i++)
		seatmap_set(map, CheckSeat(map, seats[i]));
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_clear_seats);
Datum
seatmap_clear_seats(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);
	int			count;
	const int32 *seats = CheckSeatArray(PG_GETARG_ARRAYTYPE_P(1), &count);

	for (int i = 0; i < count; i++)
		seatmap_clear(map, CheckSeat(map, seats[i]));
	PG_RETURN_SEATMAP(map);
}

/* SQL names both ends of a range, as the text form does. */
static void
CheckRange(const Seatmap *map, int32 first, int32 last)
{
	CheckSeat(map, first);
	CheckSeat(map, last);
	if (last < first)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of seats ends at %d, before it begins at %d", last, first)));
}

PG_FUNCTION_INFO_V1(seatmap_set_seat_range);
Datum
seatmap_set_seat_range(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);
	int32		first = PG_GETARG_INT32(1);
	int32		last = PG_GETARG_INT32(2);

	CheckRange(map, first, last);
	seatmap_set_range(map, first, last + 1);
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_clear_seat_range);
Datum
seatmap_clear_seat_range(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP_COPY(0);
	int32		first = PG_GETARG_INT32(1);
	int32		last = PG_GETARG_INT32(2);

	CheckRange(map, first, last);
	seatmap_clear_range(map, first, last + 1);
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_concat);
Datum
seatmap_concat(PG_FUNCTION_ARGS)
{
	Seatmap    *a = PG_GETARG_SEATMAP(0);
	Seatmap    *b = PG_GETARG_SEATMAP(1);
	Seatmap    *result = seatmap_new(CheckCapacity((int64) a->capacity + b->capacity));

	memcpy(result->bits, a->bits, SEATMAP_BYTES(a->capacity));
	seatmap_or_bits(result, a->capacity, b, 0, b->capacity);
	PG_RETURN_SEATMAP(result);
}

PG_FUNCTION_INFO_V1(seatmap_slice);
Datum
seatmap_slice(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	int32		first = PG_GETARG_INT32(1);
	int32		capacity = PG_GETARG_INT32(2);
	Seatmap    *result;

	CheckInside(first, capacity, map->capacity);
	result = seatmap_new(capacity);
	seatmap_or_bits(result, 0, map, first, capacity);
	PG_RETURN_SEATMAP(result);
}
