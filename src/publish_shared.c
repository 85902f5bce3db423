/*
 * publish_shared.c: what is to be published, in shared memory.
 *
 * Events stand on a board, a word each, from the first change until the worker
 * takes it off: who changes one that stands there already only reads.  So a
 * sale of any rate costs one write an event and tick.  An event may come to
 * stand there twice, which does no harm.
 *
 * Bookings that have changed go through a ring.  What the worker does not read
 * in time is overwritten, and counted.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "publish.h"
#include "settings.h"
#include "worker.h"
#include "xact_array.h"

#define MAX_PROBES 64
#define RING 16384

/* The ring is locked for so many at a time. */
#define AT_A_TIME 32

/* What happened so long before the worker came has been told by the one before it, or is of no use any more. */
#define MAX_AGE_MS 10000

typedef struct PublishShared
{
	pg_atomic_uint64 board[CHANGED_EVENTS]; /* database, event and whether it is the queue; 0: free */
	pg_atomic_uint64 missed;	/* how often there was no room */
	slock_t		lock;			/* guards what follows */
	uint64		head;			/* of the ring: how many have ever been written */
	ChangedBooking ring[RING];
} PublishShared;

/* What the current transaction is to tell. */
typedef struct PendingBooking
{
	ChangedBooking changed;
	SubTransactionId subid;
} PendingBooking;

int			tixbook_publish = 0;
bool		publish_is_on = false;

static PublishShared *shared = NULL;	/* NULL: the library is not preloaded */

/* In TopTransactionContext. */
static PendingBooking *bookings = NULL;
static int	nbookings = 0;
static int	bookings_room = 0;
static int32 *queues = NULL;
static int	nqueues = 0;
static int	queues_room = 0;

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

