/*
 * Idempotency keys: the same request has its effect once, and gets the same
 * answer again.
 */
#ifndef TIXBOOK_IDEMPOTENCY_H
#define TIXBOOK_IDEMPOTENCY_H

#include "common/sha2.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "errors.h"
#include "purge_walk.h"

/* A request that carries a key. */
typedef struct KeyedRequest
{
	int32		event_id;
	const char *operation;
	const char *principal;		/* whose key it is */
	const char *key;
	uint8		fingerprint[PG_SHA256_DIGEST_LENGTH];
} KeyedRequest;

extern bool idempotency_request(KeyedRequest *request, int32 event_id, const char *operation,
								const char *customer, const char *key, const char *parameters,
								Refusal *refusal);
extern bool idempotency_begin(const KeyedRequest *request, Jsonb **response, Refusal *refusal);
extern void idempotency_store(const KeyedRequest *request, Jsonb *response);

/* Who purges again and again gives his walk; else it is NULL. */
extern int	idempotency_purge(int batch, PurgeWalk *walk);
extern bool idempotency_next_due(TimestampTz *due, PurgeWalk *walk);

#endif
