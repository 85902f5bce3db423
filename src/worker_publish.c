/*
 * worker_publish.c: the job of telling what changes.
 *
 * A tick takes what has changed since the last one; each event is told once,
 * however much that was, and not again within tixbook.publish_interval, nor
 * while what was told of it before is still under way.  So a fan-out server
 * that is slow, or away, makes no queue here: it gets what is true when it has
 * room.  publish_message.c has what is told, publish_call.c the way it goes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "attempt.h"
#include "cache_load.h"
#include "instant.h"
#include "publish.h"
#include "publish_call.h"
#include "settings.h"
#include "worker_place.h"

/* Bookings that wait to be told of; others stay in the ring meanwhile. */
#define MAX_BOOKINGS 4096

/* In one call: the address has their ids. */
#define BOOKINGS_A_CALL 100

/* What raises an error is tried again so much later. */
#define FAULT_PAUSE_MS 1000

/* A seat map that cannot be had is tried for so often. */
#define MAX_TRIES 5

/* An event of which something was told, or is to be. */
typedef struct Subject
{
	int32		event_id;		/* the key */
	bool		seats;			/* they have changed since they were told */
	bool		notify;			/* and since listeners were */
	bool		queue;			/* so has the queue */
	bool		seats_under_way;
	bool		queue_under_way;
	int			tries;
	uint64		notified_in;	/* the look in which listeners were told the last time */
	TimestampTz next_at;		/* not to be told before */
	SeatsTold	told;
} Subject;

static HTAB *subjects = NULL;
static ChangedBooking bookings[MAX_BOOKINGS];
static int	nbookings = 0;
static bool caught_up = false;
static TimestampTz next_tick = 0;
static uint64 look_no = 0;

/* Since they were last put into a look. */
static int	counts[WORKER_COUNTS];


