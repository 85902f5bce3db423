/*
 * worker_dispatch.c: the job of sending what is in the outbox.
 *
 * A look writes down how calls ended and begins others; that committed, they
 * go out while no transaction is open.  So what is sent has always been
 * counted, and what was not counted has not been sent.  sql/dispatch.sql has
 * the rows, dispatch_send.c the network.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "dispatch.h"
#include "instant.h"
#include "settings.h"
#include "worker_job.h"

/*
 * Who commits a message sets the latch, and many do: one look serves those of
 * a moment.  Where the last one found nothing to do, the moment is longer.
 */
#define MOMENT_MS			10
#define IDLE_MOMENT_MS		100

/* A call that the transaction has begun, and that goes out when it has committed. */
typedef struct BegunCall
{
	dlist_node	node;
	MemoryContext memory;
	DispatchCall call;
} BegunCall;

/* In the order of their lives: of this transaction, and of those before it. */
static dlist_head beginning = DLIST_STATIC_INIT(beginning);
static dlist_head begun = DLIST_STATIC_INIT(begun);
static int	nbegun = 0;

/* Results that this transaction has written down, all older ones included. */
static DispatchResult *last_written = NULL;
static DispatchResult *last_committed = NULL;

static bool resumed = false;
static bool resuming = false;
static int64 looked_at = 0;	/* by the steady clock */
static bool found_nothing = false;


/* What becomes of them when the transaction ends: nothing here may fail. */

static void
end_of_look(XactEvent event, void *arg)
{
	bool		committed = (event == XACT_EVENT_COMMIT);

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	if (committed && last_written != NULL)
		last_committed = last_written;
	last_written = NULL;
	resumed |= committed && resuming;
	resuming = false;
	while (!dlist_is_empty(&beginning))
	{
		BegunCall  *call = dlist_container(BegunCall, node, dlist_pop_head_node(&beginning));

		if (committed)
			dlist_push_tail(&begun, &call->node);
		else
		{
			nbegun--;
			MemoryContextDelete(call->memory);
		}
	}
}

static void
forget_committed(void)
{
	while (last_committed != NULL)
	{
		DispatchResult *first = dlist_head_element(DispatchResult, node, dispatch_send_results());

		if (first == last_committed)
			last_committed = NULL;
		dispatch_send_forget(first);
	}
}

static void
send_begun(void)
{
	while (!dlist_is_empty(&begun))
	{
		BegunCall  *call = dlist_container(BegunCall, node, dlist_pop_head_node(&begun));

		nbegun--;
		dispatch_send_start(&call->call, call->memory);
	}
}


/* Within the transaction of a look */

