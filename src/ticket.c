/*
 * ticket.c: tickets are issued and made void.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "secret.h"
#include "ticket.h"

enum
{
	COLUMN_EVENT_ID,
	COLUMN_SEAT_INDEX,
	COLUMN_BOOKING_ID,
	COLUMN_SECRET,
	COLUMN_VOIDED_AT,			/* of ticket_void only */
	VOID_COLUMNS
};

/* A random UUID (RFC 9562, version 4): 122 bits that nobody can guess. */
static void
new_secret(pg_uuid_t *secret)
{
	secret_bytes(secret->data, UUID_LEN);
	secret->data[6] = (secret->data[6] & 0x0f) | 0x40;
	secret->data[8] = (secret->data[8] & 0x3f) | 0x80;
}

/*
 * Issues the tickets of a booking that is being confirmed.  Their key (event,
 * seat) makes it an error to sell a seat twice, should all else fail.
 */
void
tickets_issue(const Booking *booking)
{
	Datum		values[VOID_COLUMNS];
	bool		nulls[VOID_COLUMNS] = {0};
	pg_uuid_t	secret;
	Store		store;

	values[COLUMN_EVENT_ID] = Int32GetDatum(booking->event_id);
	values[COLUMN_BOOKING_ID] = UUIDPGetDatum(&booking->id);
	values[COLUMN_SECRET] = UUIDPGetDatum(&secret);
	store_open(&store, STORE_TICKET);
	for (int32 i = 0; i < booking->nseats; i++)
	{
		new_secret(&secret);
		values[COLUMN_SEAT_INDEX] = Int32GetDatum(booking->seats[i]);
		store_insert(&store, values, nulls);
	}
	store_close(&store);
	CommandCounterIncrement();
}

/* Moves one ticket to the void ones. */
static void
void_ticket(StoreScan *scan, Store *tickets, Store *voids, const Booking *booking, int32 seat)
{
	ScanKeyData keys[2];
	Datum		values[VOID_COLUMNS];
	bool		nulls[VOID_COLUMNS] = {0};

	store_key_int4(&keys[0], 1, booking->event_id);
	store_key_int4(&keys[1], 2, seat);
	store_scan_start(scan, keys, 2);
	if (!store_scan_next(scan) || !store_lock(scan))
		elog(ERROR, "seat %d of a confirmed booking of event %d has no ticket",
			 seat, booking->event_id);
	slot_getallattrs(scan->slot);
	memcpy(values, scan->slot->tts_values, COLUMN_VOIDED_AT * sizeof(Datum));
	values[COLUMN_VOIDED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	store_insert(voids, values, nulls);
	store_delete(tickets, &scan->slot->tts_tid);
}

/* Makes the tickets of a booking that is being cancelled void. */
void
tickets_void(const Booking *booking)
{
	StoreScan	scan;
	Store		tickets,
				voids;

	store_open(&tickets, STORE_TICKET);
	store_open(&voids, STORE_TICKET_VOID);
	store_scan_open(&scan, STORE_TICKET, STORE_TICKET_KEY);
	for (int32 i = 0; i < booking->nseats; i++)
		void_ticket(&scan, &tickets, &voids, booking, booking->seats[i]);
	store_scan_close(&scan);
	store_close(&voids);
	store_close(&tickets);
	CommandCounterIncrement();
}
