/*
 * waitingroom_purge.c: entries and sessions of a waiting room go when it is
 * closed, its event is over, and nobody will ask for them any more.  The room
 * itself stays, and with it what proves its draw.
 *
 * sql/waitingroom.sql says which rooms those are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "as_owner.h"
#include "purge_due.h"
#include "settings.h"
#include "waitingroom.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_purge_waiting_rooms);
PG_FUNCTION_INFO_V1(tixbook_wake_purge);

/*
 * A fan's rows of one kind, by entry.  What is deleted stays in the index
 * until it is vacuumed, and going through all of that again would keep the
 * worker from ending holds, so a batch goes on where the last one ended, if
 * that has been committed.
 */
typedef struct FanRows
{
	StoreTable	table;
	StoreIndex	index;
	int32		event_id;		/* 0: none yet */
	int64		next_entry;		/* there is none below it */
	int64		reached;		/* nor below here, once this transaction has committed */
} FanRows;

static FanRows fan_rows[] = {
	{.table = STORE_WAITING_ROOM_ENTRY, .index = STORE_WAITING_ROOM_ENTRY_NUMBER},
	{.table = STORE_WAITING_ROOM_SESSION, .index = STORE_WAITING_ROOM_SESSION_KEY},
};

/* In both tables. */
#define ENTRY_COLUMN 2

static bool
kept_for_ever(void)
{
	return tixbook_waiting_room_ttl < 0 || !purge_has("waiting_room_over");
}

static int64
found_entry(const StoreScan *scan)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(scan->slot, ENTRY_COLUMN, &isnull));
}

static void
end_of_batch(XactEvent event, void *arg)
{
	for (int i = 0; i < lengthof(fan_rows); i++)
	{
		if (event == XACT_EVENT_COMMIT)
			fan_rows[i].next_entry = fan_rows[i].reached;
		else if (event == XACT_EVENT_ABORT)
			fan_rows[i].reached = fan_rows[i].next_entry;
	}
}

static void
start_batch(FanRows *rows, int32 event_id)
{
	static bool watching = false;

	if (!watching)
		RegisterXactCallback(end_of_batch, NULL);
	watching = true;
	if (rows->event_id == event_id)
		return;
	rows->event_id = event_id;
	rows->next_entry = rows->reached = 0;
}

/* Deletes up to batch rows of the event; *all tells whether none is left. */
static int
delete_rows(FanRows *rows, int32 event_id, int batch, bool *all)
{
	Store		store;
	StoreScan	scan;
	ScanKeyData keys[2];
	bool		left = false;
	/* What a savepoint may take back is not remembered. */
	bool		forget = GetCurrentTransactionNestLevel() > 1;
	int			deleted = 0;

	start_batch(rows, event_id);
	store_key_int4(&keys[0], 1, event_id);
	store_key_int8_from(&keys[1], ENTRY_COLUMN, rows->reached);
	store_open(&store, rows->table);
	store_scan_open_on(&scan, &store, rows->index);
	store_scan_start(&scan, keys, 2);
	while (deleted < batch && store_scan_next(&scan))
	{
		int64		entry = found_entry(&scan);

		CHECK_FOR_INTERRUPTS();
		if (store_delete_found(&store, &scan))
			deleted++;
		else
			left = true;
		if (!left && !forget)
			rows->reached = entry + 1;
	}
	*all = !left && deleted < batch;
	store_scan_close(&scan);
	store_close(&store);
	return deleted;
}

static void
note_purged(int32 event_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(event_id);
	AsOwner		saved;

	become_owner(&saved);
	if (SPI_execute_with_args("UPDATE tixbook.waiting_room SET purged_at = pg_catalog.clock_timestamp()"
							  " WHERE event_id = $1", 1, &type, &value, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not note that a waiting room is purged");
	become_caller(&saved);
}

/* The room to purge first; false: there is none whose time is over. */
static bool
find_room(int32 *event_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(tixbook_waiting_room_ttl);
	AsOwner		saved;
	bool		found;
	bool		isnull;

	become_owner(&saved);
	if (SPI_execute_with_args("SELECT o.event_id FROM tixbook.waiting_room_over o"
							  " WHERE o.over_at <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)"
							  " ORDER BY o.over_at LIMIT 1", 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for waiting rooms that are over");
	found = (SPI_processed > 0);
	if (found)
		*event_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	become_caller(&saved);
	return found;
}

/*
 * Deletes up to batch entries and sessions of rooms whose time is over, in the
 * current transaction, and returns how many; those that others have locked are
 * left.
 */
int
waiting_rooms_purge(int batch)
{
	int			purged = 0;
	int32		event_id;

	while (!kept_for_ever() && purged < batch && find_room(&event_id))
	{
		bool		all = true;

		for (int i = 0; i < lengthof(fan_rows) && all && purged < batch; i++)
			purged += delete_rows(&fan_rows[i], event_id, batch - purged, &all);
		if (!all)
			break;
		note_purged(event_id);
	}
	return purged;
}

/* When the next room's time is over; false: there is none. */
bool
waiting_rooms_next_purge(TimestampTz *due)
{
	static SPIPlanPtr plan = NULL;

	if (kept_for_ever())
		return false;
	return purge_ask(&plan, "SELECT min(o.over_at) FROM tixbook.waiting_room_over o",
					 tixbook_waiting_room_ttl, due);
}

/* purge_waiting_rooms(batch integer) → integer */
Datum
tixbook_purge_waiting_rooms(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_waiting_rooms()");
	PG_RETURN_INT32(waiting_rooms_purge(argument_batch(fcinfo, 0)));
}

/* wake_purge(): a room or an event is over, so something may be due now, or sooner. */
Datum
tixbook_wake_purge(PG_FUNCTION_ARGS)
{
	worker_due(JOB_EXPIRY, GetCurrentTimestamp());
	PG_RETURN_VOID();
}
