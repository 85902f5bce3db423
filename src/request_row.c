/*
 * request_row.c: the row of a request.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "booking.h"
#include "enum_values.h"
#include "requests.h"

enum
{
	COLUMN_REQUEST_ID,
	COLUMN_SUBMITTED_AT,
	COLUMN_WAITING_SINCE,
	COLUMN_NOT_BEFORE,
	COLUMN_ENDED_AT,
	COLUMN_EVENT_ID,
	COLUMN_STATUS,
	COLUMN_QUANTITY,
	COLUMN_ATTEMPTS,
	COLUMN_ACCESSIBLE,
	COLUMN_TOGETHER,
	COLUMN_HOLD_FOR,
	COLUMN_BOOKING_ID,
	COLUMN_SECTION,
	COLUMN_CATEGORY,
	COLUMN_SEATS,
	COLUMN_CUSTOMER,
	COLUMN_REASON,
	COLUMN_SUBJECT,
	COLUMN_DETAIL,
	COLUMNS
};

static EnumValues statuses = {
	.type = "request_state",
	.table = STORE_REQUEST,
	.n = REQUEST_STATUSES,
	.names = {
		[REQUEST_WAITING] = "waiting",
		[REQUEST_HELD] = "held",
		[REQUEST_REFUSED] = "refused",
		[REQUEST_CANCELLED] = "cancelled",
		[REQUEST_DEAD] = "dead",
	},
};

const char *
request_status_name(RequestStatus status)
{
	return statuses.names[status];
}

void
requests_open(Requests *requests, StoreIndex index)
{
	store_open(&requests->store, STORE_REQUEST);
	store_scan_open_on(&requests->scan, &requests->store, index);
}

void
requests_close(Requests *requests)
{
	store_scan_close(&requests->scan);
	store_close(&requests->store);
}

/* Also on a standby. */
void
requests_open_to_read(Requests *requests, StoreIndex index)
{
	store_scan_open_to_read(&requests->scan, STORE_REQUEST, index);
}

void
requests_close_reading(Requests *requests)
{
	store_scan_close(&requests->scan);
}

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
set_instant(Datum *values, bool *nulls, int column, TimestampTz instant)
{
	nulls[column] = instant == 0;
	values[column] = TimestampTzGetDatum(instant);
}

static void
set_pointer(Datum *values, bool *nulls, int column, const void *pointer)
{
	nulls[column] = pointer == NULL;
	values[column] = PointerGetDatum(pointer);
}

static void
request_values(const Request *request, Datum *values, bool *nulls)
{
	memset(nulls, 0, COLUMNS * sizeof(bool));
	values[COLUMN_REQUEST_ID] = UUIDPGetDatum(&request->id);
	values[COLUMN_SUBMITTED_AT] = TimestampTzGetDatum(request->submitted_at);
	set_instant(values, nulls, COLUMN_WAITING_SINCE, request->waiting_since);
	set_instant(values, nulls, COLUMN_NOT_BEFORE, request->not_before);
	set_instant(values, nulls, COLUMN_ENDED_AT, request->ended_at);
	values[COLUMN_EVENT_ID] = Int32GetDatum(request->event_id);
	values[COLUMN_STATUS] = enum_value_datum(&statuses, request->status);
	values[COLUMN_QUANTITY] = Int32GetDatum(request->quantity);
	values[COLUMN_ATTEMPTS] = Int32GetDatum(request->attempts);
	values[COLUMN_ACCESSIBLE] = BoolGetDatum(request->accessible);
	values[COLUMN_TOGETHER] = BoolGetDatum(request->together);
	set_pointer(values, nulls, COLUMN_HOLD_FOR, request->hold_for);
	set_pointer(values, nulls, COLUMN_BOOKING_ID, request->booking_id);
	set_text(values, nulls, COLUMN_SECTION, request->section);
	set_text(values, nulls, COLUMN_CATEGORY, request->category);
	nulls[COLUMN_SEATS] = request->seats == NULL;
	values[COLUMN_SEATS] = request->seats == NULL ? (Datum) 0 :
		seats_datum(request->seats, request->quantity);
	set_text(values, nulls, COLUMN_CUSTOMER, request->customer);
	set_text(values, nulls, COLUMN_REASON, request->reason);
	set_text(values, nulls, COLUMN_SUBJECT, request->subject);
	/* json is text that has been checked. */
	set_text(values, nulls, COLUMN_DETAIL, request->detail);
}

