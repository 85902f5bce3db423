/*
 * availability.c: what is free at an event, from its seat map in shared memory
 * or, where there is none, from the rows.
 *
 * A version that comes from the rows is the sum of theirs; one that comes from
 * a map is so much larger that they are never the same.  Who asks with a
 * version from elsewhere gets everything.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "arguments.h"
#include "availability.h"
#include "cache_load.h"
#include "result_row.h"
#include "waitingroom.h"

PG_FUNCTION_INFO_V1(tixbook_availability);
PG_FUNCTION_INFO_V1(tixbook_section_availability);
PG_FUNCTION_INFO_V1(tixbook_prewarm);

/* tixbook.event_availability */
enum
{
	COLUMN_EVENT_ID,
	COLUMN_VERSION,
	COLUMN_CAPACITY,
	COLUMN_FREE,
	COLUMN_TAKEN,
	COLUMN_CHANGES,
	COLUMNS
};

typedef struct Answer
{
	int64		version;
	int32		free;
	Seatmap    *taken;			/* NULL: nothing has changed, or changes tell what */
	List	   *changes;		/* block numbers */
} Answer;

/* The map of the event to read, pinned; NULL: the rows must be read. */
static EventMap *
readable_map(Event *event)
{
	/* What this transaction has changed stands in the rows alone. */
	return cache_is_on() && !cache_touched(event->event_id) ? cache_map(event) : NULL;
}

List *
availability_changed_blocks(const EventMap *map, uint64 since, bool *all)
{
	MapBlock   *blocks = map_blocks(map);
	List	   *changes = NIL;
	int32		seats = 0;

	*all = false;
	for (int32 i = 0; i < map->nblocks; i++)
	{
		if (pg_atomic_read_u64(&blocks[i].changed_at) <= since)
			continue;
		changes = lappend_int(changes, i);
		seats += blocks[i].capacity;
		if (seats > map->capacity / 2)
		{
			*all = true;
			return NIL;
		}
	}
	return changes;
}

static void
answer_from_map(EventMap *map, bool has_since, int64 since, Answer *answer)
{
	bool		all = true;

	/* The version first: what changes from here on is told to who has it. */
	answer->version = (int64) pg_atomic_read_u64(&map->version);
	pg_read_barrier();
	answer->free = (int32) pg_atomic_read_u32(&map->free);
	if (has_since && since == answer->version)
		return;
	if (has_since && since >= 0 && since < answer->version)
		answer->changes = availability_changed_blocks(map, (uint64) since, &all);
	if (!all)
		return;
	answer->taken = seatmap_new(map->capacity);
	event_map_copy_bits(map, answer->taken);
	answer->free = map->capacity - seatmap_cardinality(answer->taken);
}

static void
answer_from_rows(Event *event, bool has_since, int64 since, Answer *answer)
{
	SeatBlocks	blocks;
	SeatBlock	row;
	Seatmap    *taken = seatmap_new(event->capacity);

	seat_blocks_open_to_read(&blocks, event);
	seat_block_walk_as_of(&blocks, GetLatestSnapshot());
	while (seat_block_next(&blocks, &row) && row.block_no < event->layout->nblocks)
	{
		int32		first_seat = event->layout->blocks[row.block_no].first_seat;

		answer->version += row.version;
		answer->free += row.free;
		if (first_seat + row.taken->capacity <= event->capacity)
			seatmap_or_bits(taken, first_seat, row.taken, 0, row.taken->capacity);
		pfree(row.taken);
	}
	seat_blocks_close(&blocks);
	if (!has_since || since != answer->version)
		answer->taken = taken;
}

/* The changed blocks as an array of tixbook.block_change. */
static Datum
changes_datum(FunctionCallInfo fcinfo, const EventMap *map, const List *changes)
{
	Oid			type = get_element_type(TupleDescAttr(result_row_type(fcinfo, COLUMNS), COLUMN_CHANGES)->atttypid);
	TupleDesc	descriptor;
	Datum	   *elements;
	ListCell   *cell;
	int			n = 0;

	descriptor = lookup_rowtype_tupdesc(type, -1);
	elements = palloc(list_length(changes) * sizeof(Datum));
	foreach(cell, changes)
	{
		const MapBlock *block = &map_blocks(map)[lfirst_int(cell)];
		Seatmap    *taken = seatmap_new(block->capacity);
		Datum		values[2] = {Int32GetDatum(block->first_seat), PointerGetDatum(taken)};
		bool		nulls[2] = {false, false};

		event_map_copy_block(map, lfirst_int(cell), taken);
		elements[n++] = HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
	}
	ReleaseTupleDesc(descriptor);
	return PointerGetDatum(construct_array(elements, n, type, -1, false, TYPALIGN_DOUBLE));
}

