/*
 * The place of this process among the workers.
 */
#ifndef TIXBOOK_WORKER_PLACE_H
#define TIXBOOK_WORKER_PLACE_H

#include "worker_shared.h"

/* What the slot becomes when the worker goes. */
typedef enum LeaveReason
{
	LEAVE_FAILED = 0,			/* an error or a signal took it: start another */
	LEAVE_ABSENT,				/* no extension here */
	LEAVE_EXCLUDED,				/* no worker is allowed here */
	LEAVE_AGAIN,				/* another is to follow: held back, extension made anew */
	LEAVE_IDLE					/* nothing to do for now */
} LeaveReason;

typedef struct WorkerPlace
{
	Oid			database;
	WorkerDatabase *entry;
	WorkerSlot *slot;
	uint32		generation;		/* of the slot when this process took it */
	const WorkerJobInfo *job;
	WorkerJob	job_id;
	int			number;			/* among the processes of the job, from 0 */
} WorkerPlace;

extern WorkerPlace my_place;

extern bool worker_attach(void);
extern void worker_settled(void);
extern void worker_leave(LeaveReason reason);
extern void worker_leave_to_rest(TimestampTz start_at);
extern void worker_leave_if_told(void);
extern void worker_show_latch(bool show);

#endif
