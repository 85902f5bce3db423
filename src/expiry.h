/*
 * Expiry: holds that are due end, and give their seats back.
 */
#ifndef TIXBOOK_EXPIRY_H
#define TIXBOOK_EXPIRY_H

#include "catalog.h"
#include "inventory.h"

/* Ends up to batch due holds in the current transaction; returns how many. */
extern int	expiry_run(int batch);

/* Whether a hold of the event is due. */
extern bool expiry_is_due(Event *event);

/* When the next hold ends; false: there is none. */
extern bool expiry_next_due(TimestampTz *due);

/*
 * Ends up to batch due holds of one event that stand in the way of a wish, or
 * of the named seats where wish is NULL; returns how many.  others is set when somebody
 * else is deciding on such a hold.
 */
extern int	expiry_make_way(Event *event, const Wish *wish, const int32 *seats, int32 nseats,
							int batch, bool *others);

#endif
