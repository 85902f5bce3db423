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
#include "utils/timestamp.h"

#include "arguments.h"
#include "attempt.h"
#include "booking.h"
#include "expiry.h"
#include "idempotency.h"

PG_FUNCTION_INFO_V1(tixbook_sweep);

/* How long a batch waits, in all, for blocks that others are deciding on. */
#define BLOCK_WAIT_MS 20

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

/* What one batch is to do, and what it did. */
typedef struct Batch
{
	const DueFilter *filter;
	int			size;
	const pg_uuid_t *id;		/* of the one hold that is meant; NULL: any */
	int			ended;
	bool		others;
} Batch;

static void
end_batch(Batch *batch)
{
	DueHolds	due = {.room = batch->size};
	Bookings	bookings;

	due.holds = MemoryContextAllocHuge(CurrentMemoryContext, batch->size * sizeof(Booking));
	bookings_open(&bookings, batch->id == NULL ? STORE_BOOKING_DUE : STORE_BOOKING_KEY);
	collect_due(&bookings, batch->filter, batch->id, GetCurrentTimestamp(), &due);
	batch->ended = end_holds(&bookings, &due);
	batch->others = due.others;
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
 * Tries to end a batch, in a memory context of its own; false: it raised an
 * error, and left nothing.  A cancelled query stays cancelled.
 */
static bool
try_batch(Batch *batch)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "tixbook expiry", ALLOCSET_DEFAULT_SIZES);
	volatile bool done = false;
	Attempt		attempt;

	attempt_begin(&attempt);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		end_batch(batch);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		if (batch->id != NULL)
			warn_of(error, batch->id);
	}
	PG_END_TRY();
	attempt_end(&attempt, done);
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
		Batch		one = {.filter = filter, .size = 1, .id = &ids[i]};

		if (try_batch(&one))
		{
			ended += one.ended;
			*others |= one.others;
		}
	}
	pfree(ids);
	return ended;
}

static int
end_due(const DueFilter *filter, int size, bool *others)
{
	Batch		batch = {.filter = filter, .size = size};

	*others = false;
	if (!try_batch(&batch))
		return end_one_by_one(filter, size, others);
	*others = batch.others;
	return batch.ended;
}

int
expiry_run(int batch)
{
	DueFilter	all = {NULL};
	bool		others;

	return end_due(&all, batch, &others);
}

int
expiry_make_way(Event *event, const Wish *wish, const int32 *seats, int32 nseats, int batch,
				bool *others)
{
	DueFilter	filter = {event, wish, seats, nseats};

	return end_due(&filter, batch, others);
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
