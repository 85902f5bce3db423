/*
 * waitingroom_hint.c: where the entries of a room stand, in shared memory.
 *
 * Who waits asks again and again.  With millions in the room most of what that
 * costs is the way through the index; a hint leads straight to the row.  It has
 * a few bits of a hash of the customer and a place, and proves nothing: the row
 * there must be his, or else the index is asked, which leaves a new hint.  So
 * nobody keeps hints up to date, and a lost one costs a look at the index.
 *
 * Eight hints share a cache line, and a customer's is in the line that his hash
 * tells, as in the cache of a processor.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"

#include "cache.h"
#include "settings.h"
#include "waitingroom.h"

#define HINTS_A_LINE 8

/* With so many for ten entries, about one of forty finds no room in its line. */
#define HINTS_FOR_TEN 15

/* A place, and above it the tag; 0: none, since no row has the number 0 on its page. */
#define PLACE_BITS 48

struct EntryHints
{
	CacheObject object;
	uint32		nlines;
	char		padding[PG_CACHE_LINE_SIZE];	/* the lines begin at some multiple of it */
};

typedef struct HintLine
{
	pg_atomic_uint64 hints[HINTS_A_LINE];
} HintLine;

/* The hints of the room, pinned; NULL: it has none. */
EntryHints *
entry_hints(WaitingRoom *room)
{
	CacheKey	key;

	if (!cache_is_on())
		return NULL;
	key = cache_key(CACHE_HINTS, room->event_id);
	return (EntryHints *) cache_pin(&key, &room->hints_ref);
}

void
entry_hints_let_go(EntryHints *hints)
{
	cache_unpin(&hints->object);
}

static uint64
hash_of(const WaitingRoom *room, const char *customer)
{
	return hash_bytes_extended((const unsigned char *) customer, strlen(customer), (uint64) room->event_id);
}

static HintLine *
lines_of(EntryHints *hints)
{
	return (HintLine *) TYPEALIGN(sizeof(HintLine), (uintptr_t) hints->padding);
}

static HintLine *
line_of(EntryHints *hints, uint64 hash)
{
	return &lines_of(hints)[((hash & PG_UINT32_MAX) * hints->nlines) >> 32];
}

static uint64
tag_of(uint64 hash)
{
	return hash >> PLACE_BITS << PLACE_BITS;
}

static bool
has_tag(uint64 hint, uint64 hash)
{
	return hint != 0 && (hint ^ hash) >> PLACE_BITS == 0;
}

/* Where the row of the customer's entry may stand; false: no hint. */
bool
entry_hint_find(EntryHints *hints, const WaitingRoom *room, const char *customer, ItemPointer place)
{
	uint64		hash = hash_of(room, customer);
	HintLine   *line = line_of(hints, hash);

	for (int i = 0; i < HINTS_A_LINE; i++)
	{
		uint64		hint = pg_atomic_read_u64(&line->hints[i]);

		if (!has_tag(hint, hash))
			continue;
		ItemPointerSet(place, (BlockNumber) (hint >> 16), (OffsetNumber) hint);
		return true;
	}
	return false;
}

/* Where there is no room it takes the place of any other one. */
void
entry_hint_put(EntryHints *hints, const WaitingRoom *room, const char *customer, const ItemPointerData *place)
{
	uint64		hash = hash_of(room, customer);
	HintLine   *line = line_of(hints, hash);
	int			chosen = (hash >> 32) % HINTS_A_LINE;

	for (int i = 0; i < HINTS_A_LINE; i++)
	{
		uint64		hint = pg_atomic_read_u64(&line->hints[i]);

		if (hint != 0 && !has_tag(hint, hash))
			continue;
		chosen = i;
		break;
	}
	pg_atomic_write_u64(&line->hints[chosen], tag_of(hash) |
						(uint64) ItemPointerGetBlockNumber(place) << 16 | ItemPointerGetOffsetNumber(place));
}

static void
init_hints(CacheObject *object, const void *with)
{
	((EntryHints *) object)->nlines = *(const uint32 *) with;
}

static Size
size_of(uint32 nlines)
{
	return add_size(sizeof(EntryHints), mul_size(nlines, sizeof(HintLine)));
}

/* For so many entries, but never more than half of the cache. */
static uint32
lines_for(int64 entries)
{
	int64		most = (int64) tixbook_cache_size * 1024 / 2 / sizeof(HintLine);
	int64		wanted = entries * HINTS_FOR_TEN / 10 / HINTS_A_LINE + 1;

	return (uint32) Min(Min(wanted, most), PG_INT32_MAX);
}

/*
 * Hints for as many entries as the room has now, without any in them, pinned;
 * NULL: there is no memory, or somebody else makes them.
 */
EntryHints *
entry_hints_make(WaitingRoom *room)
{
	CacheKey	key = cache_key(CACHE_HINTS, room->event_id);
	uint32		nlines = lines_for(waitingroom_joined(room));
	EntryHints *hints;

	cache_forget(&key);
	hints = (EntryHints *) cache_make(&key, size_of(nlines), sizeof(EntryHints), init_hints, &nlines);
	if (hints == NULL)
		return NULL;
	/* They may be hundreds of megabytes, which is too long for a lock. */
	memset(lines_of(hints), 0, nlines * sizeof(HintLine));
	if (cache_ready(&hints->object))
		return hints;
	cache_unpin(&hints->object);
	return NULL;
}
