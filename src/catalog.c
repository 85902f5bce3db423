/*
 * catalog.c: events and venue layouts in the memory of a backend.
 *
 * They are loaded on demand and forgotten when a table that they were made from
 * changes: a statement trigger on each sends a relation cache invalidation,
 * which every backend sees before its next statement reads.  Events and prices
 * may change while others sell, so they are forgotten without the layouts,
 * which are large, and without what was seen of the blocks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "catalog_load.h"
#include "store.h"

PG_FUNCTION_INFO_V1(tixbook_layout_changed);

/* Beyond this many remembered events a backend starts afresh. */
#define MAX_REMEMBERED_EVENTS 4096

/* An entry of any of the tables below: its key comes first. */
typedef struct Entry
{
	int32		id;
	void	   *value;
} Entry;

/* Something remembered, in a memory context of its own. */
typedef struct Memory
{
	const char *name;
	MemoryContext context;
	bool		outdated;
} Memory;

static Memory event_memory = {"tixbook events", NULL, true};
static Memory layout_memory = {"tixbook layouts", NULL, true};
static HTAB *events = NULL;		/* Event, in event_memory */
static HTAB *layouts = NULL;	/* VenueLayout, in layout_memory */
static HTAB *hints = NULL;		/* EventHints by event, in layout_memory */

/* Out of date, but a caller may still look at it until the transaction ends. */
static MemoryContext retired_context = NULL;

/* The first ones make events, the others layouts. */
static const StoreTable watched_tables[] = {
	STORE_EVENT, STORE_PRICE, STORE_WAITING_ROOM, STORE_SECTION, STORE_CATEGORY, STORE_VENUE_BLOCK
};
#define WATCHED_FOR_EVENTS 3
static Oid	watched_oids[lengthof(watched_tables)];

/* Relation cache callback: must not read the catalog, so it only notes. */
static void
relation_invalidated(Datum arg, Oid relid)
{
	for (int i = 0; i < lengthof(watched_oids); i++)
		if (!OidIsValid(relid) || watched_oids[i] == relid)
		{
			event_memory.outdated = true;
			layout_memory.outdated |= !OidIsValid(relid) || i >= WATCHED_FOR_EVENTS;
		}
}

static void
transaction_ends(XactEvent event, void *arg)
{
	if (retired_context != NULL && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT))
		MemoryContextDeleteChildren(retired_context);
}

void
catalog_init(void)
{
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
	RegisterXactCallback(transaction_ends, NULL);
}

/* layout_changed(): the trigger that tells every backend. */
Datum
tixbook_layout_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("layout_changed must be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	if (RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation) ==
		store_table_oid(STORE_VENUE_BLOCK))
		cache_forget_venues_at_commit();
	return PointerGetDatum(NULL);
}

/* An empty memory; what it held stays readable until the transaction ends. */
static void
start_afresh(Memory *memory)
{
	if (retired_context == NULL)
		retired_context = AllocSetContextCreate(TopMemoryContext, "tixbook retired",
												ALLOCSET_SMALL_SIZES);
	if (memory->context != NULL)
		MemoryContextSetParent(memory->context, retired_context);
	memory->context = AllocSetContextCreate(TopMemoryContext, "tixbook catalog",
											ALLOCSET_DEFAULT_SIZES);
	MemoryContextSetIdentifier(memory->context, memory->name);
	memory->outdated = false;
}

static HTAB *
entries_in(const Memory *memory, const char *name)
{
	HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(Entry)};

	control.hcxt = memory->context;
	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
forget_what_is_outdated(void)
{
	if (!event_memory.outdated)
		return;
	for (int i = 0; i < lengthof(watched_tables); i++)
		watched_oids[i] = store_table_oid(watched_tables[i]);
	if (layout_memory.outdated || hash_get_num_entries(hints) > MAX_REMEMBERED_EVENTS)
	{
		start_afresh(&layout_memory);
		layouts = entries_in(&layout_memory, "tixbook layouts");
		hints = entries_in(&layout_memory, "tixbook hints");
	}
	start_afresh(&event_memory);
	events = entries_in(&event_memory, "tixbook events");
}

