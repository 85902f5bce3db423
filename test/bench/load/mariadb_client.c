/*
 * mariadb_client.c: the script, on one connection to MariaDB.
 *
 * A request is sent when a call begins, and its answer read when it is there:
 * the server sends it whole, so that reading it waits for nothing.
 */
#include <mariadb/mysql.h>
#include <string.h>

#include "client.h"

#define REQUEST_SIZE 4096

typedef struct MariadbClient
{
	Client		client;
	MYSQL	   *connection;
	char		code[CODE_SIZE];
} MariadbClient;

static void
mariadb_open(Client *client, const Options *options)
{
	MariadbClient *self = (MariadbClient *) client;

	self->connection = mysql_init(NULL);
	if (mysql_real_connect(self->connection, NULL, "root", NULL, "bench", 0, options->socket,
						   CLIENT_MULTI_RESULTS) == NULL)
		die("%s", mysql_error(self->connection));
	client_watch(client, (int) mysql_get_socket(self->connection));
}

static void
mariadb_prepare(Client *client, Script *script)
{
	if (script->nstatements != 1)
		die("a script for MariaDB has one statement");
}

static bool
mariadb_begin(Client *client)
{
	MariadbClient *self = (MariadbClient *) client;
	char		request[REQUEST_SIZE];
	int			length = script_render(client->script, &client->script->statements[0],
									   &client->variables, request, sizeof(request));

	if (mysql_send_query(self->connection, request, length) != 0)
		die("cannot send: %s", mysql_error(self->connection));
	return false;
}

/* 0: a result was read, and there is another; -1: it was the last; above: an error. */
static int
read_result(MYSQL *connection)
{
	MYSQL_RES  *result = mysql_store_result(connection);

	if (result == NULL && mysql_errno(connection) != 0)
		return 1;
	mysql_free_result(result);
	return mysql_next_result(connection);
}

static bool
mariadb_resume(Client *client)
{
	MariadbClient *self = (MariadbClient *) client;
	int			status = mysql_read_query_result(self->connection) ? 1 : 0;

	while (status == 0)
		status = read_result(self->connection);
	strcpy(self->code, status < 0 ? CODE_SUCCESS : mysql_sqlstate(self->connection));
	if (strncmp(self->code, "08", 2) == 0 || strcmp(self->code, "HY000") == 0)
		die("%s", mysql_error(self->connection));
	client->code = self->code;
	client->message = mysql_error(self->connection);
	return true;
}

const ClientKind mariadb_kind = {
	"mariadb", mariadb_open, mariadb_prepare, mariadb_begin, mariadb_resume
};

Client *
mariadb_client(void)
{
	return allocate(sizeof(MariadbClient));
}
