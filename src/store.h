/*
 * Rows of the product's own tables, read and written through the table and
 * index access methods.
 *
 * A statement through SPI costs a reservation several times what the row
 * itself costs: executor start, plan validation, a snapshot and a permission
 * check each.  The hot paths touch a handful of rows by key, so they go
 * straight to them.  What the executor would have done besides is done here or
 * is not needed: these tables are heaps without row triggers and generated
 * columns, their constraints hold by construction, and only functions write
 * them.
 *
 * Reads see what is committed when they start, whatever the isolation level of
 * the transaction, and what the transaction itself has written.
 */
#ifndef TIXBOOK_STORE_H
#define TIXBOOK_STORE_H

#include "access/genam.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

typedef enum StoreTable
{
	STORE_SEAT_BLOCK,
	STORE_BOOKING,
	STORE_TICKET,
	STORE_TICKET_VOID,
	STORE_BOOKING_HISTORY,
	STORE_IDEMPOTENCY_KEY,
	STORE_VENUE_BLOCK,
	STORE_WAITING_ROOM_POINTER,
	STORE_WAITING_ROOM_ENTRY,
	STORE_WAITING_ROOM_SESSION,
	STORE_REQUEST,
	STORE_REQUEST_PACE,
	STORE_EVENT,
	STORE_PRICE,
	STORE_SECTION,
	STORE_CATEGORY,
	STORE_WAITING_ROOM,
	STORE_WAITING_ROOM_SECRET,
	STORE_TABLES
} StoreTable;

typedef enum StoreIndex
{
	STORE_SEAT_BLOCK_KEY,		/* event_id, block_no */
	STORE_BOOKING_KEY,			/* booking_id */
	STORE_BOOKING_DUE,			/* expires_at, event_id: held or paying */
	STORE_BOOKING_CUSTOMER,		/* customer, event_id */
	STORE_BOOKING_PAYMENT,		/* event_id, payment_reference */
	STORE_BOOKING_ENDED,		/* expires_at: released or expired */
	STORE_BOOKING_HISTORY_BOOKING,	/* event_id, booking_id, changed_at */
	STORE_TICKET_KEY,			/* event_id, seat_index */
	STORE_IDEMPOTENCY_KEY_KEY,	/* event_id, operation, principal, key */
	STORE_IDEMPOTENCY_KEY_DUE,	/* expires_at */
	STORE_VENUE_BLOCK_KEY,		/* venue_id, block_no */
	STORE_WAITING_ROOM_POINTER_KEY, /* event_id */
	STORE_WAITING_ROOM_ENTRY_KEY,	/* event_id, customer */
	STORE_WAITING_ROOM_ENTRY_NUMBER,	/* event_id, entry */
	STORE_WAITING_ROOM_ENTRY_ADDRESS,	/* event_id, address: where it is limited */
	STORE_WAITING_ROOM_SESSION_KEY, /* event_id, entry */
	STORE_WAITING_ROOM_SESSION_ENDS,	/* event_id, session_ends */
	STORE_WAITING_ROOM_SESSION_PLACE,	/* event_id, place */
	STORE_REQUEST_KEY,			/* request_id */
	STORE_REQUEST_WAITING,		/* event_id, waiting_since: not null */
	STORE_REQUEST_ENDED,		/* ended_at: not null */
	STORE_REQUEST_PACE_KEY,		/* event_id */
	STORE_EVENT_KEY,			/* event_id */
	STORE_PRICE_KEY,			/* event_id, category_no */
	STORE_SECTION_KEY,			/* venue_id, section_no */
	STORE_CATEGORY_KEY,			/* venue_id, category_no */
	STORE_WAITING_ROOM_KEY,		/* event_id */
	STORE_WAITING_ROOM_SECRET_KEY,	/* event_id */
	STORE_INDEXES
} StoreIndex;

/* A table opened for writing. */
typedef struct Store
{
	StoreTable	table;
	Relation	rel;
	struct IndexWriter *writer; /* NULL until an index entry is written */
	ItemPointerData place;		/* of the row version that the last update wrote */
	Oid			told_index;		/* whose duplicates are told, not raised; or InvalidOid */
	bool		duplicate;		/* the last row written is one there */
} Store;