static void
write_result(const DispatchResult *result)
{
	Oid			types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID, INT4OID};
	Datum		values[] = {
		Int64GetDatum(result->dispatch_id),
		Int32GetDatum(result->http_status),
		result->answer ? CStringGetTextDatum(result->answer) : (Datum) 0,
		result->error ? CStringGetTextDatum(result->error) : (Datum) 0,
		Int32GetDatum(result->retry_after_s),
	};
	char		nulls[] = {
		' ',
		result->http_status == 0 ? 'n' : ' ',
		result->answer == NULL ? 'n' : ' ',
		result->error == NULL ? 'n' : ' ',
		result->retry_after_s < 0 ? 'n' : ' ',
	};

	if (SPI_execute_with_args("SELECT tixbook.end_dispatch($1, $2, $3, $4, $5)",
							  lengthof(types), types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not write the end of a dispatch down");
}

static int
write_results(void)
{
	dlist_iter	iter;
	int			written = 0;

	dlist_foreach(iter, dispatch_send_results())
	{
		DispatchResult *result = dlist_container(DispatchResult, node, iter.cur);

		write_result(result);
		last_written = result;
		written++;
	}
	return written;
}

static char **
lines_of(Datum array)
{
	Datum	   *elements;
	int			n;
	char	  **lines;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	lines = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		lines[i] = TextDatumGetCString(elements[i]);
	lines[n] = NULL;
	return lines;
}

static char *
text_column(HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static Datum
column(HeapTuple tuple, int column)
{
	bool		isnull;

	return SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &isnull);
}

/* Copies what is to be sent into memory that outlives the transaction. */
static void
remember_call(HeapTuple tuple)
{
	MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "tixbook dispatch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	BegunCall  *call = palloc0(sizeof(BegunCall));

	call->memory = memory;
	dlist_push_tail(&beginning, &call->node);
	nbegun++;
	call->call.dispatch_id = DatumGetInt64(column(tuple, 1));
	call->call.url = text_column(tuple, 2);
	call->call.method = text_column(tuple, 3);
	call->call.headers = lines_of(column(tuple, 4));
	call->call.body = text_column(tuple, 5);
	call->call.timeout_ms = DatumGetInt32(column(tuple, 6));
	call->call.connect_timeout_ms = DatumGetInt32(column(tuple, 7));
	call->call.certificate_authority = text_column(tuple, 8);
	call->call.plaintext = DatumGetBool(column(tuple, 9));
	MemoryContextSwitchTo(old);
}

/* How many more calls may begin; the ones written down just now have ended. */
static int
room(int written)
{
	return tixbook_dispatch_concurrency - (dispatch_send_count() - written) - nbegun;
}

static int
begin_calls(int at_most)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(at_most)};
	int			n;

	if (at_most <= 0)
		return 0;
	if (SPI_execute_with_args("SELECT * FROM tixbook.begin_dispatches($1)",
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not begin dispatches");
	n = (int) SPI_processed;
	for (int i = 0; i < n; i++)
		remember_call(SPI_tuptable->vals[i]);
	return n;
}

static void
execute(const char *statement)
{
	if (SPI_execute(statement, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute: %s", statement);
}

/* What a worker before this one had under way has come to nothing that is known. */
static void
resume(void)
{
	if (resumed)
		return;
	execute("SELECT tixbook.resume_dispatches()");
	resuming = true;
}

static const char *
keep_interval(void)
{
	return psprintf("pg_catalog.make_interval(secs => %d)", tixbook_dispatch_ttl);
}

static bool
next_dispatch(bool is_full, TimestampTz *at)
{
	bool		isnull;

	execute(psprintf("SELECT tixbook.next_dispatch(%s, %s)", keep_interval(), is_full ? "true" : "false"));
	*at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return !isnull;
}

static void
look_into_outbox(WorkerLook *look, TimestampTz now)
{
	static bool watching = false;
	TimestampTz next;
	int			written,
				sent;

	if (!watching)
		RegisterXactCallback(end_of_look, NULL);
	watching = true;
	forget_committed();
	SPI_connect();
	resume();
	written = write_results();
	execute(psprintf("SELECT tixbook.tidy_dispatches(%s)", keep_interval()));
	sent = begin_calls(room(written));
	if (next_dispatch(room(written) <= 0, &next))
		look->wake_at = next;
	SPI_finish();

	look->counts[COUNT_DONE] = written;
	look->busy = dispatch_send_count() > written || nbegun > 0;
	found_nothing = (sent == 0 && written == 0);
	looked_at = steady_ms();
	/* What is due and was not begun is in other hands. */
	look->stuck = found_nothing && look->wake_at <= now;
}

/* Sends what has been begun, and waits for what comes of it. */
static void
wait_for_network(TimestampTz until)
{
	forget_committed();
	send_begun();
	(void) dispatch_send_wait(until, looked_at + (found_nothing ? IDLE_MOMENT_MS : MOMENT_MS));
}

/* Whether there is anything in the outbox to see to, also what a crash left behind. */
static bool
dispatch_next_due(TimestampTz *due)
{
	bool		found;

	/* An extension that is not updated yet has no outbox. */
	if (!OidIsValid(get_relname_relid("dispatch", get_namespace_oid("tixbook", true))))
		return false;
	SPI_connect();
	execute("SELECT 1 FROM tixbook.dispatch WHERE state = 'sending' LIMIT 1");
	found = (SPI_processed > 0);
	*due = GetCurrentTimestamp();
	if (!found)
		found = next_dispatch(false, due);
	SPI_finish();
	return found;
}

const WorkerJobInfo worker_dispatch_job = {
	.name = "dispatch",
	.process = "tixbook dispatch worker",
	.activity = "sending dispatches",
	.allowed = &tixbook_dispatch_worker,
	.durable = true,
	.look = look_into_outbox,
	.next_due = dispatch_next_due,
	.wait = wait_for_network,
};
