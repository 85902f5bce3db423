/*
 * Holds that have ended: their bookings are kept for tixbook.ended_hold_ttl.
 */
#ifndef TIXBOOK_ENDED_HOLD_H
#define TIXBOOK_ENDED_HOLD_H

#include "purge_walk.h"

/* Who purges again and again gives his walk; else it is NULL. */
extern int	ended_holds_purge(int batch, PurgeWalk *walk);
extern bool ended_holds_next_due(TimestampTz *due, PurgeWalk *walk);

#endif
