/* How a worker sleeps, and pauses; for worker_hand.c alone. */
#ifndef TIXBOOK_WORKER_SLEEP_H
#define TIXBOOK_WORKER_SLEEP_H

#include "utils/timestamp.h"

/* From here on every commit of work sets the latch, until the worker says when it wakes. */
extern void worker_listen(void);

/* Sleeps, in the way of the job if that has one, until then or until somebody sets the latch. */
extern void worker_sleep_until(TimestampTz until, void (*wait) (TimestampTz until));

/* Then listens.  No commit cuts this pause, and no clock that is set back makes it longer. */
extern void worker_pause(int ms);

extern TimestampTz worker_in_ms(int ms);

#endif
