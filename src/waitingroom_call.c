/*
 * waitingroom_call.c: the waiting room's functions in SQL.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "http_request.h"
#include "result_row.h"
#include "waitingroom.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_make_entry_sequence);
PG_FUNCTION_INFO_V1(tixbook_tick_waiting_rooms);
PG_FUNCTION_INFO_V1(tixbook_join_waiting_room);
PG_FUNCTION_INFO_V1(tixbook_queue_status);
PG_FUNCTION_INFO_V1(tixbook_leave_waiting_room);
PG_FUNCTION_INFO_V1(tixbook_queue_progress);

#define MAX_CUSTOMER_CHARS 255

/*
 * make_entry_sequence(event_id): it goes with the table of entries; from now on there is work for the worker.  It may
 * be there: of a room that a subscriber copies anew.
 */
Datum
tixbook_make_entry_sequence(PG_FUNCTION_ARGS)
{
	int			result;

	SPI_connect();
	result = SPI_execute(psprintf("CREATE SEQUENCE IF NOT EXISTS tixbook.waiting_room_entry_%d_seq MINVALUE 0 START 0"
								  " OWNED BY tixbook.waiting_room_entry.entry", PG_GETARG_INT32(0)),
						 false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "query failed: %s", SPI_result_code_string(result));
	SPI_finish();
	worker_due(JOB_WAITINGROOM, GetCurrentTimestamp());
	PG_RETURN_VOID();
}

/* tick_waiting_rooms(at timestamptz) → integer */
Datum
tixbook_tick_waiting_rooms(PG_FUNCTION_ARGS)
{
	int			open;

	PreventCommandIfReadOnly("tixbook.tick_waiting_rooms()");
	PG_RETURN_INT32(waitingroom_tick(PG_ARGISNULL(0) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(0),
									 &open));
}

/* The room of the event; NULL: refused. */
static WaitingRoom *
argument_room(FunctionCallInfo fcinfo, int n, Refusal *refusal)
{
	Event	   *event = argument_event(fcinfo, n, refusal);

	if (event != NULL && event->room == NULL)
		refuse(refusal, REASON_NO_WAITING_ROOM, psprintf("%d", event->event_id),
			   "{\"event_id\": %d}", event->event_id);
	return event == NULL ? NULL : event->room;
}

/* The customer, or else the subject of the request's token; NULL: refused. */
static char *
argument_customer(FunctionCallInfo fcinfo, int n, Refusal *refusal)
{
	char	   *customer = PG_ARGISNULL(n) ? http_customer() : argument_text(fcinfo, n);

	if (customer == NULL)
	{
		refuse(refusal, REASON_AUTHENTICATION_REQUIRED, "the waiting room", NULL);
		return NULL;
	}
	if (*customer != '\0' && pg_mbstrlen(customer) <= MAX_CUSTOMER_CHARS)
		return customer;
	refuse_parameter(refusal, "customer", "must have 1 to 255 characters");
	return NULL;
}

static bool
refuse_absent(const WaitingRoom *room, Refusal *refusal)
{
	return refuse(refusal, REASON_NOT_IN_WAITING_ROOM, psprintf("%d", room->event_id),
				  "{\"event_id\": %d}", room->event_id);
}

/* The state as a fan sees it. */
static const char *
fan_state_name(const WaitingRoom *room, const QueuePointer *pointer, FanState state)
{
	RoomState	of_room = waitingroom_state(room, pointer);

	if (of_room == ROOM_CLOSED)
		return waitingroom_state_name(of_room);
	switch (state)
	{
		case FAN_CALLED:
		case FAN_ADMITTED:
			return "admitted";
		case FAN_MISSED:
			return "missed";
		case FAN_ENDED:
			return "ended";
		case FAN_WAITING:
			break;
	}
	return of_room == ROOM_ADMITTING ? "waiting" : waitingroom_state_name(of_room);
}

