/*
 * worker_waitingroom.c: the job of moving waiting rooms on.
 *
 * Its process ticks while a room is open; who opens one has it started.
 * waitingroom_tick.c has the work itself.
 */
#include "postgres.h"

#include "settings.h"
#include "waitingroom.h"
#include "worker_job.h"

static void
look_at_rooms(WorkerLook *look, TimestampTz now)
{
	int			open;

	look->counts[COUNT_DONE] = waitingroom_tick(now, &open);
	if (open > 0)
		look->wake_at = TimestampTzPlusMilliseconds(now, tixbook_waitingroom_tick);
}

static bool
rooms_next_due(TimestampTz *due)
{
	*due = GetCurrentTimestamp();
	return waitingroom_any_open();
}

const WorkerJobInfo worker_waitingroom_job = {
	.name = "waitingroom",
	.process = "tixbook waiting room worker",
	.activity = "moving the waiting rooms on",
	.allowed = &tixbook_waitingroom_worker,
	.look = look_at_rooms,
	.next_due = rooms_next_due,
};
