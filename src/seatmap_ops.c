/* Operators on seat maps: set algebra, membership, order and hashing. */
#include "postgres.h"

#include "access/detoast.h"
#include "common/hashfn.h"

#include "seatmap.h"
#include "seatmap_check.h"
#include "seatmap_words.h"

static Datum
merge_arguments(FunctionCallInfo fcinfo, SeatmapOp op)
{
	Seatmap    *result = PG_GETARG_SEATMAP_COPY(0);
	Seatmap    *other = PG_GETARG_SEATMAP(1);

	CheckSameCapacity(result, other);
	seatmap_merge(result, other, op);
	PG_RETURN_SEATMAP(result);
}

PG_FUNCTION_INFO_V1(seatmap_union);
Datum
seatmap_union(PG_FUNCTION_ARGS)
{
	return merge_arguments(fcinfo, SEATMAP_OR);
}

PG_FUNCTION_INFO_V1(seatmap_intersection);
Datum
seatmap_intersection(PG_FUNCTION_ARGS)
{
	return merge_arguments(fcinfo, SEATMAP_AND);
}

PG_FUNCTION_INFO_V1(seatmap_symmetric_difference);
Datum
seatmap_symmetric_difference(PG_FUNCTION_ARGS)
{
	return merge_arguments(fcinfo, SEATMAP_XOR);
}

PG_FUNCTION_INFO_V1(seatmap_difference);
Datum
seatmap_difference(PG_FUNCTION_ARGS)
{
	return merge_arguments(fcinfo, SEATMAP_AND_NOT);
}

/* All seats but these: what is left of the full map, so the padding stays zero. */
PG_FUNCTION_INFO_V1(seatmap_complement);
Datum
seatmap_complement(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	Seatmap    *result = seatmap_new(map->capacity);

	seatmap_set_range(result, 0, map->capacity);
	seatmap_merge(result, map, SEATMAP_AND_NOT);
	PG_RETURN_SEATMAP(result);
}

PG_FUNCTION_INFO_V1(seatmap_overlaps);
Datum
seatmap_overlaps(PG_FUNCTION_ARGS)
{
	Seatmap    *a = PG_GETARG_SEATMAP(0);
	Seatmap    *b = PG_GETARG_SEATMAP(1);

	CheckSameCapacity(a, b);
	PG_RETURN_BOOL(seatmap_any(a, b, SEATMAP_AND));
}

PG_FUNCTION_INFO_V1(seatmap_contains);
Datum
seatmap_contains(PG_FUNCTION_ARGS)
{
	Seatmap    *a = PG_GETARG_SEATMAP(0);
	Seatmap    *b = PG_GETARG_SEATMAP(1);

	CheckSameCapacity(a, b);
	PG_RETURN_BOOL(!seatmap_any(b, a, SEATMAP_AND_NOT));
}

PG_FUNCTION_INFO_V1(seatmap_contained);
Datum
seatmap_contained(PG_FUNCTION_ARGS)
{
	Seatmap    *a = PG_GETARG_SEATMAP(0);
	Seatmap    *b = PG_GETARG_SEATMAP(1);

	CheckSameCapacity(a, b);
	PG_RETURN_BOOL(!seatmap_any(a, b, SEATMAP_AND_NOT));
}

/* A seat that the map does not have is simply not in it. */
PG_FUNCTION_INFO_V1(seatmap_contains_seat);
Datum
seatmap_contains_seat(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	int32		seat = PG_GETARG_INT32(1);

	PG_RETURN_BOOL(seat >= 0 && seat < map->capacity && seatmap_get(map, seat));
}

PG_FUNCTION_INFO_V1(seatmap_seat_contained);
Datum
seatmap_seat_contained(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall2(seatmap_contains_seat, PG_GETARG_DATUM(1), PG_GETARG_DATUM(0));
}

/* The capacity stands first: no need to fetch and decompress the rest. */
PG_FUNCTION_INFO_V1(seatmap_length);
Datum
seatmap_length(PG_FUNCTION_ARGS)
{
	struct varlena *head = PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, sizeof(int32));
	int32		capacity;

	memcpy(&capacity, VARDATA_ANY(head), sizeof(int32));
	PG_RETURN_INT32(capacity);
}

PG_FUNCTION_INFO_V1(seatmap_cardinality_sql);
Datum
seatmap_cardinality_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(seatmap_cardinality(PG_GETARG_SEATMAP(0)));
}

/*
 * The smaller capacity first; then, at the lowest seat where they differ, the
 * map that has it clear. That is the order of the maps as bit strings.
 */
static int
seatmap_compare(const Seatmap *a, const Seatmap *b)
{
	int32		words = SEATMAP_WORDS(a->capacity);

	if (a->capacity != b->capacity)
		return a->capacity < b->capacity ? -1 : 1;
	for (int32 i = 0; i < words; i++)
	{
		uint64		word = seatmap_load(a, i);
		uint64		differing = word ^ seatmap_load(b, i);

		if (differing != 0)
			return (word >> pg_rightmost_one_pos64(differing)) & 1 ? 1 : -1;
	}
	return 0;
}

/* An index build calls this for every pair it looks at: nothing may be left behind. */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	Seatmap    *a = PG_GETARG_SEATMAP(0);
	Seatmap    *b = PG_GETARG_SEATMAP(1);
	int			order = seatmap_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

PG_FUNCTION_INFO_V1(seatmap_cmp);
Datum
seatmap_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

PG_FUNCTION_INFO_V1(seatmap_lt);
Datum
seatmap_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) < 0);
}

PG_FUNCTION_INFO_V1(seatmap_le);
Datum
seatmap_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0);
}

PG_FUNCTION_INFO_V1(seatmap_gt);
Datum
seatmap_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) > 0);
}

PG_FUNCTION_INFO_V1(seatmap_ge);
Datum
seatmap_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0);
}

/* Equal maps are equal bytes, so different sizes settle it without detoasting. */
static bool
arguments_equal(FunctionCallInfo fcinfo)
{
	struct varlena *a;
	struct varlena *b;
	bool		equal;

	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) != toast_raw_datum_size(PG_GETARG_DATUM(1)))
		return false;
	a = PG_GETARG_VARLENA_PP(0);
	b = PG_GETARG_VARLENA_PP(1);
	equal = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return equal;
}

PG_FUNCTION_INFO_V1(seatmap_eq);
Datum
seatmap_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(arguments_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(seatmap_ne);
Datum
seatmap_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!arguments_equal(fcinfo));
}

/* Over the same bytes that equality compares, capacity included. */
PG_FUNCTION_INFO_V1(seatmap_hash);
Datum
seatmap_hash(PG_FUNCTION_ARGS)
{
	struct varlena *map = PG_GETARG_VARLENA_PP(0);
	Datum		hash = hash_any((unsigned char *) VARDATA_ANY(map), VARSIZE_ANY_EXHDR(map));

	PG_FREE_IF_COPY(map, 0);
	return hash;
}

PG_FUNCTION_INFO_V1(seatmap_hash_extended);
Datum
seatmap_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *map = PG_GETARG_VARLENA_PP(0);
	Datum		hash = hash_any_extended((unsigned char *) VARDATA_ANY(map),
										 VARSIZE_ANY_EXHDR(map), PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(map, 0);
	return hash;
}
