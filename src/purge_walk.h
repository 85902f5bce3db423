/*
 * Where a process that purges by an index goes on: the entries of what it has
 * deleted stay in the index until it is vacuumed, and walking over them again
 * and again would soon take longer than the purge.
 */
#ifndef TIXBOOK_PURGE_WALK_H
#define TIXBOOK_PURGE_WALK_H

#include "datatype/timestamp.h"

#include "store.h"

/* All zero at first: from the beginning. */
typedef struct PurgeWalk
{
	TimestampTz from;			/* what was over before has been deleted */
	TimestampTz begun_at;		/* when it last began at the beginning */
	bool		left;			/* some that others have in hands is still there */
} PurgeWalk;

/* Deletes the row just found, and tells since when it is over; false: others have it in hands, so it is left. */
typedef bool (*PurgeRow) (void *with, TimestampTz *over_at);

/*
 * Deletes up to batch rows that were over at that instant, as an index tells
 * whose first column is that, and returns how many.  It goes on where the walk
 * is, and now and then begins anew, for what came to be over late; without a
 * walk (NULL) it is from the beginning.
 */
extern int	purge_walk(PurgeWalk *walk, StoreScan *scan, TimestampTz over_by, int batch, PurgeRow purge_row, void *with);

/* Finds the first row from where the walk is; who finds it notes since when it is over. */
extern bool purge_walk_find(PurgeWalk *walk, StoreScan *scan);
extern void purge_walk_note(PurgeWalk *walk, TimestampTz over_at);

#endif