static void *
recall(HTAB *entries, int32 id)
{
	Entry	   *entry = hash_search(entries, &id, HASH_FIND, NULL);

	return entry == NULL ? NULL : entry->value;
}

static void *
keep(HTAB *entries, int32 id, void *value)
{
	Entry	   *entry = hash_search(entries, &id, HASH_ENTER, NULL);

	entry->value = value;
	return value;
}

static VenueLayout *
layout_of_venue(int32 venue_id, Snapshot snapshot)
{
	VenueLayout *layout = recall(layouts, venue_id);

	return layout != NULL ? layout :
		keep(layouts, venue_id, load_layout(layout_memory.context, venue_id, snapshot));
}

/* What was seen of an event's blocks; nothing at first, so they are surveyed soon. */
static EventHints *
hints_of_event(int32 event_id, const VenueLayout *layout)
{
	EventHints *event_hints = recall(hints, event_id);

	if (event_hints != NULL)
		return event_hints;
	event_hints = MemoryContextAlloc(layout_memory.context, sizeof(EventHints));
	event_hints->blocks = MemoryContextAllocHuge(layout_memory.context,
												 Max(layout->nblocks, 1) * sizeof(BlockHint));
	for (int32 i = 0; i < layout->nblocks; i++)
	{
		event_hints->blocks[i].score = layout->blocks[i].best_score;
		event_hints->blocks[i].run = layout->blocks[i].capacity;
		event_hints->blocks[i].given_back = 0;
		ItemPointerSetInvalid(&event_hints->blocks[i].place);
	}
	event_hints->context = layout_memory.context;
	event_hints->fronts = MemoryContextAllocZero(layout_memory.context,
												 (layout->nsections + 1) * sizeof(Front *));
	event_hints->next_survey = DT_NOBEGIN;
	event_hints->spread = 1;
	return keep(hints, event_id, event_hints);
}

static Event *
load(int32 event_id, Snapshot snapshot)
{
	int32		venue_id;
	Event	   *event = load_event(event_memory.context, event_id, &venue_id, snapshot);

	if (event == NULL)
		return NULL;
	event->layout = layout_of_venue(venue_id, snapshot);
	event->hints = hints_of_event(event_id, event->layout);
	load_prices(event, snapshot);
	load_waiting_room(event, snapshot);
	return event;
}

Event *
catalog_event(int32 event_id)
{
	Event	   *event;
	Snapshot	snapshot;

	AcceptInvalidationMessages();
	forget_what_is_outdated();
	event = recall(events, event_id);
	if (event != NULL)
		return event;

	if (hash_get_num_entries(events) >= MAX_REMEMBERED_EVENTS)
	{
		event_memory.outdated = true;
		forget_what_is_outdated();
	}
	/* What made us load must be visible to the loading, not only to the next. */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	event = load(event_id, snapshot);
	UnregisterSnapshot(snapshot);
	return event == NULL ? NULL : keep(events, event_id, event);
}

int32
catalog_find_section(const VenueLayout *layout, const char *name)
{
	for (int32 i = 0; i < layout->nsections; i++)
		if (strcmp(layout->sections[i].name, name) == 0)
			return i;
	return -1;
}

int32
catalog_find_category(const VenueLayout *layout, const char *name)
{
	for (int32 i = 0; i < layout->ncategories; i++)
		if (layout->categories[i] != NULL && strcmp(layout->categories[i], name) == 0)
			return i;
	return -1;
}

/* The block that a seat stands in, by binary search: blocks tile the seats. */
int32
catalog_block_of_seat(const VenueLayout *layout, int32 seat_index)
{
	int32		low = 0,
				high = layout->nblocks - 1;

	while (low <= high)
	{
		int32		middle = low + (high - low) / 2;
		const VenueBlock *block = &layout->blocks[middle];

		if (seat_index < block->first_seat)
			high = middle - 1;
		else if (seat_index >= block->first_seat + block->capacity)
			low = middle + 1;
		else
			return middle;
	}
	return -1;
}
