/*
 * attempt.c: work that must not stop other work when it fails.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "attempt.h"

/* The log is told of the same thing at most so often. */
#define WARNING_INTERVAL_S 60

/* Things are told apart by a hash. */
#define WARNINGS 64

bool
warning_is_due(const char *about)
{
	static TimestampTz warned_at[WARNINGS] = {0};
	TimestampTz *last = &warned_at[hash_bytes((const unsigned char *) about, strlen(about)) % WARNINGS];
	TimestampTz now = GetCurrentTimestamp();

	if (now >= *last && now - *last < WARNING_INTERVAL_S * USECS_PER_SEC)
		return false;
	*last = now;
	return true;
}

bool
attempt_or_warn(void (*work) (void *with), void *with, const char *could_not, bool raise_locks)
{
	ErrorData  *volatile error = NULL;
	Attempt		attempt;

	attempt_begin(&attempt);
	PG_TRY();
	{
		work(with);
		attempt_end(&attempt, true);
	}
	PG_CATCH();
	{
		error = attempt_failed(&attempt);
	}
	PG_END_TRY();
	if (error == NULL)
		return true;
	if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
	{
		if (warning_is_due(could_not))
			ereport(WARNING,
					(errmsg("%s: %s", could_not, error->message),
					 errhint("It is tried again, and nothing else waits for it.")));
	}
	else if (raise_locks)
		ReThrowError(error);
	return false;
}
