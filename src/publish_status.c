/*
 * publish_status.c: what a person sees of publishing.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "errors.h"
#include "worker_shared.h"

PG_FUNCTION_INFO_V1(tixbook_publish_status);

/* publish_status() → (publish, published, notified, failed, dropped) */
Datum
tixbook_publish_status(PG_FUNCTION_ARGS)
{
	static const WorkerCount shown[] = {COUNT_DONE, COUNT_NOTIFIED, COUNT_FAILED, COUNT_DROPPED};
	TupleDesc	descriptor;
	WorkerDatabase *entry;
	Datum		values[1 + lengthof(shown)];
	bool		nulls[1 + lengthof(shown)] = {0};

	if (worker_shared == NULL)
	{
		Refusal		refusal = {REASON_PRELOAD_REQUIRED, "publishing", NULL};

		refusal_raise(&refusal);
	}
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "publish_status must return a row");
	values[0] = CStringGetTextDatum(GetConfigOption("tixbook.publish", false, false));
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = worker_database_find(MyDatabaseId);
	for (int i = 0; i < lengthof(shown); i++)
		values[1 + i] = Int64GetDatum(entry == NULL ? 0 : worker_slot(entry, JOB_PUBLISH, 0)->stats.counts[shown[i]]);
	LWLockRelease(worker_shared->lock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
