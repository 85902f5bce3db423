/*
 * worker_sleep.c: how a worker sleeps, and pauses.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/backend_status.h"

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
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (until != WORKER_NEVER)
	{
		/* Rounded up: waking a moment early would mean looking in vain. */
		int64		ms = (until - GetCurrentTimestamp() + 999) / 1000;

		events |= WL_TIMEOUT;
		timeout = (long) Min(Max(ms, 0), INT_MAX);
	}
	(void) WaitLatch(MyLatch, events, timeout, worker_wait_event());
}

void
worker_sleep_until(TimestampTz until, void (*wait) (TimestampTz until))
{
	pgstat_report_activity(STATE_IDLE, NULL);
	(wait ? wait : wait_on_latch) (until);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static int
ms_since(instr_time began)
{
	instr_time	passed;

	INSTR_TIME_SET_CURRENT(passed);
	INSTR_TIME_SUBTRACT(passed, began);
	return (int) INSTR_TIME_GET_MILLISEC(passed);
}

void
worker_pause(int ms)
{
	instr_time	began;
	int			passed;

	INSTR_TIME_SET_CURRENT(began);
	pg_atomic_write_u64(&my_place.slot->next_wake, (uint64) WORKER_DEAF);
	while ((passed = ms_since(began)) < ms)
	{
		worker_sleep_until(worker_in_ms(ms - passed), NULL);
		worker_leave_if_told();
	}
	worker_listen();
}
