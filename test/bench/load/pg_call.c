/* pg_call.c: a script run on a PostgreSQL connection, without waiting. */
#include "pg_call.h"

#include <stdio.h>
#include <string.h>

static PGconn *
connect_or_die(const Options *options)
{
	PGconn	   *connection = PQconnectdb(options->postgres);

	if (PQstatus(connection) != CONNECTION_OK)
		die("%s", PQerrorMessage(connection));
	return connection;
}

void
pg_call_open(PgCall *call, Client *client, const Options *options)
{
	call->conninfo = options->postgres;
	call->connection = connect_or_die(options);
	PQsetnonblocking(call->connection, 1);
	client_watch(client, PQsocket(call->connection));
}

/* Each statement gets the name of its number; those of the script before go. */
void
pg_call_prepare(PgCall *call, Script *script)
{
	if (script->simple)
		return;
	PQclear(PQexec(call->connection, "DEALLOCATE ALL"));
	for (int i = 0; i < script->nstatements; i++)
	{
		char		name[16];
		PGresult   *result;

		snprintf(name, sizeof(name), "s%d", i);
		result = PQprepare(call->connection, name, script->statements[i].sql, 0, NULL);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("%s: %s", script->statements[i].text, PQresultErrorMessage(result));
		PQclear(result);
	}
}

static int
send_prepared(PgCall *call, Client *client, const Statement *statement)
{
	const char *values[MAX_PARAMETERS];
	char		name[16] = {'s', (char) ('0' + call->statement)};

	for (int i = 0; i < statement->nparameters; i++)
		values[i] = client->variables.values[statement->parameters[i]];
	return PQsendQueryPrepared(call->connection, name, statement->nparameters, values, NULL, NULL,
							   client->script->binary);
}

static int
send_text(PgCall *call, Client *client, const Statement *statement)
{
	char		text[STATEMENT_SIZE];

	script_render(client->script, statement, &client->variables, text, sizeof(text));
	return PQsendQuery(call->connection, text);
}

static void
send_statement(PgCall *call, Client *client)
{
	const Statement *statement = &client->script->statements[call->statement];

	if (!(client->script->simple ? send_text : send_prepared) (call, client, statement))
		die("cannot send: %s", PQerrorMessage(call->connection));
	while (PQflush(call->connection) > 0)
		;						/* requests are far smaller than what a socket takes */
}

/* Goes on connecting; once connected the call begins. */
static void
go_on_connecting(PgCall *call, Client *client)
{
	PostgresPollingStatusType status;

	/* What it sends meanwhile is far smaller than what a socket takes. */
	do
		status = PQconnectPoll(call->connection);
	while (status == PGRES_POLLING_WRITING);
	if (status == PGRES_POLLING_FAILED)
		die("%s", PQerrorMessage(call->connection));
	call->connecting = (status != PGRES_POLLING_OK);
	if (call->connecting)
		return;
	PQsetnonblocking(call->connection, 1);
	send_statement(call, client);
}

static void
reconnect(PgCall *call, Client *client)
{
	PQfinish(call->connection);
	call->connection = PQconnectStart(call->conninfo);
	if (call->connection == NULL || PQstatus(call->connection) == CONNECTION_BAD)
		die("cannot connect: %s", PQerrorMessage(call->connection));
	client_watch(client, PQsocket(call->connection));
	go_on_connecting(call, client);
}

void
pg_call_begin(PgCall *call, Client *client)
{
	call->statement = 0;
	strcpy(call->code, CODE_SUCCESS);
	if (client->script->reconnects)
		reconnect(call, client);
	else
		send_statement(call, client);
}

/* The columns of the only row become variables, where a statement wants them. */
static void
keep_row(const PGresult *result, Client *client)
{
	if (PQntuples(result) != 1)
		die("%d rows to keep", PQntuples(result));
	for (int i = 0; i < PQnfields(result); i++)
	{
		int			variable = script_find(client->script, PQfname(result, i));

		if (variable >= 0)
			snprintf(client->variables.values[variable], VALUE_SIZE, "%s", PQgetvalue(result, 0, i));
	}
}

static void
keep_error(PgCall *call, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (code == NULL)
		die("the connection failed: %s", PQresultErrorMessage(result));
	snprintf(call->code, sizeof(call->code), "%s", code);
	snprintf(call->message, sizeof(call->message), "%s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

bool
pg_call_resume(PgCall *call, Client *client)
{
	if (call->connecting)
	{
		go_on_connecting(call, client);
		return false;
	}
	if (!PQconsumeInput(call->connection))
		die("the connection failed: %s", PQerrorMessage(call->connection));
	while (!PQisBusy(call->connection))
	{
		const Statement *statement = &client->script->statements[call->statement];
		PGresult   *result = PQgetResult(call->connection);

		if (result == NULL)
		{
			if (strcmp(call->code, CODE_SUCCESS) != 0 || ++call->statement == client->script->nstatements)
				return true;
			send_statement(call, client);
			return false;
		}
		if (PQresultStatus(result) == PGRES_TUPLES_OK && statement->gset)
			keep_row(result, client);
		else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			keep_error(call, result);
		PQclear(result);
	}
	return false;
}

static void
load_list(Setting *setting, PGconn *connection)
{
	PGresult   *result = PQexec(connection, setting->query);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("%s: %s", setting->query, PQresultErrorMessage(result));
	setting->length = PQntuples(result);
	setting->list = allocate((setting->length + 1) * VALUE_SIZE);
	for (int64_t i = 0; i < setting->length; i++)
		snprintf(setting->list[i], VALUE_SIZE, "%s", PQgetvalue(result, (int) i, 0));
	PQclear(result);
}

/* What the query of a list is to know, it knows from constants. */
static void
put_constants_in(const Script *script, Setting *setting)
{
	char		text[4096];
	int			n = 0;

	for (const char *at = setting->query; *at != '\0' && n < (int) sizeof(text) - VALUE_SIZE;)
	{
		int			found = -1;

		for (int i = 0; i < script->nvariables && *at == ':'; i++)
			if (strncmp(at + 1, script->names[i], strlen(script->names[i])) == 0 &&
				(found < 0 || strlen(script->names[i]) > strlen(script->names[found])))
				found = i;
		if (found < 0)
			text[n++] = *at++;
		else
		{
			n += sprintf(text + n, "%s", script->constants[found]);
			at += 1 + strlen(script->names[found]);
		}
	}
	text[n] = '\0';
	setting->query = strdup(text);
}

void
pg_load_lists(Script *script, const Options *options)
{
	PGconn	   *connection = NULL;

	for (int i = 0; i < script->nsettings; i++)
	{
		Setting    *setting = &script->settings[i];

		if (setting->kind != SETTING_LIST)
			continue;
		if (connection == NULL)
			connection = connect_or_die(options);
		put_constants_in(script, setting);
		load_list(setting, connection);
	}
	PQfinish(connection);
}
