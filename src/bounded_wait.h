/*
 * Trying again for a while, where a lock wait would do.
 */
#ifndef TIXBOOK_BOUNDED_WAIT_H
#define TIXBOOK_BOUNDED_WAIT_H

/* Waiting for others, never longer than tixbook.lock_wait in all. */
typedef struct BoundedWait
{
	int64		deadline;		/* by the steady clock */
	long		pause;			/* milliseconds */
	long		longest_pause;
} BoundedWait;

extern void bounded_wait_start(BoundedWait *wait, int milliseconds);
extern void bounded_wait_start_even(BoundedWait *wait, int milliseconds, long pause);
extern bool bounded_wait(BoundedWait *wait);

#endif
