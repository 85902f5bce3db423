/*
 * A batch of reservations for one event, made in one transaction.
 *
 * It waits for nobody: what others are deciding on makes a wish busy.  Holds
 * that are due are ended at most once, all of them, before the first wish is
 * refused for want of seats; all its wishes are decided as of one instant.
 */
#ifndef TIXBOOK_RESERVATION_BATCH_H
#define TIXBOOK_RESERVATION_BATCH_H

#include "nodes/pg_list.h"

#include "reservation.h"

typedef struct ReservationBatch
{
	Event	   *event;
	bool		way_made;		/* the holds that were due have ended */
	bool		others;			/* but for some, which are in other hands or too many */
	List	   *gone;			/* wishes refused for want of seats: nothing comes back in a batch */
} ReservationBatch;

/* In the memory context of the batch; end writes the blocks. */
extern void reservation_batch_begin(ReservationBatch *batch, Event *event);
extern void reservation_batch_end(ReservationBatch *batch);

/* For reservation_take. */
extern bool reservation_batch_take(const Reservation *reservation, Take *taken, Refusal *refusal);

#endif
