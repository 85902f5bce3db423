/*
 * bench_refusal.c: raises a refusal and does nothing else.
 *
 * It is the least that any refusal can cost.  What it says comes from the
 * settings bench.code, bench.message, bench.detail and bench.hint, so that
 * it can say to the letter what tixbook says.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

static char *code = NULL;
static char *message = NULL;
static char *detail = NULL;
static char *hint = NULL;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("bench.code", "SQLSTATE of the refusal.", NULL,
							   &code, "TB000", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("bench.message", "Message of the refusal.", NULL,
							   &message, "refused", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("bench.detail", "Detail of the refusal.", NULL,
							   &detail, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("bench.hint", "Hint of the refusal.", NULL,
							   &hint, "", PGC_USERSET, 0, NULL, NULL, NULL);
}

PG_FUNCTION_INFO_V1(bench_refuse);
Datum
bench_refuse(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
			 errmsg_internal("%s", message),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}
