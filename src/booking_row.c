/*
 * booking_row.c: the row of a booking, and its reference.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "booking.h"
#include "enum_values.h"
#include "result_row.h"
#include "secret.h"

PG_FUNCTION_INFO_V1(tixbook_event_of);

/* Keys of a look for the first end: from, by, event. */
#define MAX_END_KEYS 3

enum
{
	COLUMN_BOOKING_ID,
	COLUMN_CREATED_AT,
	COLUMN_EXPIRES_AT,
	COLUMN_AMOUNT,
	COLUMN_EVENT_ID,
	COLUMN_STATUS,
	COLUMN_ADJACENT,
	COLUMN_SEATS,
	COLUMN_CURRENCY,
	COLUMN_CUSTOMER,
	COLUMN_PAYMENT_REFERENCE,
	COLUMN_CONFIRMED_AT,
	COLUMNS
};

static EnumValues statuses = {
	.type = "booking_status",
	.table = STORE_BOOKING,
	.n = BOOKING_STATUSES,
	.names = {
		[BOOKING_HELD] = "held",
		[BOOKING_PAYING] = "paying",
		[BOOKING_CONFIRMED] = "confirmed",
		[BOOKING_RELEASED] = "released",
		[BOOKING_EXPIRED] = "expired",
		[BOOKING_CANCELLED] = "cancelled",
	},
};

const char *
booking_status_name(BookingStatus status)
{
	return statuses.names[status];
}

Datum
booking_status_datum(BookingStatus status)
{
	return enum_value_datum(&statuses, status);
}

/*
 * A booking reference: UUID version 8 (RFC 9562).  The event id and the
 * seconds come first, so that references sort by event and time and new index
 * entries lie together; 58 random bits follow, so that none can be guessed.
 *
 *   event_id 32 | seconds 16 | version 4 | seconds 12 | variant 2 |
 *   seconds 4 | random 58
 */
void
booking_new_id(pg_uuid_t *id, int32 event_id, TimestampTz now)
{
	uint64		seconds = (uint32) (now / USECS_PER_SEC);
	uint64		random;
	uint64		high,
				low;

	secret_bytes(&random, sizeof(random));
	high = ((uint64) (uint32) event_id << 32) | ((seconds >> 16) << 16) |
		(UINT64CONST(8) << 12) | ((seconds >> 4) & 0xfff);
	low = (UINT64CONST(2) << 62) | ((seconds & 0xf) << 58) | (random & ((UINT64CONST(1) << 58) - 1));
	high = pg_hton64(high);
	low = pg_hton64(low);
	memcpy(id->data, &high, sizeof(high));
	memcpy(id->data + sizeof(high), &low, sizeof(low));
}

/* The event in a reference; false: it is not a booking reference. */
bool
booking_event_of(const pg_uuid_t *id, int32 *event_id)
{
	uint32		event;

	memcpy(&event, id->data, sizeof(event));
	*event_id = (int32) pg_ntoh32(event);
	return (id->data[6] >> 4) == 8 && (id->data[8] >> 6) == 2 && *event_id > 0;
}

char *
booking_id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

/* event_of(booking_id uuid) → integer */
Datum
tixbook_event_of(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	Refusal		refusal = {REASON_NONE};
	int32		event_id;

	if (booking_event_of(id, &event_id))
		PG_RETURN_INT32(event_id);
	refuse(&refusal, REASON_BOOKING_NOT_FOUND, booking_id_text(id), NULL);
	refusal_raise(&refusal);
}

void
bookings_open(Bookings *bookings, StoreIndex index)
{
	bookings->raced = false;
	store_open(&bookings->store, STORE_BOOKING);
	store_scan_open_on(&bookings->scan, &bookings->store, index);
}

void
bookings_close(Bookings *bookings)
{
	store_scan_close(&bookings->scan);
	store_close(&bookings->store);
}

Datum
seats_datum(const int32 *seats, int32 nseats)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + nseats * sizeof(int32);
	ArrayType  *array;

	if (nseats == 0)
		return PointerGetDatum(construct_empty_array(INT4OID));
	array = palloc(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;		/* no nulls */
	array->elemtype = INT4OID;
	ARR_DIMS(array)[0] = nseats;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), seats, nseats * sizeof(int32));
	return PointerGetDatum(array);
}

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
booking_values(const Booking *booking, Datum *values, bool *nulls)
{
	memset(nulls, 0, COLUMNS * sizeof(bool));
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(&booking->id);
	values[COLUMN_CREATED_AT] = TimestampTzGetDatum(booking->created_at);
	values[COLUMN_EXPIRES_AT] = TimestampTzGetDatum(booking->expires_at);
	values[COLUMN_AMOUNT] = Int64GetDatum(booking->amount);
	values[COLUMN_EVENT_ID] = Int32GetDatum(booking->event_id);
	values[COLUMN_STATUS] = booking_status_datum(booking->status);
	values[COLUMN_ADJACENT] = BoolGetDatum(booking->adjacent);
	values[COLUMN_SEATS] = seats_datum(booking->seats, booking->nseats);
	set_text(values, nulls, COLUMN_CURRENCY, booking->currency);
	set_text(values, nulls, COLUMN_CUSTOMER, booking->customer);
	set_text(values, nulls, COLUMN_PAYMENT_REFERENCE, booking->payment_reference);
	values[COLUMN_CONFIRMED_AT] = TimestampTzGetDatum(booking->confirmed_at);
	nulls[COLUMN_CONFIRMED_AT] = booking->confirmed_at == 0;
}

