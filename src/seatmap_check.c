/* What a caller of the type may be refused, one helper a reason. */
#include "postgres.h"

#include "seatmap_check.h"

/* Before any allocation; wider than a capacity, so that sums can be checked too. */
int32
CheckCapacity(int64 capacity)
{
	if (capacity < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("capacity of a seatmap cannot be negative")));
	if (capacity > SEATMAP_MAX_CAPACITY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("capacity of a seatmap cannot exceed %d", SEATMAP_MAX_CAPACITY)));
	return (int32) capacity;
}

int32
CheckSeat(const Seatmap *map, int32 seat)
{
	if (seat < 0 || seat >= map->capacity)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("seat %d is not in a seatmap of capacity %d", seat, map->capacity)));
	return seat;
}

void
CheckSameCapacity(const Seatmap *a, const Seatmap *b)
{
	if (a->capacity != b->capacity)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seatmaps have different capacities, %d and %d",
						a->capacity, b->capacity)));
}

/* A part of a map: count seats from first on. Neither number is trusted yet. */
void
CheckInside(int32 first, int32 count, int32 capacity)
{
	if (first < 0 || count < 0 || (int64) first + count > capacity)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("capacity %d at seat %d does not fit into a seatmap of capacity %d",
						count, first, capacity)));
}

void
CheckBitsLength(Size bytes, int32 capacity)
{
	if (bytes != SEATMAP_BYTES(capacity))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("byte length of a seatmap of capacity %d is %zu, not %zu",
						capacity, SEATMAP_BYTES(capacity), bytes)));
}

void
CheckPadding(const Seatmap *map)
{
	int			used = map->capacity % 8;

	if (used != 0 && map->bits[map->capacity / 8] >> used != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("seatmap of capacity %d has bits set past its end", map->capacity)));
}

const int32 *
CheckSeatArray(ArrayType *seats, int *count)
{
	if (ARR_NDIM(seats) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of seats must be one-dimensional")));
	if (array_contains_nulls(seats))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array of seats must not contain nulls")));
	*count = ArrayGetNItems(ARR_NDIM(seats), ARR_DIMS(seats));
	return (const int32 *) ARR_DATA_PTR(seats);
}
