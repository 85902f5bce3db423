/*
 * purge_walk.c: where a process that purges by an index goes on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "purge_walk.h"

/* A row may come to be over late: its transaction took long, or a fault kept it. */
#define BEGIN_ANEW_MS	10000

#define MAX_KEYS		2

static void
start(PurgeWalk *walk, StoreScan *scan, TimestampTz over_by)
{
	ScanKeyData keys[MAX_KEYS];
	int			n = 0;
	TimestampTz now = GetCurrentTimestamp();

	/* Also when the clock was set back, lest what is over by then be passed over. */
	if (walk != NULL && (now < walk->begun_at || TimestampDifferenceExceeds(walk->begun_at, now, BEGIN_ANEW_MS)))
		*walk = (PurgeWalk) {.begun_at = now};
	if (walk != NULL && walk->from != 0)
		store_key_at_or_after(&keys[n++], 1, walk->from);
	if (!TIMESTAMP_IS_NOEND(over_by))
		store_key_at_or_before(&keys[n++], 1, over_by);
	store_scan_start(scan, keys, n);
}

void
purge_walk_note(PurgeWalk *walk, TimestampTz over_at)
{
	if (walk != NULL)
		walk->from = over_at;
}

bool
purge_walk_find(PurgeWalk *walk, StoreScan *scan)
{
	start(walk, scan, DT_NOEND);
	return store_scan_next(scan);
}

int
purge_walk(PurgeWalk *walk, StoreScan *scan, TimestampTz over_by, int batch, PurgeRow purge_row, void *with)
{
	int			purged = 0;

	start(walk, scan, over_by);
	while (purged < batch && store_scan_next(scan))
	{
		TimestampTz over_at;
		bool		deleted;

		CHECK_FOR_INTERRUPTS();
		deleted = purge_row(with, &over_at);
		purge_walk_note(walk, over_at);
		if (walk != NULL)
			walk->left |= !deleted;
		purged += deleted;
	}
	/* There are no more: what was left is come back to. */
	if (purged < batch && walk != NULL && walk->left)
		*walk = (PurgeWalk) {0};
	return purged;
}
