/*
 * request_pace.c: the pace at which requests are worked off.
 *
 * Each request takes 1/rate of a second, and next_at tells up to when the time
 * has been spent.  What a stall has left over is caught up on, in batches that
 * are not much longer than others; the time in which nothing waited is not.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "utils/timestamp.h"

#include "claim.h"
#include "request_pace.h"
#include "settings.h"
#include "store.h"

/* So much of a stall is made up for. */
#define MAX_CATCH_UP_MS 2000

/* So many ticks a batch makes up for at most. */
#define MAX_TICKS 8

enum
{
	COLUMN_NEXT_AT,
	COLUMN_PER_SECOND,
	COLUMN_EVENT_ID,
	COLUMNS
};

/* Fills the pace in from its row, if the event has one. */
static void
pace_found(StoreScan *scan, Pace *pace)
{
	slot_getallattrs(scan->slot);
	pace->has_row = true;
	pace->next_at = DatumGetTimestampTz(scan->slot->tts_values[COLUMN_NEXT_AT]);
	pace->own_rate = !scan->slot->tts_isnull[COLUMN_PER_SECOND];
	if (pace->own_rate)
		pace->per_second = DatumGetFloat8(scan->slot->tts_values[COLUMN_PER_SECOND]);
	pace->tid = scan->slot->tts_tid;
}

static bool
find_pace(StoreScan *scan, int32 event_id)
{
	ScanKeyData key;

	store_key_int4(&key, 1, event_id);
	store_scan_start(scan, &key, 1);
	return store_scan_next(scan);
}

static void
no_pace(Pace *pace, int32 event_id)
{
	memset(pace, 0, sizeof(Pace));
	pace->event_id = event_id;
	pace->per_second = tixbook_request_rate;
}

bool
pace_claim(int32 event_id, Pace *pace)
{
	StoreScan	scan;
	RowHands	hands = ROW_FREE;

	no_pace(pace, event_id);
	if (!claim_try(CLAIM_REQUESTS, event_id, ""))
		return false;
	store_scan_open(&scan, STORE_REQUEST_PACE, STORE_REQUEST_PACE_KEY);
	if (find_pace(&scan, event_id))
	{
		/* An administrator may be changing the rate. */
		hands = store_row_hands(&scan);
		pace_found(&scan, pace);
		pace->ours = hands == ROW_OURS;
	}
	store_scan_close(&scan);
	return hands != ROW_IN_OTHER_HANDS;
}

double
request_rate_of(int32 event_id)
{
	StoreScan	scan;
	Pace		pace;

	no_pace(&pace, event_id);
	store_scan_open_to_read(&scan, STORE_REQUEST_PACE, STORE_REQUEST_PACE_KEY);
	if (find_pace(&scan, event_id))
		pace_found(&scan, &pace);
	store_scan_close(&scan);
	return pace.per_second;
}

/* The time, in microseconds, that n requests take. */
static int64
time_of(const Pace *pace, double n)
{
	return (int64) ceil(n * USECS_PER_SEC / pace->per_second);
}

/* The shortest time that is worth a batch. */
static int64
tick_of(const Pace *pace)
{
	return Max((int64) REQUEST_TICK_MS * 1000, time_of(pace, 1));
}

/* From when on time may be spent. */
static TimestampTz
unspent_from(const Pace *pace, TimestampTz oldest, TimestampTz now)
{
	int64		most = Max((int64) MAX_CATCH_UP_MS * 1000, tick_of(pace));
	TimestampTz from = Max(pace->next_at, oldest - tick_of(pace));

	/* No batch spends time that is to come: the clock was set back, and must not stop the queue. */
	if (from > now + tick_of(pace))
		from = now - tick_of(pace);
	return Max(from, now - most);
}

int
pace_allows(const Pace *pace, TimestampTz oldest, TimestampTz now, TimestampTz *wake_at)
{
	int64		tick;
	TimestampTz from;

	if (pace->per_second <= 0)
		return INT_MAX;
	tick = tick_of(pace);
	from = unspent_from(pace, oldest, now);
	if (now - from < tick)
	{
		*wake_at = Min(*wake_at, from + tick);
		return 0;
	}
	return Max((int) (Min(now - from, MAX_TICKS * tick) * pace->per_second / USECS_PER_SEC), 1);
}

void
pace_spend(Pace *pace, int n, TimestampTz oldest, TimestampTz now)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	Store		store;

	pace->next_at = pace->per_second <= 0 ? now : unspent_from(pace, oldest, now) + time_of(pace, n);
	values[COLUMN_NEXT_AT] = TimestampTzGetDatum(pace->next_at);
	values[COLUMN_PER_SECOND] = Float8GetDatum(pace->per_second);
	nulls[COLUMN_PER_SECOND] = !pace->own_rate;
	values[COLUMN_EVENT_ID] = Int32GetDatum(pace->event_id);
	store_open(&store, STORE_REQUEST_PACE);
	if (!pace->has_row)
		store_insert(&store, values, nulls);
	else if (store_update(&store, &pace->tid, values, nulls, pace->ours) != TM_Ok)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the rate of the requests of event %d is being changed", pace->event_id)));
	store_close(&store);
	CommandCounterIncrement();
}
