/*
 * request_scan.c: which requests are next.
 *
 * What has been worked off leaves dead entries at the very place of the index
 * where the next ones are looked for, and they stay until VACUUM comes by.  So a
 * backend remembers how far it has come with an event, and looks from the
 * beginning only now and then: for a request whose transaction committed late.
 * Where it remembers no events it looks as often as that costs little.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "instant.h"
#include "request_scan.h"

#define MARKS 64

/* How long a request takes to be committed as a rule, and how often a walk begins at the beginning. */
#define LATE_COMMIT_MS	250
#define ROUND_MS		2000

/*
 * While requests of an event that is remembered wait, the search for others takes a twentieth of the time; it
 * rests for at most so long.
 */
#define GAP_SHARE		20
#define MAX_GAP_REST_MS	1000
#define BUSY_MS			100

typedef struct Mark
{
	int32		event_id;		/* 0: none */
	TimestampTz head;			/* what came earlier, and long ago, is worked off */
	uint32		round;			/* in which it was last walked from the beginning */
	TimestampTz busy_since;		/* since then this process has always seen requests due; 0: it has not */
	TimestampTz used_at;
	TimestampTz gap_rests;		/* until when the events below it that are not remembered are not searched */
} Mark;

static Mark marks[MARKS];

/* The same for those above all that are remembered. */
static TimestampTz last_gap_rests = 0;

/* When requests of an event that is remembered were last seen to wait. */
static TimestampTz seen_waiting_at = 0;

/*
 * In each round every event is walked from the beginning once.  They have their
 * rounds together: so there is an end to it when nothing waits anywhere.
 */
static uint32 round_no = 1;
static TimestampTz next_round_at = 0;

static Mark *
find_mark(int32 event_id)
{
	for (int i = 0; i < MARKS; i++)
		if (marks[i].event_id == event_id)
			return &marks[i];
	return NULL;
}

/* The mark of the event, or a new one in the place of the one that was not used for longest. */
static Mark *
mark_of(int32 event_id, TimestampTz now)
{
	Mark	   *mark = find_mark(event_id);

	if (mark == NULL)
	{
		mark = &marks[0];
		for (int i = 1; i < MARKS; i++)
			if (marks[i].used_at < mark->used_at)
				mark = &marks[i];
		memset(mark, 0, sizeof(Mark));
		mark->event_id = event_id;
	}
	mark->used_at = now;
	return mark;
}

/* What one walk does. */
typedef struct Walk
{
	const Pace *pace;
	int			most;			/* then what the pace allows */
	TimestampTz now;
	TimestampTz *wake_at;
	TimestampTz waits_still;	/* since when the first waits that is passed over; DT_NOEND: none */
	Mark	   *mark;
	DueRequests *due;
	Requests	requests;
} Walk;

/* Whether the row just found is due. */
static bool
is_due(Walk *walk, Request *request)
{
	request_found(&walk->requests, request);
	if (request->not_before <= walk->now)
		return true;
	*walk->wake_at = Min(*walk->wake_at, request->not_before);
	return false;
}

/* False: somebody is cancelling it, or has. */
static bool
lock_due(Walk *walk, Request *request)
{
	return request_lock_found(&walk->requests, request) && request->status == REQUEST_WAITING;
}

/*
 * The first one tells how many there may be; false: none now.  The time before
 * it could be seen, while many were submitted in one transaction, is not spent.
 */
static bool
ask_pace(Walk *walk, const Request *first)
{
	int			allowed;

	if (walk->mark->busy_since == 0)
		walk->mark->busy_since = walk->now;
	walk->due->oldest = Max(first->waiting_since, walk->mark->busy_since);
	allowed = pace_allows(walk->pace, walk->due->oldest, walk->now, walk->wake_at);
	walk->most = Min(walk->most, allowed);
	walk->due->requests = palloc(Max(walk->most, 1) * sizeof(Request));
	return allowed > 0;
}

static void
walk_from(Walk *walk, TimestampTz from)
{
	ScanKeyData keys[2];
	Request		request;

	store_key_int4(&keys[0], 1, walk->pace->event_id);
	store_key_at_or_after(&keys[1], 2, from);
	store_scan_start(&walk->requests.scan, keys, 2);
	while (walk->due->n < walk->most && store_scan_next(&walk->requests.scan))
	{
		bool		due;

		CHECK_FOR_INTERRUPTS();
		/* The pace is asked before anything is locked: most looks are in vain, and write nothing. */
		due = is_due(walk, &request);
		if (due && (walk->due->requests != NULL || ask_pace(walk, &request)) &&
			lock_due(walk, &request))
			walk->due->requests[walk->due->n++] = request;
		else
			walk->waits_still = Min(walk->waits_still, request.waiting_since);
	}
}

/*
 * Where a walk begins that is made now: at the mark, but not at what may not be
 * committed yet; or at the beginning, if it is time for that.
 */
static TimestampTz
start_of_walk(const Mark *mark, TimestampTz now)
{
	if (has_come(next_round_at, now, ROUND_MS))
	{
		round_no++;
		next_round_at = TimestampTzPlusMilliseconds(now, ROUND_MS);
	}
	if (mark->head == 0 || mark->round != round_no || now < mark->head)
		return DT_NOBEGIN;
	return Min(mark->head, TimestampTzPlusMilliseconds(now, -LATE_COMMIT_MS));
}

/* The event was walked from there on. */
static void
note_walk(Mark *mark, TimestampTz from, TimestampTz head)
{
	if (from == DT_NOBEGIN)
		mark->round = round_no;
	mark->head = head;
}

