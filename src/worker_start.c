/*
 * worker_start.c: the launcher starts what is wanted, and starts it again
 * when it dies.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"

#include "worker_start.h"

/* Workers at once on their way: server start must not use up the slots. */
#define MAX_STARTING			2

/* A worker that dies is started again at once; one that keeps dying, later and later. */
#define FIRST_RESTART_DELAY_MS	200
#define MAX_RESTART_DELAY_MS	30000

/* Nobody tells when a worker process slot is free again. */
#define FIRST_RETRY_DELAY_MS	1000
#define MAX_RETRY_DELAY_MS		10000

/* A clock that is set forward must not leave a worker at rest for longer. */
#define MAX_NAP_MS				(5 * 60 * 1000)

/* By entry and slot: the worker that was asked for and has not come yet. */
static BackgroundWorkerHandle **handles;

static MemoryContext start_context;
static int	retry_delay_ms = 0;

static int
grow_delay(int delay, int first, int most)
{
	return delay == 0 ? first : Min(delay * 2, most);
}

/* At once after the first failure. */
static TimestampTz
restart_time(TimestampTz now, int failures)
{
	int			delay = 0;

	for (int i = 1; i < failures && delay < MAX_RESTART_DELAY_MS; i++)
		delay = grow_delay(delay, FIRST_RESTART_DELAY_MS, MAX_RESTART_DELAY_MS);
	return TimestampTzPlusMilliseconds(now, delay);
}

/* A start that came to nothing: no process, or it died before it had its slot. */
static void
settle_failed_start(WorkerSlot *slot, BackgroundWorkerHandle **handle)
{
	bool		failed = false;
	pid_t		pid;

	if (*handle == NULL)
		return;
	if (slot->state == WORKER_STARTING && slot->pid == 0)
	{
		if (GetBackgroundWorkerPid(*handle, &pid) != BGWH_STOPPED)
			return;
		LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
		failed = (slot->state == WORKER_STARTING && slot->pid == 0);
		if (failed)
		{
			slot->failures++;
			slot->state = WORKER_WANTED;
			slot->start_at = restart_time(GetCurrentTimestamp(), slot->failures + 1);
		}
		LWLockRelease(worker_shared->lock);
		if (failed)
			ConditionVariableBroadcast(&worker_shared->worker_gone);
	}
	pfree(*handle);
	*handle = NULL;
}

void
worker_settle_failed_starts(void)
{
	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			settle_failed_start(&worker_shared->databases[i].slots[j], &handles[i * WORKER_SLOTS + j]);
}

static bool
register_worker(const WorkerOrder *order)
{
	BackgroundWorkerHandle **handle = &handles[order->entry * WORKER_SLOTS + order->slot];
	const char *name = worker_slot_job(order->slot)->process;
	BackgroundWorker worker = {0};
	MemoryContext old;
	bool		registered;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "tixbook", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "worker_hand_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, name, BGW_MAXLEN);
	memcpy(worker.bgw_extra, order, sizeof(*order));

	if (*handle != NULL)
		pfree(*handle);
	*handle = NULL;
	old = MemoryContextSwitchTo(start_context);
	registered = RegisterDynamicBackgroundWorker(&worker, handle);
	MemoryContextSwitchTo(old);
	return registered;
}

/* Starts the worker of a slot; false: the server has no process for it. */
static bool
start_worker(int entry_no, int slot_no)
{
	WorkerDatabase *entry = &worker_shared->databases[entry_no];
	WorkerSlot *slot = &entry->slots[slot_no];
	WorkerOrder order = {.entry = entry_no, .slot = slot_no};
	bool		start;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	start = (slot->state == WORKER_WANTED && entry->held == 0);
	if (start)
	{
		slot->state = WORKER_STARTING;
		slot->excluded = false;
		order.generation = ++slot->generation;
		order.database = entry->database;
	}
	LWLockRelease(worker_shared->lock);
	if (!start || register_worker(&order))
		return true;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	slot->state = WORKER_WANTED;
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
	return false;
}

static void
log_out_of_processes(const WorkerJobInfo *job)
{
	if (retry_delay_ms == 0)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("out of background worker slots for the %s", job->process),
				 job->standing ?
				 errdetail("Holds still end at their instant; their seats are given back"
						   " when they are asked for.") :
				 errdetail("What it is to do waits until there is one."),
				 errhint("You might need to increase \"max_worker_processes\".")));
	retry_delay_ms = grow_delay(retry_delay_ms, FIRST_RETRY_DELAY_MS, MAX_RETRY_DELAY_MS);
}

