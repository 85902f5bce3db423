/*
 * worker_requests.c: the job of working off requests.
 *
 * An event has one process at a time, so more of them help where the queues of
 * several events are late; requests.c has the work itself.
 */
#include "postgres.h"

#include "requests.h"
#include "settings.h"
#include "worker_job.h"

/* Later than that with its pace, a process calls for others. */
#define LATE_MS 200

/* How many processes there should be: one an event, where one alone is late. */
static int
processes_for(const RequestsWork *work)
{
	int			wanted = tixbook_request_workers_min;

	if (TimestampDifferenceExceeds(work->due, GetCurrentTimestamp(), LATE_MS))
		wanted = Max(wanted, requests_count_events(tixbook_request_workers_max));
	return wanted;
}

static void
look_for_requests(WorkerLook *look, TimestampTz now)
{
	RequestsWork work = {.batch = tixbook_request_batch};

	look->more = requests_work(&work);
	look->wake_at = work.wake_at;
	if (!look->more)
		return;
	look->counts[COUNT_DONE] = work.held + work.refused + work.died;
	look->due = work.due;
	look->processes = processes_for(&work);
}

const WorkerJobInfo worker_requests_job = {
	.name = "requests",
	.process = "tixbook requests worker",
	.activity = "working off requests",
	.allowed = &tixbook_request_worker,
	.most = &tixbook_request_workers_max,
	.durable = true,
	.look = look_for_requests,
	.next_due = requests_next_due,
};
