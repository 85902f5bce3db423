/*
 * waitingroom_tick_sql.c: what a tick asks and tells by SQL.
 *
 * Seldom enough for plain SQL, as the owner of the tables: whoever calls for a
 * tick has no rights on them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "as_owner.h"
#include "publish.h"
#include "requests.h"
#include "waitingroom_tick.h"

#define QUEUE_CHANNEL "queue.update"
#define MAX_TOLD 400

/* Requests that are that late, in seconds, begin to slow admission down, and those stop it. */
#define MAX_LAG_AT_FULL_PACE 2.0
#define MAX_LAG 30.0

/* What this backend has told last of a room. */
typedef struct Told
{
	int32		event_id;		/* the key */
	int64		free_seats;
	char		queue[MAX_TOLD];
} Told;

static HTAB *told_rooms = NULL;

static void
check(int result, int wanted)
{
	if (result != wanted)
		elog(ERROR, "query failed: %s", SPI_result_code_string(result));
}

int
tick_open_rooms(int32 **event_ids)
{
	MemoryContext context = CurrentMemoryContext;
	AsOwner		saved;
	int			n;

	become_owner(&saved);
	check(SPI_execute("SELECT event_id FROM tixbook.waiting_room WHERE closed_at IS NULL ORDER BY event_id",
					  true, 0), SPI_OK_SELECT);
	n = (int) SPI_processed;
	*event_ids = MemoryContextAlloc(context, Max(n, 1) * sizeof(int32));
	for (int i = 0; i < n; i++)
	{
		bool		isnull;

		(*event_ids)[i] = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
													  1, &isnull));
	}
	become_caller(&saved);
	return n;
}

void
tick_start(const WaitingRoom *room, TimestampTz at)
{
	Oid			types[] = {INT4OID, INT8OID, TIMESTAMPTZOID, FLOAT8OID};
	Datum		values[4];
	AsOwner		saved;

	values[0] = Int32GetDatum(room->event_id);
	values[1] = Int64GetDatum(waitingroom_joined(room));
	values[2] = TimestampTzGetDatum(at);
	values[3] = Float8GetDatum(room->admit_per_second);
	become_owner(&saved);
	check(SPI_execute_with_args(
		"UPDATE tixbook.waiting_room r SET drawn = $2, drawn_at = $3,"
		" secret = CASE WHEN r.beacon IS NULL THEN s.secret END,"
		" seed = CASE WHEN r.beacon IS NULL THEN s.secret END"
		" FROM tixbook.waiting_room_secret s"
		" WHERE r.event_id = $1 AND s.event_id = $1 AND r.drawn IS NULL",
		3, types, values, NULL, false, 0), SPI_OK_UPDATE);
	check(SPI_execute_with_args(
		"INSERT INTO tixbook.waiting_room_pointer (event_id, state, ticked_at, admitted, fans, lapsed,"
		" lapsed_fans, joined, active, credit, per_second, deviation, history_at, history_place, history_fans)"
		" VALUES ($1, 'admitting', $3, 0, 0, 0, 0, $2, 0, greatest($4, 1), 0, 0, '{}', '{}', '{}')"
		" ON CONFLICT (event_id) DO NOTHING",
		4, types, values, NULL, false, 0), SPI_OK_INSERT);
	become_caller(&saved);
}

int64
tick_free_seats(int32 event_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(event_id);
	AsOwner		saved;
	bool		isnull;
	int64		free_seats;

	become_owner(&saved);
	check(SPI_execute_with_args("SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $1",
								1, &type, &value, NULL, true, 0), SPI_OK_SELECT);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	free_seats = isnull ? 0 : DatumGetInt64(value);
	become_caller(&saved);
	return free_seats;
}

bool
tick_on_sale(const Event *event, TimestampTz at)
{
	return event->status == SALE_ON && at >= event->sale_starts_at && at < event->sale_ends_at;
}

double
tick_share(int32 event_id)
{
	double		late = (double) request_lag(event_id) / USECS_PER_SEC;

	return late <= MAX_LAG_AT_FULL_PACE ? 1.0 :
		Max(1.0 - (late - MAX_LAG_AT_FULL_PACE) / (MAX_LAG - MAX_LAG_AT_FULL_PACE), 0.0);
}

static Told *
told_of(int32 event_id)
{
	HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(Told)};
	Told	   *told;
	bool		found;

	if (told_rooms == NULL)
	{
		control.hcxt = TopMemoryContext;
		told_rooms = hash_create("tixbook told rooms", 16, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	told = hash_search(told_rooms, &event_id, HASH_ENTER, &found);
	if (!found)
	{
		told->free_seats = -1;
		told->queue[0] = '\0';
	}
	return told;
}

/* Where the queue is, in JSON; without a pointer, how many have joined. */
char *
tick_queue_text(const WaitingRoom *room, const QueuePointer *pointer)
{
	QueuePointer		none;

	if (pointer == NULL)
	{
		pointer_clear(&none);
		none.joined = waitingroom_joined(room);
		pointer = &none;
	}
	return psprintf("{\"event_id\": %d, \"state\": \"%s\", \"admitted\": " INT64_FORMAT ", \"joined\": "
					INT64_FORMAT ", \"active\": %d, \"per_second\": %.1f}",
					room->event_id, waitingroom_state_name(waitingroom_state(room, pointer)),
					pointer->admitted, pointer->joined, pointer->active, pointer->per_second);
}

/*
 * Listeners get it when the transaction commits; should it roll back, the next
 * change tells them.  What is free the publish worker tells, where that does.
 */
void
tick_tell(const WaitingRoom *room, const QueuePointer *pointer, int64 free_seats)
{
	Told	   *told = told_of(room->event_id);
	char	   *queue = tick_queue_text(room, pointer);

	if (strcmp(queue, told->queue) != 0)
	{
		Async_Notify(QUEUE_CHANNEL, queue);
		publish_queue_moved(room->event_id);
		strlcpy(told->queue, queue, sizeof(told->queue));
	}
	if (free_seats >= 0 && free_seats != told->free_seats)
	{
		if ((tixbook_publish & PUBLISH_NOTIFY) == 0)
			Async_Notify(AVAILABILITY_CHANNEL,
						 psprintf("{\"event_id\": %d, \"free\": " INT64_FORMAT "}", room->event_id, free_seats));
		told->free_seats = free_seats;
	}
}
