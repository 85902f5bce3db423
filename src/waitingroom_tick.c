/*
 * waitingroom_tick.c: the rooms of the database move on.
 *
 * A tick reads who has come, decides how many more may, and moves the pointer
 * over that many fans.  All it writes is the pointer's row, whatever the number
 * of those who wait; what it reads grows with those who may book, not with
 * those who wait.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "bounded_wait.h"
#include "claim.h"
#include "waitingroom.h"
#include "waitingroom_tick.h"

/* A pace that was not used up is lost after that long: a late worker lets no crowd in. */
#define MAX_CREDIT_SECONDS 2.0

/* Places without a fan that a tick passes; there are more only where many have left. */
#define MAX_PROBES 20000

/* Over which time the pointer's speed is measured. */
#define SPEED_SECONDS 30.0

/* How long the tick waits for fans who are just coming before it strikes out who has not come. */
#define PLACES_WAIT_MS 50

/* Whether somebody stands at a place. */
typedef enum Probe
{
	PROBE_FAN,					/* also one whose joining has not committed: he counts until it is known */
	PROBE_NOBODY
} Probe;

static Probe
probe(WaitingRoom *room, int64 entry)
{
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, room->event_id);
	store_key_int8(&keys[1], 2, entry);
	return store_key_claim(STORE_WAITING_ROOM_ENTRY, STORE_WAITING_ROOM_ENTRY_NUMBER, keys, 2) ==
		KEY_FREE ? PROBE_NOBODY : PROBE_FAN;
}

static int64
count_sessions(StoreIndex index, Snapshot snapshot, ScanKey keys)
{
	StoreScan	scan;
	int64		n = 0;

	store_scan_open_to_read(&scan, STORE_WAITING_ROOM_SESSION, index);
	store_scan_start_as_of(&scan, snapshot, keys, 2);
	while (store_scan_next(&scan))
		n++;
	store_scan_close(&scan);
	return n;
}

/*
 * How many may book now: those in their sessions, and those who were called
 * and have not come, for they may come any moment.  Both are counted as of one
 * snapshot, so that nobody is missed on his way from the one to the other.
 */
static int64
count_active(const WaitingRoom *room, const QueuePointer *pointer, TimestampTz at)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData keys[2];
	int64		booking,
				came;

	store_key_int4(&keys[0], 1, room->event_id);
	store_key_after(&keys[1], 2, at);
	booking = count_sessions(STORE_WAITING_ROOM_SESSION_ENDS, snapshot, keys);
	store_key_int8_from(&keys[1], 2, pointer->lapsed);
	came = count_sessions(STORE_WAITING_ROOM_SESSION_PLACE, snapshot, keys);
	UnregisterSnapshot(snapshot);
	return booking + Max(pointer->fans - pointer->lapsed_fans - came, 0);
}

/*
 * Strikes out who was called longer than no_show ago and has not come.  Fans
 * who are coming just now go first: then it waits for the next tick.
 */
static void
lapse(const WaitingRoom *room, QueuePointer *pointer, TimestampTz at)
{
	BoundedWait wait;
	int			last = -1;

	for (int i = 0; i < pointer->nhistory && pointer->history_at[i] <= at - room->no_show; i++)
		last = i;
	if (last < 0 || pointer->history_place[last] <= pointer->lapsed)
		return;
	bounded_wait_start(&wait, PLACES_WAIT_MS);
	if (!claim_within(CLAIM_WAITING_PLACES, room->event_id, "", &wait))
		return;
	pointer->lapsed = pointer->history_place[last];
	pointer->lapsed_fans = pointer->history_fans[last];
}

static void
drop_oldest(QueuePointer *pointer)
{
	pointer->nhistory--;
	for (int i = 0; i < pointer->nhistory; i++)
	{
		pointer->history_at[i] = pointer->history_at[i + 1];
		pointer->history_place[i] = pointer->history_place[i + 1];
		pointer->history_fans[i] = pointer->history_fans[i + 1];
	}
}

/* Where the pointer is now, for the time when those it has passed are to have come. */
static void
remember(const WaitingRoom *room, QueuePointer *pointer, TimestampTz at)
{
	int			last;
	int64		interval = room->no_show / (POINTER_HISTORY - 4);

	while (pointer->nhistory > 0 && pointer->history_place[0] <= pointer->lapsed)
		drop_oldest(pointer);
	last = pointer->nhistory - 1;
	if (pointer->admitted == (last < 0 ? pointer->lapsed : pointer->history_place[last]) ||
		(last >= 0 && at - pointer->history_at[last] < interval))
		return;
	/* Where there is no room, the newest point makes it: some then have longer to come. */
	last = Min(pointer->nhistory, POINTER_HISTORY - 1);
	pointer->nhistory = last + 1;
	pointer->history_at[last] = at;
	pointer->history_place[last] = pointer->admitted;
	pointer->history_fans[last] = pointer->fans;
}

/*
 * Moves the pointer over that many fans, and over places where nobody stands
 * any more.  A number that was handed out since the last tick and has no row
 * may get it in this very moment: there the pointer waits for the next tick.
 */
static void
advance(WaitingRoom *room, QueuePointer *pointer, int64 fans)
{
	int64		joined = waitingroom_joined(room);

	for (int probes = 0; fans > 0 && pointer->admitted < joined && probes < MAX_PROBES; probes++)
	{
		int64		entry = waitingroom_entry_at(room, pointer->admitted);

		if (probe(room, entry) == PROBE_FAN)
		{
			fans--;
			pointer->fans++;
			pointer->active++;
			pointer->credit -= 1;
		}
		else if (entry >= pointer->joined)
			break;
		pointer->admitted++;
	}
	pointer->joined = joined;
}

