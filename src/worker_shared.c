/*
 * worker_shared.c: the slots that launcher, workers and backends share, and
 * what a person sees of them.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "settings.h"
#include "worker.h"
#include "worker_shared.h"

#define WORKER_TRANCHE "tixbook_worker"

WorkerShared *worker_shared = NULL;

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

PG_FUNCTION_INFO_V1(tixbook_worker_status);

static Size
shared_size(void)
{
	return add_size(offsetof(WorkerShared, slots),
					mul_size(tixbook_max_databases, sizeof(WorkerSlot)));
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
		worker_shared->slot_count = tixbook_max_databases;
		worker_shared->consider_all = true;
		ConditionVariableInit(&worker_shared->worker_gone);
		for (int i = 0; i < worker_shared->slot_count; i++)
			pg_atomic_init_u64(&worker_shared->slots[i].next_wake, (uint64) WORKER_AWAKE);
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
	worker_launcher_register();
}

WorkerSlot *
worker_slot_find(Oid database)
{
	for (int i = 0; i < worker_shared->slot_count; i++)
		if (worker_shared->slots[i].database == database)
			return &worker_shared->slots[i];
	return NULL;
}

/* A slot that no database needs, the least worth keeping first. */
static WorkerSlot *
find_spare_slot(void)
{
	WorkerSlot *spare = NULL;

	for (int i = 0; i < worker_shared->slot_count; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		if (slot->database == InvalidOid)
			return slot;
		if (slot->held > 0 || slot->state > WORKER_EXCLUDED)
			continue;
		if (spare == NULL || slot->state < spare->state)
			spare = slot;
	}
	return spare;
}

/* The slot of the database, made if need be; NULL: all slots are in use. */
WorkerSlot *
worker_slot_claim(Oid database)
{
	WorkerSlot *slot = worker_slot_find(database);

	if (slot != NULL)
		return slot;
	slot = find_spare_slot();
	if (slot == NULL)
		return NULL;

	slot->database = database;
	slot->state = WORKER_ABSENT;
	slot->asks = 0;
	slot->excluded = false;
	slot->failures = 0;
	slot->restarts = 0;
	slot->started_at = 0;
	slot->start_at = 0;
	memset(&slot->stats, 0, sizeof(slot->stats));
	pg_atomic_write_u64(&slot->next_wake, (uint64) WORKER_AWAKE);
	return slot;
}

void
worker_wake_launcher(void)
{
	Latch	   *latch = worker_shared->launcher_latch;

	if (latch != NULL)
		SetLatch(latch);
}

/*
 * Asks for a worker in the database; one that runs looks whether it is still
 * needed.  Called at commit, so it must not fail.
 */
void
worker_ask(Oid database)
{
	WorkerSlot *slot;
	Latch	   *latch = NULL;
	bool		wake_launcher = false;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot = worker_slot_claim(database);
	if (slot == NULL)
	{
		wake_launcher = !worker_shared->slots_short;
		worker_shared->slots_short = true;
	}
	else
	{
		slot->asks++;
		latch = slot->latch;
		if (slot->state <= WORKER_EXCLUDED)
		{
			slot->state = WORKER_WANTED;
			slot->start_at = 0;
		}
		wake_launcher = (slot->state == WORKER_WANTED);
	}
	LWLockRelease(worker_shared->lock);

	if (latch != NULL)
		SetLatch(latch);
	if (wake_launcher)
		worker_wake_launcher();
}

/* Makes the worker of the database, if there is one, look around. */
void
worker_nudge(Oid database)
{
	WorkerSlot *slot;
	Latch	   *latch;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	slot = worker_slot_find(database);
	latch = slot ? slot->latch : NULL;
	LWLockRelease(worker_shared->lock);

	if (latch != NULL)
		SetLatch(latch);
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

static Datum
lag_interval(int64 microseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	return IntervalPGetDatum(interval);
}

#define STATUS_COLUMNS 16

static void
put_status(ReturnSetInfo *rsinfo, const WorkerSlot *slot)
{
	static const char *const state_names[] = {"absent", "excluded", "wanted", "starting", "running"};
	int64		next_wake = (int64) pg_atomic_read_u64((pg_atomic_uint64 *) &slot->next_wake);
	char	   *database_name = get_database_name(slot->database);
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS] = {0};
	int			n = 0;

	values[n++] = ObjectIdGetDatum(slot->database);
	nulls[n] = (database_name == NULL);
	values[n++] = database_name ? CStringGetTextDatum(database_name) : (Datum) 0;
	values[n++] = CStringGetTextDatum(state_names[slot->state]);
	nulls[n] = (slot->pid == 0);
	values[n++] = Int32GetDatum((int32) slot->pid);
	nulls[n] = (slot->started_at == 0);
	values[n++] = TimestampTzGetDatum(slot->started_at);
	nulls[n] = (slot->pid == 0 || next_wake == WORKER_AWAKE || next_wake == WORKER_DEAF);
	values[n++] = TimestampTzGetDatum(next_wake);
	values[n++] = Int64GetDatum(slot->restarts);
	values[n++] = Int64GetDatum(slot->stats.wake_ups);
	values[n++] = Int64GetDatum(slot->stats.batches);
	values[n++] = Int64GetDatum(slot->stats.holds_expired);
	values[n++] = Int64GetDatum(slot->stats.purged[PURGE_KEYS]);
	values[n++] = Int64GetDatum(slot->stats.purged[PURGE_ENDED_HOLDS]);
	values[n++] = lag_interval(slot->stats.last_lag);
	values[n++] = lag_interval(slot->stats.max_lag);
	values[n++] = Int64GetDatum(slot->stats.errors);
	nulls[n] = (slot->stats.last_error_at == 0);
	values[n++] = TimestampTzGetDatum(slot->stats.last_error_at);
	Assert(n == STATUS_COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* worker_status(): a row a database that has, or is to have, a worker. */
Datum
tixbook_worker_status(PG_FUNCTION_ARGS)
{
	WorkerSlot *copy;
	int			count;

	if (worker_shared == NULL)
	{
		Refusal		refusal = {REASON_PRELOAD_REQUIRED, "a background worker", NULL};

		refusal_raise(&refusal);
	}
	InitMaterializedSRF(fcinfo, 0);

	/* Copied first: looking up names takes locks of its own. */
	count = worker_shared->slot_count;
	copy = palloc(count * sizeof(WorkerSlot));
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	memcpy(copy, worker_shared->slots, count * sizeof(WorkerSlot));
	LWLockRelease(worker_shared->lock);

	for (int i = 0; i < count; i++)
		if (copy[i].database != InvalidOid && copy[i].state != WORKER_ABSENT)
			put_status((ReturnSetInfo *) fcinfo->resultinfo, &copy[i]);
	return (Datum) 0;
}
