/*
 * worker_shared.c: the slots that launcher, workers and backends share.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "compat.h"
#include "settings.h"
#include "worker.h"
#include "worker_held.h"
#include "worker_shared.h"
#include "worker_tell.h"

#define WORKER_TRANCHE "tixbook_worker"

WorkerShared *worker_shared = NULL;

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(WorkerShared, databases),
					mul_size(tixbook_max_databases, sizeof(WorkerDatabase)));
}

static void
request_shmem(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(WORKER_TRANCHE, 1);
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	worker_shared = ShmemInitStruct("tixbook workers", shared_size(), &found);
	if (!found)
	{
		memset(worker_shared, 0, shared_size());
		worker_shared->lock = &GetNamedLWLockTranche(WORKER_TRANCHE)->lock;
		worker_shared->entry_count = tixbook_max_databases;
		worker_shared->consider_all = true;
		ConditionVariableInit(&worker_shared->worker_gone);
		for (int i = 0; i < worker_shared->entry_count; i++)
			for (int j = 0; j < WORKER_SLOTS; j++)
				pg_atomic_init_u64(&worker_shared->databases[i].slots[j].next_wake,
								   (uint64) WORKER_AWAKE);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
worker_shmem_init(void)
{
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;

	worker_hooks_init();
	/* Called last to first: who commits an extension tells so before he lets go of its database. */
	worker_held_init();
	worker_tell_init();
	worker_launcher_register();
}

WorkerDatabase *
worker_database_find(Oid database)
{
	for (int i = 0; i < worker_shared->entry_count; i++)
		if (worker_shared->databases[i].database == database)
			return &worker_shared->databases[i];
	return NULL;
}

/* The most that any of its slots is in need of. */
static WorkerState
highest_state(const WorkerDatabase *entry)
{
	WorkerState highest = WORKER_ABSENT;

	for (int i = 0; i < WORKER_SLOTS; i++)
		highest = Max(highest, entry->slots[i].state);
	return highest;
}

/* An entry that no database needs, the least worth keeping first. */
static WorkerDatabase *
find_spare_entry(void)
{
	WorkerDatabase *spare = NULL;

	for (int i = 0; i < worker_shared->entry_count; i++)
	{
		WorkerDatabase *entry = &worker_shared->databases[i];
		WorkerState state = highest_state(entry);

		if (entry->database == InvalidOid)
			return entry;
		if (entry->held > 0 || state > WORKER_EXCLUDED)
			continue;
		if (spare == NULL || state < highest_state(spare))
			spare = entry;
	}
	return spare;
}

static void
clear_slot(WorkerSlot *slot)
{
	slot->state = WORKER_ABSENT;
	slot->asks = 0;
	slot->excluded = false;
	slot->failures = 0;
	slot->restarts = 0;
	slot->started_at = 0;
	slot->start_at = 0;
	memset(&slot->stats, 0, sizeof(slot->stats));
	pg_atomic_write_u64(&slot->next_wake, (uint64) WORKER_AWAKE);
}

/* The entry of the database, made if need be; NULL: all are in use. */
WorkerDatabase *
worker_database_claim(Oid database)
{
	WorkerDatabase *entry = worker_database_find(database);

	if (entry != NULL)
		return entry;
	entry = find_spare_entry();
	if (entry == NULL)
		return NULL;

	entry->database = database;
	for (int i = 0; i < WORKER_SLOTS; i++)
		clear_slot(&entry->slots[i]);
	return entry;
}

void
worker_wake_launcher(void)
{
	Latch	   *latch = worker_shared->launcher_latch;

	if (latch != NULL)
		SetLatch(latch);
}

/* Notes an ask; true: the launcher is to be told.  The lock is held. */
static bool
ask_slot(WorkerSlot *slot, TimestampTz at)
{
	slot->asks++;
	if (slot->state >= WORKER_WANTED)
		return slot->state == WORKER_WANTED;
	if (slot->state == WORKER_RESTING && slot->start_at <= at)
		return false;
	slot->state = (at == 0) ? WORKER_WANTED : WORKER_RESTING;
	slot->start_at = at;
	pg_atomic_write_u64(&slot->next_wake, (uint64) (at == 0 ? WORKER_AWAKE : at));
	return true;
}

/*
 * Asks for a process of the job in the database, at that instant (0: now);
 * one that runs looks around.  Called at commit, so it must not fail.
 */
void
worker_ask(Oid database, WorkerJob job, int number, TimestampTz at)
{
	WorkerDatabase *entry;
	Latch	   *latch = NULL;
	bool		wake_launcher = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_claim(database);
	if (entry == NULL)
	{
		wake_launcher = !worker_shared->entries_short;
		worker_shared->entries_short = true;
	}
	else
	{
		WorkerSlot *slot = worker_slot(entry, job, number);

		latch = slot->latch;
		wake_launcher = ask_slot(slot, at);
	}
	LWLockRelease(worker_shared->lock);

	if (latch != NULL)
		SetLatch(latch);
	if (wake_launcher)
		worker_wake_launcher();
}

/* Asks for the processes that always run. */
void
worker_ask_standing(Oid database)
{
	for (int job = 0; job < WORKER_JOBS; job++)
		if (worker_jobs[job] != NULL && worker_jobs[job]->standing)
			worker_ask(database, job, 0, 0);
}

/* Makes all workers of the database look whether they are still needed. */
void
worker_nudge(Oid database)
{
	WorkerDatabase *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_find(database);
	for (int i = 0; entry != NULL && i < WORKER_SLOTS; i++)
	{
		WorkerSlot *slot = &entry->slots[i];

		if (slot->latch != NULL)
			SetLatch(slot->latch);
		if (slot->state == WORKER_RESTING)
			slot->state = WORKER_ABSENT;
	}
	LWLockRelease(worker_shared->lock);
}

void
worker_consider_all(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = true;
	LWLockRelease(worker_shared->lock);
	worker_wake_launcher();
}

uint32
worker_wait_event(void)
{
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = compat_wait_event("TixbookWorker");
	return wait_event;
}