static void
earn_credit(const WaitingRoom *room, QueuePointer *pointer, double seconds, double share)
{
	double		rate = room->admit_per_second * share;

	pointer->credit = Min(pointer->credit + rate * Min(seconds, MAX_CREDIT_SECONDS),
						  Max(rate * MAX_CREDIT_SECONDS, 1));
}

/* How fast the pointer moves while there is somebody to let in. */
static void
measure_speed(const WaitingRoom *room, QueuePointer *pointer, int64 moved, double seconds)
{
	double		weight = Min(seconds / SPEED_SECONDS, 1);
	double		speed;

	if (seconds <= 0 || pointer->state != ROOM_ADMITTING || (moved == 0 && pointer->admitted >= pointer->joined))
		return;
	speed = moved / seconds;
	pointer->deviation += weight * (fabs(speed - pointer->per_second) - pointer->deviation);
	pointer->per_second += weight * (speed - pointer->per_second);
}

/* A clock that was set back must not stop the room: what the pointer remembers moves with it. */
static void
mind_clock(QueuePointer *pointer, TimestampTz at)
{
	int64		back = pointer->ticked_at - at;

	/* Not where only this tick is late, after others that began later: many rooms take their time. */
	if (pointer->ticked_at - Max(at, GetCurrentTimestamp()) < MAX_CREDIT_SECONDS * USECS_PER_SEC)
		return;
	pointer->ticked_at = at;
	for (int i = 0; i < pointer->nhistory; i++)
		pointer->history_at[i] -= back;
}

/* One room, whose pointer the caller has locked. */
static void
move(Event *event, QueuePointer *pointer, TimestampTz at)
{
	WaitingRoom *room = event->room;
	int64		before = pointer->admitted;
	int64		seats = tick_free_seats(event->event_id);
	double		seconds,
				allowed;

	mind_clock(pointer, at);
	seconds = (double) Max(at - pointer->ticked_at, 0) / USECS_PER_SEC;
	lapse(room, pointer, at);
	pointer->active = (int32) Min(count_active(room, pointer, at), PG_INT32_MAX);
	earn_credit(room, pointer, seconds, tick_share(event->event_id));
	pointer->state = room->paused || !tick_on_sale(event, at) ? ROOM_PAUSED :
		seats == 0 ? ROOM_SOLD_OUT : ROOM_ADMITTING;
	allowed = Min(floor(pointer->credit), Min((double) room->max_active, (double) seats) - pointer->active);
	advance(room, pointer, pointer->state == ROOM_ADMITTING ? (int64) Max(allowed, 0) : 0);
	measure_speed(room, pointer, pointer->admitted - before, seconds);
	pointer->ticked_at = Max(pointer->ticked_at, at);
	remember(room, pointer, at);
	tick_tell(room, pointer, seats);
}

static bool
move_room(Event *event, TimestampTz at)
{
	Store		store;
	StoreScan	scan;
	ScanKeyData key;
	bool		locked;

	store_key_int4(&key, 1, event->event_id);
	store_open(&store, STORE_WAITING_ROOM_POINTER);
	store_scan_open_on(&scan, &store, STORE_WAITING_ROOM_POINTER_KEY);
	store_scan_start(&scan, &key, 1);
	locked = store_scan_next(&scan) && store_lock(&scan);
	if (locked)
	{
		QueuePointer		pointer;

		pointer_found(&scan, &pointer);
		move(event, &pointer, at);
		pointer_moved(event->event_id);
		pointer_write(&store, &scan, &pointer);
	}
	store_scan_close(&scan);
	store_close(&store);
	return locked;
}

/* Starts a room whose time has come; returns whether it has a pointer that may move. */
static bool
start_room(Event **event, TimestampTz at)
{
	WaitingRoom *room = (*event)->room;
	int32		event_id = room->event_id;

	if (room->drawn < 0 && at >= room->starts_at)
	{
		tick_start(room, at);
		*event = catalog_event(event_id);
		if (*event == NULL || (*event)->room == NULL)
			return false;
		room = (*event)->room;
	}
	if (room->has_seed)
		return true;
	tick_tell(room, NULL, -1);
	return false;
}

static bool
tick_event(int32 event_id, TimestampTz at)
{
	Event	   *event = catalog_event(event_id);

	if (event == NULL || event->room == NULL || event->room->closed ||
		!claim_try(CLAIM_WAITING_TICK, event_id, ""))
		return false;
	return start_room(&event, at) && move_room(event, at);
}

/* One room's part of a tick. */
typedef struct RoomTick
{
	int32		event_id;
	TimestampTz at;
	bool		moved;
} RoomTick;

static void
tick_room(void *with)
{
	RoomTick   *tick = with;

	tick->moved = tick_event(tick->event_id, tick->at);
}

/* The same so that a fault in one room stops no other. */
static bool
try_event(int32 event_id, TimestampTz at)
{
	RoomTick	tick = {.event_id = event_id, .at = at};

	return attempt_or_warn(tick_room, &tick, psprintf("the waiting room of event %d could not be moved on", event_id),
						   true) &&
		tick.moved;
}

/* Moves all rooms that are open on, in the current transaction; returns how many it has moved. */
int
waitingroom_tick(TimestampTz at, int *open)
{
	int32	   *event_ids;
	int			moved = 0;

	*open = tick_open_rooms(&event_ids);
	for (int i = 0; i < *open; i++)
		moved += try_event(event_ids[i], at);
	return moved;
}

bool
waitingroom_any_open(void)
{
	int32	   *event_ids;

	return tick_open_rooms(&event_ids) > 0;
}