static void
walk(Walk *walk)
{
	Mark	   *mark = walk->mark;
	TimestampTz from = start_of_walk(mark, walk->now);

	walk_from(walk, from);
	if (walk->due->n < walk->most && walk->most > 0)
		mark->busy_since = 0;
	if (walk->due->n > 0)
		note_walk(mark, from, Min(walk->waits_still, walk->due->requests[walk->due->n - 1].waiting_since));
	else
		note_walk(mark, from, Min(walk->waits_still, walk->now));
}

void
requests_collect(const Pace *pace, int most, DueRequests *due, TimestampTz *wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	Walk		the_walk = {
		.pace = pace,
		.most = most,
		.now = now,
		.wake_at = wake_at,
		.waits_still = DT_NOEND,
		.mark = mark_of(pace->event_id, now),
		.due = due,
	};

	memset(due, 0, sizeof(DueRequests));
	requests_open(&the_walk.requests, STORE_REQUEST_WAITING);
	walk(&the_walk);
	requests_close(&the_walk.requests);
}

/* Those that are to be tried again wait still. */
void
requests_worked_off(const DueRequests *due)
{
	for (int i = 0; i < due->n; i++)
	{
		Mark	   *mark = find_mark(due->requests[i].event_id);

		if (mark != NULL && due->requests[i].status == REQUEST_WAITING)
			mark->head = Min(mark->head, due->requests[i].waiting_since);
	}
}

/* The first row of the index that the keys find; false: there is none. */
static bool
find_first(ScanKey keys, int nkeys, Request *request)
{
	Requests	requests;
	bool		found;

	requests_open_to_read(&requests, STORE_REQUEST_WAITING);
	store_scan_start(&requests.scan, keys, nkeys);
	found = store_scan_next(&requests.scan);
	if (found)
		request_found(&requests, request);
	requests_close_reading(&requests);
	return found;
}

/* The first event in a range of which a request waits. */
static bool
find_event(int32 from, int32 upto, int32 *event_id)
{
	ScanKeyData keys[2];
	Request		request;

	store_key_int4_from(&keys[0], 1, from);
	store_key_int4_upto(&keys[1], 1, upto);
	if (!find_first(keys, 2, &request))
		return false;
	*event_id = request.event_id;
	return true;
}

/* Whether a request of the event waits; false: as far as is known before wake_at. */
static bool
has_waiting(Mark *mark, TimestampTz *wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz from = start_of_walk(mark, now);
	ScanKeyData keys[2];
	Request		request;

	store_key_int4(&keys[0], 1, mark->event_id);
	store_key_at_or_after(&keys[1], 2, from);
	if (find_first(keys, 2, &request))
	{
		seen_waiting_at = now;
		return true;
	}
	mark->busy_since = 0;
	note_walk(mark, from, now);
	if (from != DT_NOBEGIN)
		*wake_at = Min(*wake_at, next_round_at);
	return false;
}

/* Searches a range of events of which none is remembered, unless that rests. */
static bool
search_gap(TimestampTz *rests, int32 from, int32 upto, int32 *event_id, TimestampTz *wake_at)
{
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz ended;

	if (!has_come(*rests, began, MAX_GAP_REST_MS) &&
		began < TimestampTzPlusMilliseconds(seen_waiting_at, BUSY_MS))
	{
		*wake_at = Min(*wake_at, *rests);
		return false;
	}
	*rests = 0;
	if (find_event(from, upto, event_id))
		return true;
	ended = GetCurrentTimestamp();
	*rests = Min(ended + (ended - began) * GAP_SHARE, TimestampTzPlusMilliseconds(ended, MAX_GAP_REST_MS));
	return false;
}

void
requests_look_everywhere(void)
{
	next_round_at = 0;
	last_gap_rests = 0;
	for (int i = 0; i < MARKS; i++)
		marks[i].gap_rests = 0;
}

/* Of the events that are remembered, the first in the range. */
static Mark *
next_mark(int32 from, int32 upto)
{
	Mark	   *next = NULL;

	for (int i = 0; i < MARKS; i++)
		if (marks[i].event_id != 0 && marks[i].event_id >= from && marks[i].event_id <= upto &&
			(next == NULL || marks[i].event_id < next->event_id))
			next = &marks[i];
	return next;
}

/* The events that are remembered are looked at from their marks; what lies between them is searched. */
bool
requests_next_event(int32 from, int32 upto, int32 *event_id, TimestampTz *wake_at)
{
	for (;;)
	{
		Mark	   *known = next_mark(from, upto);

		if (known == NULL)
			return search_gap(&last_gap_rests, from, upto, event_id, wake_at);
		if (from < known->event_id &&
			search_gap(&known->gap_rests, from, known->event_id - 1, event_id, wake_at))
			return true;
		*event_id = known->event_id;
		if (has_waiting(known, wake_at))
			return true;
		if (known->event_id == upto)
			return false;
		from = known->event_id + 1;
	}
}

int
requests_count_events(int most)
{
	TimestampTz wake_at = DT_NOEND;
	int32		from = 1;
	int32		event_id;
	int			n = 0;

	while (n < most && requests_next_event(from, PG_INT32_MAX, &event_id, &wake_at))
	{
		n++;
		if (event_id == PG_INT32_MAX)
			break;
		from = event_id + 1;
	}
	return n;
}

/* One that is put off may be due later: whoever looks then learns it. */
bool
requests_next_due(TimestampTz *due)
{
	TimestampTz wake_at = DT_NOEND;
	int32		event_id;

	*due = GetCurrentTimestamp();
	if (requests_next_event(1, PG_INT32_MAX, &event_id, &wake_at))
		return true;
	*due = wake_at;
	return wake_at != DT_NOEND;
}
