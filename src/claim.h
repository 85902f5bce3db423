/*
 * Claims: a transaction's right to decide on something that has no row yet.
 *
 * They are advisory locks of the server, in classes of their own, held until
 * the transaction ends.
 */
#ifndef TIXBOOK_CLAIM_H
#define TIXBOOK_CLAIM_H

#include "bounded_wait.h"
#include "store.h"

/* The class of an advisory lock (pg_locks.objsubid); 1 and 2 are the server's own. */
typedef enum ClaimKind
{
	CLAIM_IDEMPOTENCY_KEY = 3,
	CLAIM_CUSTOMER = 4,
	CLAIM_WAITING_FAN = 5,		/* on joining, starting a session, leaving */
	CLAIM_WAITING_ADDRESS = 6,
	CLAIM_WAITING_PLACES = 7,	/* shared by who comes, for himself by who strikes out who did not */
	CLAIM_WAITING_TICK = 8,
	CLAIM_REQUESTS = 16			/* the right to work off the requests of an event */
} ClaimKind;

extern bool claim_try(ClaimKind kind, int32 event_id, const char *name);
extern bool claim_shared_within(ClaimKind kind, int32 event_id, const char *name, BoundedWait *wait);
extern bool claim_within(ClaimKind kind, int32 event_id, const char *name, BoundedWait *wait);

#endif
