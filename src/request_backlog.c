/*
 * request_backlog.c: how many requests wait, and for how long.
 *
 * A counter would be one row that all who submit share.  So they are counted,
 * by the index over those that wait; a backend remembers what it found for so
 * long that counting takes about a hundredth of its time.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "request_pace.h"
#include "requests.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_request_lag);

#define COUNT_SHARE 100
#define REMEMBERED 16

/* Counting so few costs less than to remember them. */
#define FEW 100

typedef struct Backlog
{
	int32		event_id;		/* 0: none */
	int			waiting;
	TimestampTz counted_at;
	TimestampTz next_count;
} Backlog;

static Backlog backlogs[REMEMBERED];

/* How many requests of the event wait, up to most. */
static int
count_waiting(int32 event_id, int most)
{
	ScanKeyData key;
	StoreScan	scan;
	int			n = 0;

	store_scan_open_to_read(&scan, STORE_REQUEST, STORE_REQUEST_WAITING);
	store_key_int4(&key, 1, event_id);
	store_scan_start(&scan, &key, 1);
	while (n < most && store_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		n++;
	}
	store_scan_close(&scan);
	return n;
}

/* Where the count of the event is remembered, or may be. */
static Backlog *
backlog_of(int32 event_id)
{
	Backlog    *oldest = &backlogs[0];

	for (int i = 0; i < REMEMBERED; i++)
	{
		if (backlogs[i].event_id == event_id)
			return &backlogs[i];
		if (backlogs[i].counted_at < oldest->counted_at)
			oldest = &backlogs[i];
	}
	memset(oldest, 0, sizeof(Backlog));
	oldest->event_id = event_id;
	return oldest;
}

static int
waiting_now(int32 event_id, int most)
{
	Backlog    *backlog = backlog_of(event_id);
	TimestampTz now = GetCurrentTimestamp();

	if (now >= backlog->next_count || now < backlog->counted_at)
	{
		TimestampTz counted;

		backlog->waiting = count_waiting(event_id, most);
		counted = GetCurrentTimestamp();
		backlog->counted_at = now;
		backlog->next_count = backlog->waiting < FEW ? 0 : counted + (counted - now) * COUNT_SHARE;
	}
	return backlog->waiting;
}

/* When there should be room again: a tenth of the backlog later. */
static int64
retry_after_ms(const Event *event)
{
	double		rate = request_rate_of(event->event_id);
	double		ms = rate > 0 ? tixbook_max_backlog / 10.0 / rate * 1000 : 1000;

	return (int64) Min(Max(ms, 1000), 300000);
}

/* Whether one more request of the event may wait. */
bool
request_backlog_allows(const Event *event, Refusal *refusal)
{
	int			waiting = waiting_now(event->event_id, tixbook_max_backlog);

	if (waiting < tixbook_max_backlog)
		return true;
	return refuse(refusal, REASON_BACKLOG_FULL, psprintf("%d", event->event_id),
				  "{\"event_id\": %d, \"max_backlog\": %d, \"retry_after_ms\": %lld}",
				  event->event_id, tixbook_max_backlog, (long long) retry_after_ms(event));
}

/* Since when the first of the event's requests waits that has not been tried; 0: none does. */
static TimestampTz
first_untried(int32 event_id)
{
	TimestampTz since = 0;
	Requests	requests;
	ScanKeyData key;
	Request		request;

	requests_open_to_read(&requests, STORE_REQUEST_WAITING);
	store_key_int4(&key, 1, event_id);
	store_scan_start(&requests.scan, &key, 1);
	while (since == 0 && store_scan_next(&requests.scan))
	{
		CHECK_FOR_INTERRUPTS();
		request_found(&requests, &request);
		if (request.attempts == 0)
			since = request.waiting_since;
	}
	requests_close_reading(&requests);
	return since;
}

/* How long the first request that nobody has tried has waited, in microseconds. */
int64
request_lag(int32 event_id)
{
	TimestampTz since = first_untried(event_id);

	return since == 0 ? 0 : Max(GetCurrentTimestamp() - since, 0);
}

/* request_lag(event_id integer) → interval */
Datum
tixbook_request_lag(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Event	   *event = argument_event(fcinfo, 0, &refusal);
	Interval   *lag;

	if (event == NULL)
		refusal_raise(&refusal);
	lag = palloc0(sizeof(Interval));
	lag->time = request_lag(event->event_id);
	PG_RETURN_INTERVAL_P(lag);
}
