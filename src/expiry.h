/*
 * Expiry: holds that are due end, and give their seats back.
 */
#ifndef TIXBOOK_EXPIRY_H
#define TIXBOOK_EXPIRY_H

#include "catalog.h"
#include "inventory.h"

/* What came of a batch of due holds. */
typedef struct ExpiryBatch
{
	int			found;
	int			ended;
	bool		others;			/* there are more, in other hands */
	TimestampTz first_due;		/* when the first of those found was due; 0: there were none, or it is not known */
	TimestampTz go_on_from;		/* where there may be more; 0: nowhere, as far as is known */
} ExpiryBatch;

/*
 * Ends up to size due holds in the current transaction, the oldest first.
 * With from, only of those that were due then or later: who goes on after a
 * batch need not walk over what it has left dead.
 */
extern void expiry_run(int size, TimestampTz from, ExpiryBatch *batch);

/* Whether a hold of the event is due. */
extern bool expiry_is_due(Event *event);

/* When the next hold ends, of those that end at from or later; false: there is none. */
extern bool expiry_next_due(TimestampTz from, TimestampTz *due);

/*
 * Ends up to size due holds of one event that stand in the way of a wish, or
 * of the named seats where wish is NULL; returns how many.  others is set when somebody
 * else is deciding on such a hold.
 */
extern int	expiry_make_way(Event *event, const Wish *wish, const int32 *seats, int32 nseats,
							int size, bool *others);

#endif
