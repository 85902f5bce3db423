/*
 * An attempt: a subtransaction that is kept or leaves nothing, locks included.
 * What was opened before it must not be used in it.
 *
 * It must not be open when an error reaches the top level: outside of a
 * transaction block that would put the session into an aborted one, from which
 * not even ROLLBACK leads back.  So whoever begins one catches what is raised in
 * it: ATTEMPT for those who want it raised on, attempt_failed() for those who do
 * not.
 */
#ifndef TIXBOOK_ATTEMPT_H
#define TIXBOOK_ATTEMPT_H

#include "access/xact.h"
#include "utils/palloc.h"
#include "utils/resowner.h"

typedef struct Attempt
{
	MemoryContext context;
	ResourceOwner owner;
} Attempt;

static inline void
attempt_begin(Attempt *attempt)
{
	attempt->context = CurrentMemoryContext;
	attempt->owner = CurrentResourceOwner;
	BeginInternalSubTransaction(NULL);
	/* What it allocates is the caller's. */
	MemoryContextSwitchTo(attempt->context);
}

static inline void
attempt_end(Attempt *attempt, bool succeeded)
{
	if (succeeded)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(attempt->context);
	CurrentResourceOwner = attempt->owner;
}

/*
 * In PG_CATCH: takes the attempt back, and returns the error as a copy.  A query
 * that was cancelled stays cancelled.
 */
static inline ErrorData *
attempt_failed(Attempt *attempt)
{
	ErrorData  *error;

	MemoryContextSwitchTo(attempt->context);
	error = CopyErrorData();
	FlushErrorState();
	attempt_end(attempt, false);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error;
}

/*
 * Does the work as an attempt; false: it raised an error, and left nothing.  The log is told, in a line that begins with
 * could_not.  A lock of others that was waited for in vain is no news; where what comes next would wait for it as well
 * it is raised on.
 */
extern bool attempt_or_warn(void (*work) (void *with), void *with, const char *could_not, bool raise_locks);

/* Whether the log may be told of that again. */
extern bool warning_is_due(const char *about);

/* succeeded = call; where that is false, or an error, the call has done nothing. */
#define ATTEMPT(succeeded, call) \
	do { \
		Attempt		_attempt; \
		attempt_begin(&_attempt); \
		PG_TRY(); \
		{ \
			(succeeded) = (call); \
			if (succeeded) \
				attempt_end(&_attempt, true); \
		} \
		PG_CATCH(); \
		{ \
			attempt_end(&_attempt, false); \
			PG_RE_THROW(); \
		} \
		PG_END_TRY(); \
		if (!(succeeded)) \
			attempt_end(&_attempt, false); \
	} while (0)

#endif
