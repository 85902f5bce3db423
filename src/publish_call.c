/*
 * publish_call.c: calls to the fan-out server.
 *
 * They are made like dispatches, to a destination that an administrator has
 * allowed, with its secrets, timeouts and breaker; but they stand in no outbox,
 * because what is lost is told anew.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "dispatch.h"
#include "instant.h"
#include "publish_call.h"

/* The most that a destination's concurrency can be. */
#define MAX_CALLS 100

typedef enum CallState
{
	CALL_NONE,
	CALL_BEGINNING,				/* in the current transaction */
	CALL_BEGUN,					/* and that has committed */
	CALL_SENT,
	CALL_SUCCEEDED,
	CALL_FAILED
} CallState;

typedef struct OpenCall
{
	CallState	state;
	PublishWhat what;
	int32		number;
	MemoryContext memory;		/* NULL once it is sent: it goes with the result */
	DispatchCall call;
} OpenCall;

static OpenCall calls[MAX_CALLS];

/* The destination as the current look has read it, in memory of its transaction. */
static DispatchCall destination;

/* What is to be written down of it. */
static bool may_have_failed = true;
static bool failed = false;
static bool succeeded = false;
static char last_error[200];
static int	pause_ms = 1000;
static TimestampTz not_before = 0;


/* When the transaction ends: nothing here may fail. */
static void
end_of_look(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	for (int i = 0; i < MAX_CALLS; i++)
		if (calls[i].state == CALL_BEGINNING)
			calls[i].state = (event == XACT_EVENT_COMMIT) ? CALL_BEGUN : CALL_FAILED;
}

int
publish_calls_under_way(void)
{
	int			n = 0;

	for (int i = 0; i < MAX_CALLS; i++)
		n += (calls[i].state != CALL_NONE);
	return n;
}


/* Within the transaction of a look */

