/*
 * catalog_load.c: events, with their prices and waiting rooms, read from their
 * tables.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "catalog_load.h"
#include "enum_values.h"
#include "store.h"

/* Columns of event. */
enum
{
	EVENT_ID,
	EVENT_VENUE_ID,
	EVENT_NAME,
	EVENT_PERFORMER,
	EVENT_DESCRIPTION,
	EVENT_CITY,
	EVENT_STARTS_AT,
	EVENT_CURRENCY,
	EVENT_STATUS,
	EVENT_SALE_STARTS_AT,
	EVENT_SALE_ENDS_AT,
	EVENT_MAX_PER_BOOKING,
	EVENT_MAX_PER_CUSTOMER,
	EVENT_HOLD_TTL,
	EVENT_CAPACITY
};

/* Columns of price. */
enum
{
	PRICE_EVENT_ID,
	PRICE_CATEGORY_NO,
	PRICE_AMOUNT
};

/* Columns of waiting_room. */
enum
{
	ROOM_EVENT_ID,
	ROOM_STARTS_AT,
	ROOM_ADMIT_PER_SECOND,
	ROOM_MAX_ACTIVE,
	ROOM_SESSION,
	ROOM_NO_SHOW,
	ROOM_PROOF_OF_WORK,
	ROOM_ENTRIES_PER_ADDRESS,
	ROOM_OPENED_AT,
	ROOM_PAUSED,
	ROOM_CLOSED_AT,
	ROOM_PURGED_AT,
	ROOM_SEED_HASH,
	ROOM_BEACON,
	ROOM_DRAWN,
	ROOM_DRAWN_AT,
	ROOM_SECRET,
	ROOM_BEACON_VALUE,
	ROOM_SEED
};

/* Of waiting_room_secret. */
#define SECRET_TOKEN_KEY 2

static EnumValues statuses = {
	.type = "event_status",
	.table = STORE_EVENT,
	.n = SALE_STATUSES,
	.names = {
		[SALE_DRAFT] = "draft",
		[SALE_ON] = "on_sale",
		[SALE_PAUSED] = "paused",
		[SALE_CLOSED] = "closed",
	},
};

/* A column of the row found, or what stands for null. */
static Datum
value_or(const StoreScan *scan, int column, Datum if_null)
{
	return scan->slot->tts_isnull[column] ? if_null : scan->slot->tts_values[column];
}

/* The first row that has the id. */
static bool
find_row(StoreScan *scan, StoreTable table, StoreIndex index, int32 id, Snapshot snapshot)
{
	store_scan_open_by_id(scan, table, index, id, snapshot);
	if (!store_scan_next(scan))
		return false;
	slot_getallattrs(scan->slot);
	return true;
}

static Event *
event_of_row(MemoryContext context, const StoreScan *scan)
{
	Event	   *event = MemoryContextAllocZero(context, sizeof(Event));
	const Datum *values = scan->slot->tts_values;

	event->context = context;
	event->event_id = DatumGetInt32(values[EVENT_ID]);
	event->status = (SaleStatus) enum_value_of(&statuses, values[EVENT_STATUS]);
	event->sale_starts_at = DatumGetTimestampTz(value_or(scan, EVENT_SALE_STARTS_AT, TimestampTzGetDatum(DT_NOBEGIN)));
	event->sale_ends_at = DatumGetTimestampTz(value_or(scan, EVENT_SALE_ENDS_AT, TimestampTzGetDatum(DT_NOEND)));
	event->max_per_booking = DatumGetInt32(values[EVENT_MAX_PER_BOOKING]);
	event->max_per_customer = DatumGetInt32(value_or(scan, EVENT_MAX_PER_CUSTOMER, Int32GetDatum(0)));
	if (!scan->slot->tts_isnull[EVENT_HOLD_TTL])
		event->hold_ttl = *DatumGetIntervalP(values[EVENT_HOLD_TTL]);
	event->currency = text_in(context, values[EVENT_CURRENCY]);
	event->capacity = DatumGetInt32(values[EVENT_CAPACITY]);
	return event;
}

/*
 * The event without its layout and what hangs on that, or NULL where there is
 * none; venue_id is where it takes place.
 */
Event *
load_event(MemoryContext context, int32 event_id, int32 *venue_id, Snapshot snapshot)
{
	StoreScan	scan;
	Event	   *event = NULL;

	if (find_row(&scan, STORE_EVENT, STORE_EVENT_KEY, event_id, snapshot))
	{
		event = event_of_row(context, &scan);
		*venue_id = DatumGetInt32(scan.slot->tts_values[EVENT_VENUE_ID]);
	}
	store_scan_close(&scan);
	return event;
}

