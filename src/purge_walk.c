/*
 * purge_walk.c: where a process that purges by an index goes on.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "purge_walk.h"
#include "store.h"

/* A row may come to be over late: its transaction took long, or a fault kept it. */
#define BEGIN_ANEW_MS	60000

int
purge_walk_keys(PurgeWalk *walk, TimestampTz upto, ScanKeyData *keys)
{
	int			n = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (walk != NULL && TimestampDifferenceExceeds(walk->begun_at, now, BEGIN_ANEW_MS))
		*walk = (PurgeWalk) {.begun_at = now};
	if (walk != NULL && walk->from != 0)
		store_key_at_or_after(&keys[n++], 1, walk->from);
	if (!TIMESTAMP_IS_NOEND(upto))
		store_key_at_or_before(&keys[n++], 1, upto);
	return n;
}

void
purge_walk_passes(PurgeWalk *walk, TimestampTz over_at, bool deleted)
{
	if (walk == NULL)
		return;
	walk->from = over_at;
	walk->left |= !deleted;
}

void
purge_walk_ends(PurgeWalk *walk)
{
	if (walk != NULL && walk->left)
		*walk = (PurgeWalk) {0};
}
