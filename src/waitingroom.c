/*
 * waitingroom.c: the waiting room of an event, and its pointer.
 *
 * The room is remembered with its event (catalog_load.c); the pointer moves
 * with each tick, so its row is read whenever somebody asks.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "waitingroom.h"

/* The columns of tixbook.waiting_room_pointer. */
enum
{
	COLUMN_EVENT_ID,
	COLUMN_STATE,
	COLUMN_TICKED_AT,
	COLUMN_ADMITTED,
	COLUMN_FANS,
	COLUMN_LAPSED,
	COLUMN_LAPSED_FANS,
	COLUMN_JOINED,
	COLUMN_ACTIVE,
	COLUMN_CREDIT,
	COLUMN_PER_SECOND,
	COLUMN_DEVIATION,
	COLUMN_HISTORY_AT,
	COLUMN_HISTORY_PLACE,
	COLUMN_HISTORY_FANS,
	COLUMNS
};

static const char *const state_names[] = {
	[ROOM_GATHERING] = "gathering",
	[ROOM_DRAWING] = "drawing",
	[ROOM_ADMITTING] = "admitting",
	[ROOM_PAUSED] = "paused",
	[ROOM_SOLD_OUT] = "sold_out",
	[ROOM_CLOSED] = "closed",
};

const char *
waitingroom_state_name(RoomState state)
{
	return state_names[state];
}

static RoomState
state_by_name(const char *name)
{
	for (int i = 0; i < lengthof(state_names); i++)
		if (strcmp(state_names[i], name) == 0)
			return (RoomState) i;
	elog(ERROR, "unknown state of a waiting room: %s", name);
}

/* What the operator says goes at once, before the next tick. */
RoomState
waitingroom_state(const WaitingRoom *room, const QueuePointer *pointer)
{
	if (room->closed)
		return ROOM_CLOSED;
	if (room->drawn < 0)
		return ROOM_GATHERING;
	if (!room->has_seed)
		return ROOM_DRAWING;
	return room->paused ? ROOM_PAUSED : pointer->state;
}

/* Where an entry stands: those who came after the start behind the drawn, in their order; -1: not drawn yet. */
int64
waitingroom_position(WaitingRoom *room, int64 entry)
{
	if (room->drawn < 0)
		return -1;
	if (entry >= room->drawn)
		return entry;
	return room->has_seed ? draw_position(draw_recall(room->seed, room->drawn), entry) : -1;
}

/* Whose place it is, in a room that is drawn; he may have left, or never have come to be. */
int64
waitingroom_entry_at(WaitingRoom *room, int64 position)
{
	return position >= room->drawn ? position : draw_entry(draw_recall(room->seed, room->drawn), position);
}

/*
 * How many entries were handed out, also those whose transactions are still
 * running.  It is read from the sequence's page, as nextval leaves it: nobody
 * needs a right on the sequence to know.
 */
int64
waitingroom_joined(const WaitingRoom *room)
{
	Relation	sequence = relation_open(room->sequence, AccessShareLock);
	Buffer		buffer = ReadBuffer(sequence, 0);
	HeapTupleHeader row;
	Form_pg_sequence_data data;
	int64		joined;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	row = (HeapTupleHeader) PageGetItem(BufferGetPage(buffer),
										PageGetItemId(BufferGetPage(buffer), FirstOffsetNumber));
	data = (Form_pg_sequence_data) ((char *) row + row->t_hoff);
	joined = data->is_called ? data->last_value + 1 : data->last_value;
	UnlockReleaseBuffer(buffer);
	relation_close(sequence, NoLock);
	return joined;
}

/* The pointer of a room that has not moved yet. */
void
pointer_clear(QueuePointer *pointer)
{
	memset(pointer, 0, sizeof(QueuePointer));
	pointer->state = ROOM_ADMITTING;
}

static void
read_history(const Datum *values, QueuePointer *pointer)
{
	ArrayType  *at = DatumGetArrayTypeP(values[COLUMN_HISTORY_AT]);
	ArrayType  *place = DatumGetArrayTypeP(values[COLUMN_HISTORY_PLACE]);
	ArrayType  *fans = DatumGetArrayTypeP(values[COLUMN_HISTORY_FANS]);
	int			n = ArrayGetNItems(ARR_NDIM(at), ARR_DIMS(at));

	if (n > POINTER_HISTORY || n != ArrayGetNItems(ARR_NDIM(place), ARR_DIMS(place)) ||
		n != ArrayGetNItems(ARR_NDIM(fans), ARR_DIMS(fans)))
		elog(ERROR, "malformed history of a waiting room's pointer");
	pointer->nhistory = n;
	memcpy(pointer->history_at, ARR_DATA_PTR(at), n * sizeof(int64));
	memcpy(pointer->history_place, ARR_DATA_PTR(place), n * sizeof(int64));
	memcpy(pointer->history_fans, ARR_DATA_PTR(fans), n * sizeof(int64));
}