void
request_insert(Requests *requests, const Request *request)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	request_values(request, values, nulls);
	store_insert(&requests->store, values, nulls);
	CommandCounterIncrement();
}

static char *
get_text(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

static TimestampTz
get_instant(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetTimestampTz(slot->tts_values[column]);
}

/* A value of fixed size, copied; NULL where there is none. */
static void *
get_copy(TupleTableSlot *slot, int column, Size size)
{
	return slot->tts_isnull[column] ? NULL :
		memcpy(palloc(size), DatumGetPointer(slot->tts_values[column]), size);
}

static int32 *
get_seats(TupleTableSlot *slot, int32 quantity)
{
	ArrayType  *seats;

	if (slot->tts_isnull[COLUMN_SEATS])
		return NULL;
	seats = DatumGetArrayTypePCopy(slot->tts_values[COLUMN_SEATS]);
	if (ARR_HASNULL(seats) || ArrayGetNItems(ARR_NDIM(seats), ARR_DIMS(seats)) != quantity)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the seats of a request are not as many as it says")));
	return (int32 *) ARR_DATA_PTR(seats);
}

/* Fills request from the row that the walk has just found. */
void
request_found(Requests *requests, Request *request)
{
	TupleTableSlot *slot = requests->scan.slot;

	slot_getallattrs(slot);
	request->id = *DatumGetUUIDP(slot->tts_values[COLUMN_REQUEST_ID]);
	request->submitted_at = DatumGetTimestampTz(slot->tts_values[COLUMN_SUBMITTED_AT]);
	request->waiting_since = get_instant(slot, COLUMN_WAITING_SINCE);
	request->not_before = get_instant(slot, COLUMN_NOT_BEFORE);
	request->ended_at = get_instant(slot, COLUMN_ENDED_AT);
	request->event_id = DatumGetInt32(slot->tts_values[COLUMN_EVENT_ID]);
	request->status = (RequestStatus) enum_value_of(&statuses, slot->tts_values[COLUMN_STATUS]);
	request->quantity = DatumGetInt32(slot->tts_values[COLUMN_QUANTITY]);
	request->attempts = DatumGetInt32(slot->tts_values[COLUMN_ATTEMPTS]);
	request->accessible = DatumGetBool(slot->tts_values[COLUMN_ACCESSIBLE]);
	request->together = DatumGetBool(slot->tts_values[COLUMN_TOGETHER]);
	request->hold_for = get_copy(slot, COLUMN_HOLD_FOR, sizeof(Interval));
	request->booking_id = get_copy(slot, COLUMN_BOOKING_ID, sizeof(pg_uuid_t));
	request->section = get_text(slot, COLUMN_SECTION);
	request->category = get_text(slot, COLUMN_CATEGORY);
	request->seats = get_seats(slot, request->quantity);
	request->customer = get_text(slot, COLUMN_CUSTOMER);
	request->reason = get_text(slot, COLUMN_REASON);
	request->subject = get_text(slot, COLUMN_SUBJECT);
	request->detail = get_text(slot, COLUMN_DETAIL);
	request->tid = slot->tts_tid;
}

/* The same after locking the newest version of the row; false: another transaction has it. */
bool
request_lock_found(Requests *requests, Request *request)
{
	if (!store_lock(&requests->scan))
		return false;
	request_found(requests, request);
	return true;
}

/* Writes a request whose row is locked. */
void
request_write(Requests *requests, Request *request)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	TM_Result	result;

	request_values(request, values, nulls);
	result = store_update(&requests->store, &request->tid, values, nulls, true);
	if (result != TM_Ok)
		elog(ERROR, "a request of event %d changed under its lock (result %d)",
			 request->event_id, result);
	request->tid = requests->store.place;
	CommandCounterIncrement();
}

/* What it was refused for, in the last attempt; NULL: nothing any more. */
void
request_set_refusal(Request *request, const Refusal *refusal)
{
	request->reason = refusal == NULL ? NULL : pstrdup(refusal_name(refusal->reason));
	request->subject = refusal == NULL ? NULL : refusal->subject;
	request->detail = refusal == NULL ? NULL : refusal->detail;
}
