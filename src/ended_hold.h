/*
 * Holds that have ended: their bookings are kept for tixbook.ended_hold_ttl.
 */
#ifndef TIXBOOK_ENDED_HOLD_H
#define TIXBOOK_ENDED_HOLD_H

#include "datatype/timestamp.h"

extern int	ended_holds_purge(int batch);
extern bool ended_holds_next_due(TimestampTz *due);

#endif
