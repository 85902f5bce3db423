/*
 * cache_load.c: the seat map of an event is loaded from its rows.
 *
 * The map is made first and the snapshot taken then: a transaction that commits
 * in between is in the snapshot, one that commits later finds the map and
 * publishes in it, and where both bring a block the newer version stays.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "cache_load.h"
#include "instant.h"

PG_FUNCTION_INFO_V1(tixbook_seats_changed);

/* Where no map can be had, another try is made after this. */
#define RETRY_MS 100

static TimestampTz no_map_until = 0;

/* The blocks that the event has; its venue may have got more since. */
static int32
count_blocks(const Event *event)
{
	int32		nblocks = event->layout->nblocks;

	while (nblocks > 0 && event->layout->blocks[nblocks - 1].first_seat >= event->capacity)
		nblocks--;
	return nblocks;
}

static MapBlock *
lay_out(const Event *event, int32 nblocks)
{
	MapBlock   *blocks = MemoryContextAllocHuge(CurrentMemoryContext, nblocks * sizeof(MapBlock));

	memset(blocks, 0, nblocks * sizeof(MapBlock));
	for (int32 i = 0; i < nblocks; i++)
	{
		blocks[i].first_seat = event->layout->blocks[i].first_seat;
		blocks[i].capacity = event->layout->blocks[i].capacity;
		blocks[i].section = event->layout->blocks[i].section;
	}
	return blocks;
}

/* False: a row is missing, or the table has just been rewritten. */
static bool
load_rows(EventMap *map, Event *event, Snapshot snapshot)
{
	SeatBlocks	blocks;
	SeatBlock	row;
	BlockState	state;
	int32		loaded = 0;
	bool		in_place;

	seat_blocks_open_to_read(&blocks, event);
	in_place = compat_file_number(blocks.scan.rel) == map->rows_file;
	seat_block_walk_as_of(&blocks, snapshot);
	while (seat_block_next(&blocks, &row))
	{
		CHECK_FOR_INTERRUPTS();
		if (row.block_no < 0 || row.block_no >= map->nblocks)
			continue;
		seat_block_state(event, &row, &row.tid, &state);
		event_map_publish(map, &state);
		loaded++;
	}
	seat_blocks_close(&blocks);
	return loaded == map->nblocks && in_place;
}

/* In a memory context of its own; an error leaves no map behind. */
static bool
load(EventMap *map, Event *event, const CacheKey *key)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "tixbook cache load",
												  ALLOCSET_DEFAULT_SIZES);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool		complete = false;

	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		complete = load_rows(map, event, snapshot);
	}
	PG_CATCH();
	{
		cache_unpin(&map->object);
		cache_forget(key);
		PG_RE_THROW();
	}
	PG_END_TRY();
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return complete;
}

static EventMap *
make_and_load(Event *event, const CacheKey *key)
{
	int32		nblocks = count_blocks(event);
	MapBlock   *blocks = lay_out(event, nblocks);
	MapShape	shape = {
		.capacity = event->capacity,
		.nblocks = nblocks,
		.nsections = event->layout->nsections,
		.rows_file = store_file(STORE_SEAT_BLOCK),
		.blocks = blocks,
	};
	Size		size = event_map_size(&shape);
	EventMap   *map = (EventMap *) cache_make(key, size, size, event_map_init, &shape);

	pfree(blocks);
	if (map == NULL)
		return NULL;
	if (load(map, event, key) && cache_ready(&map->object))
		return map;
	cache_unpin(&map->object);
	cache_forget(key);
	return NULL;
}

EventMap *
cache_map(Event *event)
{
	CacheKey	key;
	EventMap   *map;

	if (!cache_is_on() || event->capacity == 0)
		return NULL;
	key = cache_key(CACHE_MAP, event->event_id);
	map = (EventMap *) cache_pin(&key, &event->map_ref);
	if (map != NULL && map->capacity == event->capacity)
		return map;
	if (map != NULL)
	{
		/* Inventory has just been added: it is about to be forgotten. */
		cache_unpin(&map->object);
		return NULL;
	}
	/* What this transaction has changed is nobody else's yet: it must not be loaded. */
	if (cache_touched(event->event_id) || !has_come(no_map_until, GetCurrentTimestamp(), RETRY_MS))
		return NULL;
	map = make_and_load(event, &key);
	if (map == NULL)
		no_map_until = GetCurrentTimestamp() + RETRY_MS * INT64CONST(1000);
	return map;
}

void
mapped_blocks_open(SeatBlocks *blocks, Event *event)
{
	seat_blocks_open(blocks, event);
	blocks->map = cache_map(event);
	if (blocks->map != NULL && blocks->map->rows_file != compat_file_number(blocks->scan.rel))
	{
		/* The rows have been moved: what the map knows of their places is worth nothing. */
		CacheKey	key = cache_key(CACHE_MAP, event->event_id);

		cache_unpin(&blocks->map->object);
		cache_forget(&key);
		blocks->map = NULL;
	}
}

void
mapped_blocks_close(SeatBlocks *blocks)
{
	if (blocks->map != NULL)
		cache_unpin(&blocks->map->object);
	seat_blocks_close(blocks);
}

/* The event that the row belongs to for which a trigger is fired. */
static int32
event_of_row(TriggerData *data)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		isnull;

	return DatumGetInt32(heap_getattr(data->tg_trigtuple, SPI_fnumber(desc, "event_id"), desc, &isnull));
}

/* seats_changed(): the trigger for whoever changes rows by SQL statements, or as a subscriber. */
Datum
tixbook_seats_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("seats_changed must be called as a trigger")));
	cache_forget_at_commit(TRIGGER_FIRED_FOR_ROW(data->tg_event) ? event_of_row(data) : ALL_EVENTS);
	return PointerGetDatum(NULL);
}
