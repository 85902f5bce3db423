/*
 * expiry.c: what is due, and giving it back.
 *
 * One piece of code ends holds for the worker, for sweep() and for a
 * reservation that needs their seats.  It never waits long: what is in other
 * hands is left for the next time.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "booking.h"
#include "expiry.h"
#include "idempotency.h"

PG_FUNCTION_INFO_V1(tixbook_sweep);

/* How long a batch waits, in all, for blocks that others are deciding on. */
#define BLOCK_WAIT_MS 20

/* How many holds a reservation ends at once for its own sake. */
#define MAKE_WAY_BATCH 100

/* A hold that cannot be ended is reported at most this often. */
#define WARNING_INTERVAL_S 60

/* Due holds that this transaction has locked. */
typedef struct DueHolds
{
	int			n;
	int			room;
	Booking    *holds;
	bool		others;			/* there are more, in other hands */
} DueHolds;

/* Which due holds are meant. */
typedef struct DueFilter
{
	Event	   *event;			/* NULL: all events */
	const Wish *wish;			/* or NULL */
	const int32 *seats;			/* named seats, ascending; NULL: any */
	int32		nseats;
} DueFilter;

static bool
overlaps(const int32 *a, int32 na, const int32 *b, int32 nb)
{
	for (int32 i = 0, j = 0; i < na && j < nb;)
	{
		if (a[i] == b[j])
			return true;
		if (a[i] < b[j])
			i++;
		else
			j++;
	}
	return false;
}

/* Whether a hold has a seat that the wish could get. */
static bool
serves_wish(const Event *event, const Booking *booking, const Wish *wish)
{
	for (int32 i = 0; i < booking->nseats; i++)
	{
		int32		block_no = catalog_block_of_seat(event->layout, booking->seats[i]);
		const VenueBlock *block = block_no < 0 ? NULL : &event->layout->blocks[block_no];

		if (block != NULL &&
			(wish->section < 0 || block->section == wish->section) &&
			(wish->category_no < 0 || block->category_no == wish->category_no))
			return true;
	}
	return false;
}

static bool
is_meant(const DueFilter *filter, const Booking *booking)
{
	if (filter->event == NULL)
		return true;
	if (filter->seats != NULL)
		return overlaps(filter->seats, filter->nseats, booking->seats, booking->nseats);
	return filter->wish == NULL || serves_wish(filter->event, booking, filter->wish);
}

/* The keys of the index over what is due. */
static int
due_keys(const DueFilter *filter, TimestampTz now, ScanKeyData *keys)
{
	store_key_at_or_before(&keys[0], 1, now);
	if (filter->event == NULL)
		return 1;
	store_key_int4(&keys[1], 2, filter->event->event_id);
	return 2;
}

/* Collects and locks due holds, oldest first; or the one with that reference. */
static void
collect_due(Bookings *bookings, const DueFilter *filter, const pg_uuid_t *id, TimestampTz now,
			DueHolds *due)
{
	ScanKeyData keys[2];
	int			nkeys = 1;

	if (id != NULL)
		store_key_uuid(&keys[0], 1, id);
	else
		nkeys = due_keys(filter, now, keys);
	store_scan_start(&bookings->scan, keys, nkeys);
	while (due->n < due->room && store_scan_next(&bookings->scan))
	{
		Booking    *hold = &due->holds[due->n];

		CHECK_FOR_INTERRUPTS();
		booking_found(bookings, hold);
		if (!is_meant(filter, hold))
			continue;
		if (!store_lock(&bookings->scan))
		{
			due->others = true;
			continue;
		}
		/* What the lock gave may be newer than what the index led to. */
		booking_found(bookings, hold);
		if (booking_is_due(hold, now))
			due->n++;
	}
}

static int
compare_by_event(const void *a, const void *b)
{
	const Booking *ba = a;
	const Booking *bb = b;

	return (ba->event_id > bb->event_id) - (ba->event_id < bb->event_id);
}

/* Ends the holds of one event; those with a block in other hands stay. */
static int
end_holds_of_event(Bookings *bookings, Booking *holds, int n, bool *others)
{
	Event	   *event = catalog_event(holds[0].event_id);
	SeatList   *lists = palloc(n * sizeof(SeatList));
	bool	   *ok = palloc(n * sizeof(bool));
	int			ended = 0;

	for (int i = 0; i < n; i++)
	{
		lists[i].nseats = holds[i].nseats;
		lists[i].seats = holds[i].seats;
		ok[i] = true;
	}
	if (event != NULL)
		inventory_give_back(event, lists, n, BLOCK_WAIT_MS, ok);
	for (int i = 0; i < n; i++)
	{
		Refusal		refusal;

		if (!ok[i])
			*others = true;
		else if (booking_change(bookings, &holds[i], BOOKING_EXPIRED, NULL, &refusal))
			ended++;
	}
	return ended;
}

