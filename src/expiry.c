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
#include "dispatch.h"
#include "ended_hold.h"
#include "expiry.h"
#include "idempotency.h"
#include "next_due.h"
#include "requests.h"
#include "waitingroom.h"

PG_FUNCTION_INFO_V1(tixbook_sweep);

/* How long a batch waits, in all, for blocks that others are deciding on. */
#define BLOCK_WAIT_MS 20

/* A due hold, as it was read, and then as it ended. */
typedef struct DueHold
{
	Booking		booking;
	BookingStatus was;
} DueHold;

typedef struct DueHolds
{
	int			n;
	int			room;
	DueHold   **holds;
	bool		others;			/* there are more, in other hands */
} DueHolds;

/* Which due holds are meant. */
typedef struct DueFilter
{
	TimestampTz from;			/* only those due then or later; 0: any */
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

#define MAX_DUE_KEYS 3

/* The keys of the index over what is due. */
static int
due_keys(const DueFilter *filter, TimestampTz now, ScanKeyData *keys)
{
	int			n = 0;

	if (filter->from != 0)
		store_key_at_or_after(&keys[n++], 1, filter->from);
	store_key_at_or_before(&keys[n++], 1, now);
	if (filter->event != NULL)
		store_key_int4(&keys[n++], 2, filter->event->event_id);
	return n;
}

/* Adds the row just found, if it is a hold that is due and meant. */
static void
collect(Bookings *bookings, const DueFilter *filter, TimestampTz now, DueHolds *due)
{
	DueHold    *hold = palloc(sizeof(DueHold));

	booking_found(bookings, &hold->booking);
	if (!is_meant(filter, &hold->booking) || !booking_is_due(&hold->booking, now))
		return;
	if (!booking_to_change(bookings, &hold->booking))
		due->others = true;
	else if (booking_is_due(&hold->booking, now))
		due->holds[due->n++] = hold;
	hold->was = hold->booking.status;
}

/* Collects due holds, oldest first. */
static void
collect_due(Bookings *bookings, const DueFilter *filter, TimestampTz now, DueHolds *due)
{
	ScanKeyData keys[MAX_DUE_KEYS];

	store_scan_start(&bookings->scan, keys, due_keys(filter, now, keys));
	while (due->n < due->room && store_scan_next(&bookings->scan))
	{
		CHECK_FOR_INTERRUPTS();
		collect(bookings, filter, now, due);
	}
}

/* Collects those of the bookings named that are due. */
static void
collect_named(Bookings *bookings, const DueFilter *filter, const pg_uuid_t *ids, TimestampTz now,
			  DueHolds *due)
{
	for (int i = 0; i < due->room; i++)
	{
		ScanKeyData key;

		CHECK_FOR_INTERRUPTS();
		store_key_uuid(&key, 1, &ids[i]);
		store_scan_start(&bookings->scan, &key, 1);
		if (store_scan_next(&bookings->scan))
			collect(bookings, filter, now, due);
	}
}

/* By event, and then by the place in the house, so that the holds of a block come together. */
static int
compare_by_place(const void *a, const void *b)
{
	const Booking *ba = &(*(DueHold *const *) a)->booking;
	const Booking *bb = &(*(DueHold *const *) b)->booking;
	int32		seat_a = ba->nseats > 0 ? ba->seats[0] : 0;
	int32		seat_b = bb->nseats > 0 ? bb->seats[0] : 0;

	if (ba->event_id != bb->event_id)
		return ba->event_id < bb->event_id ? -1 : 1;
	return (seat_a > seat_b) - (seat_a < seat_b);
}

/* Writes the holds down as ended; those that somebody was faster with leave the list. */
static void
write_ends(Bookings *bookings, DueHolds *due)
{
	int			n = 0;

	for (int i = 0; i < due->n; i++)
	{
		Refusal		refusal;

		CHECK_FOR_INTERRUPTS();
		if (booking_change(bookings, &due->holds[i]->booking, BOOKING_EXPIRED, NULL, &refusal))
			due->holds[n++] = due->holds[i];
		else
			due->others = true;
	}
	due->n = n;
}

/*
 * Gives the seats of one event's ended holds back, and returns how many those
 * are.  A hold with a block in other hands is made again what it was.
 */
static int
give_back(Bookings *bookings, DueHold **holds, int n)
{
	Event	   *event = catalog_event(holds[0]->booking.event_id);
	SeatList   *lists = palloc(n * sizeof(SeatList));
	bool	   *ok = palloc(n * sizeof(bool));
	int			ended = 0;

	for (int i = 0; i < n; i++)
	{
		lists[i].nseats = holds[i]->booking.nseats;
		lists[i].seats = holds[i]->booking.seats;
		ok[i] = true;
	}
	if (event != NULL)
		inventory_give_back(event, lists, n, BLOCK_WAIT_MS, ok);
	for (int i = 0; i < n; i++)
	{
		ended += ok[i];
		if (ok[i])
			continue;
		holds[i]->booking.status = holds[i]->was;
		(void) booking_write(bookings, &holds[i]->booking);
	}
	return ended;
}

/*
 * Ends the holds.  Their rows are written before any block is locked: so the
 * blocks, which others want, are in our hands only for as long as it takes to
 * write them.
 */
static int
end_holds(Bookings *bookings, DueHolds *due)
{
	int			ended = 0;

	/* In the order in which they were found, which is that of their rows and keys. */
	write_ends(bookings, due);
	qsort(due->holds, due->n, sizeof(DueHold *), compare_by_place);
	for (int from = 0, to; from < due->n; from = to)
	{
		int32		event_id = due->holds[from]->booking.event_id;

		for (to = from + 1; to < due->n && due->holds[to]->booking.event_id == event_id;)
			to++;
		ended += give_back(bookings, &due->holds[from], to - from);
	}
	due->others |= ended < due->n;
	return ended;
}

/* What one batch is to do, and what it did. */
typedef struct Batch
{
	const DueFilter *filter;
	const pg_uuid_t *ids;		/* of the holds that are meant; NULL: any */
	int			size;
	ExpiryBatch did;
} Batch;

/* Who could end none of those found goes on behind the instant of the last; 0: none were found. */
static void
note_end(ExpiryBatch *did, TimestampTz last)
{
	did->go_on_from = did->ended > 0 || last == 0 ? last : last + 1;
}

static void
end_batch(Batch *batch)
{
	DueHolds	due = {.room = batch->size};
	TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();
	Bookings	bookings;

	due.holds = MemoryContextAllocHuge(CurrentMemoryContext, batch->size * sizeof(DueHold *));
	bookings_open(&bookings, batch->ids == NULL ? STORE_BOOKING_DUE : STORE_BOOKING_KEY);
	if (batch->ids == NULL)
		collect_due(&bookings, batch->filter, now, &due);
	else
		collect_named(&bookings, batch->filter, batch->ids, now, &due);
	batch->did.found = due.n;
	if (due.n > 0)
	{
		batch->did.first_due = due.holds[0]->booking.expires_at;
		last = due.holds[due.n - 1]->booking.expires_at;
	}
	batch->did.ended = end_holds(&bookings, &due);
	batch->did.others = due.others;
	note_end(&batch->did, last);
	bookings_close(&bookings);
}

/* What a person looking into the log must know, but not of each of them. */
static void
warn_of(const ErrorData *error, const pg_uuid_t *id)
{
	if (!warning_is_due("holds that cannot be ended"))
		return;
	ereport(WARNING,
			(errmsg("could not end the hold of booking %s: %s",
					DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))),
					error->message),
			 errhint("Other holds are not affected. tixbook.verify() tells what is wrong with it.")));
}

