/*
 * waitingroom_shared.c: pointers that a backend remembers between two ticks.
 *
 * Everybody who waits asks where the pointer is, and it moves once a tick. So a
 * backend keeps the row as it read it, with the generation that shared memory
 * had before; a tick raises the generation when it has committed. Generations
 * are told apart by a hash of the event: two rooms that share one cost each
 * other a look at the row, no more.
 *
 * Who is to decide something reads the row (pointer_read). Without preloading,
 * and on a standby, where no tick commits, everybody does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "waitingroom.h"

#define GENERATIONS 1024
#define REMEMBERED 8

typedef struct SharedGenerations
{
	pg_atomic_uint64 of[GENERATIONS];
} SharedGenerations;

typedef struct Remembered
{
	Oid			table;			/* DROP and CREATE EXTENSION make another */
	int32		event_id;
	uint64		generation;
	QueuePointer pointer;
} Remembered;

static SharedGenerations *generations = NULL;	/* NULL: the library is not preloaded */
static Remembered remembered[REMEMBERED];

/* What the current transaction has moved; all that hash alike are one. */
static bool moved_any = false;
static bool moved[GENERATIONS];

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

static void
request_shmem(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(sizeof(SharedGenerations));
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	generations = ShmemInitStruct("tixbook waiting rooms", sizeof(SharedGenerations), &found);
	if (!found)
		for (int i = 0; i < GENERATIONS; i++)
			pg_atomic_init_u64(&generations->of[i], 1);
	LWLockRelease(AddinShmemInitLock);
}

/* Also after a rollback: what this backend has read of its own writes must go. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (!moved_any)
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has moved a waiting room on")));
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	for (int i = 0; i < GENERATIONS; i++)
		if (moved[i])
			pg_atomic_fetch_add_u64(&generations->of[i], 1);
	memset(moved, 0, sizeof(moved));
	moved_any = false;
}

void
waitingroom_shmem_init(void)
{
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	RegisterXactCallback(transaction_ends, NULL);
}

static int
place_of(int32 event_id)
{
	return hash_combine(murmurhash32((uint32) event_id), MyDatabaseId) % GENERATIONS;
}

/* The current transaction has moved the pointer of that event. */
void
pointer_moved(int32 event_id)
{
	if (generations == NULL)
		return;
	moved[place_of(event_id)] = true;
	moved_any = true;
}

/*
 * The pointer as it was a moment ago: good enough to tell a fan where he
 * stands. False: the room has none yet.
 */
bool
pointer_look(const WaitingRoom *room, QueuePointer *pointer)
{
	Remembered *kept = &remembered[(uint32) room->event_id % REMEMBERED];
	int			place = place_of(room->event_id);
	uint64		generation;

	if (generations == NULL || room->drawn < 0 || moved[place] || RecoveryInProgress())
		return pointer_read(room, pointer);
	generation = pg_atomic_read_u64(&generations->of[place]);
	if (kept->event_id != room->event_id || kept->generation != generation ||
		kept->table != store_table_oid(STORE_WAITING_ROOM_POINTER))
	{
		pg_read_barrier();
		kept->generation = 0;
		if (!pointer_read(room, &kept->pointer))
		{
			pointer_clear(pointer);
			return false;
		}
		kept->event_id = room->event_id;
		kept->table = store_table_oid(STORE_WAITING_ROOM_POINTER);
		kept->generation = generation;
	}
	*pointer = kept->pointer;
	return true;
}