/* The prices of an event whose layout is known. */
void
load_prices(Event *event, Snapshot snapshot)
{
	StoreScan	scan;

	event->price = MemoryContextAlloc(event->context, Max(event->layout->ncategories, 1) * sizeof(int64));
	for (int i = 0; i < event->layout->ncategories; i++)
		event->price[i] = -1;
	store_scan_open_by_id(&scan, STORE_PRICE, STORE_PRICE_KEY, event->event_id, snapshot);
	while (store_scan_next(&scan))
	{
		int32		category_no;

		slot_getallattrs(scan.slot);
		category_no = DatumGetInt16(scan.slot->tts_values[PRICE_CATEGORY_NO]);
		if (category_no >= 0 && category_no < event->layout->ncategories)
			event->price[category_no] = DatumGetInt64(scan.slot->tts_values[PRICE_AMOUNT]);
	}
	store_scan_close(&scan);
}

static int64
microseconds(Datum interval)
{
	const Interval *length = DatumGetIntervalP(interval);

	return length->time + ((int64) length->month * DAYS_PER_MONTH + length->day) * USECS_PER_DAY;
}

/* A bytea, which must have that length. */
static const char *
bytes_of(Datum value, int length)
{
	bytea	   *bytes = DatumGetByteaPP(value);

	if (VARSIZE_ANY_EXHDR(bytes) != length)
		elog(ERROR, "malformed seed or key of a waiting room");
	return VARDATA_ANY(bytes);
}

static char *
hex_of_hash(MemoryContext context, Datum hash)
{
	char	   *hex = MemoryContextAllocZero(context, 2 * DRAW_SEED_LENGTH + 1);

	hex_encode(bytes_of(hash, DRAW_SEED_LENGTH), DRAW_SEED_LENGTH, hex);
	return hex;
}

static void
read_room(WaitingRoom *room, MemoryContext context, const StoreScan *scan)
{
	const Datum *values = scan->slot->tts_values;

	room->starts_at = DatumGetTimestampTz(values[ROOM_STARTS_AT]);
	room->admit_per_second = DatumGetFloat8(values[ROOM_ADMIT_PER_SECOND]);
	room->max_active = DatumGetInt32(values[ROOM_MAX_ACTIVE]);
	room->session = microseconds(values[ROOM_SESSION]);
	room->no_show = microseconds(values[ROOM_NO_SHOW]);
	room->proof_of_work = DatumGetInt32(values[ROOM_PROOF_OF_WORK]);
	room->entries_per_address = DatumGetInt32(value_or(scan, ROOM_ENTRIES_PER_ADDRESS, Int32GetDatum(0)));
	room->paused = DatumGetBool(values[ROOM_PAUSED]);
	room->closed = !scan->slot->tts_isnull[ROOM_CLOSED_AT];
	room->drawn = DatumGetInt64(value_or(scan, ROOM_DRAWN, Int64GetDatum(-1)));
	room->drawn_at = DatumGetTimestampTz(value_or(scan, ROOM_DRAWN_AT, TimestampTzGetDatum(DT_NOEND)));
	room->has_seed = !scan->slot->tts_isnull[ROOM_SEED];
	if (room->has_seed)
		memcpy(room->seed, bytes_of(values[ROOM_SEED], DRAW_SEED_LENGTH), DRAW_SEED_LENGTH);
	room->seed_hash = hex_of_hash(context, values[ROOM_SEED_HASH]);
}

/* False: there is none. */
static bool
read_token_key(WaitingRoom *room, Snapshot snapshot)
{
	StoreScan	scan;
	bool		found = find_row(&scan, STORE_WAITING_ROOM_SECRET, STORE_WAITING_ROOM_SECRET_KEY,
								 room->event_id, snapshot);

	if (found)
		memcpy(room->token_key, bytes_of(scan.slot->tts_values[SECRET_TOKEN_KEY], ROOM_KEY_LENGTH), ROOM_KEY_LENGTH);
	store_scan_close(&scan);
	return found;
}

/* The waiting room of an event, if it has one. */
void
load_waiting_room(Event *event, Snapshot snapshot)
{
	StoreScan	scan;
	WaitingRoom *room = NULL;

	if (find_row(&scan, STORE_WAITING_ROOM, STORE_WAITING_ROOM_KEY, event->event_id, snapshot))
	{
		room = MemoryContextAllocZero(event->context, sizeof(WaitingRoom));
		room->event_id = event->event_id;
		read_room(room, event->context, &scan);
	}
	store_scan_close(&scan);
	if (room == NULL || !read_token_key(room, snapshot))
		return;
	room->sequence = get_relname_relid(psprintf("waiting_room_entry_%d_seq", event->event_id),
									   get_namespace_oid("tixbook", false));
	event->room = room;
}