void
booking_insert(Bookings *bookings, Booking *booking)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	booking_values(booking, values, nulls);
	store_insert(&bookings->store, values, nulls);
	CommandCounterIncrement();
}

static char *
get_text(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

/* Fills booking from the row that the walk has just found. */
void
booking_found(Bookings *bookings, Booking *booking)
{
	TupleTableSlot *slot = bookings->scan.slot;
	ArrayType  *seats;

	slot_getallattrs(slot);
	booking->id = *DatumGetUUIDP(slot->tts_values[COLUMN_BOOKING_ID]);
	booking->created_at = DatumGetTimestampTz(slot->tts_values[COLUMN_CREATED_AT]);
	booking->expires_at = DatumGetTimestampTz(slot->tts_values[COLUMN_EXPIRES_AT]);
	booking->amount = DatumGetInt64(slot->tts_values[COLUMN_AMOUNT]);
	booking->event_id = DatumGetInt32(slot->tts_values[COLUMN_EVENT_ID]);
	booking->status = (BookingStatus) enum_value_of(&statuses, slot->tts_values[COLUMN_STATUS]);
	booking->adjacent = DatumGetBool(slot->tts_values[COLUMN_ADJACENT]);
	seats = DatumGetArrayTypePCopy(slot->tts_values[COLUMN_SEATS]);
	if (ARR_NDIM(seats) > 1 || ARR_HASNULL(seats))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the seats of a booking of event %d are not a list of seats",
						booking->event_id)));
	booking->nseats = ArrayGetNItems(ARR_NDIM(seats), ARR_DIMS(seats));
	booking->seats = (int32 *) ARR_DATA_PTR(seats);
	booking->currency = get_text(slot, COLUMN_CURRENCY);
	booking->customer = get_text(slot, COLUMN_CUSTOMER);
	booking->payment_reference = get_text(slot, COLUMN_PAYMENT_REFERENCE);
	booking->confirmed_at = slot->tts_isnull[COLUMN_CONFIRMED_AT] ? 0 :
		DatumGetTimestampTz(slot->tts_values[COLUMN_CONFIRMED_AT]);
	booking->tid = slot->tts_tid;
	booking->locked = false;
}

/* The same after locking the newest version of the row; false: another transaction has it. */
bool
booking_lock_found(Bookings *bookings, Booking *booking)
{
	if (!store_lock(&bookings->scan))
		return false;
	booking_found(bookings, booking);
	booking->locked = true;
	return true;
}

/*
 * For who is to change the booking just found: it may be newer afterwards.
 * False: another transaction is deciding on it.  A row that nobody has in
 * hands is not locked: replacing the very version that was read is the proof
 * that it was the newest one, and saves a record in the WAL.
 */
bool
booking_to_change(Bookings *bookings, Booking *booking)
{
	RowHands	hands = store_row_hands(&bookings->scan);

	booking->locked = hands == ROW_OURS;
	/* Who only refers to the booking, by a foreign key, leaves the lock to be had. */
	return hands != ROW_IN_OTHER_HANDS || booking_lock_found(bookings, booking);
}

/*
 * When the first hold ends, or has ended, of those that do at from or later (0:
 * whenever) and by an instant (DT_NOEND: whenever), of one event (0: of any);
 * false: there is none.
 */
bool
booking_earliest_end(int32 event_id, TimestampTz from, TimestampTz by, TimestampTz *end)
{
	Bookings	bookings;
	Booking		first;
	ScanKeyData keys[MAX_END_KEYS];
	int			nkeys = 0;
	bool		found;

	if (from != 0)
		store_key_at_or_after(&keys[nkeys++], 1, from);
	if (!TIMESTAMP_IS_NOEND(by))
		store_key_at_or_before(&keys[nkeys++], 1, by);
	if (event_id != 0)
		store_key_int4(&keys[nkeys++], 2, event_id);
	bookings_open(&bookings, STORE_BOOKING_DUE);
	store_scan_start(&bookings.scan, keys, nkeys);
	found = store_scan_next(&bookings.scan);
	if (found)
	{
		booking_found(&bookings, &first);
		*end = first.expires_at;
	}
	bookings_close(&bookings);
	return found;
}

/*
 * Writes a changed booking; false: its row was not locked, and somebody else
 * was faster.
 */
bool
booking_write(Bookings *bookings, Booking *booking)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	TM_Result	result;

	booking_values(booking, values, nulls);
	result = store_update(&bookings->store, &booking->tid, values, nulls, booking->locked);
	if (result != TM_Ok && booking->locked)
		elog(ERROR, "a booking of event %d changed under its lock (result %d)",
			 booking->event_id, result);
	if (result != TM_Ok)
	{
		bookings->raced = true;
		return false;
	}
	booking->tid = bookings->store.place;
	booking->locked = true;
	CommandCounterIncrement();
	return true;
}

/* The booking as a value of the row type tixbook.booking, which the function called returns. */
Datum
booking_datum(FunctionCallInfo fcinfo, const Booking *booking)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	booking_values(booking, values, nulls);
	*id = booking->id;
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(id);
	return result_row(fcinfo, COLUMNS, values, nulls);
}
