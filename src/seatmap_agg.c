/*
 * Aggregates of seat maps.
 *
 * The state is a seat map in the aggregate's own memory: the executor copies
 * the first one there, and from then on it is changed in place. A transition
 * function called outside an aggregate changes a copy. The other arguments
 * are detoasted where they are evaluated, in memory that goes with the row.
 */
#include "postgres.h"

#include "seatmap.h"
#include "seatmap_check.h"

static Seatmap *
own_state(FunctionCallInfo fcinfo)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PG_GETARG_SEATMAP(0);
	return PG_GETARG_SEATMAP_COPY(0);
}

/* The state as it is, or the first one; the capacity must be the same in all rows. */
static Seatmap *
state_of_capacity(FunctionCallInfo fcinfo, int capacity_argument)
{
	int32		capacity;
	Seatmap    *state;

	if (PG_ARGISNULL(capacity_argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("capacity of a seatmap must not be null")));
	capacity = PG_GETARG_INT32(capacity_argument);
	if (PG_ARGISNULL(0))
		return seatmap_new(CheckCapacity(capacity));
	state = own_state(fcinfo);
	if (state->capacity != capacity)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("capacity of a seatmap changes within the aggregate, from %d to %d",
						state->capacity, capacity)));
	return state;
}

static Datum
merge_into_state(FunctionCallInfo fcinfo, SeatmapOp op)
{
	Seatmap    *state = own_state(fcinfo);
	Seatmap    *map = PG_GETARG_SEATMAP(1);

	CheckSameCapacity(state, map);
	seatmap_merge(state, map, op);
	PG_RETURN_SEATMAP(state);
}

PG_FUNCTION_INFO_V1(seatmap_or_accum);
Datum
seatmap_or_accum(PG_FUNCTION_ARGS)
{
	return merge_into_state(fcinfo, SEATMAP_OR);
}

PG_FUNCTION_INFO_V1(seatmap_and_accum);
Datum
seatmap_and_accum(PG_FUNCTION_ARGS)
{
	return merge_into_state(fcinfo, SEATMAP_AND);
}

/* A null seat adds none, so an outer join without a match gives an empty map. */
PG_FUNCTION_INFO_V1(seatmap_agg_accum);
Datum
seatmap_agg_accum(PG_FUNCTION_ARGS)
{
	Seatmap    *state = state_of_capacity(fcinfo, 2);

	if (!PG_ARGISNULL(1))
		seatmap_set(state, CheckSeat(state, PG_GETARG_INT32(1)));
	PG_RETURN_SEATMAP(state);
}

/* A null map adds no seats, as where a block stores none for "nothing set". */
PG_FUNCTION_INFO_V1(seatmap_join_accum);
Datum
seatmap_join_accum(PG_FUNCTION_ARGS)
{
	Seatmap    *state = state_of_capacity(fcinfo, 3);
	Seatmap    *map;
	int32		first;

	if (PG_ARGISNULL(1))
		PG_RETURN_SEATMAP(state);
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("first seat of a joined seatmap must not be null")));
	map = PG_GETARG_SEATMAP(1);
	first = PG_GETARG_INT32(2);
	CheckInside(first, map->capacity, state->capacity);
	seatmap_or_bits(state, first, map, 0, map->capacity);
	PG_RETURN_SEATMAP(state);
}