/* The pointer in the row that the scan has just found. */
void
pointer_found(StoreScan *scan, QueuePointer *pointer)
{
	const Datum *values = scan->slot->tts_values;

	slot_getallattrs(scan->slot);
	pointer->state = state_by_name(TextDatumGetCString(values[COLUMN_STATE]));
	pointer->ticked_at = DatumGetTimestampTz(values[COLUMN_TICKED_AT]);
	pointer->admitted = DatumGetInt64(values[COLUMN_ADMITTED]);
	pointer->fans = DatumGetInt64(values[COLUMN_FANS]);
	pointer->lapsed = DatumGetInt64(values[COLUMN_LAPSED]);
	pointer->lapsed_fans = DatumGetInt64(values[COLUMN_LAPSED_FANS]);
	pointer->joined = DatumGetInt64(values[COLUMN_JOINED]);
	pointer->active = DatumGetInt32(values[COLUMN_ACTIVE]);
	pointer->credit = DatumGetFloat8(values[COLUMN_CREDIT]);
	pointer->per_second = DatumGetFloat8(values[COLUMN_PER_SECOND]);
	pointer->deviation = DatumGetFloat8(values[COLUMN_DEVIATION]);
	read_history(values, pointer);
}

/* The pointer as it is committed now; false: the room has none, since it has not started. */
bool
pointer_read(const WaitingRoom *room, QueuePointer *pointer)
{
	StoreScan	scan;
	ScanKeyData key;
	bool		found;

	pointer_clear(pointer);
	if (room->drawn < 0)
		return false;
	store_key_int4(&key, 1, room->event_id);
	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_POINTER, STORE_WAITING_ROOM_POINTER_KEY);
	store_scan_start(&scan, &key, 1);
	found = store_scan_next(&scan);
	if (found)
		pointer_found(&scan, pointer);
	store_scan_close(&scan);
	return found;
}

static Datum
eight_bytes_array(const int64 *numbers, int n, Oid type)
{
	Datum		values[POINTER_HISTORY];

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(values, n, type, sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/* Replaces the row that the scan has found and locked. */
void
pointer_write(Store *store, StoreScan *scan, const QueuePointer *pointer)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};

	values[COLUMN_EVENT_ID] = scan->slot->tts_values[COLUMN_EVENT_ID];
	values[COLUMN_STATE] = CStringGetTextDatum(state_names[pointer->state]);
	values[COLUMN_TICKED_AT] = TimestampTzGetDatum(pointer->ticked_at);
	values[COLUMN_ADMITTED] = Int64GetDatum(pointer->admitted);
	values[COLUMN_FANS] = Int64GetDatum(pointer->fans);
	values[COLUMN_LAPSED] = Int64GetDatum(pointer->lapsed);
	values[COLUMN_LAPSED_FANS] = Int64GetDatum(pointer->lapsed_fans);
	values[COLUMN_JOINED] = Int64GetDatum(pointer->joined);
	values[COLUMN_ACTIVE] = Int32GetDatum(pointer->active);
	values[COLUMN_CREDIT] = Float8GetDatum(pointer->credit);
	values[COLUMN_PER_SECOND] = Float8GetDatum(pointer->per_second);
	values[COLUMN_DEVIATION] = Float8GetDatum(pointer->deviation);
	values[COLUMN_HISTORY_AT] = eight_bytes_array(pointer->history_at, pointer->nhistory, TIMESTAMPTZOID);
	values[COLUMN_HISTORY_PLACE] = eight_bytes_array(pointer->history_place, pointer->nhistory, INT8OID);
	values[COLUMN_HISTORY_FANS] = eight_bytes_array(pointer->history_fans, pointer->nhistory, INT8OID);
	if (store_update(store, &scan->slot->tts_tid, values, nulls, true) != TM_Ok)
		elog(ERROR, "the pointer of a waiting room changed under its lock");
	CommandCounterIncrement();
}
