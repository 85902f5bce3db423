/*
 * waitingroom_fan.c: entries and sessions: a fan joins, comes when he is let
 * in, and leaves.
 *
 * Each of these is decided under a claim on the customer, so that a fan has
 * one entry and an entry one session.  Who comes shares a claim on the places
 * of the room, against the tick that strikes out who did not come: so nobody
 * is counted as gone who has just started his session.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "bounded_wait.h"
#include "claim.h"
#include "settings.h"
#include "waitingroom.h"

/* The columns of tixbook.waiting_room_entry. */
enum
{
	ENTRY_EVENT_ID,
	ENTRY_ENTRY,
	ENTRY_JOINED_AT,
	ENTRY_ADDRESS,
	ENTRY_CUSTOMER,
	ENTRY_COLUMNS
};

/* The columns of tixbook.waiting_room_session. */
enum
{
	SESSION_EVENT_ID,
	SESSION_ENTRY,
	SESSION_PLACE,
	SESSION_STARTED_AT,
	SESSION_SESSION_ENDS,
	SESSION_CUSTOMER,
	SESSION_COLUMNS
};

static void
start_at_session(StoreScan *scan, const WaitingRoom *room, int64 entry)
{
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, room->event_id);
	store_key_int8(&keys[1], 2, entry);
	store_scan_start(scan, keys, 2);
}

static void
find_session(const WaitingRoom *room, Fan *fan)
{
	StoreScan	scan;

	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_SESSION, STORE_WAITING_ROOM_SESSION_KEY);
	start_at_session(&scan, room, fan->entry);
	fan->has_session = store_scan_next(&scan);
	if (fan->has_session)
	{
		slot_getallattrs(scan.slot);
		fan->session_ends = DatumGetTimestampTz(scan.slot->tts_values[SESSION_SESSION_ENDS]);
	}
	store_scan_close(&scan);
}

static void
start_at_customer(StoreScan *scan, const WaitingRoom *room, const char *customer)
{
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, room->event_id);
	store_key_text(&keys[1], 2, customer);
	store_scan_start(scan, keys, 2);
}

/* Whether the row in the slot of the walk is the customer's entry in that room. */
static bool
is_entry_of(StoreScan *scan, const WaitingRoom *room, const char *customer)
{
	text	   *name;

	slot_getallattrs(scan->slot);
	name = DatumGetTextPP(scan->slot->tts_values[ENTRY_CUSTOMER]);
	return DatumGetInt32(scan->slot->tts_values[ENTRY_EVENT_ID]) == room->event_id &&
		VARSIZE_ANY_EXHDR(name) == strlen(customer) &&
		memcmp(VARDATA_ANY(name), customer, strlen(customer)) == 0;
}

/* Where a hint leads; false proves nothing. */
static bool
find_by_hint(StoreScan *scan, EntryHints *hints, const WaitingRoom *room, const char *customer)
{
	ItemPointerData place;

	return entry_hint_find(hints, room, customer, &place) && store_fetch_noted(scan, &place) &&
		is_entry_of(scan, room, customer);
}

static bool
find_by_key(StoreScan *scan, EntryHints *hints, const WaitingRoom *room, const char *customer)
{
	start_at_customer(scan, room, customer);
	if (!store_scan_next(scan))
		return false;
	slot_getallattrs(scan->slot);
	if (hints != NULL)
		entry_hint_put(hints, room, customer, &scan->slot->tts_tid);
	return true;
}

/* The customer's entry, without his session; false: he is not in the room. */
static bool
find_entry(WaitingRoom *room, const char *customer, Fan *fan)
{
	EntryHints *hints = entry_hints(room);
	StoreScan	scan;
	bool		found;

	memset(fan, 0, sizeof(Fan));
	fan->customer = customer;
	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_ENTRY, STORE_WAITING_ROOM_ENTRY_KEY);
	found = (hints != NULL && find_by_hint(&scan, hints, room, customer)) ||
		find_by_key(&scan, hints, room, customer);
	if (found)
	{
		fan->entry = DatumGetInt64(scan.slot->tts_values[ENTRY_ENTRY]);
		fan->joined_at = DatumGetTimestampTz(scan.slot->tts_values[ENTRY_JOINED_AT]);
		fan->position = waitingroom_position(room, fan->entry);
	}
	store_scan_close(&scan);
	if (hints != NULL)
		entry_hints_let_go(hints);
	return found;
}

/* Makes hints of all entries that are in the room; false: there is no memory for them. */
bool
fan_load_hints(WaitingRoom *room)
{
	EntryHints *hints = entry_hints_make(room);
	StoreScan	scan;
	ScanKeyData key;

	if (hints == NULL)
		return false;
	store_key_int4(&key, 1, room->event_id);
	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_ENTRY, STORE_WAITING_ROOM_ENTRY_NUMBER);
	store_scan_start(&scan, &key, 1);
	while (store_scan_next(&scan))
	{
		char	   *customer;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(scan.slot);
		customer = TextDatumGetCString(scan.slot->tts_values[ENTRY_CUSTOMER]);
		entry_hint_put(hints, room, customer, &scan.slot->tts_tid);
		pfree(customer);
	}
	store_scan_close(&scan);
	entry_hints_let_go(hints);
	return true;
}

