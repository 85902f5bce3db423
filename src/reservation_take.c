/*
 * reservation_take.c: the seats of a reservation that is made by itself.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "attempt.h"
#include "bounded_wait.h"
#include "expiry.h"
#include "next_due.h"
#include "reservation_batch.h"
#include "settings.h"

/* How many due holds a reservation ends for its own sake: no more than help it. */
#define FIRST_MAKE_WAY_BATCH 16
#define MAX_MAKE_WAY_BATCH 100000

/* How long a party that could sit together waits for that, rather than be split. */
#define TOGETHER_WAIT_MS 100

/* How long blocks in other hands are waited for before all of them are looked at, which is dear. */
#define HANDS_WAIT_MS 16

/* The seats; way_made: some have just been given back, and are looked for first. */
static bool
take(const Reservation *reservation, bool patient, bool way_made, Take *taken, Refusal *refusal)
{
	bool		others;

	if (reservation->seats != NULL)
		return inventory_take_named(reservation->event, reservation->seats, reservation->wish.quantity,
									taken, refusal);
	if (way_made && inventory_take_remembered(reservation->event, &reservation->wish, taken, &others))
		return true;
	return inventory_take_best(reservation->event, &reservation->wish, patient, taken, refusal);
}

/* Ends up to batch due holds that stand in the way, and takes the seats. */
static bool
end_and_take(const Reservation *reservation, bool patient, int batch, int *ended, bool *others,
			 Take *taken, Refusal *refusal)
{
	*ended = expiry_make_way(reservation->event, reservation->seats != NULL ? NULL : &reservation->wish,
							 reservation->seats, reservation->wish.quantity, batch, others);
	return take(reservation, patient, *ended > 0, taken, refusal);
}

/*
 * The same, the one only together with the other.  A hold that is due and in
 * other hands may leave seats in a moment, so then no refusal for want of seats
 * may stand.
 */
static bool
make_way_and_take(const Reservation *reservation, bool patient, int batch, int *ended, Take *taken,
				  Refusal *refusal)
{
	bool		others;
	bool		done;

	ATTEMPT(done, end_and_take(reservation, patient, batch, ended, &others, taken, refusal));
	if (!done && others && refusal->reason != REASON_BUSY)
		refuse_busy(refusal, psprintf("event %d", reservation->event->event_id),
					reservation->event->event_id);
	return done;
}

/* Whether it would rather wait than be split. */
static bool
is_patient(const Reservation *reservation)
{
	return !TimestampDifferenceExceeds(reservation->now, GetCurrentTimestamp(), TOGETHER_WAIT_MS);
}

/*
 * From where seats are remembered; blocks in other hands are waited for a
 * little.  False proves nothing.
 */
static bool
take_remembered(const Reservation *reservation, Take *taken, bool *others)
{
	BoundedWait wait;

	bounded_wait_start_even(&wait, Min(HANDS_WAIT_MS, tixbook_lock_wait), 1);
	do
	{
		if (inventory_take_remembered(reservation->event, &reservation->wish, taken, others))
			return true;
	} while (*others && bounded_wait(&wait));
	return false;
}

/*
 * The best seats, without a look at all blocks.  A party is split only when no
 * seats for it together are to be hoped for, from those in other hands or from
 * holds that are due.
 */
static bool
take_at_once(const Reservation *reservation, Take *taken)
{
	bool		others;

	if (take_remembered(reservation, taken, &others))
		return true;
	return !others && !reservation->wish.together && !reservation->wish.accessible &&
		reservation->wish.quantity > 1 && next_due(reservation->event) > reservation->now &&
		inventory_take_in_parts(reservation->event, &reservation->wish, taken);
}

/*
 * Takes the seats.  What is busy is tried again and again until
 * tixbook.lock_wait is over, and nothing is locked in between: so nobody waits
 * for seats while others wait for his.  A batch waits for nobody.
 */
bool
reservation_take(const Reservation *reservation, Take *taken, Refusal *refusal)
{
	BoundedWait wait;
	int			batch = FIRST_MAKE_WAY_BATCH;

	if (reservation->batch != NULL)
		return reservation_batch_take(reservation, taken, refusal);
	if (inventory_certainly_gone(reservation->event, &reservation->wish, reservation->seats, reservation->now,
								 refusal))
		return false;
	bounded_wait_start(&wait, tixbook_lock_wait);
	if (reservation->seats != NULL && take(reservation, true, false, taken, refusal))
		return true;
	for (;;)
	{
		int			ended;

		if (reservation->seats == NULL && take_at_once(reservation, taken))
			return true;
		if (make_way_and_take(reservation, is_patient(reservation), batch, &ended, taken, refusal))
			return true;
		/* It ended as many as it was allowed to: more may help. */
		if (ended == batch)
			batch = Min(batch * 4, MAX_MAKE_WAY_BATCH);
		else if (refusal->reason != REASON_BUSY || !bounded_wait(&wait))
			return false;
	}
}
