/*
 * bounded_wait.c: trying again for a while.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"

#include "bounded_wait.h"
#include "instant.h"

void
bounded_wait_start(BoundedWait *wait, int milliseconds)
{
	wait->deadline = steady_ms() + milliseconds;
	wait->pause = 1;
	wait->longest_pause = 16;
}

/* The same with pauses that do not grow, where a try is cheap. */
void
bounded_wait_start_even(BoundedWait *wait, int milliseconds, long pause)
{
	bounded_wait_start(wait, milliseconds);
	wait->pause = wait->longest_pause = pause;
}

/*
 * Pauses a moment before another try; false when the time is over.
 *
 * Sleeping and trying again, where a lock wait would do, is what keeps the
 * product from ever deadlocking: whoever sleeps here can always give up.  It is
 * shown as a wait for the lock of a row, which it is.
 */
bool
bounded_wait(BoundedWait *wait)
{
	CHECK_FOR_INTERRUPTS();
	if (steady_ms() >= wait->deadline)
		return false;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 wait->pause, PG_WAIT_LOCK | LOCKTAG_TUPLE);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	wait->pause = Min(wait->pause * 2, wait->longest_pause);
	return true;
}