static Datum
row_datum(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	descriptor;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "a function of the waiting room must return a row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

static Datum
seconds_datum(double seconds, bool *isnull)
{
	Interval   *interval = palloc0(sizeof(Interval));

	*isnull = seconds < 0;
	interval->time = (int64) rint(Min(seconds, 1e9) * 1000) * 1000;
	return IntervalPGetDatum(interval);
}

static bool
join(FunctionCallInfo fcinfo, WaitingRoom **room, Fan *fan, QueuePointer *pointer, TimestampTz now,
	 Refusal *refusal)
{
	char	   *customer;

	*room = argument_room(fcinfo, 0, refusal);
	if (*room == NULL)
		return false;
	customer = argument_customer(fcinfo, 1, refusal);
	if (customer == NULL)
		return false;
	if ((*room)->closed)
		return refuse(refusal, REASON_WAITING_ROOM_CLOSED, psprintf("%d", (*room)->event_id),
					  "{\"event_id\": %d}", (*room)->event_id);
	return fan_join(*room, customer, argument_text(fcinfo, 2), argument_text(fcinfo, 3), now, fan,
					pointer, refusal);
}

/* join_waiting_room(event_id, customer, proof, address) → (entry, state, joined_at, starts_at) */
Datum
tixbook_join_waiting_room(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	TimestampTz now = GetCurrentTimestamp();
	WaitingRoom *room;
	Fan			fan;
	QueuePointer		pointer;
	Datum		values[4];
	bool		nulls[4] = {0};

	PreventCommandIfReadOnly("tixbook.join_waiting_room()");
	if (!join(fcinfo, &room, &fan, &pointer, now, &refusal))
		refusal_raise(&refusal);
	values[0] = Int64GetDatum(fan.entry);
	values[1] = CStringGetTextDatum(fan_state_name(room, &pointer, fan_state(&fan, &pointer, now)));
	values[2] = TimestampTzGetDatum(fan.joined_at);
	values[3] = TimestampTzGetDatum(room->starts_at);
	return row_datum(fcinfo, values, nulls);
}

/* What a fan sees, as the columns of tixbook.queue_status. */
static void
status_values(const WaitingRoom *room, const Fan *fan, const QueuePointer *pointer, TimestampTz now,
			  Datum *values, bool *nulls)
{
	FanState	state = fan_state(fan, pointer, now);
	bool		admitted = (state == FAN_ADMITTED && !room->closed);
	Outlook		outlook;

	outlook_at(room, pointer, fan->position, now, &outlook);
	values[0] = CStringGetTextDatum(fan_state_name(room, pointer, state));
	nulls[1] = fan->position < 0;
	values[1] = Int64GetDatum(fan->position);
	nulls[2] = outlook.ahead < 0;
	values[2] = Int64GetDatum(outlook.ahead);
	values[3] = seconds_datum(outlook.estimate, &nulls[3]);
	nulls[4] = !admitted;
	values[4] = admitted ? CStringGetTextDatum(admission_token(room, fan)) : (Datum) 0;
	nulls[5] = !fan->has_session;
	values[5] = TimestampTzGetDatum(fan->session_ends);
	values[6] = seconds_datum(outlook.spread, &nulls[6]);
	values[7] = seconds_datum(outlook.next_look, &nulls[7]);
	values[8] = Int64GetDatum(fan->entry);
}

static bool
look(FunctionCallInfo fcinfo, TimestampTz now, Datum *values, bool *nulls, Refusal *refusal)
{
	WaitingRoom *room = argument_room(fcinfo, 0, refusal);
	char	   *customer;
	Fan			fan;
	QueuePointer		pointer;

	if (room == NULL || (customer = argument_customer(fcinfo, 1, refusal)) == NULL)
		return false;
	if (room->closed)
	{
		pointer_look(room, &pointer);
		if (!fan_find(room, customer, &fan))
			return refuse_absent(room, refusal);
	}
	else if (!fan_come(room, customer, now, &fan, &pointer, refusal))
		return refusal->reason == REASON_NONE && refuse_absent(room, refusal);
	status_values(room, &fan, &pointer, now, values, nulls);
	return true;
}

/* queue_status(event_id, customer) → queue_status */
Datum
tixbook_queue_status(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	Datum		values[9];
	bool		nulls[9] = {0};

	if (!look(fcinfo, GetCurrentTimestamp(), values, nulls, &refusal))
		refusal_raise(&refusal);
	return result_row(fcinfo, lengthof(values), values, nulls);
}

/* leave_waiting_room(event_id, customer) → boolean */
Datum
tixbook_leave_waiting_room(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	WaitingRoom *room = argument_room(fcinfo, 0, &refusal);
	char	   *customer;
	bool		was_in;

	PreventCommandIfReadOnly("tixbook.leave_waiting_room()");
	if (room == NULL || (customer = argument_customer(fcinfo, 1, &refusal)) == NULL ||
		!fan_leave(room, customer, GetCurrentTimestamp(), &was_in, &refusal))
		refusal_raise(&refusal);
	PG_RETURN_BOOL(was_in);
}

/* queue_progress(event_id, position) → queue_progress */
Datum
tixbook_queue_progress(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	WaitingRoom *room = argument_room(fcinfo, 0, &refusal);
	int64		position = PG_ARGISNULL(1) ? -1 : PG_GETARG_INT64(1);
	QueuePointer		pointer;
	Outlook		outlook;
	Datum		values[9];
	bool		nulls[9] = {0};

	if (room != NULL && !PG_ARGISNULL(1) && position < 0)
		refuse_parameter(&refusal, "position", "must be 0 or more");
	if (refusal.reason != REASON_NONE)
		refusal_raise(&refusal);
	nulls[8] = !pointer_look(room, &pointer);
	outlook_at(room, &pointer, position, GetCurrentTimestamp(), &outlook);
	values[0] = CStringGetTextDatum(waitingroom_state_name(waitingroom_state(room, &pointer)));
	values[1] = Int64GetDatum(pointer.admitted);
	values[2] = Int64GetDatum(waitingroom_joined(room));
	values[3] = Int32GetDatum(pointer.active);
	values[4] = Float8GetDatum(pointer.per_second);
	values[5] = seconds_datum(outlook.estimate, &nulls[5]);
	values[6] = seconds_datum(outlook.spread, &nulls[6]);
	values[7] = seconds_datum(outlook.next_look, &nulls[7]);
	values[8] = TimestampTzGetDatum(pointer.ticked_at);
	return result_row(fcinfo, lengthof(values), values, nulls);
}
