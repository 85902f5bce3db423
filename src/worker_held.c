/*
 * worker_held.c: databases that are held back: their workers leave, and none
 * is started until all who hold them have let go.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "utils/memutils.h"

#include "worker_held.h"
#include "worker_shared.h"

/* How long a worker that is asked to leave may finish what it does. */
#define LEAVE_GRACE_MS			200

/* Databases that this session holds back until its transaction ends. */
static List *databases_held = NIL;

/*
 * The database of a slot may have gone, or have another name or place: the
 * launcher judges again.  true: it is to be told.
 */
static bool
let_go_slot(WorkerSlot *slot)
{
	if (slot->state == WORKER_EXCLUDED || slot->state == WORKER_RESTING)
		slot->state = WORKER_WANTED;
	return slot->state == WORKER_WANTED;
}

/* Lets go of a database held back; the workers that it had are started again. */
void
worker_unhold(Oid database)
{
	WorkerDatabase *entry;
	bool		start = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_find(database);
	if (entry != NULL && entry->held > 0 && --entry->held == 0)
		for (int i = 0; i < WORKER_SLOTS; i++)
			start |= let_go_slot(&entry->slots[i]);
	LWLockRelease(worker_shared->lock);
	if (start)
		worker_wake_launcher();
}

/* Wakes the workers of a database that is held back; false: there are none. */
static bool
tell_to_leave(WorkerDatabase *entry)
{
	bool		any = false;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot *slot = &entry->slots[i];

		any |= (slot->pid != 0 || slot->state == WORKER_STARTING);
		if (slot->latch != NULL)
			SetLatch(slot->latch);
	}
	LWLockRelease(worker_shared->lock);
	return any;
}

static void
terminate_workers(WorkerDatabase *entry)
{
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < WORKER_SLOTS; i++)
		if (entry->slots[i].pid != 0)
			kill(entry->slots[i].pid, SIGTERM);
	LWLockRelease(worker_shared->lock);
}

/*
 * Waits until the workers of a database that is held back have gone: they
 * leave by themselves where they can, else they are terminated.
 */
static void
wait_for_workers_to_leave(WorkerDatabase *entry)
{
	TimestampTz patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_GRACE_MS);

	ConditionVariablePrepareToSleep(&worker_shared->worker_gone);
	while (tell_to_leave(entry))
	{
		(void) ConditionVariableTimedSleep(&worker_shared->worker_gone, LEAVE_GRACE_MS,
										   worker_wait_event());
		if (GetCurrentTimestamp() < patience)
			continue;
		terminate_workers(entry);
		patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_GRACE_MS);
	}
	ConditionVariableCancelSleep();
}

static void
remember_held(Oid database)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	databases_held = lappend_oid(databases_held, database);
	MemoryContextSwitchTo(old);
}

/* Holds the database back until the transaction ends, and waits until its workers have gone. */
void
worker_hold(Oid database)
{
	WorkerDatabase *entry;

	remember_held(database);
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_claim(database);
	if (entry != NULL)
		entry->held++;
	LWLockRelease(worker_shared->lock);

	if (entry != NULL)
		wait_for_workers_to_leave(entry);
	else
		databases_held = list_delete_last(databases_held);
}

int
worker_held_count(void)
{
	return list_length(databases_held);
}

/* Lets go of all that are held but the first so many. */
void
worker_let_go(int but)
{
	while (list_length(databases_held) > but)
	{
		Oid			database = llast_oid(databases_held);

		databases_held = list_delete_last(databases_held);
		worker_unhold(database);
	}
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		worker_let_go(0);
}

void
worker_held_init(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
}