static void
note_health(const char *error)
{
	Oid			type = TEXTOID;
	Datum		value = error == NULL ? (Datum) 0 : CStringGetTextDatum(error);
	const char	isnull = error == NULL ? 'n' : ' ';

	if (SPI_execute_with_args("SELECT tixbook.note_health('realtime', $1)", 1, &type, &value, &isnull,
							  false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not note how the fan-out server does");
}

static void
write_health(void)
{
	if (failed)
	{
		may_have_failed = true;
		not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
		note_health(last_error);
	}
	else if (succeeded && may_have_failed)
	{
		may_have_failed = false;
		note_health(NULL);
	}
	failed = succeeded = false;
}

static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

static char *
text_column(int number)
{
	bool		isnull;
	Datum		value = column(number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int
int_column(int number)
{
	bool		isnull;

	return DatumGetInt32(column(number, &isnull));
}

static char **
lines_column(int number)
{
	bool		isnull;
	Datum	   *elements;
	int			n;
	char	  **lines;

	deconstruct_array(DatumGetArrayTypeP(column(number, &isnull)), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &n);
	lines = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		lines[i] = TextDatumGetCString(elements[i]);
	lines[n] = NULL;
	return lines;
}

/* Copies what SPI has found into the caller's memory; returns the room it has. */
static int
take_destination(TimestampTz *again_at)
{
	bool		isnull;
	Datum		closed_until = column(9, &isnull);

	if (!isnull)
	{
		*again_at = DatumGetTimestampTz(closed_until);
		return 0;
	}
	destination.url = text_column(1);
	destination.headers = lines_column(2);
	destination.timeout_ms = int_column(3);
	destination.connect_timeout_ms = int_column(4);
	destination.certificate_authority = text_column(5);
	destination.plaintext = DatumGetBool(column(6, &isnull));
	destination.method = "POST";
	pause_ms = int_column(7);
	return int_column(8);
}

int
publish_calls_room(TimestampTz *again_at)
{
	static bool watching = false;
	MemoryContext caller = CurrentMemoryContext;
	int			room = 0;

	if (!watching)
		RegisterXactCallback(end_of_look, NULL);
	watching = true;
	*again_at = DT_NOEND;
	SPI_connect();
	write_health();
	if (SPI_execute("SELECT * FROM tixbook.begin_publishing()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the destination of publications");
	if (SPI_processed > 0)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		room = take_destination(again_at);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	if (room > 0 && !has_come(not_before, GetCurrentTimestamp(), pause_ms))
	{
		*again_at = not_before;
		return 0;
	}
	return Max(Min(room, MAX_CALLS) - publish_calls_under_way(), 0);
}

static char **
copy_lines(char **lines)
{
	int			n = 0;
	char	  **copy;

	while (lines[n] != NULL)
		n++;
	copy = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		copy[i] = pstrdup(lines[i]);
	copy[n] = NULL;
	return copy;
}

static OpenCall *
free_call(void)
{
	for (int i = 0; i < MAX_CALLS; i++)
		if (calls[i].state == CALL_NONE)
			return &calls[i];
	elog(ERROR, "there are too many publications under way");
}

void
publish_call_begin(PublishWhat what, int32 number, const char *path, const char *body)
{
	OpenCall   *open = free_call();
	MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "tixbook publication", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);

	open->what = what;
	open->number = number;
	open->memory = memory;
	open->call = destination;
	open->call.dispatch_id = open - calls;
	open->call.url = psprintf("%s%s", destination.url, path);
	open->call.headers = copy_lines(destination.headers);
	open->call.body = pstrdup(body);
	if (destination.certificate_authority != NULL)
		open->call.certificate_authority = pstrdup(destination.certificate_authority);
	open->state = CALL_BEGINNING;
	MemoryContextSwitchTo(old);
}


/* Without a transaction */

static void
send_begun(void)
{
	for (int i = 0; i < MAX_CALLS; i++)
	{
		OpenCall   *open = &calls[i];

		if (open->state != CALL_BEGUN)
			continue;
		open->state = CALL_SENT;
		dispatch_send_start(&open->call, open->memory);
		open->memory = NULL;
	}
}

static void
note_result(const DispatchResult *result)
{
	OpenCall   *open = &calls[result->dispatch_id];

	if (result->error == NULL && result->http_status >= 200 && result->http_status < 300)
	{
		open->state = CALL_SUCCEEDED;
		succeeded = true;
		return;
	}
	open->state = CALL_FAILED;
	failed = true;
	if (result->error != NULL)
		strlcpy(last_error, result->error, sizeof(last_error));
	else
		snprintf(last_error, sizeof(last_error), "HTTP status %d", result->http_status);
}

static void
take_results(void)
{
	dlist_head *results = dispatch_send_results();

	while (!dlist_is_empty(results))
	{
		DispatchResult *result = dlist_head_element(DispatchResult, node, results);

		note_result(result);
		dispatch_send_forget(result);
	}
}

/* Something has come of calls: the next look sees to that, and begins others. */
static bool
any_ended(void)
{
	for (int i = 0; i < MAX_CALLS; i++)
		if (calls[i].state == CALL_SUCCEEDED || calls[i].state == CALL_FAILED)
			return true;
	return false;
}

void
publish_calls_wait(TimestampTz until)
{
	send_begun();
	while (!any_ended() && dispatch_send_wait(until, 0))
		take_results();
}

bool
publish_call_ended(PublishCall *call)
{
	for (int i = 0; i < MAX_CALLS; i++)
	{
		OpenCall   *open = &calls[i];

		if (open->state != CALL_SUCCEEDED && open->state != CALL_FAILED)
			continue;
		call->what = open->what;
		call->number = open->number;
		call->succeeded = (open->state == CALL_SUCCEEDED);
		if (open->memory != NULL)
			MemoryContextDelete(open->memory);
		open->memory = NULL;
		open->state = CALL_NONE;
		return true;
	}
	return false;
}
