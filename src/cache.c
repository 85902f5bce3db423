/*
 * cache.c: the seat maps in shared memory are found, made and forgotten.
 *
 * A table of slots, each with a map in a fixed area of shared memory.  Its lock
 * is only held to find or change a slot, never while a map is read or written;
 * a backend that has found a slot once comes back to it without the lock, and
 * sees by the slot's generation whether it is still the same.
 *
 * Whoever uses a map has its slot pinned, so that it is not evicted: for a
 * moment to read it, and to the end of a transaction that changes seats.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/dsa.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "cache.h"
#include "settings.h"
#include "store.h"

PG_FUNCTION_INFO_V1(tixbook_cache_status);

#define CACHE_TRANCHE "tixbook_cache"

/* Slots are made for maps of this size, and of larger ones there are fewer. */
#define KB_A_SLOT 4

typedef enum SlotState
{
	SLOT_EMPTY = 0,
	SLOT_LOADING,
	SLOT_READY,
	SLOT_RETIRED
} SlotState;

typedef struct CacheSlot
{
	CacheKey	key;
	pg_atomic_uint32 state;
	pg_atomic_uint32 generation;	/* rises when the slot gets another map */
	pg_atomic_uint32 pins;
	pg_atomic_uint32 used;		/* since the clock's hand came by */
	dsa_pointer memory;
	CacheObject *object;		/* at the same address in all processes */
} CacheSlot;

typedef struct CacheIndexEntry
{
	CacheKey	key;
	int			slot;
} CacheIndexEntry;

/* The lock guards the index, the area and all of a slot but what is atomic. */
typedef struct CacheShared
{
	LWLock	   *lock;
	int			nslots;
	int			hand;			/* of the clock that chooses what to evict */
	Size		bytes_used;
	uint64		loads;
	uint64		evictions;
	void	   *area;
	CacheSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} CacheShared;

static CacheShared *cache = NULL;	/* NULL: the library is not preloaded, or no memory is set aside */
static HTAB *cache_index;
static dsa_area *area = NULL;

/* What this backend reads; more than this many maps at once get none. */
#define MAX_PINNED 16
static CacheObject *pinned[MAX_PINNED];
static int	npinned = 0;

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

static int
slot_count(void)
{
	return Max(tixbook_cache_size / KB_A_SLOT, 16);
}

static Size
area_size(void)
{
	return Max((Size) tixbook_cache_size * 1024, dsa_minimum_size());
}

static Size
header_size(void)
{
	return MAXALIGN(offsetof(CacheShared, slots) + slot_count() * sizeof(CacheSlot));
}

static void
request_shmem(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(add_size(add_size(header_size(), area_size()),
									hash_estimate_size(slot_count(), sizeof(CacheIndexEntry))));
	RequestNamedLWLockTranche(CACHE_TRANCHE, 1);
}

static void
init_shared(void)
{
	dsa_area   *fresh;

	memset(cache, 0, header_size());
	cache->lock = &GetNamedLWLockTranche(CACHE_TRANCHE)->lock;
	cache->nslots = slot_count();
	cache->area = (char *) cache + header_size();
	/* All of it lies here: the limit keeps it from growing elsewhere. */
	fresh = dsa_create_in_place(cache->area, area_size(), cache->lock->tranche, NULL);
	dsa_pin(fresh);
	dsa_set_size_limit(fresh, area_size());
	dsa_detach(fresh);
}

static void
startup_shmem(void)
{
	HASHCTL		control = {.keysize = sizeof(CacheKey), .entrysize = sizeof(CacheIndexEntry)};
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cache = ShmemInitStruct("tixbook cache", header_size() + area_size(), &found);
	if (!found)
		init_shared();
	cache_index = ShmemInitHash("tixbook cache index", slot_count(), slot_count(), &control,
								HASH_ELEM | HASH_BLOBS);
	LWLockRelease(AddinShmemInitLock);
}

