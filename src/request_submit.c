/*
 * request_submit.c: requests are submitted and cancelled.
 *
 * To submit one writes a row and locks nothing that others want.  What can be
 * seen at a glance is refused at once; the rest is decided by a batch.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "bounded_wait.h"
#include "idempotency.h"
#include "request_pace.h"
#include "requests.h"
#include "settings.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_submit_request);
PG_FUNCTION_INFO_V1(tixbook_withdraw_request);
PG_FUNCTION_INFO_V1(tixbook_requests_due);

#define OPERATION "submit_request"

/* The arguments of submit_request. */
enum
{
	ARGUMENT_EVENT_ID,
	ARGUMENT_QUANTITY,
	ARGUMENT_SECTION,
	ARGUMENT_SEATS,
	ARGUMENT_CUSTOMER,
	ARGUMENT_IDEMPOTENCY_KEY,
	ARGUMENT_HOLD_FOR,
	ARGUMENT_CATEGORY,
	ARGUMENT_ACCESSIBLE,
	ARGUMENT_TOGETHER,
	ARGUMENT_ADMISSION
};

/* Seats are named, or so many are asked for; not both. */
static bool
read_seats(FunctionCallInfo fcinfo, Request *request, Refusal *refusal)
{
	if (PG_ARGISNULL(ARGUMENT_SEATS))
	{
		request->quantity = PG_ARGISNULL(ARGUMENT_QUANTITY) ? 0 :
			PG_GETARG_INT32(ARGUMENT_QUANTITY);
		return true;
	}
	if (!PG_ARGISNULL(ARGUMENT_QUANTITY) || request->section != NULL || request->category != NULL ||
		request->accessible || request->together)
		return refuse_parameter(refusal, "seats", "leave nothing else to be chosen");
	return argument_seats(fcinfo, ARGUMENT_SEATS, &request->seats, &request->quantity, refusal);
}

static bool
read_request(FunctionCallInfo fcinfo, const Event *event, Request *request, Refusal *refusal)
{
	memset(request, 0, sizeof(Request));
	request->event_id = event->event_id;
	request->submitted_at = request->waiting_since = GetCurrentTimestamp();
	booking_new_id(&request->id, event->event_id, request->submitted_at);
	request->section = argument_text(fcinfo, ARGUMENT_SECTION);
	request->category = argument_text(fcinfo, ARGUMENT_CATEGORY);
	request->accessible = !PG_ARGISNULL(ARGUMENT_ACCESSIBLE) && PG_GETARG_BOOL(ARGUMENT_ACCESSIBLE);
	request->together = !PG_ARGISNULL(ARGUMENT_TOGETHER) && PG_GETARG_BOOL(ARGUMENT_TOGETHER);
	request->hold_for = PG_ARGISNULL(ARGUMENT_HOLD_FOR) ? NULL :
		PG_GETARG_INTERVAL_P(ARGUMENT_HOLD_FOR);
	request->customer = argument_text(fcinfo, ARGUMENT_CUSTOMER);
	return read_seats(fcinfo, request, refusal) &&
		reservation_customer(request->customer, refusal);
}

/* What can be said without a lock, and without a look at what others hold. */
static bool
check_request(const Request *request, Event *event, const char *admission, Refusal *refusal)
{
	Reservation reservation;
	TimestampTz expires_at;

	if (!request_wish(request, event, &reservation, refusal))
		return false;
	reservation.admission = admission;
	return reservation_check(&reservation, &expires_at, refusal) &&
		!inventory_certainly_gone(event, &reservation.wish, reservation.seats, reservation.now,
								  refusal) &&
		request_backlog_allows(event, refusal);
}

static void
add_text(StringInfo text, const char *name, const char *value)
{
	appendStringInfo(text, "%s=%s\n", name, value == NULL ? "null" : json_quote(value));
}

/* The canonical text of a request that carries a key: equal requests have equal ones. */
static char *
parameters_of(const Request *request)
{
	const Interval *hold_for = request->hold_for;
	StringInfoData text;

	initStringInfo(&text);
	add_text(&text, "section", request->section);
	add_text(&text, "category", request->category);
	add_text(&text, "customer", request->customer);
	if (hold_for != NULL)
		appendStringInfo(&text, "hold_for=%d %d %lld\n", hold_for->month, hold_for->day,
						 (long long) hold_for->time);
	appendStringInfo(&text, "quantity=%d accessible=%d together=%d", request->quantity,
					 request->accessible, request->together);
	if (request->seats != NULL)
		appendStringInfo(&text, " seats=%s", json_numbers(request->seats, request->quantity));
	return text.data;
}

static void
write_request(const Request *request)
{
	Requests	requests;

	requests_open(&requests, STORE_REQUEST_KEY);
	request_insert(&requests, request);
	requests_close(&requests);
	/* A tick later: so it wakes a process that has nothing to do, and disturbs none that keeps its pace. */
	worker_due(JOB_REQUESTS, TimestampTzPlusMilliseconds(request->submitted_at, REQUEST_TICK_MS));
}

