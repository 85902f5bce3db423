/* Runs of free seats: where a party can sit together. */
#include "postgres.h"

#include <math.h>

#include "seatmap.h"
#include "seatmap_check.h"

/* The next maximal run at or after from as [first, end), false when there is none. */
static bool
seatmap_free_run(const Seatmap *map, int32 from, int32 *first, int32 *end)
{
	*first = seatmap_next_clear(map, from);
	if (*first < 0)
		return false;
	*end = seatmap_next_set(map, *first);
	if (*end < 0)
		*end = map->capacity;
	return true;
}

int32
seatmap_next_run(const Seatmap *map, int32 from, int32 length)
{
	int32		first;
	int32		end;

	while (seatmap_free_run(map, from, &first, &end))
	{
		if (end - first >= length)
			return first;
		from = end;
	}
	return -1;
}

int32
seatmap_longest_run(const Seatmap *map)
{
	int32		longest = 0;
	int32		from = 0;
	int32		first;
	int32		end;

	while (seatmap_free_run(map, from, &first, &end))
	{
		longest = Max(longest, end - first);
		from = end;
	}
	return longest;
}

/*
 * Within one run the best place is the ideal one, or the end nearer to it. The
 * runs come in ascending order, so a later one must be strictly nearer, and
 * once one begins too far beyond the ideal all that follow do.
 */
int32
seatmap_best_run(const Seatmap *map, int32 length, double point)
{
	double		ideal = Max(0.0, Min(point, (double) map->capacity)) - (length - 1) / 2.0;
	int32		nearest = (int32) ceil(ideal - 0.5);
	double		distance = INFINITY;
	int32		best = -1;
	int32		from = 0;
	int32		first;
	int32		end;

	while (seatmap_free_run(map, from, &first, &end) && first - ideal < distance)
	{
		if (end - first >= length)
		{
			int32		seat = Max(first, Min(nearest, end - length));

			if (fabs(seat - ideal) < distance)
			{
				distance = fabs(seat - ideal);
				best = seat;
			}
		}
		from = end;
	}
	return best;
}

static int32
CheckRunLength(int32 length)
{
	if (length < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("length of a run must be at least 1, not %d", length)));
	return length;
}

PG_FUNCTION_INFO_V1(seatmap_next_run_sql);
Datum
seatmap_next_run_sql(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	int32		length = CheckRunLength(PG_GETARG_INT32(1));
	int32		from = PG_GETARG_INT32(2);
	int32		first;

	if (from < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("search cannot start at seat %d", from)));
	first = seatmap_next_run(map, from, length);
	if (first < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(first);
}

PG_FUNCTION_INFO_V1(seatmap_longest_run_sql);
Datum
seatmap_longest_run_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(seatmap_longest_run(PG_GETARG_SEATMAP(0)));
}

PG_FUNCTION_INFO_V1(seatmap_best_run_sql);
Datum
seatmap_best_run_sql(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	int32		length = CheckRunLength(PG_GETARG_INT32(1));
	float8		point = PG_GETARG_FLOAT8(2);
	int32		first;

	if (isnan(point))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seat position cannot be NaN")));
	first = seatmap_best_run(map, length, point);
	if (first < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(first);
}