void
cache_shmem_init(void)
{
	if (tixbook_cache_size == 0)
		return;
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/* Whether maps can be had here: a standby publishes nothing, so it has none. */
bool
cache_is_on(void)
{
	return cache != NULL && !RecoveryInProgress();
}

static void
attach_area(void)
{
	MemoryContext caller;

	if (area != NULL)
		return;
	caller = MemoryContextSwitchTo(TopMemoryContext);
	area = dsa_attach_in_place(cache->area, NULL);
	dsa_pin_mapping(area);
	MemoryContextSwitchTo(caller);
}

/* Needs the catalog and memory: commit callbacks must have their keys before. */
CacheKey
cache_key(CacheKind kind, int32 id)
{
	CacheKey	key = {MyDatabaseId, store_table_oid(STORE_SEAT_BLOCK), kind, id};

	attach_area();
	return key;
}

static SlotState
state_of(CacheSlot *slot)
{
	return (SlotState) pg_atomic_read_u32(&slot->state);
}

/* Pins the slot where the map was found before; false: it is another's now. */
static bool
pin_again(const CacheRef *ref)
{
	CacheSlot  *slot;

	if (ref->slot == 0)
		return false;
	slot = &cache->slots[ref->slot - 1];
	/* Who evicts changes the state first and looks for pins then. */
	pg_atomic_fetch_add_u32(&slot->pins, 1);
	if (pg_atomic_read_u32(&slot->generation) == ref->generation &&
		(state_of(slot) == SLOT_READY || state_of(slot) == SLOT_LOADING))
		return true;
	pg_atomic_fetch_sub_u32(&slot->pins, 1);
	return false;
}

static bool
find_and_pin(const CacheKey *key, CacheRef *ref)
{
	CacheIndexEntry *entry;

	LWLockAcquire(cache->lock, LW_SHARED);
	entry = hash_search(cache_index, key, HASH_FIND, NULL);
	ref->slot = 0;
	if (entry != NULL)
	{
		CacheSlot  *slot = &cache->slots[entry->slot];

		pg_atomic_fetch_add_u32(&slot->pins, 1);
		ref->slot = entry->slot + 1;
		ref->generation = pg_atomic_read_u32(&slot->generation);
	}
	LWLockRelease(cache->lock);
	return entry != NULL;
}

/*
 * The object, READY or LOADING, pinned until the caller lets it go; NULL: there
 * is none.  ref is where it was found the last time, and where it
 * is found now.  Fails and allocates nothing.
 */
CacheObject *
cache_hold(const CacheKey *key, CacheRef *ref)
{
	if (!pin_again(ref) && !find_and_pin(key, ref))
		return NULL;
	return cache->slots[ref->slot - 1].object;
}

void
cache_let_go(CacheObject *object)
{
	pg_atomic_fetch_sub_u32(&cache->slots[object->slot].pins, 1);
}

/* The object to read, pinned; NULL: there is none, or it is still being loaded. */
CacheObject *
cache_pin(const CacheKey *key, CacheRef *ref)
{
	CacheObject *object = npinned < MAX_PINNED ? cache_hold(key, ref) : NULL;
	CacheSlot  *slot;

	if (object == NULL)
		return NULL;
	slot = &cache->slots[object->slot];
	if (state_of(slot) != SLOT_READY)
	{
		cache_let_go(object);
		return NULL;
	}
	if (pg_atomic_read_u32(&slot->used) == 0)
		pg_atomic_write_u32(&slot->used, 1);
	return pinned[npinned++] = object;
}

void
cache_unpin(CacheObject *object)
{
	for (int i = npinned - 1; i >= 0; i--)
		if (pinned[i] == object)
		{
			pinned[i] = pinned[--npinned];
			cache_let_go(object);
			return;
		}
}

/* The lock is held exclusively for what follows. */
static void
empty_slot(CacheSlot *slot)
{
	dsa_free(area, slot->memory);
	cache->bytes_used -= slot->object->size;
	pg_atomic_fetch_add_u32(&slot->generation, 1);
	slot->object = NULL;
	pg_atomic_write_u32(&slot->state, SLOT_EMPTY);
}

/* Nobody finds it any more; its memory comes back when nobody has it pinned. */
static void
retire_slot(CacheSlot *slot)
{
	(void) hash_search(cache_index, &slot->key, HASH_REMOVE, NULL);
	pg_atomic_exchange_u32(&slot->state, SLOT_RETIRED);
	if (pg_atomic_read_u32(&slot->pins) == 0)
		empty_slot(slot);
}

/*
 * Lets go of an object.  One that is LOADING still is its maker's, who was
 * terminated while he filled it: nobody else would ever find it, nor make another.
 */
static void
let_go_at_end(CacheObject *object)
{
	CacheSlot  *slot = &cache->slots[object->slot];

	if (state_of(slot) == SLOT_LOADING)
	{
		LWLockAcquire(cache->lock, LW_EXCLUSIVE);
		if (state_of(slot) == SLOT_LOADING)
			retire_slot(slot);
		LWLockRelease(cache->lock);
	}
	cache_let_go(object);
}

/* An error leaves maps pinned. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	while (npinned > 0)
		let_go_at_end(pinned[--npinned]);
}

void
cache_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
}

/* Gives the memory of a slot back, if it may go; a map that was used stays for one more round. */
static bool
evict(CacheSlot *slot)
{
	if (state_of(slot) == SLOT_RETIRED && pg_atomic_read_u32(&slot->pins) == 0)
	{
		empty_slot(slot);
		return true;
	}
	if (state_of(slot) != SLOT_READY || pg_atomic_exchange_u32(&slot->used, 0) != 0)
		return false;
	/* The exchange is a full barrier: who pins after it sees the state, who did before is seen. */
	pg_atomic_exchange_u32(&slot->state, SLOT_RETIRED);
	if (pg_atomic_read_u32(&slot->pins) != 0)
	{
		pg_atomic_write_u32(&slot->state, SLOT_READY);
		return false;
	}
	(void) hash_search(cache_index, &slot->key, HASH_REMOVE, NULL);
	empty_slot(slot);
	cache->evictions++;
	return true;
}

static bool
evict_one(void)
{
	for (int tries = 0; tries < 2 * cache->nslots; tries++)
	{
		cache->hand = (cache->hand + 1) % cache->nslots;
		if (evict(&cache->slots[cache->hand]))
			return true;
	}
	return false;
}

static int
find_empty_slot(void)
{
	do
	{
		for (int i = 0; i < cache->nslots; i++)
		{
			int			slot = (cache->hand + i) % cache->nslots;

			if (state_of(&cache->slots[slot]) == SLOT_EMPTY)
				return slot;
		}
	} while (evict_one());
	return -1;
}

static dsa_pointer
find_memory(Size size)
{
	dsa_pointer memory;

	do
		memory = dsa_allocate_extended(area, size, DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);
	while (!DsaPointerIsValid(memory) && evict_one());
	return memory;
}

static CacheObject *
fill_slot(int number, const CacheKey *key, dsa_pointer memory, Size size, Size cleared)
{
	CacheSlot  *slot = &cache->slots[number];
	CacheIndexEntry *entry = hash_search(cache_index, key, HASH_ENTER, NULL);

	entry->slot = number;
	slot->key = *key;
	slot->memory = memory;
	slot->object = dsa_get_address(area, memory);
	memset(slot->object, 0, cleared);
	slot->object->size = size;
	slot->object->slot = number;
	pg_atomic_fetch_add_u32(&slot->pins, 1);
	pg_atomic_write_u32(&slot->used, 1);
	cache->bytes_used += size;
	cache->loads++;
	return slot->object;
}

/*
 * Makes an object, LOADING and pinned, for the caller to fill; NULL: another
 * makes it, or there is no room.  Its first part is cleared, of so many bytes;
 * the rest is the caller's to clear, who holds no lock then.  Whoever commits
 * from here on finds it, so the rows must be read by a snapshot that is taken
 * after this.
 */
CacheObject *
cache_make(const CacheKey *key, Size size, Size cleared, CacheInit init, const void *with)
{
	CacheObject *object = NULL;
	dsa_pointer memory;
	int			slot;

	if (npinned == MAX_PINNED)
		return NULL;
	LWLockAcquire(cache->lock, LW_EXCLUSIVE);
	if (hash_search(cache_index, key, HASH_FIND, NULL) == NULL && (slot = find_empty_slot()) >= 0 &&
		DsaPointerIsValid(memory = find_memory(size)))
	{
		object = pinned[npinned++] = fill_slot(slot, key, memory, size, cleared);
		init(object, with);
		pg_atomic_exchange_u32(&cache->slots[slot].state, SLOT_LOADING);
	}
	LWLockRelease(cache->lock);
	return object;
}

/* The object that the caller made is filled; false: it has been forgotten meanwhile. */
bool
cache_ready(CacheObject *object)
{
	uint32		loading = SLOT_LOADING;

	return pg_atomic_compare_exchange_u32(&cache->slots[object->slot].state, &loading, SLOT_READY);
}

/*
 * The object is not to be found any more, nor one that is being loaded now; with
 * ALL_EVENTS none of its kind in the database.
 */
void
cache_forget(const CacheKey *key)
{
	LWLockAcquire(cache->lock, LW_EXCLUSIVE);
	for (int i = 0; i < cache->nslots; i++)
	{
		CacheSlot  *slot = &cache->slots[i];

		if ((state_of(slot) == SLOT_READY || state_of(slot) == SLOT_LOADING) &&
			slot->key.database == key->database &&
			slot->key.extension == key->extension && slot->key.kind == key->kind &&
			(key->id == ALL_EVENTS || slot->key.id == key->id))
			retire_slot(slot);
	}
	LWLockRelease(cache->lock);
}

/* cache_status() → (bytes_total, bytes_used, events, loads, evictions) */
Datum
tixbook_cache_status(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[5];
	bool		nulls[5] = {0};
	int			events = 0;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "cache_status must return a row");
	if (cache == NULL)
		memset(nulls, true, sizeof(nulls));
	else
	{
		LWLockAcquire(cache->lock, LW_SHARED);
		for (int i = 0; i < cache->nslots; i++)
			events += state_of(&cache->slots[i]) == SLOT_READY && cache->slots[i].key.kind == CACHE_MAP;
		values[0] = Int64GetDatum((int64) area_size());
		values[1] = Int64GetDatum((int64) cache->bytes_used);
		values[2] = Int32GetDatum(events);
		values[3] = Int64GetDatum((int64) cache->loads);
		values[4] = Int64GetDatum((int64) cache->evictions);
		LWLockRelease(cache->lock);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}