static Datum
answer_datum(FunctionCallInfo fcinfo, const Event *event, const EventMap *map, const Answer *answer)
{
	Datum		values[COLUMNS] = {0};
	bool		nulls[COLUMNS] = {0};

	values[COLUMN_EVENT_ID] = Int32GetDatum(event->event_id);
	values[COLUMN_VERSION] = Int64GetDatum(answer->version);
	values[COLUMN_CAPACITY] = Int32GetDatum(event->capacity);
	values[COLUMN_FREE] = Int32GetDatum(answer->free);
	values[COLUMN_TAKEN] = PointerGetDatum(answer->taken);
	nulls[COLUMN_TAKEN] = answer->taken == NULL;
	nulls[COLUMN_CHANGES] = answer->changes == NIL;
	if (answer->changes != NIL)
		values[COLUMN_CHANGES] = changes_datum(fcinfo, map, answer->changes);
	return result_row(fcinfo, COLUMNS, values, nulls);
}

static Event *
require_event(FunctionCallInfo fcinfo)
{
	Refusal		refusal = {REASON_NONE};
	Event	   *event = argument_event(fcinfo, 0, &refusal);

	if (event == NULL)
		refusal_raise(&refusal);
	return event;
}

/* availability(event_id integer, since bigint) → event_availability */
Datum
tixbook_availability(PG_FUNCTION_ARGS)
{
	Event	   *event = require_event(fcinfo);
	bool		has_since = !PG_ARGISNULL(1);
	int64		since = has_since ? PG_GETARG_INT64(1) : 0;
	EventMap   *map = readable_map(event);
	Answer		answer = {0};
	Datum		result;

	if (map == NULL)
		answer_from_rows(event, has_since, since, &answer);
	else
		answer_from_map(map, has_since, since, &answer);
	result = answer_datum(fcinfo, event, map, &answer);
	if (map != NULL)
		cache_unpin(&map->object);
	PG_RETURN_DATUM(result);
}

/* What is free in each block of the event; -1: the event has no such block. */
static int32 *
count_free(Event *event)
{
	int32	   *free = palloc(Max(event->layout->nblocks, 1) * sizeof(int32));
	EventMap   *map = readable_map(event);
	SeatBlocks	blocks;
	SeatBlock	row;

	memset(free, -1, event->layout->nblocks * sizeof(int32));
	if (map != NULL)
	{
		for (int32 i = 0; i < map->nblocks; i++)
			free[i] = map_blocks(map)[i].capacity - map_blocks(map)[i].taken;
		cache_unpin(&map->object);
		return free;
	}
	seat_blocks_open_to_read(&blocks, event);
	seat_block_walk_as_of(&blocks, GetLatestSnapshot());
	while (seat_block_next(&blocks, &row) && row.block_no < event->layout->nblocks)
	{
		free[row.block_no] = row.free;
		pfree(row.taken);
	}
	seat_blocks_close(&blocks);
	return free;
}

/* Of one section and category. */
typedef struct Total
{
	int32		capacity;
	int32		free;
} Total;

/* By section and category, as a table with a row a section. */
static Total *
add_up(Event *event)
{
	const VenueLayout *layout = event->layout;
	Total	   *totals = palloc0(Max(layout->nsections * layout->ncategories, 1) * sizeof(Total));
	int32	   *free = count_free(event);

	for (int32 i = 0; i < layout->nblocks; i++)
	{
		const VenueBlock *block = &layout->blocks[i];
		Total	   *total = &totals[block->section * layout->ncategories + block->category_no];

		if (free[i] < 0)
			continue;
		total->capacity += block->capacity;
		total->free += free[i];
	}
	return totals;
}

/* section_availability(event_id integer) → rows (section, category, capacity, free, price, currency) */
Datum
tixbook_section_availability(PG_FUNCTION_ARGS)
{
	Event	   *event = require_event(fcinfo);
	const VenueLayout *layout = event->layout;
	Total	   *totals = add_up(event);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int s = 0; s < layout->nsections; s++)
		for (int c = 0; c < layout->ncategories; c++)
		{
			Total	   *total = &totals[s * layout->ncategories + c];
			Datum		values[6];
			bool		nulls[6] = {0};

			if (total->capacity == 0)
				continue;
			values[0] = CStringGetTextDatum(layout->sections[s].name);
			values[1] = CStringGetTextDatum(layout->categories[c]);
			values[2] = Int32GetDatum(total->capacity);
			values[3] = Int32GetDatum(total->free);
			values[4] = Int64GetDatum(event->price[c]);
			nulls[4] = event->price[c] < 0;
			values[5] = CStringGetTextDatum(event->currency);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	return (Datum) 0;
}

/* prewarm(event_id integer) → boolean */
Datum
tixbook_prewarm(PG_FUNCTION_ARGS)
{
	Event	   *event = require_event(fcinfo);
	EventMap   *map;

	if (!cache_is_on())
	{
		Refusal		refusal = {REASON_NONE};

		refuse(&refusal, REASON_PRELOAD_REQUIRED, "the seat-map cache", NULL);
		refusal_raise(&refusal);
	}
	map = readable_map(event);
	if (map != NULL)
		cache_unpin(&map->object);
	if (event->room != NULL && !event->room->closed && !fan_load_hints(event->room))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(map != NULL);
}
