/*
 * http_request.c: the request that PostgREST hands over in settings, what
 * happens before it calls a function, and what goes with the answer.
 *
 * All of it runs in the transaction of the request, as the role that the token
 * names.  It is in C since every request passes through it: a function in SQL
 * would be planned anew each time.
 */
#include "postgres.h"

#include <ctype.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "arguments.h"
#include "errors.h"
#include "http_request.h"
#include "rate_limit.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_begin_http_request);
PG_FUNCTION_INFO_V1(tixbook_request_header);
PG_FUNCTION_INFO_V1(tixbook_current_customer);
PG_FUNCTION_INFO_V1(tixbook_request_address);
PG_FUNCTION_INFO_V1(tixbook_answer_with);

#define MAX_CUSTOMER_LENGTH 255

/* All others only look. */
static const struct
{
	const char *path;
	RateGroup	group;
}			groups[] =
{
	{"/rpc/sign_up", RATE_ACCOUNT},
	{"/rpc/log_in", RATE_ACCOUNT},
	{"/rpc/reserve", RATE_BOOKING},
	{"/rpc/reserve_seats", RATE_BOOKING},
	{"/rpc/join_waiting_room", RATE_CHANGE},
	{"/rpc/leave_waiting_room", RATE_CHANGE},
	{"/rpc/submit_request", RATE_BOOKING},
	{"/rpc/pay", RATE_CHANGE},
	{"/rpc/release", RATE_CHANGE},
	{"/rpc/cancel_request", RATE_CHANGE},
	{"/rpc/cancel", RATE_CHANGE},
	{"/rpc/payment_webhook", RATE_WEBHOOK},
	{"/rpc/settle_payment", RATE_WEBHOOK},
};

/* Whether the path is the one named, also with letters of it written as %xx, as PostgREST takes them. */
static bool
is_path(const char *path, const char *name)
{
	for (; *path != '\0' && *name != '\0'; path++, name++)
	{
		char		letter = *path;

		if (letter == '%' && isxdigit((unsigned char) path[1]) && isxdigit((unsigned char) path[2]))
		{
			char		digits[] = {path[1], path[2], '\0'};

			letter = (char) strtol(digits, NULL, 16);
			path += 2;
		}
		if (letter != *name)
			return false;
	}
	return *path == *name;
}

static RateGroup
group_of(const char *path)
{
	for (int i = 0; path != NULL && i < lengthof(groups); i++)
		if (is_path(path, groups[i].path))
			return groups[i].group;
	return RATE_BROWSE;
}

static void
set_for_transaction(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

/* A member, if it is a text, of the JSON object in a setting. */
static char *
member_of_setting(const char *setting, const char *name)
{
	const char *text = GetConfigOption(setting, true, false);
	Jsonb	   *json;
	JsonbValue *value;

	if (text == NULL || *text == '\0')
		return NULL;
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(json))
		return NULL;
	value = getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL);
	return value != NULL && value->type == jbvString ?
		pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

/* Takes as long wherever they differ; wanted is not empty. */
static bool
same_secret(const char *given, const char *wanted)
{
	size_t		length = strlen(given);
	unsigned char difference = length != strlen(wanted);

	for (size_t i = 0; i < length; i++)
		difference |= given[i] ^ wanted[i % strlen(wanted)];
	return difference == 0;
}

/* Who has one address of IPv6 has 2^64 of them; one of IPv4 may be written like it. */
static char *
network_of(char *address)
{
	Datum		network;

	if (strchr(address, ':') == NULL || strncmp(address, "::ffff:", 7) == 0)
		return address;
	network = DirectFunctionCall2(inet_set_masklen,
								  DirectFunctionCall1(inet_in, CStringGetDatum(address)),
								  Int32GetDatum(64));
	return TextDatumGetCString(DirectFunctionCall1(network_show,
												   DirectFunctionCall1(network_network, network)));
}

/*
 * Where the request comes from, as far as that is known: only who shows the
 * secret of the edge is believed what he says; those who go past the edge are
 * counted as one.  NULL: there is no secret, so no address is known.
 */
static char *
address_of_request(void)
{
	char	   *secret;
	char	   *address;

	if (tixbook_edge_secret == NULL || *tixbook_edge_secret == '\0')
		return NULL;
	secret = member_of_setting("request.headers", "x-edge-secret");
	address = member_of_setting("request.headers", "x-real-ip");
	if (secret == NULL || address == NULL || !same_secret(secret, tixbook_edge_secret))
		return pstrdup("past the edge");
	return network_of(address);
}

/* The customer of the request, NULL: none; false: the token should name one and does not. */
static bool
customer_of_request(char **customer, Refusal *refusal)
{
	*customer = member_of_setting("request.jwt.claims", "sub");
	if (*customer != NULL && **customer != '\0' && strlen(*customer) <= MAX_CUSTOMER_LENGTH)
		return true;
	*customer = NULL;
	return strcmp(GetUserNameFromId(GetUserId(), false), "tixbook_customer") != 0 ||
		refuse(refusal, REASON_AUTHENTICATION_REQUIRED, "this", "{\"claim\": \"sub\"}");
}

/* begin_http_request(): PostgREST's db-pre-request. */
Datum
tixbook_begin_http_request(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	RateGroup	group = group_of(GetConfigOption("request.path", true, false));
	char	   *address = address_of_request();
	char	   *customer;

	set_for_transaction("tixbook.http_refusals", "on");
	set_for_transaction("response.headers", "[{\"Cache-Control\": \"no-store\"}]");
	if (!customer_of_request(&customer, &refusal) ||
		(address != NULL && !rate_limit_take(RATE_ADDRESS, group, address, &refusal)) ||
		(customer != NULL && !rate_limit_take(RATE_CUSTOMER, group, customer, &refusal)))
		refusal_raise(&refusal);
	PG_RETURN_VOID();
}

static Datum
text_or_null(FunctionCallInfo fcinfo, const char *text)
{
	if (text == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

/* request_header(name text) → text, NULL without it */
Datum
tixbook_request_header(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, member_of_setting("request.headers",
												  text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

char *
http_customer(void)
{
	return member_of_setting("request.jwt.claims", "sub");
}

/* current_customer() → text, the subject of the token, NULL without one */
Datum
tixbook_current_customer(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, http_customer());
}

/* request_address() → text, the network of the request, NULL where nobody vouches for it */
Datum
tixbook_request_address(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, address_of_request());
}

static void
add_header(StringInfo list, const char *name, const char *value)
{
	appendStringInfo(list, "%s{%s: %s}", list->len > 1 ? ", " : "", json_quote(name), json_quote(value));
}

/* answer_with(status integer, headers jsonb): an object of texts; nothing is kept unless it says so. */
Datum
tixbook_answer_with(PG_FUNCTION_ARGS)
{
	Jsonb	   *headers = PG_GETARG_JSONB_P(1);
	JsonbIterator *iterator = JsonbIteratorInit(&headers->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	StringInfoData list;
	char	   *name = NULL;
	bool		cached = false;

	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && value.type == jbvString)
		{
			add_header(&list, name, pnstrdup(value.val.string.val, value.val.string.len));
			cached |= (strcmp(name, "Cache-Control") == 0);
		}
	}
	if (!cached)
		add_header(&list, "Cache-Control", "no-store");
	appendStringInfoChar(&list, ']');
	set_for_transaction("response.status", psprintf("%d", PG_GETARG_INT32(0)));
	set_for_transaction("response.headers", list.data);
	PG_RETURN_VOID();
}
