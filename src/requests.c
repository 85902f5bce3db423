/*
 * requests.c: batches of requests.
 *
 * A batch belongs to one event, which one worker at a time has claimed, so its
 * requests are decided in the order of their arrival.  It locks them, makes
 * their holds as a batch of reservations, and writes how each has ended; all
 * of it commits together.
 *
 * Where a batch raises an error, its requests are tried one by one, and the one
 * that is to blame is put off, or at last put aside as a dead letter.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "attempt.h"
#include "request_pace.h"
#include "request_scan.h"
#include "requests.h"
#include "reservation_batch.h"
#include "seat_batch.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_work_requests);

/* Pauses between attempts double. */
#define FIRST_PAUSE_MS	50
#define MAX_PAUSE_MS	60000

/* How soon somebody else's event, a sale that is paused or what raises an error is looked at again. */
#define PAUSED_MS		1000

/* Each customer whose limit is checked takes a lock until the batch ends. */
#define MAX_CUSTOMERS_A_BATCH 200

/* Whose last batch was worked off here: the others come first. */
static int32 last_event = 0;

static TimestampTz
in_ms(double ms)
{
	return GetCurrentTimestamp() + (int64) (ms * 1000);
}

/* Whether the same request may have another answer in a moment. */
static bool
may_pass(Reason reason)
{
	return reason == REASON_BUSY || reason == REASON_REQUEST_IN_PROGRESS;
}

static void
end_request(Request *request, RequestStatus status)
{
	request->status = status;
	request->waiting_since = 0;
	request->not_before = 0;
	request->ended_at = GetCurrentTimestamp();
}

/* Puts the request off, for longer each time and never for just as long as others, or aside. */
static void
try_again(Request *request, const Refusal *refusal)
{
	double		pause = Min(FIRST_PAUSE_MS * pow(2, request->attempts - 1), MAX_PAUSE_MS);

	request_set_refusal(request, refusal);
	if (request->attempts >= tixbook_request_attempts)
		end_request(request, REQUEST_DEAD);
	else
		request->not_before = in_ms(pause * (0.5 + pg_prng_double(&pg_global_prng_state)));
}

static void
decide(ReservationBatch *batch, Request *request)
{
	Refusal		refusal = {REASON_NONE};
	Reservation reservation;
	Booking		booking;

	request->attempts++;
	if (request_wish(request, batch->event, &reservation, &refusal))
	{
		reservation.batch = batch;
		reservation.admitted = true;
		reservation.patient = request->attempts == 1;
		if (reservation_make(&reservation, &booking, &refusal))
		{
			request->booking_id = palloc(sizeof(pg_uuid_t));
			*request->booking_id = booking.id;
			request_set_refusal(request, NULL);
			end_request(request, REQUEST_HELD);
			return;
		}
	}
	if (may_pass(refusal.reason))
	{
		try_again(request, &refusal);
		return;
	}
	request_set_refusal(request, &refusal);
	end_request(request, REQUEST_REFUSED);
}

/* Decides on all of them, and writes down how. */
static void
decide_all(Event *event, Request *requests, int n)
{
	ReservationBatch batch;
	Requests	rows;

	reservation_batch_begin(&batch, event);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		decide(&batch, &requests[i]);
	}
	reservation_batch_end(&batch);
	requests_open(&rows, STORE_REQUEST_KEY);
	for (int i = 0; i < n; i++)
		request_write(&rows, &requests[i]);
	requests_close(&rows);
}

/* The same as an attempt: false: it raised the error, and the requests are as before. */
static bool
try_to_decide(Event *event, Request *requests, int n, ErrorData **error)
{
	Request    *before = palloc(n * sizeof(Request));
	volatile bool done = false;
	Attempt		attempt;

	memcpy(before, requests, n * sizeof(Request));
	attempt_begin(&attempt);
	PG_TRY();
	{
		decide_all(event, requests, n);
		attempt_end(&attempt, true);
		done = true;
	}
	PG_CATCH();
	{
		seat_batch_forget();
		*error = attempt_failed(&attempt);
	}
	PG_END_TRY();
	if (!done)
		memcpy(requests, before, n * sizeof(Request));
	return done;
}

