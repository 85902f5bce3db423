/*
 * reservation_batch.c: the seats of reservations that are made together.
 */
#include "postgres.h"

#include "expiry.h"
#include "reservation_batch.h"
#include "seat_batch.h"

#define MAKE_WAY_BATCH 1000

/* A wish that found no seats, and how it was refused. */
typedef struct GoneWish
{
	Wish		wish;
	Refusal		refusal;
} GoneWish;

void
reservation_batch_begin(ReservationBatch *batch, Event *event)
{
	memset(batch, 0, sizeof(ReservationBatch));
	batch->event = event;
	seat_batch_begin(event);
}

void
reservation_batch_end(ReservationBatch *batch)
{
	seat_batch_end();
}

static bool
same_wish(const Wish *a, const Wish *b)
{
	return a->quantity == b->quantity && a->section == b->section &&
		a->category_no == b->category_no && a->accessible == b->accessible &&
		a->together == b->together;
}

/* How the same wish was refused before in this batch; NULL: it was not. */
static const Refusal *
refused_before(const ReservationBatch *batch, const Wish *wish)
{
	ListCell   *cell;

	foreach(cell, batch->gone)
	{
		const GoneWish *gone = lfirst(cell);

		if (same_wish(&gone->wish, wish))
			return &gone->refusal;
	}
	return NULL;
}

static void
remember_refusal(ReservationBatch *batch, const Wish *wish, const Refusal *refusal)
{
	GoneWish   *gone = palloc(sizeof(GoneWish));

	gone->wish = *wish;
	gone->refusal = *refusal;
	batch->gone = lappend(batch->gone, gone);
}

/* One try, which waits for nobody. */
static bool
try_to_take(const Reservation *reservation, Take *taken, Refusal *refusal)
{
	bool		others;

	if (reservation->seats != NULL)
		return inventory_take_named(reservation->event, reservation->seats,
									reservation->wish.quantity, taken, refusal);
	return inventory_take_remembered(reservation->event, &reservation->wish, taken, &others) ||
		inventory_take_best(reservation->event, &reservation->wish, reservation->patient,
							taken, refusal);
}

/*
 * Ends the holds of the event that are due; whether there were any.  That is
 * work of its own on the same blocks, so what the batch has of them is written
 * before, and looked at afresh after.  Where many are due, some are left for
 * the next batch: this one is to be short.
 */
static bool
make_way(ReservationBatch *batch)
{
	int			ended;

	batch->way_made = true;
	if (!expiry_is_due(batch->event))
		return false;
	seat_batch_end();
	ended = expiry_make_way(batch->event, NULL, NULL, 0, MAKE_WAY_BATCH, &batch->others);
	seat_batch_begin(batch->event);
	batch->others |= ended == MAKE_WAY_BATCH;
	return ended > 0;
}

static bool
wants_seats(const Refusal *refusal)
{
	return refusal->reason == REASON_SOLD_OUT || refusal->reason == REASON_NOT_ENOUGH_SEATS ||
		refusal->reason == REASON_NO_ADJACENT_SEATS || refusal->reason == REASON_SEAT_TAKEN;
}

/* A hold that is due and has not ended may leave seats in a moment. */
static bool
refuse_want(ReservationBatch *batch, const Reservation *reservation, Refusal *refusal)
{
	if (batch->others)
		return refuse_busy(refusal, psprintf("event %d", batch->event->event_id),
						   batch->event->event_id);
	if (reservation->seats == NULL)
		remember_refusal(batch, &reservation->wish, refusal);
	return false;
}

bool
reservation_batch_take(const Reservation *reservation, Take *taken, Refusal *refusal)
{
	ReservationBatch *batch = reservation->batch;
	const Refusal *before;

	before = reservation->seats == NULL ? refused_before(batch, &reservation->wish) : NULL;
	if (before != NULL)
	{
		*refusal = *before;
		return false;
	}
	if (inventory_certainly_gone(reservation->event, &reservation->wish, reservation->seats,
								 reservation->now, refusal))
		return false;
	if (try_to_take(reservation, taken, refusal))
		return true;
	if (!wants_seats(refusal))
		return false;
	if (!batch->way_made && make_way(batch) && try_to_take(reservation, taken, refusal))
		return true;
	return wants_seats(refusal) ? refuse_want(batch, reservation, refusal) : false;
}
