/*
 * request_purge.c: requests that have ended go when nobody will ask for them
 * any more.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "requests.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_purge_requests);

static bool
kept_for_ever(void)
{
	return tixbook_ended_request_ttl < 0;
}

static int64
ttl(void)
{
	return (int64) tixbook_ended_request_ttl * USECS_PER_SEC;
}

/* Deletes the request just found, unless somebody else has it in hands or it waits again. */
static bool
delete_found(void *with, TimestampTz *over_at)
{
	Requests   *requests = with;
	Request		request;

	request_found(requests, &request);
	*over_at = request.ended_at;
	if (!request_lock_found(requests, &request) || request.ended_at == 0)
		return false;
	store_delete(&requests->store, &request.tid);
	return true;
}

/*
 * Deletes up to batch requests whose time is over, in the current transaction,
 * and returns how many; those that others have locked are left.
 */
int
requests_purge(int batch, PurgeWalk *walk)
{
	Requests	requests;
	int			purged;

	if (kept_for_ever())
		return 0;
	requests_open(&requests, STORE_REQUEST_ENDED);
	purged = purge_walk(walk, &requests.scan, GetCurrentTimestamp() - ttl(), batch, delete_found, &requests);
	requests_close(&requests);
	CommandCounterIncrement();
	return purged;
}

/* When the next request's time is over; false: there is none. */
bool
requests_next_purge(TimestampTz *due, PurgeWalk *walk)
{
	Requests	requests;
	Request		first;
	bool		found;

	if (kept_for_ever())
		return false;
	requests_open_to_read(&requests, STORE_REQUEST_ENDED);
	found = purge_walk_find(walk, &requests.scan);
	if (found)
	{
		request_found(&requests, &first);
		purge_walk_note(walk, first.ended_at);
		*due = first.ended_at + ttl();
	}
	requests_close_reading(&requests);
	return found;
}

/* purge_requests(batch integer) → integer */
Datum
tixbook_purge_requests(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_requests()");
	PG_RETURN_INT32(requests_purge(argument_batch(fcinfo, 0), NULL));
}
