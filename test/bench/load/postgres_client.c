/* postgres_client.c: the script, on one connection to PostgreSQL. */
#include "pg_call.h"

typedef struct PostgresClient
{
	Client		client;
	PgCall		call;
} PostgresClient;

static void
postgres_open(Client *client, const Options *options)
{
	pg_call_open(&((PostgresClient *) client)->call, client, options);
}

static void
postgres_prepare(Client *client, Script *script)
{
	pg_call_prepare(&((PostgresClient *) client)->call, script);
}

static bool
postgres_begin(Client *client)
{
	pg_call_begin(&((PostgresClient *) client)->call, client);
	return false;
}

static bool
postgres_resume(Client *client)
{
	PgCall	   *call = &((PostgresClient *) client)->call;

	if (!pg_call_resume(call, client))
		return false;
	client->code = call->code;
	client->message = call->message;
	return true;
}

const ClientKind postgres_kind = {
	"postgres", postgres_open, postgres_prepare, postgres_begin, postgres_resume
};

Client *
postgres_client(void)
{
	return allocate(sizeof(PostgresClient));
}
