/*
 * http_request.c: what happens before PostgREST calls a function.
 *
 * PostgREST runs it in the transaction of the request, as the role that the
 * token names, and hands over the request in settings.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "arguments.h"
#include "errors.h"
#include "rate_limit.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_begin_http_request);

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
	{"/rpc/pay", RATE_CHANGE},
	{"/rpc/release", RATE_CHANGE},
	{"/rpc/cancel", RATE_CHANGE},
	{"/rpc/payment_webhook", RATE_WEBHOOK},
	{"/rpc/settle_payment", RATE_WEBHOOK},
};

static RateGroup
group_of(const char *path)
{
	for (int i = 0; path != NULL && i < lengthof(groups); i++)
		if (strcmp(path, groups[i].path) == 0)
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
