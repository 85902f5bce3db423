/*
 * guard.h: forced into every file of the memory-checked build.
 *
 * Valgrind sees malloc only, and palloc cuts its chunks from big blocks.  So
 * each chunk that our code asks for counts as uninitialised, and gets a zone
 * behind its end that may not be touched until the chunk or its context goes.
 */
#ifndef TIXBOOK_GUARD_H
#define TIXBOOK_GUARD_H

#include "postgres.h"

#include <valgrind/memcheck.h>

#include "utils/memutils.h"

#define GUARD_BYTES 16

typedef struct GuardZone
{
	MemoryContextCallback callback;
	char	   *start;
} GuardZone;

static inline void
guard_lift(void *arg)
{
	(void) VALGRIND_MAKE_MEM_DEFINED(((GuardZone *) arg)->start, GUARD_BYTES);
}

static inline void *
guard_put(MemoryContext context, void *chunk, Size size)
{
	GuardZone  *zone = (MemoryContextAlloc) (context, sizeof(GuardZone));

	(void) VALGRIND_MAKE_MEM_DEFINED(zone, sizeof(GuardZone));
	zone->start = (char *) chunk + size;
	zone->callback.func = guard_lift;
	zone->callback.arg = zone;
	MemoryContextRegisterResetCallback(context, &zone->callback);
	(void) VALGRIND_MAKE_MEM_NOACCESS(zone->start, GUARD_BYTES);
	return chunk;
}

/* Not inline: in a function with PG_TRY the compiler would take its variable for one that is lost there. */
static pg_noinline pg_attribute_unused() void *
guard_alloc(MemoryContext context, Size size, int flags)
{
	void	   *chunk = (MemoryContextAllocExtended) (context, size + GUARD_BYTES, flags & ~MCXT_ALLOC_ZERO);

	if (chunk == NULL)
		return NULL;
	(void) VALGRIND_MAKE_MEM_UNDEFINED(chunk, size);
	if (flags & MCXT_ALLOC_ZERO)
		memset(chunk, 0, size);
	return guard_put(context, chunk, size);
}

static inline void
guard_free(void *chunk)
{
	(void) VALGRIND_MAKE_MEM_DEFINED(chunk, GetMemoryChunkSpace(chunk));
	(pfree) (chunk);
}

/* What was uninitialised counts as initialised from here on: which bytes were is not worth keeping. */
static inline void *
guard_realloc(void *chunk, Size size)
{
	MemoryContext context = GetMemoryChunkContext(chunk);

	(void) VALGRIND_MAKE_MEM_DEFINED(chunk, GetMemoryChunkSpace(chunk));
	return guard_put(context, (repalloc) (chunk, size + GUARD_BYTES), size);
}

#define MemoryContextAlloc(context, size)		guard_alloc((context), (size), 0)
#define MemoryContextAllocZero(context, size)	guard_alloc((context), (size), MCXT_ALLOC_ZERO)
#define MemoryContextAllocExtended(context, size, flags) guard_alloc((context), (size), (flags))
#define palloc(size)				guard_alloc(CurrentMemoryContext, (size), 0)
#define palloc0(size)				guard_alloc(CurrentMemoryContext, (size), MCXT_ALLOC_ZERO)
#define palloc_extended(size, flags) guard_alloc(CurrentMemoryContext, (size), (flags))
#define pfree(chunk)				guard_free(chunk)
#define repalloc(chunk, size)		guard_realloc((chunk), (size))

#endif
