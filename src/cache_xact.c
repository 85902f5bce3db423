/*
 * cache_xact.c: what a transaction does to the seat maps in shared memory.
 *
 * While it runs it only counts itself among those who decide on a block.  What
 * it writes is kept aside and published when it has committed; what a savepoint
 * takes back is dropped.  Everything that needs memory, a lookup or a pin
 * happens before the commit, because its callback must not fail.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "cache.h"
#include "publish.h"
#include "xact_array.h"

/* An event whose seats the transaction may change. */
typedef struct TouchedEvent
{
	CacheKey	key;
	CacheRef		ref;			/* where its map was found */
	bool		written;
	bool		forget;
	TimestampTz due;			/* of the earliest hold it made; DT_NOEND: none */
} TouchedEvent;

/* A block of it. */
typedef struct BlockKey
{
	int			event;			/* number of its TouchedEvent */
	int32		block_no;
} BlockKey;

typedef struct TouchedBlock
{
	BlockKey	key;
	EventMap   *decides;		/* the map where this transaction is counted, and which it holds */
	SubTransactionId subid;
	BlockState	state;			/* version 0: nothing to publish */
} TouchedBlock;

/* In TopTransactionContext, so that they go with the transaction. */
static TouchedEvent *events = NULL;
static int	nevents = 0;
static int	events_room = 0;
static TouchedBlock *blocks = NULL;
static int	nblocks = 0;
static int	blocks_room = 0;

/* The last place of each block among them, kept once they are many; NULL: not now. */
typedef struct BlockPlace
{
	BlockKey	key;
	int			place;
} BlockPlace;

static HTAB *places = NULL;

#define MANY_BLOCKS 16

/*
 * Where the map of the last event was found: most transactions of a session
 * touch the same one.  It may be another's by now, as every CacheRef.
 */
static struct
{
	CacheKey	key;
	CacheRef	ref;
}			last_found;

static bool
is_last_found(const CacheKey *key)
{
	return memcmp(key, &last_found.key, sizeof(CacheKey)) == 0;
}

static int
find_touched(int32 event_id)
{
	for (int i = 0; i < nevents; i++)
		if (events[i].key.id == event_id && events[i].key.kind == CACHE_MAP)
			return i;
	return -1;
}

static int
add_touched(CacheKey key)
{
	events = xact_array_room(events, nevents, &events_room, sizeof(TouchedEvent));
	memset(&events[nevents], 0, sizeof(TouchedEvent));
	events[nevents].key = key;
	if (is_last_found(&key))
		events[nevents].ref = last_found.ref;
	events[nevents].due = DT_NOEND;
	return nevents++;
}

static int
touch_event(int32 event_id)
{
	int			found = find_touched(event_id);

	return found >= 0 ? found : add_touched(cache_key(CACHE_MAP, event_id));
}

static void
note_place(int number)
{
	BlockPlace *place = hash_search(places, &blocks[number].key, HASH_ENTER, NULL);

	place->place = number;
}

static void
note_places(void)
{
	HASHCTL		control = {.keysize = sizeof(BlockKey), .entrysize = sizeof(BlockPlace)};

	control.hcxt = TopTransactionContext;
	places = hash_create("tixbook touched blocks", 256, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < nblocks; i++)
		note_place(i);
}

/* The last that was noted of a block. */
static TouchedBlock *
find_block(int event, int32 block_no)
{
	if (nblocks > MANY_BLOCKS)
	{
		BlockKey	key = {event, block_no};
		BlockPlace *place;

		if (places == NULL)
			note_places();
		place = hash_search(places, &key, HASH_FIND, NULL);
		return place == NULL ? NULL : &blocks[place->place];
	}
	for (int i = nblocks - 1; i >= 0; i--)
		if (blocks[i].key.event == event && blocks[i].key.block_no == block_no)
			return &blocks[i];
	return NULL;
}

/* What the current subtransaction does to a block; what its parents did stands before it. */
static TouchedBlock *
touch_block(int event, int32 block_no)
{
	TouchedBlock *block = find_block(event, block_no);

	if (block != NULL && block->subid == GetCurrentSubTransactionId())
		return block;
	blocks = xact_array_room(blocks, nblocks, &blocks_room, sizeof(TouchedBlock));
	block = &blocks[nblocks];
	memset(block, 0, sizeof(TouchedBlock));
	block->key.event = event;
	block->key.block_no = block_no;
	block->subid = GetCurrentSubTransactionId();
	nblocks++;
	if (places != NULL)
		note_place(nblocks - 1);
	return block;
}

/* Whether the transaction has changed seats of the event, by whatever way. */
bool
cache_touched(int32 event_id)
{
	for (int i = 0; i < nevents; i++)
		if ((events[i].key.id == event_id && (events[i].written || events[i].forget)) ||
			(events[i].key.id == ALL_EVENTS && events[i].forget))
			return true;
	return false;
}

static pg_atomic_uint32 *
deciders_of_section(const TouchedBlock *block)
{
	return &block->decides->sections[map_blocks(block->decides)[block->key.block_no].section].deciders;
}

/*
 * Counts the transaction among those who may be deciding on a block, before it
 * tries to lock or replace its row; false: others are.  That is advice: the
 * row's lock decides.
 *
 * The transaction has an id before it looks for the map: one that is made later
 * knows by that that it does not count everybody.
 */
