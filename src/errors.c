/*
 * errors.c: every refusal the product can make.
 *
 * The table is refusals.def; this file raises its entries and shows them to
 * SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"
#include "errors.h"
#include "settings.h"

typedef struct RefusalText
{
	const char *name;
	const char *sqlstate;
	int			http_status;
	const char *message;
	const char *hint;
} RefusalText;

static const RefusalText refusal_texts[REASON_COUNT] = {
#define REFUSAL(symbol, name, sqlstate, http, message, hint) \
	[REASON_##symbol] = {name, sqlstate, http, message, hint},
#include "refusals.def"
#undef REFUSAL
};

PG_FUNCTION_INFO_V1(tixbook_refuse);
PG_FUNCTION_INFO_V1(tixbook_refusals);
PG_FUNCTION_INFO_V1(tixbook_http_refusal);

bool
refuse(Refusal *refusal, Reason reason, const char *subject, const char *detail_format,...)
{
	StringInfoData detail;

	refusal->reason = reason;
	refusal->subject = pstrdup(subject);
	refusal->detail = NULL;
	if (detail_format == NULL)
		return false;

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, detail_format);
		needed = appendStringInfoVA(&detail, detail_format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	refusal->detail = detail.data;
	return false;
}

const char *
refusal_name(Reason reason)
{
	return refusal_texts[reason].name;
}

bool
refuse_busy(Refusal *refusal, const char *subject, int32 event_id)
{
	return refuse(refusal, REASON_BUSY, subject, "{\"event_id\": %d, \"retry_after_ms\": %d}",
				  event_id, Max(tixbook_lock_wait, 100));
}

/* The message with the subject in the place of its %s. */
static char *
message_with_subject(const char *message, const char *subject)
{
	const char *mark = strstr(message, "%s");

	if (mark == NULL)
		return pstrdup(message);
	return psprintf("%.*s%s%s", (int) (mark - message), message, subject, mark + 2);
}

/* When to try again, in whole seconds, if the detail says so; else 0. */
static int
retry_after(const char *detail)
{
	Jsonb	   *json;
	JsonbValue *value;

	if (detail == NULL || strstr(detail, "\"retry_after_ms\"") == NULL)
		return 0;
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(detail)));
	value = JB_ROOT_IS_OBJECT(json) ?
		getKeyJsonValueFromContainer(&json->root, "retry_after_ms", strlen("retry_after_ms"), NULL) : NULL;
	if (value == NULL || value->type != jbvNumeric)
		return 0;
	return (int) ((DatumGetInt64(DirectFunctionCall1(numeric_int8,
													 NumericGetDatum(value->val.numeric))) + 999) / 1000);
}

/* The body that a client of the HTTP API gets. */
static char *
http_body(const Refusal *refusal)
{
	const RefusalText *text = &refusal_texts[refusal->reason];
	const char *message = message_with_subject(text->message, refusal->subject ? refusal->subject : "");

	return psprintf("{\"code\": \"%s\", \"message\": %s, \"details\": %s, \"hint\": %s}",
					text->name, json_quote(message),
					refusal->detail ? json_quote(refusal->detail) : "null", json_quote(text->hint));
}

/* Status and headers that go with it. */
static char *
http_answer(const Refusal *refusal)
{
	const RefusalText *text = &refusal_texts[refusal->reason];
	int			seconds = retry_after(refusal->detail);
	StringInfoData answer;

	initStringInfo(&answer);
	appendStringInfo(&answer, "{\"status\": %d, \"headers\": {\"Cache-Control\": \"no-store\"",
					 text->http_status);
	/* PostgREST gives every 503 a Retry-After of its own, of 0 seconds; the edge sets that right. */
	if (seconds > 0)
		appendStringInfo(&answer, ", \"%s\": \"%d\"",
						 text->http_status == 503 ? "X-Retry-After" : "Retry-After", seconds);
	if (text->http_status == 401)
		appendStringInfoString(&answer, ", \"WWW-Authenticate\": \"Bearer\"");
	appendStringInfoString(&answer, "}}");
	return answer.data;
}

/* PostgREST makes the very answer of an error of this SQLSTATE and shape. */
pg_noreturn static void
raise_for_http(const Refusal *refusal)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T')),
			 errmsg_internal("%s", http_body(refusal)),
			 errdetail_internal("%s", http_answer(refusal))));
}

void
refusal_raise(const Refusal *refusal)
{
	const RefusalText *text = &refusal_texts[refusal->reason];
	const char *s = text->sqlstate;

	if (tixbook_http_refusals)
		raise_for_http(refusal);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
			 errmsg_internal("%s", message_with_subject(text->message,
														refusal->subject ? refusal->subject : "")),
			 refusal->detail ? errdetail_internal("%s", refusal->detail) : 0,
			 errhint("%s", text->hint)));
}

char *
json_quote(const char *text)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	escape_json(&quoted, text);
	return quoted.data;
}

static Reason
reason_by_name(const char *name)
{
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (strcmp(refusal_texts[i].name, name) == 0)
			return (Reason) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown reason of refusal: \"%s\"", name),
			 errhint("tixbook.refusals() lists the reasons.")));
}

/* The refusal that the arguments (reason text, detail jsonb, subject text) describe. */
static void
read_refusal(FunctionCallInfo fcinfo, Refusal *refusal)
{
	memset(refusal, 0, sizeof(Refusal));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reason must not be null")));
	refusal->reason = reason_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (!PG_ARGISNULL(1))
	{
		Jsonb	   *detail = PG_GETARG_JSONB_P(1);

		refusal->detail = JsonbToCString(NULL, &detail->root, VARSIZE(detail));
	}
	if (!PG_ARGISNULL(2))
		refusal->subject = text_to_cstring(PG_GETARG_TEXT_PP(2));
}

/* refuse(reason text, detail jsonb, subject text): raises; for the SQL parts. */
Datum
tixbook_refuse(PG_FUNCTION_ARGS)
{
	Refusal		refusal;

	read_refusal(fcinfo, &refusal);
	refusal_raise(&refusal);
}

static Datum
jsonb_datum(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/* http_refusal(reason text, detail jsonb, subject text) → (body, answer): the same, as a value. */
Datum
tixbook_http_refusal(PG_FUNCTION_ARGS)
{
	Refusal		refusal;
	TupleDesc	descriptor;
	Datum		values[2];
	bool		nulls[2] = {0};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "http_refusal must return a row");
	read_refusal(fcinfo, &refusal);
	values[0] = jsonb_datum(http_body(&refusal));
	values[1] = jsonb_datum(http_answer(&refusal));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* refusals(): the table, a row a reason. */
Datum
tixbook_refusals(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
	{
		const RefusalText *text = &refusal_texts[i];
		Datum		values[5];
		bool		nulls[5] = {0};

		values[0] = CStringGetTextDatum(text->name);
		values[1] = CStringGetTextDatum(text->sqlstate);
		values[2] = Int32GetDatum(text->http_status);
		values[3] = CStringGetTextDatum(text->message);
		values[4] = CStringGetTextDatum(text->hint);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