/* The answer that is kept with a key, and read again. */
static Jsonb *
answer_of(const Request *request)
{
	char	   *text = psprintf("{\"request_id\": \"%s\"}", booking_id_text(&request->id));

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static pg_uuid_t *
id_in(Jsonb *answer)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&answer->root, "request_id",
													 strlen("request_id"), NULL);

	if (value == NULL || value->type != jbvString)
		elog(ERROR, "a stored answer has no request_id");
	return DatumGetUUIDP(DirectFunctionCall1(uuid_in,
											 CStringGetDatum(pnstrdup(value->val.string.val,
																	  value->val.string.len))));
}

/* Submits the request, once for all repetitions of one that carries a key. */
static bool
submit(Request *request, Event *event, const char *key, const char *admission, Refusal *refusal)
{
	KeyedRequest keyed;
	Jsonb	   *answer = NULL;

	if (key != NULL &&
		(!idempotency_request(&keyed, event->event_id, OPERATION, request->customer, key,
							  parameters_of(request), refusal) ||
		 !idempotency_begin(&keyed, &answer, refusal)))
		return false;
	if (answer != NULL)
	{
		request->id = *id_in(answer);
		return true;
	}
	if (!check_request(request, event, admission, refusal))
		return false;
	write_request(request);
	if (key != NULL)
		idempotency_store(&keyed, answer_of(request));
	return true;
}

/* submit_request(event_id, quantity, section, seats, customer, idempotency_key, hold_for, category, accessible, together, admission) → uuid */
Datum
tixbook_submit_request(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Request    *request = palloc(sizeof(Request));
	Event	   *event;

	PreventCommandIfReadOnly("tixbook.submit_request()");
	event = argument_event(fcinfo, ARGUMENT_EVENT_ID, &refusal);
	if (event == NULL || !read_request(fcinfo, event, request, &refusal) ||
		!submit(request, event, argument_text(fcinfo, ARGUMENT_IDEMPOTENCY_KEY),
				argument_text(fcinfo, ARGUMENT_ADMISSION), &refusal))
		refusal_raise(&refusal);
	PG_RETURN_UUID_P(&request->id);
}

/* Finds a request and locks it; false: there is none, or a batch has it for longer than the wait. */
static bool
lock_request(Requests *requests, const pg_uuid_t *id, Request *request, Refusal *refusal)
{
	BoundedWait wait;
	ScanKeyData key;

	store_key_uuid(&key, 1, id);
	bounded_wait_start(&wait, tixbook_lock_wait);
	do
	{
		store_scan_start(&requests->scan, &key, 1);
		if (!store_scan_next(&requests->scan))
			return refuse(refusal, REASON_REQUEST_NOT_FOUND, booking_id_text(id),
						  "{\"request_id\": \"%s\"}", booking_id_text(id));
		if (request_lock_found(requests, request))
			return true;
	} while (bounded_wait(&wait));
	request_found(requests, request);
	return refuse_busy(refusal, psprintf("request %s", booking_id_text(id)), request->event_id);
}

static bool
refuse_ended(const Request *request, Refusal *refusal)
{
	char	   *id = booking_id_text(&request->id);

	return refuse(refusal, REASON_REQUEST_ENDED, id,
				  "{\"request_id\": \"%s\", \"status\": \"%s\", \"booking_id\": %s}", id,
				  request_status_name(request->status),
				  request->booking_id == NULL ? "null" : json_quote(booking_id_text(request->booking_id)));
}

/* Repeating it changes nothing. */
static bool
withdraw(Requests *requests, Request *request, Refusal *refusal)
{
	if (request->status == REQUEST_CANCELLED)
		return true;
	if (request->status != REQUEST_WAITING)
		return refuse_ended(request, refusal);
	request->status = REQUEST_CANCELLED;
	request->waiting_since = 0;
	request->not_before = 0;
	request->ended_at = GetCurrentTimestamp();
	request_write(requests, request);
	return true;
}

/* withdraw_request(request_id uuid) */
Datum
tixbook_withdraw_request(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Requests	requests;
	Request		request;
	bool		done;

	PreventCommandIfReadOnly("tixbook.cancel_request()");
	requests_open(&requests, STORE_REQUEST_KEY);
	done = lock_request(&requests, PG_GETARG_UUID_P(0), &request, &refusal) &&
		withdraw(&requests, &request, &refusal);
	requests_close(&requests);
	if (!done)
		refusal_raise(&refusal);
	PG_RETURN_VOID();
}

/* requests_due(): for who has put requests into the queue by other ways. */
Datum
tixbook_requests_due(PG_FUNCTION_ARGS)
{
	worker_due(JOB_REQUESTS, GetCurrentTimestamp());
	PG_RETURN_VOID();
}