/* The customer's entry with his session, if any; false: he is not in the room. */
bool
fan_find(WaitingRoom *room, const char *customer, Fan *fan)
{
	if (!find_entry(room, customer, fan))
		return false;
	find_session(room, fan);
	return true;
}

/* Where the fan stands by a pointer that was read before his session was. */
FanState
fan_state(const Fan *fan, const QueuePointer *pointer, TimestampTz now)
{
	if (fan->has_session)
		return fan->session_ends > now ? FAN_ADMITTED : FAN_ENDED;
	if (fan->position < 0 || fan->position >= pointer->admitted)
		return FAN_WAITING;
	return fan->position >= pointer->lapsed ? FAN_CALLED : FAN_MISSED;
}

/* The right to decide on the customer's entry, until the transaction ends. */
bool
fan_claim(const WaitingRoom *room, const char *customer, Refusal *refusal)
{
	BoundedWait wait;

	bounded_wait_start(&wait, tixbook_lock_wait);
	return claim_within(CLAIM_WAITING_FAN, room->event_id, customer, &wait) ||
		refuse_busy(refusal, "another request of the same customer", room->event_id);
}

/* Who knows the key only can tell which address it was. */
static int64
address_hash(const WaitingRoom *room, const char *address)
{
	uint64		seed;

	memcpy(&seed, room->token_key, sizeof(seed));
	return (int64) hash_bytes_extended((const unsigned char *) address, strlen(address), seed);
}

/* Whether one more may join from the address; those who try at once take turns. */
static bool
check_address(const WaitingRoom *room, const char *address, Refusal *refusal)
{
	BoundedWait wait;
	StoreScan	scan;
	ScanKeyData keys[2];
	int			entries = 0;

	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!claim_within(CLAIM_WAITING_ADDRESS, room->event_id, address, &wait))
		return refuse_busy(refusal, "another request from the same address", room->event_id);
	store_key_int4(&keys[0], 1, room->event_id);
	store_key_int8(&keys[1], 2, address_hash(room, address));
	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_ENTRY, STORE_WAITING_ROOM_ENTRY_ADDRESS);
	store_scan_start(&scan, keys, 2);
	while (entries < room->entries_per_address && store_scan_next(&scan))
		entries++;
	store_scan_close(&scan);
	return entries < room->entries_per_address ||
		refuse(refusal, REASON_TOO_MANY_ENTRIES, psprintf("%d", room->event_id),
			   "{\"event_id\": %d, \"max\": %d}", room->event_id, room->entries_per_address);
}

static bool
may_join(const WaitingRoom *room, const char *customer, const char *proof, const char *address,
		 Refusal *refusal)
{
	return proof_of_work_holds(room, customer, proof, refusal) &&
		(address == NULL || room->entries_per_address == 0 || check_address(room, address, refusal));
}

static void
insert_entry(WaitingRoom *room, const char *address, Fan *fan)
{
	Datum		values[ENTRY_COLUMNS];
	bool		nulls[ENTRY_COLUMNS] = {0};
	Store		store;

	fan->entry = nextval_internal(room->sequence, false);
	fan->position = waitingroom_position(room, fan->entry);
	values[ENTRY_EVENT_ID] = Int32GetDatum(room->event_id);
	values[ENTRY_ENTRY] = Int64GetDatum(fan->entry);
	values[ENTRY_JOINED_AT] = TimestampTzGetDatum(fan->joined_at);
	nulls[ENTRY_ADDRESS] = (address == NULL || room->entries_per_address == 0);
	values[ENTRY_ADDRESS] = nulls[ENTRY_ADDRESS] ? (Datum) 0 :
		Int64GetDatum(address_hash(room, address));
	values[ENTRY_CUSTOMER] = CStringGetTextDatum(fan->customer);
	store_open(&store, STORE_WAITING_ROOM_ENTRY);
	store_insert(&store, values, nulls);
	store_close(&store);
	CommandCounterIncrement();
}

/* Deletes the customer's entry, under his claim. */
static bool
delete_entry(const WaitingRoom *room, const char *customer)
{
	Store		store;
	StoreScan	scan;
	bool		deleted;

	store_open(&store, STORE_WAITING_ROOM_ENTRY);
	store_scan_open_on(&scan, &store, STORE_WAITING_ROOM_ENTRY_KEY);
	start_at_customer(&scan, room, customer);
	deleted = store_scan_next(&scan) && store_delete_found(&store, &scan);
	store_scan_close(&scan);
	store_close(&store);
	return deleted;
}

static bool
is_over(FanState state)
{
	return state == FAN_MISSED || state == FAN_ENDED;
}

/*
 * The customer's entry: the one he has, or a new one where he has none, or has
 * had his turn.
 */
