/*
 * An attempt: a subtransaction that is kept or leaves nothing, locks included.
 * What was opened before it must not be used in it.
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

#endif
