/* Arrays of what a transaction has done, that grow while it lives. */
#ifndef TIXBOOK_XACT_ARRAY_H
#define TIXBOOK_XACT_ARRAY_H

#include "utils/memutils.h"

/*
 * The array, or a larger one in its place, with room for one more; NULL: there is
 * none yet.  Where memory is short it stays as it was: a savepoint may survive that.
 */
static inline void *
xact_array_room(void *array, int used, int *room, Size size)
{
	int			larger = Max(*room * 2, 8);

	if (used < *room)
		return array;
	array = array == NULL ? MemoryContextAlloc(TopTransactionContext, larger * size) :
		repalloc(array, larger * size);
	*room = larger;
	return array;
}

#endif
