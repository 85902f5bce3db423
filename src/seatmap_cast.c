/* Seat maps to and from integer[], bit varying and bytea. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/varbit.h"

#include "seatmap.h"
#include "seatmap_check.h"

static Seatmap *
map_of_seats(int32 capacity, const int32 *seats, int count)
{
	Seatmap    *map = seatmap_new(capacity);

	for (int i = 0; i < count; i++)
		seatmap_set(map, CheckSeat(map, seats[i]));
	return map;
}

PG_FUNCTION_INFO_V1(seatmap_from_seats);
Datum
seatmap_from_seats(PG_FUNCTION_ARGS)
{
	int32		capacity = CheckCapacity(PG_GETARG_INT32(0));
	int			count;
	const int32 *seats = CheckSeatArray(PG_GETARG_ARRAYTYPE_P(1), &count);

	PG_RETURN_SEATMAP(map_of_seats(capacity, seats, count));
}

/* Without a capacity the highest seat is the last. */
PG_FUNCTION_INFO_V1(seatmap_from_array);
Datum
seatmap_from_array(PG_FUNCTION_ARGS)
{
	int			count;
	const int32 *seats = CheckSeatArray(PG_GETARG_ARRAYTYPE_P(0), &count);
	int64		capacity = 0;

	for (int i = 0; i < count; i++)
		capacity = Max(capacity, (int64) seats[i] + 1);
	PG_RETURN_SEATMAP(map_of_seats(CheckCapacity(capacity), seats, count));
}

/* Built in place: construct_array() would want a Datum of each seat first. */
PG_FUNCTION_INFO_V1(seatmap_to_array);
Datum
seatmap_to_array(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	int32		count = seatmap_cardinality(map);
	Size		size = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int32);
	ArrayType  *array;
	int32	   *element;

	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT4OID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	element = (int32 *) ARR_DATA_PTR(array);
	for (int32 seat = seatmap_next_set(map, 0); seat >= 0; seat = seatmap_next_set(map, seat + 1))
		*element++ = seat;
	PG_RETURN_ARRAYTYPE_P(array);
}

/* A bit string has its first bit highest in the byte, a seat map lowest. */
static void
reverse_bytes(uint8 *bits, Size bytes)
{
	const uint64 nibbles = UINT64CONST(0x0F0F0F0F0F0F0F0F);
	const uint64 pairs = UINT64CONST(0x3333333333333333);
	const uint64 singles = UINT64CONST(0x5555555555555555);

	for (Size at = 0; at < bytes; at += sizeof(uint64))
	{
		Size		length = Min(sizeof(uint64), bytes - at);
		uint64		word = 0;

		memcpy(&word, bits + at, length);
		word = ((word >> 4) & nibbles) | ((word & nibbles) << 4);
		word = ((word >> 2) & pairs) | ((word & pairs) << 2);
		word = ((word >> 1) & singles) | ((word & singles) << 1);
		memcpy(bits + at, &word, length);
	}
}

PG_FUNCTION_INFO_V1(seatmap_from_varbit);
Datum
seatmap_from_varbit(PG_FUNCTION_ARGS)
{
	VarBit	   *bits = PG_GETARG_VARBIT_P(0);
	Seatmap    *map = seatmap_new(CheckCapacity(VARBITLEN(bits)));

	memcpy(map->bits, VARBITS(bits), SEATMAP_BYTES(map->capacity));
	reverse_bytes(map->bits, SEATMAP_BYTES(map->capacity));
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_to_varbit);
Datum
seatmap_to_varbit(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	VarBit	   *bits = palloc(VARBITTOTALLEN(map->capacity));

	SET_VARSIZE(bits, VARBITTOTALLEN(map->capacity));
	VARBITLEN(bits) = map->capacity;
	memcpy(VARBITS(bits), map->bits, SEATMAP_BYTES(map->capacity));
	reverse_bytes(VARBITS(bits), SEATMAP_BYTES(map->capacity));
	PG_RETURN_VARBIT_P(bits);
}

static Seatmap *
map_of_bytes(int32 capacity, const bytea *bytes)
{
	Seatmap    *map;

	CheckBitsLength(VARSIZE_ANY_EXHDR(bytes), capacity);
	map = seatmap_new(capacity);
	memcpy(map->bits, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	CheckPadding(map);
	return map;
}

PG_FUNCTION_INFO_V1(seatmap_from_bytea);
Datum
seatmap_from_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_SEATMAP(map_of_bytes(CheckCapacity((int64) VARSIZE_ANY_EXHDR(bytes) * 8), bytes));
}

PG_FUNCTION_INFO_V1(seatmap_from_bytea_capacity);
Datum
seatmap_from_bytea_capacity(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_SEATMAP(map_of_bytes(CheckCapacity(PG_GETARG_INT32(1)), bytes));
}

PG_FUNCTION_INFO_V1(seatmap_to_bytea);
Datum
seatmap_to_bytea(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	Size		bytes = SEATMAP_BYTES(map->capacity);
	bytea	   *result = palloc(VARHDRSZ + bytes);

	SET_VARSIZE(result, VARHDRSZ + bytes);
	memcpy(VARDATA(result), map->bits, bytes);
	PG_RETURN_BYTEA_P(result);
}