/* A walk over the rows that an index finds. */
typedef struct StoreScan
{
	StoreIndex	index_id;
	Relation	rel;
	LOCKMODE	lock_mode;
	bool		shared;			/* the table was opened by a Store, which closes it */
	Relation	index;			/* NULL until it is needed, as what follows */
	IndexScanDesc scan;
	IndexFetchTableData *fetch; /* for a row fetched by its place */
	Snapshot	snapshot;
	TupleTableSlot *slot;		/* the row found */
} StoreScan;

/* Whether a key of a unique index is to be had. */
typedef enum KeyClaim
{
	KEY_FREE,
	KEY_TAKEN,
	KEY_IN_OTHER_HANDS			/* a transaction that has not ended has written it, or taken it away */
} KeyClaim;

/* Who decides on a row that was read, or has replaced it since, so that it must be read again; more urgent last. */
typedef enum RowHands
{
	ROW_FREE,
	ROW_OURS,					/* this transaction */
	ROW_IN_OTHER_HANDS
} RowHands;

extern void store_init(void);
extern Oid	store_table_oid(StoreTable table);
extern Oid	store_index_oid(StoreIndex index);
extern int	store_columns(StoreTable table);
extern Oid	store_file(StoreTable table);

extern void store_open(Store *store, StoreTable table);
extern void store_close(Store *store);
extern void store_insert(Store *store, const Datum *values, const bool *nulls);
extern HeapTuple store_form_tuple(TupleDesc type, int ncolumns, const Datum *values, const bool *nulls);
extern TM_Result store_update(Store *store, ItemPointer tid, const Datum *values,
							  const bool *nulls, bool wait);
extern void store_tell_duplicate(Store *store, StoreIndex index);
extern void store_delete(Store *store, ItemPointer tid);
extern bool store_lock(StoreScan *scan);
extern bool store_delete_found(Store *store, StoreScan *scan);

extern void store_scan_open(StoreScan *scan, StoreTable table, StoreIndex index);
extern void store_scan_open_to_read(StoreScan *scan, StoreTable table, StoreIndex index);
extern void store_scan_open_on(StoreScan *scan, const Store *store, StoreIndex index);
extern void store_scan_open_by_id(StoreScan *scan, StoreTable table, StoreIndex index, int32 id, Snapshot snapshot);
extern void store_scan_start(StoreScan *scan, ScanKey keys, int nkeys);
extern void store_scan_start_as_of(StoreScan *scan, Snapshot snapshot, ScanKey keys, int nkeys);
extern bool store_scan_next(StoreScan *scan);
extern void store_scan_close(StoreScan *scan);
extern bool store_fetch(StoreScan *scan, ItemPointer place);
extern bool store_fetch_version(StoreScan *scan, ItemPointer place);
extern bool store_fetch_noted(StoreScan *scan, ItemPointer place);
extern ItemPointerData store_place(StoreScan *scan);
extern RowHands store_row_hands(StoreScan *scan);
extern KeyClaim store_key_claim(StoreTable table, StoreIndex index, ScanKey keys, int nkeys);

extern void store_key_int4(ScanKey key, AttrNumber column, int32 value);
extern void store_key_int4_from(ScanKey key, AttrNumber column, int32 value);
extern void store_key_int8(ScanKey key, AttrNumber column, int64 value);
extern void store_key_int8_from(ScanKey key, AttrNumber column, int64 value);
extern void store_key_int4_upto(ScanKey key, AttrNumber column, int32 value);
extern void store_key_text(ScanKey key, AttrNumber column, const char *value);
extern void store_key_uuid(ScanKey key, AttrNumber column, const void *value);
extern void store_key_at_or_before(ScanKey key, AttrNumber column, int64 instant);
extern void store_key_after(ScanKey key, AttrNumber column, int64 instant);
extern void store_key_at_or_after(ScanKey key, AttrNumber column, int64 instant);

#endif
