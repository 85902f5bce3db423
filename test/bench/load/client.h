/* client.h: one connection (or more) that makes calls, and the kinds of it. */
#ifndef CLIENT_H
#define CLIENT_H

#include "load.h"
#include "script.h"
#include "tally.h"

typedef struct Client Client;

/* What a kind of client can do.  None of it may wait, but for open and prepare. */
typedef struct ClientKind
{
	const char *name;
	/* Connects; client_watch tells the loop of each socket. */
	void		(*open) (Client *client, const Options *options);
	/* Makes the script ready; called before the first call of each script. */
	void		(*prepare) (Client *client, Script *script);
	/* Sends the first request of a call; true: it is over already. */
	bool		(*begin) (Client *client);
	/* Goes on when there is something to read; true: the call is over. */
	bool		(*resume) (Client *client);
} ClientKind;

/* Its kind puts its own struct around this one. */
struct Client
{
	const ClientKind *kind;
	int			number;
	int			epoll;
	Script	   *script;
	Variables	variables;
	Tally	   *tally;
	bool		busy;			/* in a call */
	bool		done;			/* with the script */
	double		due;			/* when its next call may begin */
	double		began;
	const char *code;			/* how the call that is over ended */
	const char *message;		/* what an error said */
};

extern const ClientKind postgres_kind,
			mariadb_kind,
			redis_kind;

extern Client *postgres_client(void);
extern Client *mariadb_client(void);
extern Client *redis_client(void);

/* The loop is to resume the client when there is something to read. */
extern void client_watch(Client *client, int socket);

#define CODE_SUCCESS "00000"

#endif
