/*
 * dispatch.c: calls enter the outbox.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "as_owner.h"
#include "dispatch.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(tixbook_wake_dispatch);

#define MESSAGE_FIELDS 8

static SPIPlanPtr
write_plan(void)
{
	static SPIPlanPtr plan = NULL;

	if (plan == NULL)
	{
		Oid			types[MESSAGE_FIELDS] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID};

		plan = SPI_prepare("SELECT tixbook.write_dispatch($1, $2, $3, $4, $5, $6, $7, $8)",
						   MESSAGE_FIELDS, types);
		if (plan == NULL)
			elog(ERROR, "could not prepare the writing of a dispatch");
		SPI_keepplan(plan);
	}
	return plan;
}

static void
put_text(const char *text, int i, Datum *values, char *nulls)
{
	nulls[i] = text == NULL ? 'n' : ' ';
	values[i] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

bool
dispatch_enqueue(const DispatchMessage *message, int64 *dispatch_id)
{
	Datum		values[MESSAGE_FIELDS];
	char		nulls[MESSAGE_FIELDS];
	bool		not_allowed;
	AsOwner		saved;

	become_owner(&saved);
	put_text(message->kind, 0, values, nulls);
	put_text(message->destination, 1, values, nulls);
	put_text(message->method, 2, values, nulls);
	put_text(message->path, 3, values, nulls);
	nulls[4] = ' ';
	values[4] = DirectFunctionCall1(jsonb_in, CStringGetDatum(message->headers ? message->headers : "{}"));
	put_text(message->body, 5, values, nulls);
	put_text(message->ordering_key, 6, values, nulls);
	put_text(message->idempotency_key, 7, values, nulls);
	if (SPI_execute_plan(write_plan(), values, nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not write a dispatch");
	*dispatch_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &not_allowed));
	become_caller(&saved);
	if (not_allowed)
		return false;
	worker_due(JOB_DISPATCH, GetCurrentTimestamp());
	return true;
}

/* wake_dispatch() → void */
Datum
tixbook_wake_dispatch(PG_FUNCTION_ARGS)
{
	worker_due(JOB_DISPATCH, GetCurrentTimestamp());
	PG_RETURN_VOID();
}
