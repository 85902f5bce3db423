/*
 * Refusals: what the product answers when it will not do what was asked.
 *
 * Inside, a refusal is a value: functions return false and fill a Refusal in.
 * Only an SQL entry point raises it, so that a batch can serve many wishes
 * without savepoints.
 */
#ifndef TIXBOOK_ERRORS_H
#define TIXBOOK_ERRORS_H

#include "compat.h"

typedef enum Reason
{
	REASON_NONE = 0,
#define REFUSAL(symbol, name, sqlstate, http, message, hint) REASON_##symbol,
#include "refusals.def"
#undef REFUSAL
	REASON_COUNT
} Reason;

typedef struct Refusal
{
	Reason		reason;
	char	   *subject;		/* what it is about, in a person's words */
	char	   *detail;			/* JSON object, or NULL */
} Refusal;

/* Fills the refusal in and returns false; detail_format makes a JSON object. */
extern bool refuse(Refusal *refusal, Reason reason, const char *subject,
				   const char *detail_format,...) pg_attribute_printf(4, 5);
/* Others are deciding on it; the detail says when to try again. */
extern bool refuse_busy(Refusal *refusal, const char *subject, int32 event_id);

pg_noreturn extern void refusal_raise(const Refusal *refusal);

/* By which it is known outside. */
extern const char *refusal_name(Reason reason);

/* Text as a JSON string, quotes included. */
extern char *json_quote(const char *text);

#endif
