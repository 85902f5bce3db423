/* The answer of a reservation, as an SQL value and as JSON. */
#ifndef TIXBOOK_HOLD_H
#define TIXBOOK_HOLD_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "booking.h"

extern Datum hold_datum(FunctionCallInfo fcinfo, const Booking *booking);
extern Jsonb *hold_to_jsonb(const Booking *booking);
extern void hold_from_jsonb(Jsonb *json, Booking *booking);

#endif