bool
fan_join(WaitingRoom *room, const char *customer, const char *proof, const char *address,
		 TimestampTz now, Fan *fan, QueuePointer *pointer, Refusal *refusal)
{
	bool		found;

	pointer_look(room, pointer);
	if (fan_find(room, customer, fan) && !is_over(fan_state(fan, pointer, now)))
		return true;
	if (!may_join(room, customer, proof, address, refusal) || !fan_claim(room, customer, refusal))
		return false;
	pointer_read(room, pointer);
	found = fan_find(room, customer, fan);
	if (found && !is_over(fan_state(fan, pointer, now)))
		return true;
	if (found && !delete_entry(room, customer))
		return refuse_busy(refusal, "another request of the same customer", room->event_id);
	memset(fan, 0, sizeof(Fan));
	fan->customer = customer;
	fan->joined_at = now;
	insert_entry(room, address, fan);
	return true;
}

static void
insert_session(const WaitingRoom *room, Fan *fan, TimestampTz now, TimestampTz ends)
{
	Datum		values[SESSION_COLUMNS];
	bool		nulls[SESSION_COLUMNS] = {0};
	Store		store;

	values[SESSION_EVENT_ID] = Int32GetDatum(room->event_id);
	values[SESSION_ENTRY] = Int64GetDatum(fan->entry);
	values[SESSION_PLACE] = Int64GetDatum(fan->position);
	values[SESSION_STARTED_AT] = TimestampTzGetDatum(now);
	values[SESSION_SESSION_ENDS] = TimestampTzGetDatum(ends);
	values[SESSION_CUSTOMER] = CStringGetTextDatum(fan->customer);
	store_open(&store, STORE_WAITING_ROOM_SESSION);
	store_insert(&store, values, nulls);
	store_close(&store);
	CommandCounterIncrement();
	fan->has_session = true;
	fan->session_ends = ends;
}

/*
 * The fan, and the pointer by which he is to be judged; the session of one who
 * is called starts here.  False: he is not in the room, with no reason in the
 * refusal, or refused.
 */
bool
fan_come(WaitingRoom *room, const char *customer, TimestampTz now, Fan *fan, QueuePointer *pointer,
		 Refusal *refusal)
{
	BoundedWait wait;

	pointer_look(room, pointer);
	if (!find_entry(room, customer, fan))
		return false;
	if (fan_state(fan, pointer, now) == FAN_WAITING)
		return true;
	find_session(room, fan);
	if (fan_state(fan, pointer, now) != FAN_CALLED)
		return true;

	PreventCommandIfReadOnly("starting a session");
	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!fan_claim(room, customer, refusal))
		return false;
	if (!claim_shared_within(CLAIM_WAITING_PLACES, room->event_id, "", &wait))
		return refuse_busy(refusal, psprintf("event %d", room->event_id), room->event_id);
	pointer_read(room, pointer);
	if (!fan_find(room, customer, fan))
		return false;
	if (fan_state(fan, pointer, now) == FAN_CALLED)
		insert_session(room, fan, now, now + room->session);
	return true;
}

/*
 * Ends the fan's session, if it is alive.  Where somebody else is deciding on
 * it, he ends it or it ends by itself.
 */
void
fan_end_session(const WaitingRoom *room, const Fan *fan, TimestampTz now)
{
	Store		store;
	StoreScan	scan;

	store_open(&store, STORE_WAITING_ROOM_SESSION);
	store_scan_open_on(&scan, &store, STORE_WAITING_ROOM_SESSION_KEY);
	start_at_session(&scan, room, fan->entry);
	if (store_scan_next(&scan) && store_lock(&scan))
	{
		slot_getallattrs(scan.slot);
		if (DatumGetTimestampTz(scan.slot->tts_values[SESSION_SESSION_ENDS]) > now)
		{
			Datum		values[SESSION_COLUMNS];
			bool		nulls[SESSION_COLUMNS] = {0};

			memcpy(values, scan.slot->tts_values, sizeof(values));
			values[SESSION_SESSION_ENDS] = TimestampTzGetDatum(now);
			(void) store_update(&store, &scan.slot->tts_tid, values, nulls, true);
			CommandCounterIncrement();
		}
	}
	store_scan_close(&scan);
	store_close(&store);
}

/*
 * Takes the customer out.  Where he was called, a session that is over already
 * says so: his place is not waited for any longer.
 */
bool
fan_leave(WaitingRoom *room, const char *customer, TimestampTz now, bool *was_in, Refusal *refusal)
{
	Fan			fan;
	QueuePointer		pointer;
	BoundedWait wait;

	*was_in = false;
	if (!fan_claim(room, customer, refusal))
		return false;
	bounded_wait_start(&wait, tixbook_lock_wait);
	if (!claim_shared_within(CLAIM_WAITING_PLACES, room->event_id, "", &wait))
		return refuse_busy(refusal, psprintf("event %d", room->event_id), room->event_id);
	pointer_read(room, &pointer);
	if (!fan_find(room, customer, &fan))
		return true;
	if (fan.has_session)
		fan_end_session(room, &fan, now);
	else if (fan_state(&fan, &pointer, now) == FAN_CALLED)
		insert_session(room, &fan, now, now);
	*was_in = delete_entry(room, customer);
	return *was_in || refuse_busy(refusal, "another request of the same customer", room->event_id);
}
