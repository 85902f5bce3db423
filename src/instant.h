/* Instants by a clock that may be set, back or ahead, while somebody waits for them. */
#ifndef TIXBOOK_INSTANT_H
#define TIXBOOK_INSTANT_H

#include "portability/instr_time.h"
#include "utils/timestamp.h"

/* Who sleeps looks at the clock that often: sleep is not measured by it, nor does sleep pass while a machine is halted. */
#define LONGEST_SLEEP_MS 10000

/* Whether an instant has come that was set at most so long before; one further ahead is of a clock that was set back. */
static inline bool
has_come(TimestampTz at, TimestampTz now, int64 within_ms)
{
	return at <= now || at > now + within_ms * 1000;
}

/* How long to sleep, rounded up: waking a moment early would mean looking in vain; -1: for ever. */
static inline long
ms_until(TimestampTz at)
{
	if (TIMESTAMP_IS_NOEND(at))
		return -1;
	return (long) Min(Max((at - GetCurrentTimestamp() + 999) / 1000, 0), LONGEST_SLEEP_MS);
}

/* By a clock that nobody sets; it tells how much time has passed, and not what time it is. */
static inline int64
steady_ms(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}

#endif
