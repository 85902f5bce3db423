/*
 * worker_job.c: the jobs there are.
 */
#include "postgres.h"

#include "worker_job.h"

const WorkerJobInfo *const worker_jobs[WORKER_JOBS] = {
	[JOB_EXPIRY] = &worker_expiry_job,
	[JOB_WAITINGROOM] = &worker_waitingroom_job,
	[JOB_REQUESTS] = &worker_requests_job,
	[JOB_DISPATCH] = &worker_dispatch_job,
	[JOB_PUBLISH] = &worker_publish_job,
};

int
worker_job_most(const WorkerJobInfo *job)
{
	return job->most == NULL ? 1 : Min(*job->most, WORKER_PROCESSES);
}