bool
cache_decide(int32 event_id, int32 block_no)
{
	TouchedBlock *block;
	EventMap   *map;
	int			event;

	if (!cache_is_on())
		return true;
	(void) GetTopTransactionId();
	event = touch_event(event_id);
	if (find_block(event, block_no) != NULL)
		return true;
	map = (EventMap *) cache_hold(&events[event].key, &events[event].ref);
	if (map == NULL)
		return true;
	last_found.key = events[event].key;
	last_found.ref = events[event].ref;
	if (block_no >= map->nblocks)
	{
		cache_let_go(&map->object);
		return true;
	}
	block = touch_block(event, block_no);
	block->decides = map;
	pg_atomic_fetch_add_u32(deciders_of_section(block), 1);
	return pg_atomic_fetch_add_u32(&map_blocks(map)[block_no].deciders, 1) == 0;
}

static void
stop_deciding(TouchedBlock *block)
{
	if (block->decides == NULL)
		return;
	pg_atomic_fetch_sub_u32(&map_blocks(block->decides)[block->key.block_no].deciders, 1);
	pg_atomic_fetch_sub_u32(deciders_of_section(block), 1);
	cache_let_go(&block->decides->object);
	block->decides = NULL;
}

/* Whether this transaction is counted there. */
bool
cache_decides(int32 event_id, int32 block_no)
{
	int			event = nblocks == 0 ? -1 : find_touched(event_id);

	return event >= 0 && find_block(event, block_no) != NULL;
}

/* The transaction could not lock the block, which it has just begun to decide on. */
void
cache_undecide(int32 event_id, int32 block_no)
{
	int			last = nblocks - 1;

	if (last < 0 || blocks[last].key.block_no != block_no || blocks[last].state.version != 0 ||
		events[blocks[last].key.event].key.id != event_id)
		return;
	stop_deciding(&blocks[last]);
	if (places != NULL)
		(void) hash_search(places, &blocks[last].key, HASH_REMOVE, NULL);
	nblocks--;
}

/* The transaction has written a block; its state is published at commit. */
void
cache_changed(int32 event_id, const BlockState *state)
{
	TouchedBlock *block;
	Seatmap    *taken;
	int			event;

	if (!cache_is_on())
		return;
	event = touch_event(event_id);
	events[event].written = true;
	taken = MemoryContextAlloc(TopTransactionContext, SEATMAP_SIZE(state->taken->capacity));
	memcpy(taken, state->taken, SEATMAP_SIZE(state->taken->capacity));
	block = touch_block(event, state->block_no);
	if (block->state.taken != NULL)
		pfree(unconstify(Seatmap *, block->state.taken));
	block->state = *state;
	block->state.taken = taken;
}

/* Scores of venues have changed; what the transaction reads is the rows' own from here on. */
void
cache_forget_venues_at_commit(void)
{
	int			venues;

	if (!cache_is_on())
		return;
	venues = add_touched(cache_key(CACHE_SCORES, ALL_EVENTS));
	events[venues].forget = true;
}

/* The transaction has made a hold of the event, or changed when one ends. */
void
cache_hold_ends(int32 event_id, TimestampTz expires_at)
{
	int			event;

	if (!cache_is_on())
		return;
	event = touch_event(event_id);
	events[event].due = Min(events[event].due, expires_at);
}

/* When the first of the holds of the event that this transaction has made ends; DT_NOEND: it has made none. */
TimestampTz
cache_next_due(int32 event_id)
{
	int			event = find_touched(event_id);

	return event < 0 ? DT_NOEND : events[event].due;
}

/* Seats of the event are changed in a way that is not told block by block. */
void
cache_forget_at_commit(int32 event_id)
{
	int			event;

	if (!cache_is_on())
		return;
	event = touch_event(event_id);
	events[event].forget = true;
}

static void
publish_blocks(int event, EventMap *map)
{
	for (int i = 0; i < nblocks; i++)
		if (blocks[i].key.event == event && blocks[i].state.version != 0 &&
			blocks[i].key.block_no < map->nblocks)
			event_map_publish(map, &blocks[i].state);
}

/* Into the map that is found now: one that is made later reads the committed rows. */
static void
publish(int event)
{
	TouchedEvent *touched = &events[event];
	EventMap   *map;

	if (touched->forget)
		cache_forget(&touched->key);
	else if ((map = (EventMap *) cache_hold(&touched->key, &touched->ref)) != NULL)
	{
		event_map_hold_ends(map, touched->due);
		publish_blocks(event, map);
		cache_let_go(&map->object);
	}
	if ((touched->written || touched->forget) && touched->key.kind == CACHE_MAP)
		publish_seats_changed(touched->key.database, touched->key.id);
}

static void
transaction_ends(XactEvent xact_event, void *arg)
{
	if ((xact_event != XACT_EVENT_COMMIT && xact_event != XACT_EVENT_ABORT) || nevents == 0)
		return;
	/* It stays among those who decide until all it did can be seen. */
	for (int i = 0; i < nevents && xact_event == XACT_EVENT_COMMIT; i++)
		publish(i);
	for (int i = 0; i < nblocks; i++)
		stop_deciding(&blocks[i]);
	events = NULL;
	blocks = NULL;
	places = NULL;
	nevents = events_room = nblocks = blocks_room = 0;
}

/* What a savepoint takes back was not written; what it keeps is its parent's. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	int			kept = 0;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (int i = 0; i < nblocks; i++)
	{
		if (blocks[i].subid == subid && event == SUBXACT_EVENT_ABORT_SUB)
		{
			stop_deciding(&blocks[i]);
			continue;
		}
		if (blocks[i].subid == subid)
			blocks[i].subid = parent;
		blocks[kept++] = blocks[i];
	}
	if (kept < nblocks && places != NULL)
	{
		hash_destroy(places);
		places = NULL;
	}
	nblocks = kept;
}

void
cache_xact_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
