/*
 * Dispatch: outgoing HTTP calls, written with the change that they are about
 * and sent by a worker.  sql/dispatch.sql has the outbox and what becomes of
 * its rows, dispatch_send.c the network.
 */
#ifndef TIXBOOK_DISPATCH_H
#define TIXBOOK_DISPATCH_H

#include "lib/ilist.h"
#include "utils/timestamp.h"

/* A call to be made.  What may be NULL says so. */
typedef struct DispatchMessage
{
	const char *kind;			/* what its outcome means: see tixbook.handle_dispatch() */
	const char *destination;	/* an allowed one */
	const char *method;			/* GET, POST, PUT, PATCH, DELETE */
	const char *path;			/* appended to the destination's URL */
	const char *headers;		/* JSON object of strings; NULL: none */
	const char *body;			/* NULL: none */
	const char *ordering_key;	/* NULL: in any order */
	const char *idempotency_key;	/* NULL: one is made */
} DispatchMessage;

/*
 * Writes the call into the outbox with the current transaction, which sends
 * it by committing; *dispatch_id names it.  False: the destination is not
 * allowed.  Raises where the message is malformed.
 */
extern bool dispatch_enqueue(const DispatchMessage *message, int64 *dispatch_id);

/* dispatch_purge.c: dead letters. */
extern int	dead_letters_purge(int batch);
extern bool dead_letters_next_purge(TimestampTz *due);

/* An attempt to be made, all in memory of its own. */
typedef struct DispatchCall
{
	int64		dispatch_id;
	const char *url;
	const char *method;
	char	  **headers;		/* lines; NULL ends them */
	const char *body;			/* or NULL */
	int			timeout_ms;
	int			connect_timeout_ms;
	const char *certificate_authority;	/* PEM, or NULL: the system's */
	bool		plaintext;
} DispatchCall;

/* How a call ended. */
typedef struct DispatchResult
{
	dlist_node	node;
	int64		dispatch_id;
	int			http_status;
	int			retry_after_s;	/* that the receiver asked for; -1: nothing */
	const char *error;			/* NULL: there was an answer */
	const char *answer;			/* NULL: none, or it is no text of the database's encoding */
} DispatchResult;

/* dispatch_send.c: these two speak with the network, so no transaction may be open. */
extern void dispatch_send_start(const DispatchCall *call, MemoryContext memory);
extern bool dispatch_send_wait(TimestampTz until, int64 patient_until);
extern int	dispatch_send_count(void);
extern dlist_head *dispatch_send_results(void);
extern void dispatch_send_forget(DispatchResult *result);

#endif
