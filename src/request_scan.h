/*
 * Which requests are next.
 */
#ifndef TIXBOOK_REQUEST_SCAN_H
#define TIXBOOK_REQUEST_SCAN_H

#include "request_pace.h"
#include "requests.h"

/* Requests of one event, locked, in the order of their arrival. */
typedef struct DueRequests
{
	int			n;
	Request    *requests;
	TimestampTz oldest;			/* when the first of them came, or could be seen */
} DueRequests;

/*
 * Locks the requests of the event that its pace allows now, at most so many.
 * None: wake_at is set to when there may be some, where it is earlier.
 */
extern void requests_collect(const Pace *pace, int most, DueRequests *due, TimestampTz *wake_at);

/* What becomes of them is decided: the next walk begins before the first that waits still. */
extern void requests_worked_off(const DueRequests *due);

/* The first event in a range of which requests wait; false: none, as far as is known before wake_at. */
extern bool requests_next_event(int32 from, int32 upto, int32 *event_id, TimestampTz *wake_at);

/* The next look remembers nothing, so that it misses nothing. */
extern void requests_look_everywhere(void);

#endif
