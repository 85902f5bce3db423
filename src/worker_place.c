/*
 * worker_place.c: the place of a worker's process among the others: it takes
 * a slot, and hands it back when it leaves.  worker_shared.h has the states.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"

#include "worker_place.h"

/* A worker that lived this long did not die of its start. */
#define SOUND_LIFE_MS			60000

WorkerPlace my_place;

static LeaveReason leave_reason = LEAVE_FAILED;
static TimestampTz rest_until = WORKER_NEVER;
static uint32 asks_seen;

/* What the slot becomes.  The lock is held. */
static WorkerState
state_after_me(bool asked)
{
	switch (leave_reason)
	{
		case LEAVE_ABSENT:
			return asked ? WORKER_WANTED : WORKER_ABSENT;
		case LEAVE_EXCLUDED:
			return my_place.slot->excluded ? WORKER_EXCLUDED : WORKER_WANTED;
		case LEAVE_IDLE:
			return asked ? WORKER_WANTED : WORKER_RESTING;
		case LEAVE_FAILED:
		case LEAVE_AGAIN:
			break;
	}
	return WORKER_WANTED;
}

/* Hands the slot back; runs when the process is no longer seen in the database. */
static void
detach_slot(int code, Datum arg)
{
	WorkerSlot *slot = my_place.slot;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if (slot->generation == my_place.generation)
	{
		bool		sound = TimestampDifferenceExceeds(slot->started_at, now, SOUND_LIFE_MS);
		bool		asked = (slot->asks != asks_seen);

		slot->pid = 0;
		slot->latch = NULL;
		slot->state = state_after_me(asked);
		slot->start_at = (slot->state == WORKER_RESTING) ? rest_until : 0;
		pg_atomic_write_u64(&slot->next_wake,
							(uint64) (slot->start_at ? slot->start_at : WORKER_AWAKE));
		if (leave_reason != LEAVE_FAILED)
			slot->failures = 0;
		else
		{
			slot->failures = sound ? 1 : slot->failures + 1;
			slot->restarts++;
		}
	}
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
	worker_wake_launcher();
}

/* Ends the process; its slot becomes what the reason says. */
void
worker_leave(LeaveReason reason)
{
	leave_reason = reason;
	proc_exit(0);
}

/* Takes the slot that the launcher had in mind; false: that is no longer so. */
bool
worker_attach(void)
{
	WorkerOrder order;
	bool		ours;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	my_place.entry = &worker_shared->databases[order.entry];
	my_place.slot = &my_place.entry->slots[order.slot];
	my_place.job_id = order.slot / WORKER_PROCESSES;
	my_place.number = order.slot % WORKER_PROCESSES;
	my_place.job = worker_jobs[my_place.job_id];
	my_place.database = order.database;
	my_place.generation = order.generation;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	ours = (my_place.slot->generation == my_place.generation &&
			my_place.entry->database == my_place.database &&
			my_place.slot->state == WORKER_STARTING);
	if (ours)
	{
		pg_atomic_write_u64(&my_place.slot->next_wake, (uint64) WORKER_AWAKE);
		my_place.slot->started_at = GetCurrentTimestamp();
		my_place.slot->pid = MyProcPid;
		my_place.slot->latch = MyLatch;
		asks_seen = my_place.slot->asks;
	}
	LWLockRelease(worker_shared->lock);
	if (ours)
		on_shmem_exit(detach_slot, 0);
	return ours;
}

/*
 * Leaves if the database is to be free of connections, or may have no worker,
 * or not so many.
 */
void
worker_leave_if_told(void)
{
	bool		held,
				excluded;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	held = (my_place.entry->held > 0);
	excluded = my_place.slot->excluded;
	asks_seen = my_place.slot->asks;
	LWLockRelease(worker_shared->lock);
	if (held)
		worker_leave(LEAVE_AGAIN);
	if (excluded)
		worker_leave(LEAVE_EXCLUDED);
	if (my_place.number > 0 && my_place.number >= worker_job_most(my_place.job))
		worker_leave(LEAVE_IDLE);
}

/* Leaves for want of work; start_at is when there is some. */
void
worker_leave_to_rest(TimestampTz start_at)
{
	rest_until = start_at;
	worker_leave(LEAVE_IDLE);
}

/* The process has found the extension. */
void
worker_settled(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	my_place.slot->state = WORKER_RUNNING;
	LWLockRelease(worker_shared->lock);
	worker_wake_launcher();
}

/* Without a latch to set, who commits work asks for a process. */
void
worker_show_latch(bool show)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	my_place.slot->latch = show ? MyLatch : NULL;
	LWLockRelease(worker_shared->lock);
}