/* The request raises an error when it is tried. */
static void
put_off(Request *request, const ErrorData *error)
{
	Refusal		refusal;
	Requests	rows;

	refuse(&refusal, REASON_REQUEST_FAILED, error->message,
		   "{\"event_id\": %d, \"sqlstate\": \"%s\", \"message\": %s}", request->event_id,
		   unpack_sql_state(error->sqlerrcode), json_quote(error->message));
	request->attempts++;
	try_again(request, &refusal);
	requests_open(&rows, STORE_REQUEST_KEY);
	request_write(&rows, request);
	requests_close(&rows);
}

static void
decide_each(Event *event, Request *requests, int n)
{
	for (int i = 0; i < n; i++)
	{
		ErrorData  *error;

		if (!try_to_decide(event, &requests[i], 1, &error))
			put_off(&requests[i], error);
	}
}

static void
count_work(RequestsWork *work, const DueRequests *due)
{
	work->done += due->n;
	for (int i = 0; i < due->n; i++)
		switch (due->requests[i].status)
		{
			case REQUEST_HELD:
				work->held++;
				break;
			case REQUEST_REFUSED:
				work->refused++;
				break;
			case REQUEST_DEAD:
				work->died++;
				break;
			default:
				work->retried++;
		}
}

/* How many one batch may have. */
static int
batch_size(const Event *event, const RequestsWork *work)
{
	int			most = Min(work->batch, tixbook_request_batch);

	return event->max_per_customer == 0 ? most : Min(most, MAX_CUSTOMERS_A_BATCH);
}

/* Works off a batch of the event; false: nothing is due that is ours to do. */
static bool
work_on(int32 event_id, RequestsWork *work)
{
	Event	   *event = catalog_event(event_id);
	DueRequests due;
	ErrorData  *error;
	Pace		pace;

	if (event == NULL)
		return false;
	if (event->status == SALE_PAUSED)
	{
		/* They wait for it to go on. */
		work->wake_at = Min(work->wake_at, in_ms(PAUSED_MS));
		return false;
	}
	if (!pace_claim(event_id, &pace))
	{
		work->wake_at = Min(work->wake_at, in_ms(REQUEST_TICK_MS));
		return false;
	}
	requests_collect(&pace, batch_size(event, work), &due, &work->wake_at);
	if (due.n == 0)
		return false;
	if (!try_to_decide(event, due.requests, due.n, &error))
		decide_each(event, due.requests, due.n);
	work->due = pace.per_second > 0 ? Max(due.oldest, pace.next_at) : due.oldest;
	pace_spend(&pace, due.n, due.oldest, GetCurrentTimestamp());
	requests_worked_off(&due);
	count_work(work, &due);
	return true;
}

/* An event's turn. */
typedef struct EventTurn
{
	int32		event_id;
	RequestsWork *work;
	bool		worked;
} EventTurn;

static void
take_turn(void *with)
{
	EventTurn  *turn = with;

	turn->worked = work_on(turn->event_id, turn->work);
}

/* The same so that a fault of one event stops no other. */
static bool
try_to_work_on(int32 event_id, RequestsWork *work)
{
	EventTurn	turn = {event_id, work};

	if (attempt_or_warn(take_turn, &turn, psprintf("the requests of event %d could not be worked off", event_id), true))
		return turn.worked;
	work->wake_at = Min(work->wake_at, in_ms(PAUSED_MS));
	return false;
}

/* Works off a batch of the first of the events in a range that has something due. */
static bool
work_in_range(int32 from, int32 upto, RequestsWork *work)
{
	int32		event_id;

	while (from <= upto && requests_next_event(from, upto, &event_id, &work->wake_at))
	{
		CHECK_FOR_INTERRUPTS();
		if (try_to_work_on(event_id, work))
		{
			last_event = event_id;
			return true;
		}
		if (event_id == upto)
			break;
		from = event_id + 1;
	}
	return false;
}

bool
requests_work(RequestsWork *work)
{
	int32		last = last_event;

	work->wake_at = DT_NOEND;
	return (last < PG_INT32_MAX && work_in_range(last + 1, PG_INT32_MAX, work)) ||
		work_in_range(1, last, work);
}

/* work_requests(batch integer) → integer, requests decided on or tried in vain */
Datum
tixbook_work_requests(PG_FUNCTION_ARGS)
{
	RequestsWork work = {0};
	int32		batch;

	PreventCommandIfReadOnly("tixbook.work_requests()");
	batch = argument_batch(fcinfo, 0);
	requests_look_everywhere();
	do
		work.batch = batch - work.done;
	while (work.batch > 0 && requests_work(&work));
	PG_RETURN_INT32(work.done);
}
