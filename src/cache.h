/*
 * The seat maps of events in shared memory.
 *
 * They repeat what is committed in seat_block, and decide nothing: a map that
 * is missing, or behind by the moment between a commit and its publication,
 * changes how fast an answer is, never the answer.
 *
 * A map is written by transactions that have just committed, a block at a
 * time, and only forward: a block takes a version that is newer than its own.
 * Readers take no lock.  They read the map's version first and its bits then,
 * so what they get is at least as new as the version they tell, and a block
 * that changes while they read is told again to who asks what has changed
 * since that version.
 *
 * A map goes through these states:
 *
 *   LOADING  made and found by writers, so that none is missed, while its
 *            loader reads the rows by a snapshot that it took after making it
 *   READY    readers may use it
 *   RETIRED  forgotten while somebody had it pinned; nobody finds it any more
 */
#ifndef TIXBOOK_CACHE_H
#define TIXBOOK_CACHE_H

#include "port/atomics.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

#include "seatmap.h"

/* What every object in the cache begins with. */
typedef struct CacheObject
{
	Size		size;			/* of all of it */
	int			slot;			/* where it is kept */
} CacheObject;

typedef struct MapSection
{
	pg_atomic_uint32 free;		/* seats for requests that name none */
	pg_atomic_uint32 deciders;	/* of its blocks, together */
} MapSection;

typedef struct MapBlock
{
	pg_atomic_uint64 version;	/* of the row as committed; 0: not known yet */
	pg_atomic_uint64 changed_at;	/* the map's version after the last change here */
	pg_atomic_uint64 place;		/* where that row version stands */
	pg_atomic_uint32 publisher; /* 1 while somebody writes it */
	pg_atomic_uint32 deciders;	/* transactions that may be changing its row */
	pg_atomic_uint32 given_back;	/* rises when seats of it become free */
	int32		first_seat;
	int32		capacity;
	int32		section;		/* position in the layout's sections */
	int32		taken;			/* seats, of any kind */
	int32		free;			/* seats for requests that name none */
	int32		run;			/* the largest party of those that could sit together */
} MapBlock;

typedef struct EventMap
{
	CacheObject object;
	Oid			rows_file;		/* in which the rows have their places; VACUUM FULL makes another */
	int32		capacity;
	int32		nblocks;
	int32		nsections;
	TransactionId next_xid;		/* when it was made: older transactions may be deciding unseen */
	pg_atomic_uint32 settled;	/* 1: they have all ended */
	pg_atomic_uint32 free;		/* seats, of any kind */
	pg_atomic_uint64 version;	/* rises with each change; never met before, also after a crash */
	pg_atomic_uint64 next_due;	/* TimestampTz: no hold of the event ends earlier; 0: not known */
	pg_atomic_uint64 due_before;	/* what next_due was when somebody began to find it out */
	pg_atomic_uint32 renewals;	/* of next_due, twice; odd: somebody finds it out */
	Size		blocks_offset;
	Size		words_offset;
	MapSection	sections[FLEXIBLE_ARRAY_MEMBER];
} EventMap;

static inline MapBlock *
map_blocks(const EventMap *map)
{
	return (MapBlock *) ((char *) map + map->blocks_offset);
}

/* The bits: set is taken, in the order of seatmap's bytes. */
static inline pg_atomic_uint64 *
map_words(const EventMap *map)
{
	return (pg_atomic_uint64 *) ((char *) map + map->words_offset);
}

/* Whether a seat is taken. */
static inline bool
event_map_get(const EventMap *map, int32 seat)
{
	return (((const uint8 *) map_words(map))[seat >> 3] >> (seat & 7)) & 1;
}

typedef enum CacheKind
{
	CACHE_MAP,					/* the seats of an event */
	CACHE_SCORES,				/* what those of a venue are worth */
	CACHE_HINTS					/* where the entries of a waiting room stand */
} CacheKind;

/*
 * What is cached.  DROP and CREATE EXTENSION make another seat_block, so what is
 * left of the old extension is never found.
 */
typedef struct CacheKey
{
	Oid			database;
	Oid			extension;		/* as its seat_block tells */
	int32		kind;			/* a CacheKind, without padding */
	int32		id;				/* of the event or venue */
} CacheKey;

/* What a backend remembers of where it found an object. */
typedef struct CacheRef
{
	int			slot;			/* its number, counted from 1; 0: never found */
	uint32		generation;
} CacheRef;

/* What is committed of a block, or is going to be. */
typedef struct BlockState
{
	int32		block_no;
	int64		version;
	ItemPointerData place;
	int32		free;
	int32		run;
	bool		gives_back;
	const Seatmap *taken;
} BlockState;

/* What a map is made of. */
typedef struct MapShape
{
	int32		capacity;
	int32		nblocks;
	int32		nsections;
	Oid			rows_file;
	const MapBlock *blocks;		/* first_seat, capacity and section; the rest is zero */
} MapShape;

/* Fills in a new object, of which nothing but the first fields is set, with what its maker gives. */
typedef void (*CacheInit) (CacheObject *object, const void *with);

/*
 * cache.c: objects are found, made, forgotten.  Pins keep one where it is; those
 * of who reads are let go at the latest when his transaction ends.
 */
extern void cache_init(void);
extern void cache_shmem_init(void);
extern bool cache_is_on(void);
extern CacheKey cache_key(CacheKind kind, int32 id);
extern CacheObject *cache_pin(const CacheKey *key, CacheRef *ref);
extern void cache_unpin(CacheObject *object);
extern CacheObject *cache_hold(const CacheKey *key, CacheRef *ref);
extern void cache_let_go(CacheObject *object);
extern CacheObject *cache_make(const CacheKey *key, Size size, Size cleared, CacheInit init, const void *with);
extern bool cache_ready(CacheObject *object);
extern void cache_forget(const CacheKey *key);

/* event_map.c: what stands in a map. */
extern Size event_map_size(const MapShape *shape);
extern void event_map_init(CacheObject *object, const void *shape);
extern void event_map_publish(EventMap *map, const BlockState *state);
extern void event_map_copy_bits(const EventMap *map, Seatmap *into);
extern void event_map_copy_block(const EventMap *map, int32 block_no, Seatmap *into);
extern bool event_map_place(EventMap *map, int32 block_no, ItemPointer place);
extern bool event_map_settled(EventMap *map);
extern void event_map_hold_ends(EventMap *map, TimestampTz expires_at);
extern bool event_map_begin_renewal(EventMap *map, TimestampTz *from);
extern void event_map_end_renewal(EventMap *map, TimestampTz due);
extern TimestampTz event_map_next_due(EventMap *map);

/* cache_xact.c: what the current transaction does to maps. */
extern void cache_xact_init(void);
extern bool cache_touched(int32 event_id);
extern bool cache_decide(int32 event_id, int32 block_no);
extern bool cache_decides(int32 event_id, int32 block_no);
extern void cache_undecide(int32 event_id, int32 block_no);
extern void cache_changed(int32 event_id, const BlockState *state);
extern void cache_hold_ends(int32 event_id, TimestampTz expires_at);
extern TimestampTz cache_next_due(int32 event_id);
extern void cache_forget_at_commit(int32 event_id);
extern void cache_forget_venues_at_commit(void);

/* An id that means all events, or venues, of the database. */
#define ALL_EVENTS 0

#endif