static int
end_holds(Bookings *bookings, DueHolds *due)
{
	int			ended = 0;

	qsort(due->holds, due->n, sizeof(Booking), compare_by_event);
	for (int from = 0, to; from < due->n; from = to)
	{
		for (to = from + 1; to < due->n && due->holds[to].event_id == due->holds[from].event_id;)
			to++;
		ended += end_holds_of_event(bookings, &due->holds[from], to - from, &due->others);
	}
	return ended;
}

/* What one attempt is to do, and what it did. */
typedef struct Attempt
{
	const DueFilter *filter;
	int			batch;
	const pg_uuid_t *id;		/* of the one hold that is meant; NULL: any */
	int			ended;
	bool		others;
} Attempt;

static void
end_batch(Attempt *attempt)
{
	DueHolds	due = {.room = attempt->batch};
	Bookings	bookings;

	due.holds = MemoryContextAllocHuge(CurrentMemoryContext, attempt->batch * sizeof(Booking));
	bookings_open(&bookings, attempt->id == NULL ? STORE_BOOKING_DUE : STORE_BOOKING_KEY);
	collect_due(&bookings, attempt->filter, attempt->id, GetCurrentTimestamp(), &due);
	attempt->ended = end_holds(&bookings, &due);
	attempt->others = due.others;
	bookings_close(&bookings);
}

/* What a person looking into the log must know, but not ten times a second. */
static void
warn_of(const ErrorData *error, const pg_uuid_t *id)
{
	static TimestampTz warned_at = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now - warned_at < WARNING_INTERVAL_S * USECS_PER_SEC)
		return;
	warned_at = now;
	ereport(WARNING,
			(errmsg("could not end the hold of booking %s: %s",
					DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))),
					error->message),
			 errhint("Other holds are not affected. tixbook.verify() tells what is wrong with it.")));
}

/*
 * Makes one attempt in a subtransaction, in a memory context of its own; false:
 * it raised an error, and left nothing.  A cancelled query stays cancelled.
 */
static bool
attempt_ends(Attempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context = AllocSetContextCreate(caller, "tixbook expiry", ALLOCSET_DEFAULT_SIZES);
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		end_batch(attempt);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		if (attempt->id != NULL)
			warn_of(error, attempt->id);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);
	return done;
}

/* The references of due holds, read with as little of their rows as may be. */
static int
list_due(const DueFilter *filter, pg_uuid_t *ids, int room)
{
	ScanKeyData keys[2];
	StoreScan	scan;
	int			n = 0;

	store_scan_open(&scan, STORE_BOOKING, STORE_BOOKING_DUE);
	store_scan_start(&scan, keys, due_keys(filter, GetCurrentTimestamp(), keys));
	while (n < room && store_scan_next(&scan))
	{
		bool		isnull;

		ids[n++] = *DatumGetUUIDP(slot_getattr(scan.slot, 1, &isnull));
	}
	store_scan_close(&scan);
	return n;
}

/* Hold by hold, so that one that cannot be ended stops no other. */
static int
end_one_by_one(const DueFilter *filter, int batch, bool *others)
{
	pg_uuid_t  *ids = palloc(batch * sizeof(pg_uuid_t));
	int			n = list_due(filter, ids, batch);
	int			ended = 0;

	for (int i = 0; i < n; i++)
	{
		Attempt		attempt = {.filter = filter, .batch = 1, .id = &ids[i]};

		if (attempt_ends(&attempt))
		{
			ended += attempt.ended;
			*others |= attempt.others;
		}
	}
	pfree(ids);
	return ended;
}

static int
end_due(const DueFilter *filter, int batch, bool *others)
{
	Attempt		attempt = {.filter = filter, .batch = batch};

	*others = false;
	if (!attempt_ends(&attempt))
		return end_one_by_one(filter, batch, others);
	*others = attempt.others;
	return attempt.ended;
}

int
expiry_run(int batch)
{
	DueFilter	all = {NULL};
	bool		others;

	return end_due(&all, batch, &others);
}

int
expiry_make_way(Event *event, const Wish *wish, const int32 *seats, int32 nseats, bool *others)
{
	DueFilter	filter = {event, wish, seats, nseats};

	return end_due(&filter, MAKE_WAY_BATCH, others);
}

bool
expiry_next_due(TimestampTz *due)
{
	Bookings	bookings;
	Booking		first;
	bool		found;

	bookings_open(&bookings, STORE_BOOKING_DUE);
	store_scan_start(&bookings.scan, NULL, 0);
	found = store_scan_next(&bookings.scan);
	if (found)
	{
		booking_found(&bookings, &first);
		*due = first.expires_at;
	}
	bookings_close(&bookings);
	return found;
}

/* sweep(batch integer) → integer, holds expired */
Datum
tixbook_sweep(PG_FUNCTION_ARGS)
{
	int32		batch = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	Refusal		refusal = {REASON_NONE};
	int			ended;

	PreventCommandIfReadOnly("tixbook.sweep()");
	if (batch < 1 || batch > 100000)
	{
		refuse_parameter(&refusal, "batch", "must be from 1 to 100000");
		refusal_raise(&refusal);
	}
	ended = expiry_run(batch);
	idempotency_purge(batch);
	PG_RETURN_INT32(ended);
}