/* A worker that has just ended badly is started at once, or after a pause. */
static void
plan_restart(WorkerSlot *slot, TimestampTz now)
{
	if (slot->start_at == 0 && slot->failures > 0)
		slot->start_at = restart_time(now, slot->failures);
}

/* What is to be done about a slot, with its lock held: a rest that is over, a start that may be due. */
static void
plan_start(WorkerDatabase *entry, int slot_no, List *databases, TimestampTz now)
{
	WorkerSlot *slot = &entry->slots[slot_no];

	if (slot->state == WORKER_RESTING && slot->start_at <= now)
	{
		slot->state = WORKER_WANTED;
		slot->start_at = 0;
	}
	if (slot->state == WORKER_WANTED)
	{
		worker_judge_slot(slot, slot_no, worker_find_database(databases, entry->database));
		plan_restart(slot, now);
	}
}

/* A pass over all slots, and what it has come to. */
typedef struct StartPass
{
	List	   *databases;
	TimestampTz now;
	TimestampTz next;			/* when there is more to do, or WORKER_NEVER if that will be told */
	int			starting;
	bool		wanted;			/* there are slots without a process that they could have */
} StartPass;

/* Starts the worker of a slot if that is wanted and due; false: out of processes. */
static bool
start_if_due(StartPass *pass, int entry_no, int slot_no)
{
	WorkerDatabase *entry = &worker_shared->databases[entry_no];
	WorkerSlot *slot = &entry->slots[slot_no];
	TimestampTz soon = TimestampTzPlusMilliseconds(pass->now, MAX_NAP_MS);

	if (slot->state != WORKER_WANTED && slot->state != WORKER_RESTING)
		return true;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	plan_start(entry, slot_no, pass->databases, pass->now);
	LWLockRelease(worker_shared->lock);
	if (slot->state == WORKER_RESTING && slot->start_at != WORKER_NEVER)
		pass->next = Min(pass->next, Min(slot->start_at, soon));
	if (slot->state != WORKER_WANTED || entry->held > 0)
		return true;
	pass->wanted = true;
	if (slot->start_at > pass->now)
	{
		pass->next = Min(pass->next, slot->start_at);
		return true;
	}
	if (!start_worker(entry_no, slot_no))
		return false;
	pass->starting++;
	return true;
}

static int
count_starting(void)
{
	int			starting = 0;

	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			starting += (worker_shared->databases[i].slots[j].state == WORKER_STARTING);
	return starting;
}

/*
 * Starts what is wanted and due, job by job: no database's crew is to keep
 * another's expiry from running.  Returns when there is more to do, or
 * WORKER_NEVER if that will be told.
 */
TimestampTz
worker_start_wanted(List *databases)
{
	StartPass	pass = {databases, GetCurrentTimestamp(), WORKER_NEVER, count_starting()};

	for (int j = 0; j < WORKER_SLOTS; j++)
		for (int i = 0; i < worker_shared->entry_count; i++)
		{
			if (pass.starting >= MAX_STARTING)
				return pass.next;
			if (start_if_due(&pass, i, j))
				continue;
			log_out_of_processes(worker_slot_job(j));
			return Min(pass.next, TimestampTzPlusMilliseconds(pass.now, retry_delay_ms));
		}
	if (!pass.wanted)
		retry_delay_ms = 0;
	return pass.next;
}

/* Whether a worker is to be started, now or at its time. */
bool
worker_start_needed(void)
{
	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
		{
			WorkerSlot *slot = &worker_shared->databases[i].slots[j];

			if (slot->state == WORKER_WANTED ||
				(slot->state == WORKER_RESTING && slot->start_at != WORKER_NEVER))
				return true;
		}
	retry_delay_ms = 0;
	return false;
}

static void
start_anew(WorkerSlot *slot)
{
	if (slot->state == WORKER_STARTING && slot->pid == 0)
	{
		slot->generation++;
		slot->state = WORKER_WANTED;
	}
}

/*
 * A launcher that follows one that died: workers that run go on, they tell us
 * themselves when they end; starts on their way are made anew.
 */
void
worker_start_init(MemoryContext memory)
{
	start_context = memory;
	handles = MemoryContextAllocZero(memory, worker_shared->entry_count * WORKER_SLOTS *
									 sizeof(BackgroundWorkerHandle *));
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->consider_all = true;
	worker_shared->launcher_latch = MyLatch;
	for (int i = 0; i < worker_shared->entry_count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			start_anew(&worker_shared->databases[i].slots[j]);
	LWLockRelease(worker_shared->lock);
	ConditionVariableBroadcast(&worker_shared->worker_gone);
}