static void
request_shmem(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(sizeof(PublishShared));
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("tixbook publishing", sizeof(PublishShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(PublishShared));
		for (int i = 0; i < CHANGED_EVENTS; i++)
			pg_atomic_init_u64(&shared->board[i], 0);
		pg_atomic_init_u64(&shared->missed, 0);
		SpinLockInit(&shared->lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* The assign hook of tixbook.publish. */
void
publish_set(int value, void *extra)
{
	publish_is_on = (value != 0);
}


/* The board */

static uint64
board_key(Oid database, int32 event_id, bool queue)
{
	return ((uint64) database << 32) | ((uint32) event_id << 1) | (queue ? 1 : 0);
}

/* True: it did not stand there yet. */
static bool
put_on_board(uint64 key)
{
	uint32		first = murmurhash32((uint32) key ^ (uint32) (key >> 32));

	/* What the worker reads after taking the event off is as new as what we have published. */
	pg_memory_barrier();
	for (int i = 0; i < MAX_PROBES; i++)
	{
		pg_atomic_uint64 *place = &shared->board[(first + i) % CHANGED_EVENTS];
		uint64		found = pg_atomic_read_u64(place);

		if (found == 0 && pg_atomic_compare_exchange_u64(place, &found, key))
			return true;
		if (found == key)
			return false;
	}
	(void) pg_atomic_fetch_add_u64(&shared->missed, 1);
	return true;
}

/* A worker that looks within the interval anyway is left asleep. */
static void
call_worker(void)
{
	worker_wake(JOB_PUBLISH, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), tixbook_publish_interval));
}

void
publish_seats_changed(Oid database, int32 event_id)
{
	if (shared != NULL && publish_is_on && put_on_board(board_key(database, event_id, false)))
		call_worker();
}

/*
 * Takes the events of this database that have changed; returns how many, at
 * most CHANGED_EVENTS.  some_missed: there were more than could be noted.
 */
int
publish_take_events(ChangedEvent *into, bool *some_missed)
{
	static uint64 missed_before = 0;
	uint64		missed = pg_atomic_read_u64(&shared->missed);
	int			n = 0;

	*some_missed = (missed != missed_before);
	missed_before = missed;
	for (int i = 0; i < CHANGED_EVENTS; i++)
	{
		uint64		key = pg_atomic_read_u64(&shared->board[i]);

		if (key == 0 || (Oid) (key >> 32) != MyDatabaseId)
			continue;
		(void) pg_atomic_exchange_u64(&shared->board[i], 0);
		into[n].event_id = (int32) ((uint32) key >> 1);
		into[n++].queue = key & 1;
	}
	return n;
}


/* The ring */

static void
put_into_ring(const PendingBooking *from, int n)
{
	SpinLockAcquire(&shared->lock);
	for (int i = 0; i < n; i++)
		shared->ring[shared->head++ % RING] = from[i].changed;
	SpinLockRelease(&shared->lock);
}

/*
 * Reads on in the ring: up to room bookings of this database.  *missed grows by
 * those of any database that were overwritten before they were read.
 */
int
publish_take_bookings(ChangedBooking *into, int room, int64 *missed)
{
	static uint64 next = 0;
	static TimestampTz not_before = 0;
	TimestampTz now = GetCurrentTimestamp();
	uint64		head;
	int			n = 0;
	int			looked;

	/* Anew, where the clock was set back. */
	if (not_before == 0 || not_before > now)
		not_before = TimestampTzPlusMilliseconds(now, -MAX_AGE_MS);
	do
	{
		SpinLockAcquire(&shared->lock);
		head = shared->head;
		if (head - next > RING)
		{
			/* Of what was there before us nothing is missed. */
			if (next != 0)
				*missed += head - next - RING;
			next = head - RING;
		}
		looked = n;
		for (int i = 0; i < AT_A_TIME && next < head && looked < room; i++)
			into[looked++] = shared->ring[next++ % RING];
		SpinLockRelease(&shared->lock);
		for (int i = n; i < looked; i++)
			if (into[i].database == MyDatabaseId && into[i].at >= not_before)
				into[n++] = into[i];
	} while (next < head && n < room);
	return n;
}


/* What a transaction tells when it commits */

void
publish_queue_moved(int32 event_id)
{
	if (shared == NULL || (tixbook_publish & PUBLISH_REALTIME) == 0)
		return;
	queues = xact_array_room(queues, nqueues, &queues_room, sizeof(int32));
	queues[nqueues++] = event_id;
}

void
publish_booking_changed(const Booking *booking)
{
	PendingBooking *pending;

	if (shared == NULL || (tixbook_publish & PUBLISH_REALTIME) == 0 || booking->status < BOOKING_CONFIRMED)
		return;
	bookings = xact_array_room(bookings, nbookings, &bookings_room, sizeof(PendingBooking));
	pending = &bookings[nbookings++];
	pending->changed.id = booking->id;
	pending->changed.database = MyDatabaseId;
	pending->changed.status = booking->status;
	pending->changed.at = GetCurrentTimestamp();
	pending->subid = GetCurrentSubTransactionId();
}

static void
tell(void)
{
	bool		fresh = (nbookings > 0);

	for (int i = 0; i < nbookings; i += AT_A_TIME)
		put_into_ring(&bookings[i], Min(AT_A_TIME, nbookings - i));
	for (int i = 0; i < nqueues; i++)
		fresh |= put_on_board(board_key(MyDatabaseId, queues[i], true));
	if (fresh)
		call_worker();
}

static void
transaction_ends(XactEvent event, void *arg)
{
	if ((event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) ||
		nbookings + nqueues == 0)
		return;
	if (event == XACT_EVENT_COMMIT)
		tell();
	bookings = NULL;
	queues = NULL;
	nbookings = bookings_room = nqueues = queues_room = 0;
}

/* What a savepoint takes back has not happened; what it keeps is its parent's. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	int			kept = 0;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (int i = 0; i < nbookings; i++)
	{
		if (bookings[i].subid == subid && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		if (bookings[i].subid == subid)
			bookings[i].subid = parent;
		bookings[kept++] = bookings[i];
	}
	nbookings = kept;
}

void
publish_shmem_init(void)
{
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
