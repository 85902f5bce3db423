/*
 * store_catalog.c: which relations the rows are in.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "store.h"
#include "store_index.h"

/* How many columns whoever writes a row of it gives; 0: its rows are only read. */
static const struct
{
	const char *name;
	int			ncolumns;
}			tables[STORE_TABLES] = {
	[STORE_SEAT_BLOCK] = {"seat_block", 6},
	[STORE_BOOKING] = {"booking", 12},
	[STORE_TICKET] = {"ticket", 4},
	[STORE_TICKET_VOID] = {"ticket_void", 5},
	[STORE_BOOKING_HISTORY] = {"booking_history", 6},
	[STORE_IDEMPOTENCY_KEY] = {"idempotency_key", 7},
	[STORE_VENUE_BLOCK] = {"venue_block", 0},
	[STORE_WAITING_ROOM_POINTER] = {"waiting_room_pointer", 15},
	[STORE_WAITING_ROOM_ENTRY] = {"waiting_room_entry", 5},
	[STORE_WAITING_ROOM_SESSION] = {"waiting_room_session", 6},
	[STORE_REQUEST] = {"request", 20},
	[STORE_REQUEST_PACE] = {"request_pace", 3},
	[STORE_EVENT] = {"event", 0},
	[STORE_PRICE] = {"price", 0},
	[STORE_SECTION] = {"section", 0},
	[STORE_CATEGORY] = {"category", 0},
	[STORE_WAITING_ROOM] = {"waiting_room", 0},
	[STORE_WAITING_ROOM_SECRET] = {"waiting_room_secret", 0},
};

static const char *const index_names[STORE_INDEXES] = {
	[STORE_SEAT_BLOCK_KEY] = "seat_block_pkey",
	[STORE_BOOKING_KEY] = "booking_pkey",
	[STORE_BOOKING_DUE] = "booking_due_idx",
	[STORE_BOOKING_CUSTOMER] = "booking_customer_idx",
	[STORE_BOOKING_PAYMENT] = "booking_payment_idx",
	[STORE_BOOKING_ENDED] = "booking_ended_idx",
	[STORE_BOOKING_HISTORY_BOOKING] = "booking_history_booking_idx",
	[STORE_TICKET_KEY] = "ticket_pkey",
	[STORE_IDEMPOTENCY_KEY_KEY] = "idempotency_key_pkey",
	[STORE_IDEMPOTENCY_KEY_DUE] = "idempotency_key_expires_idx",
	[STORE_VENUE_BLOCK_KEY] = "venue_block_pkey",
	[STORE_WAITING_ROOM_POINTER_KEY] = "waiting_room_pointer_pkey",
	[STORE_WAITING_ROOM_ENTRY_KEY] = "waiting_room_entry_pkey",
	[STORE_WAITING_ROOM_ENTRY_NUMBER] = "waiting_room_entry_event_id_entry_key",
	[STORE_WAITING_ROOM_ENTRY_ADDRESS] = "waiting_room_entry_address_idx",
	[STORE_WAITING_ROOM_SESSION_KEY] = "waiting_room_session_pkey",
	[STORE_WAITING_ROOM_SESSION_ENDS] = "waiting_room_session_ends_idx",
	[STORE_WAITING_ROOM_SESSION_PLACE] = "waiting_room_session_place_idx",
	[STORE_REQUEST_KEY] = "request_pkey",
	[STORE_REQUEST_WAITING] = "request_waiting_idx",
	[STORE_REQUEST_ENDED] = "request_ended_idx",
	[STORE_REQUEST_PACE_KEY] = "request_pace_pkey",
	[STORE_EVENT_KEY] = "event_pkey",
	[STORE_PRICE_KEY] = "price_pkey",
	[STORE_SECTION_KEY] = "section_pkey",
	[STORE_CATEGORY_KEY] = "category_pkey",
	[STORE_WAITING_ROOM_KEY] = "waiting_room_pkey",
	[STORE_WAITING_ROOM_SECRET_KEY] = "waiting_room_secret_pkey",
};

/* They change with DROP and CREATE EXTENSION and with REINDEX CONCURRENTLY. */
static Oid	table_oids[STORE_TABLES];
static Oid	index_oids[STORE_INDEXES];

/* Relation cache callback: must not read the catalog, so it only forgets. */
static void
relation_invalidated(Datum arg, Oid relid)
{
	for (int i = 0; i < STORE_TABLES; i++)
		if (!OidIsValid(relid) || table_oids[i] == relid)
			table_oids[i] = InvalidOid;
	for (int i = 0; i < STORE_INDEXES; i++)
		if (!OidIsValid(relid) || index_oids[i] == relid)
			index_oids[i] = InvalidOid;
	index_plans_outdated(relid);
}

void
store_init(void)
{
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
}

static Oid
relation_oid(Oid *remembered, const char *name)
{
	if (!OidIsValid(*remembered))
	{
		Oid			oid = get_relname_relid(name, get_namespace_oid("tixbook", false));

		if (!OidIsValid(oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation \"tixbook.%s\" does not exist", name),
					 errhint("Create the extension tixbook in this database.")));
		*remembered = oid;
	}
	return *remembered;
}

Oid
store_table_oid(StoreTable table)
{
	return relation_oid(&table_oids[table], tables[table].name);
}

int
store_columns(StoreTable table)
{
	return tables[table].ncolumns;
}

/* The file that the rows of a table are in now; it takes no lock, so it may be about to change. */
Oid
store_file(StoreTable table)
{
	Relation	rel = RelationIdGetRelation(store_table_oid(table));
	Oid			file = InvalidOid;

	if (RelationIsValid(rel))
	{
		file = compat_file_number(rel);
		RelationClose(rel);
	}
	return file;
}

Oid
store_index_oid(StoreIndex index)
{
	return relation_oid(&index_oids[index], index_names[index]);
}