/*
 * Tries to end a batch, in a memory context of its own; false: it raised an
 * error, and left nothing.
 */
static bool
try_batch(Batch *batch)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tixbook expiry", ALLOCSET_DEFAULT_SIZES);
	ErrorData  *volatile error = NULL;
	Attempt		attempt;

	attempt_begin(&attempt);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		end_batch(batch);
		attempt_end(&attempt, true);
	}
	PG_CATCH();
	{
		error = attempt_failed(&attempt);
	}
	PG_END_TRY();
	if (error != NULL && batch->ids != NULL && batch->size == 1)
		warn_of(error, &batch->ids[0]);
	MemoryContextDelete(context);
	return error == NULL;
}

/*
 * The references of due holds, read with as little of their rows as may be;
 * last is when the last of them was due.
 */
static int
list_due(const DueFilter *filter, pg_uuid_t *ids, int room, TimestampTz *last)
{
	ScanKeyData keys[MAX_DUE_KEYS];
	StoreScan	scan;
	int			n = 0;

	store_scan_open(&scan, STORE_BOOKING, STORE_BOOKING_DUE);
	store_scan_start(&scan, keys, due_keys(filter, GetCurrentTimestamp(), keys));
	while (n < room && store_scan_next(&scan))
	{
		bool		isnull;

		ids[n++] = *DatumGetUUIDP(slot_getattr(scan.slot, 1, &isnull));
		*last = DatumGetTimestampTz(slot_getattr(scan.slot, 3, &isnull));
	}
	store_scan_close(&scan);
	return n;
}

