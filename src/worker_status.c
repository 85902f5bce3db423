/*
 * worker_status.c: what a person sees of the workers.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "errors.h"
#include "worker_shared.h"

PG_FUNCTION_INFO_V1(tixbook_worker_status);

static Datum
lag_interval(int64 microseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	return IntervalPGetDatum(interval);
}

#define STATUS_COLUMNS 21

/* The instant when the process looks again, or is started again, unasked; false: there is none. */
static bool
get_next_wake(const WorkerSlot *slot, TimestampTz *at)
{
	*at = (TimestampTz) pg_atomic_read_u64((pg_atomic_uint64 *) &slot->next_wake);
	return (slot->pid != 0 || slot->state == WORKER_RESTING) &&
		*at != WORKER_AWAKE && *at != WORKER_DEAF;
}

static void
put_status(ReturnSetInfo *rsinfo, Oid database, int number, const WorkerSlot *slot)
{
	static const char *const state_names[] = {
		"absent", "excluded", "resting", "wanted", "starting", "running"
	};
	const WorkerJobInfo *job = worker_slot_job(number);
	char	   *database_name = get_database_name(database);
	bool		expires = (job == &worker_expiry_job);
	TimestampTz next_wake;
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS] = {0};
	int			n = 0;

	values[n++] = ObjectIdGetDatum(database);
	nulls[n] = (database_name == NULL);
	values[n++] = database_name ? CStringGetTextDatum(database_name) : (Datum) 0;
	values[n++] = CStringGetTextDatum(state_names[slot->state]);
	nulls[n] = (slot->pid == 0);
	values[n++] = Int32GetDatum((int32) slot->pid);
	nulls[n] = (slot->started_at == 0);
	values[n++] = TimestampTzGetDatum(slot->started_at);
	nulls[n] = !get_next_wake(slot, &next_wake);
	values[n++] = TimestampTzGetDatum(next_wake);
	values[n++] = Int64GetDatum(slot->restarts);
	values[n++] = Int64GetDatum(slot->stats.wake_ups);
	values[n++] = Int64GetDatum(slot->stats.batches);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_DONE]);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_KEYS_PURGED]);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_HOLDS_PURGED]);
	values[n++] = lag_interval(slot->stats.last_lag);
	values[n++] = lag_interval(slot->stats.max_lag);
	values[n++] = Int64GetDatum(slot->stats.errors);
	nulls[n] = (slot->stats.last_error_at == 0);
	values[n++] = TimestampTzGetDatum(slot->stats.last_error_at);
	values[n++] = CStringGetTextDatum(job->name);
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_DONE]);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_REQUESTS_PURGED]);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_ENTRIES_PURGED]);
	nulls[n] = !expires;
	values[n++] = Int64GetDatum(slot->stats.counts[COUNT_DEAD_LETTERS_PURGED]);
	Assert(n == STATUS_COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* worker_status(): a row a process that there is, or is to be. */
Datum
tixbook_worker_status(PG_FUNCTION_ARGS)
{
	WorkerDatabase *copy;
	int			count;

	if (worker_shared == NULL)
	{
		Refusal		refusal = {REASON_PRELOAD_REQUIRED, "a background worker", NULL};

		refusal_raise(&refusal);
	}
	InitMaterializedSRF(fcinfo, 0);

	/* Copied first: looking up names takes locks of its own. */
	count = worker_shared->entry_count;
	copy = palloc(count * sizeof(WorkerDatabase));
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	memcpy(copy, worker_shared->databases, count * sizeof(WorkerDatabase));
	LWLockRelease(worker_shared->lock);

	for (int i = 0; i < count; i++)
		for (int j = 0; j < WORKER_SLOTS; j++)
			if (copy[i].database != InvalidOid && copy[i].slots[j].state != WORKER_ABSENT)
				put_status((ReturnSetInfo *) fcinfo->resultinfo, copy[i].database, j,
						   &copy[i].slots[j]);
	return (Datum) 0;
}
