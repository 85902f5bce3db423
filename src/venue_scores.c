/*
 * venue_scores.c: what the seats of a venue are worth, in shared memory.
 *
 * A backend that looks at a block for the first time reads the scores of its
 * seats; with many backends that was a good part of what they did.  They are
 * kept block by block as they are read: two who read the same block at once
 * write the same numbers.  When they change all are forgotten, and whoever
 * still has the old ones chooses seats by those until his layout is renewed.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "venue_scores.h"

struct VenueScores
{
	CacheObject object;
	int32		capacity;
	int32		nblocks;
	Size		ready_offset;	/* a flag a block */
	float4		scores[FLEXIBLE_ARRAY_MEMBER];	/* of all seats; then their distances off the centre */
};

/* A layout of this backend holds them. */
typedef struct Holding
{
	MemoryContextCallback callback;
	VenueScores *scores;
	struct Holding *next;
} Holding;

static Holding *holdings = NULL;

typedef struct ScoresShape
{
	int32		capacity;
	int32		nblocks;
} ScoresShape;

static Size
scores_offset_of_flags(int32 capacity)
{
	return MAXALIGN(offsetof(VenueScores, scores) + 2 * (Size) capacity * sizeof(float4));
}

static pg_atomic_uint32 *
flags_of(VenueScores *scores)
{
	return (pg_atomic_uint32 *) ((char *) scores + scores->ready_offset);
}

static void
init_scores(CacheObject *object, const void *with)
{
	VenueScores *scores = (VenueScores *) object;
	const ScoresShape *shape = with;

	scores->capacity = shape->capacity;
	scores->nblocks = shape->nblocks;
	scores->ready_offset = scores_offset_of_flags(shape->capacity);
}

static void
let_go(void *arg)
{
	Holding    *holding = arg;

	for (Holding **link = &holdings; *link != NULL; link = &(*link)->next)
		if (*link == holding)
		{
			*link = holding->next;
			cache_let_go(&holding->scores->object);
			return;
		}
}

/* Contexts are not deleted when a backend ends. */
static void
let_go_of_all(int code, Datum arg)
{
	while (holdings != NULL)
		let_go(holdings);
}

static void
hold_in(MemoryContext context, VenueScores *scores)
{
	static bool registered = false;
	Holding    *holding = MemoryContextAlloc(context, sizeof(Holding));

	if (!registered)
		before_shmem_exit(let_go_of_all, (Datum) 0);
	registered = true;
	holding->scores = scores;
	holding->next = holdings;
	holdings = holding;
	holding->callback.func = let_go;
	holding->callback.arg = holding;
	MemoryContextRegisterResetCallback(context, &holding->callback);
}

/* Made if need be; they are ready at once, since each block has its own flag. */
static VenueScores *
find_or_make(int32 venue_id, int32 capacity, int32 nblocks)
{
	CacheKey	key = cache_key(CACHE_SCORES, venue_id);
	CacheRef	ref = {0};
	ScoresShape shape = {capacity, nblocks};
	CacheObject *object = cache_hold(&key, &ref);
	Size		size = scores_offset_of_flags(capacity) + nblocks * sizeof(pg_atomic_uint32);

	if (object != NULL)
		return (VenueScores *) object;
	object = cache_make(&key, size, size, init_scores, &shape);
	if (object == NULL)
		return NULL;
	(void) cache_ready(object);
	cache_unpin(object);
	return (VenueScores *) cache_hold(&key, &ref);
}

VenueScores *
venue_scores(MemoryContext context, int32 venue_id, int32 capacity, int32 nblocks)
{
	VenueScores *scores = cache_is_on() && !cache_touched(ALL_EVENTS) && nblocks > 0 ?
		find_or_make(venue_id, capacity, nblocks) : NULL;

	if (scores == NULL)
		return NULL;
	/* Of a layout that is about to be forgotten, or that this backend has not learned of. */
	if (scores->capacity != capacity || scores->nblocks != nblocks)
	{
		cache_let_go(&scores->object);
		return NULL;
	}
	hold_in(context, scores);
	return scores;
}

bool
venue_scores_find(VenueScores *scores, int32 block_no, int32 first_seat,
				  float4 **score, float4 **off_centre)
{
	if (pg_atomic_read_u32(&flags_of(scores)[block_no]) == 0)
		return false;
	pg_read_barrier();
	*score = scores->scores + first_seat;
	*off_centre = scores->scores + scores->capacity + first_seat;
	return true;
}

void
venue_scores_put(VenueScores *scores, int32 block_no, int32 first_seat, int32 capacity,
				 const float4 *score, const float4 *off_centre)
{
	memcpy(scores->scores + first_seat, score, capacity * sizeof(float4));
	memcpy(scores->scores + scores->capacity + first_seat, off_centre, capacity * sizeof(float4));
	pg_write_barrier();
	pg_atomic_write_u32(&flags_of(scores)[block_no], 1);
}
