/*
 * worker_sleep.c: how a worker sleeps, and pauses.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/backend_status.h"

#include "instant.h"
#include "worker_place.h"
#include "worker_sleep.h"

TimestampTz
worker_in_ms(int ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

void
worker_listen(void)
{
	pg_atomic_write_u64(&my_place.slot->next_wake, (uint64) WORKER_AWAKE);
	pg_memory_barrier();
}

static void
wait_on_latch(TimestampTz until)
{
	long		timeout = ms_until(until);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout < 0 ? 0 : WL_TIMEOUT), timeout,
					 worker_wait_event());
}

void
worker_sleep_until(TimestampTz until, void (*wait) (TimestampTz until))
{
	pgstat_report_activity(STATE_IDLE, NULL);
	(wait ? wait : wait_on_latch) (until);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
worker_pause(int ms)
{
	int64		began = steady_ms();
	int			passed;

	pg_atomic_write_u64(&my_place.slot->next_wake, (uint64) WORKER_DEAF);
	while ((passed = (int) (steady_ms() - began)) < ms)
	{
		worker_sleep_until(worker_in_ms(ms - passed), NULL);
		worker_leave_if_told();
	}
	worker_listen();
}