static int	end_halves(const DueFilter *filter, const pg_uuid_t *ids, int n, bool *others);

/* Ends the holds named; those that cannot be ended together are tried in halves. */
static int
end_named(const DueFilter *filter, const pg_uuid_t *ids, int n, bool *others)
{
	Batch		batch = {.filter = filter, .ids = ids, .size = n};

	if (n == 0)
		return 0;
	if (!try_batch(&batch))
		return n > 1 ? end_halves(filter, ids, n, others) : 0;
	*others |= batch.did.others;
	return batch.did.ended;
}

static int
end_halves(const DueFilter *filter, const pg_uuid_t *ids, int n, bool *others)
{
	int			half = n / 2;

	return end_named(filter, ids, half, others) + end_named(filter, ids + half, n - half, others);
}

/* Ends due holds in a batch; one that cannot be ended is singled out, and stops no other. */
static void
end_due(Batch *batch)
{
	ExpiryBatch *did = &batch->did;
	TimestampTz last = 0;
	pg_uuid_t  *ids;

	if (try_batch(batch))
		return;
	ids = palloc(batch->size * sizeof(pg_uuid_t));
	*did = (ExpiryBatch) {0};
	did->found = list_due(batch->filter, ids, batch->size, &last);
	did->ended = end_halves(batch->filter, ids, did->found, &did->others);
	note_end(did, last);
	pfree(ids);
}

void
expiry_run(int size, TimestampTz from, ExpiryBatch *did)
{
	DueFilter	all = {.from = from};
	Batch		batch = {.filter = &all, .size = size};

	end_due(&batch);
	*did = batch.did;
}

int
expiry_make_way(Event *event, const Wish *wish, const int32 *seats, int32 nseats, int size,
				bool *others)
{
	DueFilter	filter = {.from = next_due(event), .event = event, .wish = wish, .seats = seats, .nseats = nseats};
	Batch		batch = {.filter = &filter, .size = size};

	end_due(&batch);
	*others = batch.did.others;
	return batch.did.ended;
}

bool
expiry_is_due(Event *event)
{
	TimestampTz due;

	return booking_earliest_end(event->event_id, next_due(event), GetCurrentTimestamp(), &due);
}

bool
expiry_next_due(TimestampTz from, TimestampTz *due)
{
	return booking_earliest_end(0, from, DT_NOEND, due);
}

/* sweep(batch integer) → integer, holds expired */
Datum
tixbook_sweep(PG_FUNCTION_ARGS)
{
	int32		batch;
	ExpiryBatch did;

	PreventCommandIfReadOnly("tixbook.sweep()");
	batch = argument_batch(fcinfo, 0);
	/* The holds last: a purge may wait for a lock, and buyers are not to find blocks locked meanwhile. */
	idempotency_purge(batch, NULL);
	ended_holds_purge(batch, NULL);
	requests_purge(batch, NULL);
	waiting_rooms_purge(batch);
	dead_letters_purge(batch);
	did.go_on_from = 0;
	do
		expiry_run(batch, did.go_on_from, &did);
	while (did.ended == 0 && did.found >= batch);
	PG_RETURN_INT32(did.ended);
}
