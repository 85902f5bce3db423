/*
 * Where a process that purges by an index goes on: the entries of what it has
 * deleted stay in the index until it is vacuumed, and walking over them again
 * and again would soon take longer than the purge.
 */
#ifndef TIXBOOK_PURGE_WALK_H
#define TIXBOOK_PURGE_WALK_H

#include "access/skey.h"
#include "datatype/timestamp.h"

/* All zero at first: from the beginning. */
typedef struct PurgeWalk
{
	TimestampTz from;			/* what was over before has been deleted */
	TimestampTz begun_at;		/* when it last began at the beginning */
	bool		left;			/* some that others have in hands is still there */
} PurgeWalk;

#define MAX_PURGE_KEYS 2

/*
 * The keys of an index whose first column tells when a row is over, for those
 * from where the walk goes on, up to an instant; returns how many.  Without a
 * walk they are those from the beginning.  Now and then it begins there anew,
 * for what came to be over late.
 */
extern int	purge_walk_keys(PurgeWalk *walk, TimestampTz upto, ScanKeyData *keys);

/* A row that was over at that instant is deleted, or left to who has it in hands. */
extern void purge_walk_passes(PurgeWalk *walk, TimestampTz over_at, bool deleted);

/* There are no more: what was left is come back to. */
extern void purge_walk_ends(PurgeWalk *walk);

#endif