static Subject *
subject_of(int32 event_id)
{
	HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(Subject)};
	Subject    *subject;
	bool		found;

	if (subjects == NULL)
	{
		control.hcxt = TopMemoryContext;
		subjects = hash_create("tixbook publications", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	subject = hash_search(subjects, &event_id, HASH_ENTER, &found);
	if (!found)
		memset((char *) subject + sizeof(int32), 0, sizeof(Subject) - sizeof(int32));
	return subject;
}

static bool
tells(int to)
{
	return (tixbook_publish & to) != 0;
}

static void
seats_changed(int32 event_id)
{
	Subject    *subject = subject_of(event_id);

	subject->seats = tells(PUBLISH_REALTIME);
	subject->notify = tells(PUBLISH_NOTIFY);
}

static void
all_seats_changed(void)
{
	HASH_SEQ_STATUS status;
	Subject    *subject;

	if (subjects == NULL)
		return;
	hash_seq_init(&status, subjects);
	while ((subject = hash_seq_search(&status)) != NULL)
		seats_changed(subject->event_id);
}

/*
 * What changed before this server or this process came may not have been told:
 * the sales that are on are told anew, once after each start that no rest
 * preceded.
 */
static void
catch_up(WorkerLook *look)
{
	int64		starts = my_place.slot->restarts + 1;
	int64		done = my_place.slot->stats.counts[COUNT_CAUGHT_UP];

	if (caught_up || done >= starts)
		return;
	look->counts[COUNT_CAUGHT_UP] = (int) (starts - done);
	SPI_connect();
	if (SPI_execute("SELECT event_id FROM tixbook.event WHERE status = 'on_sale' AND starts_at > now()"
					" ORDER BY starts_at LIMIT 1000", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the sales that are on");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		seats_changed(DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
	}
	SPI_finish();
	caught_up = true;
}

/* What listeners were told in a look that fails they never hear. */
static void
look_ends(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	Subject    *subject;

	if (event != XACT_EVENT_ABORT || subjects == NULL)
		return;
	hash_seq_init(&status, subjects);
	while ((subject = hash_seq_search(&status)) != NULL)
		if (subject->notified_in == look_no)
			subject->notify = tells(PUBLISH_NOTIFY);
}

static void
begin_look(void)
{
	if (look_no++ == 0)
		RegisterXactCallback(look_ends, NULL);
}

/* What has changed since the last tick; false: nothing has. */
static bool
gather(void)
{
	static ChangedEvent changed[CHANGED_EVENTS];
	bool		some_missed;
	int64		missed = 0;
	int			n = publish_take_events(changed, &some_missed);
	int			before = nbookings;

	for (int i = 0; i < n; i++)
		if (changed[i].event_id == ALL_EVENTS)
			all_seats_changed();
		else if (changed[i].queue)
			subject_of(changed[i].event_id)->queue = true;
		else
			seats_changed(changed[i].event_id);
	if (some_missed)
	{
		all_seats_changed();
		missed++;
	}
	nbookings += publish_take_bookings(&bookings[nbookings], MAX_BOOKINGS - nbookings, &missed);
	counts[COUNT_DROPPED] += (int) missed;
	return n > 0 || some_missed || nbookings > before;
}

/* What became of calls; what failed is told again, and then everything. */
static void
note_ended_calls(void)
{
	PublishCall call;

	while (publish_call_ended(&call))
	{
		Subject    *subject = call.what == PUBLISH_BOOKINGS ? NULL : subject_of(call.number);

		counts[call.succeeded ? COUNT_DONE : COUNT_FAILED]++;
		if (call.what == PUBLISH_BOOKINGS)
		{
			counts[COUNT_DROPPED] += call.succeeded ? 0 : call.number;
			continue;
		}
		if (call.what == PUBLISH_SEATS)
			subject->seats_under_way = false;
		else
			subject->queue_under_way = false;
		if (call.succeeded)
			continue;
		if (call.what == PUBLISH_QUEUE)
			subject->queue = true;
		else
		{
			subject->told.version = 0;
			subject->seats = true;
		}
	}
}

/* The event's map to read, pinned; NULL: there is none to be had now. */
static EventMap *
map_of(Subject *subject, Event *event)
{
	EventMap   *map = cache_map(event);

	subject->tries = map == NULL ? subject->tries + 1 : 0;
	return map;
}

static void
notify_listeners(Subject *subject, EventMap *map)
{
	if (map != NULL)
		Async_Notify(AVAILABILITY_CHANNEL,
					 psprintf("{\"event_id\": %d, \"version\": " UINT64_FORMAT ", \"free\": %u}", subject->event_id,
							  pg_atomic_read_u64(&map->version),
							  pg_atomic_read_u32(&map->free)));
	else
		Async_Notify(AVAILABILITY_CHANNEL,
					 psprintf("{\"event_id\": %d, \"version\": null, \"free\": null}", subject->event_id));
	counts[COUNT_NOTIFIED]++;
	subject->notify = false;
	subject->notified_in = look_no;
}

/* Whether a call has begun. */
static bool
publish_seats(Subject *subject, const Event *event, EventMap *map)
{
	char	   *body = map == NULL ? publish_look_message(subject->event_id) :
		publish_seats_message(event, map, &subject->told);

	subject->seats = false;
	/* Nobody is to know of an event that is not announced. */
	if (body == NULL || event->status == SALE_DRAFT)
		return false;
	publish_call_begin(PUBLISH_SEATS, subject->event_id, psprintf("/events/%d", subject->event_id), body);
	subject->seats_under_way = true;
	return true;
}

/* Tells of the seats what is due, to whom there is room for; returns how many calls have begun. */
static int
tell_seats(Subject *subject, int room)
{
	bool		publish = subject->seats && !subject->seats_under_way && room > 0;
	Event	   *event;
	EventMap   *map;
	int			begun = 0;

	if (!publish && !subject->notify)
		return 0;
	event = catalog_event(subject->event_id);
	if (event == NULL || event->capacity == 0)
	{
		subject->seats = subject->notify = false;
		return 0;
	}
	map = map_of(subject, event);
	if (map == NULL && subject->tries < MAX_TRIES)
		return 0;
	if (subject->notify)
		notify_listeners(subject, map);
	if (publish)
		begun = publish_seats(subject, event, map);
	if (map != NULL)
		cache_unpin(&map->object);
	return begun;
}

static int
tell_queue(Subject *subject, int room)
{
	char	   *body;

	if (!subject->queue || subject->queue_under_way || room == 0)
		return 0;
	subject->queue = false;
	body = publish_queue_message(subject->event_id);
	if (body == NULL)
		return 0;
	publish_call_begin(PUBLISH_QUEUE, subject->event_id, psprintf("/events/%d/queue", subject->event_id), body);
	subject->queue_under_way = true;
	return 1;
}

/* What of an event is told in a look. */
typedef struct Telling
{
	Subject    *subject;
	int			room;
	int			begun;
} Telling;

static void
tell_of_event(void *with)
{
	Telling    *telling = with;

	telling->begun = tell_seats(telling->subject, telling->room);
	telling->begun += tell_queue(telling->subject, telling->room - telling->begun);
}

/* So that a fault of one event leaves no other untold; what is due of it stays so. */
static int
try_to_tell(Subject *subject, int room)
{
	Telling		telling = {subject, room};
	bool		seats = subject->seats;
	bool		notify = subject->notify;
	bool		queue = subject->queue;

	if (attempt_or_warn(tell_of_event, &telling, psprintf("what changed of event %d could not be told", subject->event_id),
						true))
		return telling.begun;
	subject->seats = seats;
	subject->notify = notify;
	subject->queue = queue;
	subject->next_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAULT_PAUSE_MS);
	return telling.begun;
}

/* Tells of every event what is due; returns how many calls have begun, and brings wake_at down to what is next. */
static int
tell_events(int room, TimestampTz room_at, TimestampTz now, TimestampTz *wake_at)
{
	HASH_SEQ_STATUS status;
	Subject    *subject;
	int			begun = 0;

	if (subjects == NULL)
		return 0;
	hash_seq_init(&status, subjects);
	while ((subject = hash_seq_search(&status)) != NULL)
	{
		int			told = 0;
		bool		notify = subject->notify;

		if (!subject->seats && !subject->notify && !subject->queue)
			continue;
		if (has_come(subject->next_at, now, Max(tixbook_publish_interval, FAULT_PAUSE_MS)))
		{
			subject->next_at = Min(subject->next_at, now);
			told = try_to_tell(subject, room - begun);
			begun += told;
			if (told > 0 || (notify && !subject->notify) || subject->tries > 0)
				subject->next_at = Max(subject->next_at, TimestampTzPlusMilliseconds(now, tixbook_publish_interval));
		}
		/* What waits for an answer is looked at when that comes. */
		if ((subject->seats && !subject->seats_under_way) || (subject->queue && !subject->queue_under_way))
			*wake_at = Min(*wake_at, Max(subject->next_at, room > 0 ? subject->next_at : room_at));
		else if (subject->notify)
			*wake_at = Min(*wake_at, subject->next_at);
	}
	return begun;
}

/* One call for the first bookings of that state. */
static void
begin_call_about_bookings(BookingStatus status)
{
	StringInfoData path;
	int			n = 0;
	int			kept = 0;

	initStringInfo(&path);
	appendStringInfoString(&path, "/bookings/");
	for (int i = 0; i < nbookings; i++)
	{
		if (bookings[i].status != status || n == BOOKINGS_A_CALL)
		{
			bookings[kept++] = bookings[i];
			continue;
		}
		appendStringInfo(&path, "%s%s", n > 0 ? "," : "", booking_id_text(&bookings[i].id));
		n++;
	}
	nbookings = kept;
	publish_call_begin(PUBLISH_BOOKINGS, n, path.data, publish_booking_message(status));
}

/* Those for whom there is no room wait for calls to end; where there are none they would come too late. */
static void
tell_bookings(int room)
{
	while (nbookings > 0 && room-- > 0)
		begin_call_about_bookings(bookings[0].status);
	if (publish_calls_under_way() > 0)
		return;
	counts[COUNT_DROPPED] += nbookings;
	nbookings = 0;
}

static void
tell_what_changed(WorkerLook *look, TimestampTz now)
{
	TimestampTz room_at = DT_NOEND;
	int			room = 0;

	begin_look();
	note_ended_calls();
	catch_up(look);
	if (!has_come(next_tick, now, tixbook_publish_interval))
		look->wake_at = next_tick;
	else if (gather())
		look->wake_at = next_tick = TimestampTzPlusMilliseconds(now, tixbook_publish_interval);
	if (tells(PUBLISH_REALTIME))
		room = publish_calls_room(&room_at);
	room -= tell_events(room, room_at, now, &look->wake_at);
	tell_bookings(room);

	look->busy = publish_calls_under_way() > 0;
	for (int i = 0; i < WORKER_COUNTS; i++)
	{
		look->counts[i] += counts[i];
		counts[i] = 0;
	}
}

/* After a start of the server all sales that are on are told anew. */
static bool
publish_next_due(TimestampTz *due)
{
	*due = GetCurrentTimestamp();
	return worker_slot(my_place.entry, JOB_PUBLISH, 0)->state == WORKER_ABSENT;
}

const WorkerJobInfo worker_publish_job = {
	.name = "publish",
	.process = "tixbook publish worker",
	.activity = "telling what changes",
	.allowed = &publish_is_on,
	.look = tell_what_changed,
	.next_due = publish_next_due,
	.wait = publish_calls_wait,
};
