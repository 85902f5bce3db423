/* pg_call.h: a script run on a PostgreSQL connection, without waiting. */
#ifndef PG_CALL_H
#define PG_CALL_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "client.h"

typedef struct PgCall
{
	const char *conninfo;
	PGconn	   *connection;
	bool		connecting;
	int			statement;		/* the one that runs */
	char		code[CODE_SIZE];
	char		message[MESSAGE_SIZE];
} PgCall;

extern void pg_call_open(PgCall *call, Client *client, const Options *options);
extern void pg_call_prepare(PgCall *call, Script *script);
extern void pg_call_begin(PgCall *call, Client *client);

/* True: the script is through, or one of its statements failed; code and message tell. */
extern bool pg_call_resume(PgCall *call, Client *client);

/* Reads the lists of a script, once for all clients. */
extern void pg_load_lists(Script *script, const Options *options);

#endif
