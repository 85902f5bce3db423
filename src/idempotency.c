/*
 * idempotency.c: keys, fingerprints, replay.
 *
 * After the IETF draft "The Idempotency-Key HTTP Header Field": a key belongs
 * to a principal and an operation; it commits with the effect of its request,
 * so there is never the one without the other.  Refusals are not kept: they
 * had no effect, and the same request may succeed later.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/cryptohash.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "claim.h"
#include "arguments.h"
#include "idempotency.h"
#include "settings.h"
#include "store.h"

PG_FUNCTION_INFO_V1(tixbook_purge_idempotency_keys);
PG_FUNCTION_INFO_V1(tixbook_begin_keyed_request);
PG_FUNCTION_INFO_V1(tixbook_end_keyed_request);
PG_FUNCTION_INFO_V1(tixbook_answer_replayed);

#define MAX_KEY_CHARS 255

enum
{
	COLUMN_EVENT_ID,
	COLUMN_OPERATION,
	COLUMN_PRINCIPAL,
	COLUMN_KEY,
	COLUMN_EXPIRES_AT,
	COLUMN_FINGERPRINT,
	COLUMN_RESPONSE,
	COLUMNS
};

/* Whether the last request with a key got the answer of an earlier one. */
static bool answer_replayed = false;

static bool
refuse_key(Refusal *refusal, const char *complaint)
{
	return refuse(refusal, REASON_IDEMPOTENCY_KEY_INVALID, complaint,
				  "{\"max_length\": %d}", MAX_KEY_CHARS);
}

/* The key without the quotes that the HTTP header may bring; false: malformed. */
static bool
bare_key(const char *key, const char **bare, Refusal *refusal)
{
	size_t		length = strlen(key);

	*bare = key;
	if (length >= 2 && key[0] == '"' && key[length - 1] == '"')
		*bare = pnstrdup(key + 1, length - 2);
	if (**bare == '\0')
		return refuse_key(refusal, "it is empty");
	if (pg_mbstrlen(*bare) > MAX_KEY_CHARS)
		return refuse_key(refusal, "it is too long");
	for (const char *c = *bare; *c != '\0'; c++)
		if ((unsigned char) *c < ' ' || *c == '"' || *c == 0x7f)
			return refuse_key(refusal, "it contains a quote or a control character");
	return true;
}

static void
compute_fingerprint(const char *operation, const char *parameters, uint8 *fingerprint)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	/* The zero byte ends the operation: it cannot be confused with the parameters. */
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) operation, strlen(operation) + 1) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) parameters, strlen(parameters)) < 0 ||
		pg_cryptohash_final(hash, fingerprint, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute the fingerprint of a request");
	pg_cryptohash_free(hash);
}

/*
 * Describes a request with a key; false: the key is malformed.  parameters is
 * their canonical text: equal requests have equal ones.
 */
bool
idempotency_request(KeyedRequest *request, int32 event_id, const char *operation,
					const char *customer, const char *key, const char *parameters,
					Refusal *refusal)
{
	if (!bare_key(key, &request->key, refusal))
		return false;
	request->event_id = event_id;
	request->operation = operation;
	/* Who names no customer shares keys only with the same database user. */
	request->principal = customer != NULL ? psprintf("customer:%s", customer) :
		psprintf("user:%s", GetUserNameFromId(GetSessionUserId(), false));
	compute_fingerprint(operation, parameters, request->fingerprint);
	return true;
}

static void
start_by_key(StoreScan *scan, const KeyedRequest *request)
{
	ScanKeyData keys[4];

	store_key_int4(&keys[0], 1, request->event_id);
	store_key_text(&keys[1], 2, request->operation);
	store_key_text(&keys[2], 3, request->principal);
	store_key_text(&keys[3], 4, request->key);
	store_scan_start(scan, keys, 4);
}

static void
forget_expired(StoreScan *scan)
{
	Store		store;

	store_open(&store, STORE_IDEMPOTENCY_KEY);
	(void) store_delete_found(&store, scan);
	store_close(&store);
}

/* What the key found says of the request: replay, or refuse. */
static bool
answer_from(StoreScan *scan, const KeyedRequest *request, Jsonb **response, Refusal *refusal)
{
	TupleTableSlot *slot = scan->slot;
	bytea	   *fingerprint = DatumGetByteaPP(slot->tts_values[COLUMN_FINGERPRINT]);

	if (VARSIZE_ANY_EXHDR(fingerprint) != PG_SHA256_DIGEST_LENGTH ||
		memcmp(VARDATA_ANY(fingerprint), request->fingerprint, PG_SHA256_DIGEST_LENGTH) != 0)
		return refuse(refusal, REASON_IDEMPOTENCY_KEY_REUSED, request->key,
					  "{\"event_id\": %d, \"operation\": \"%s\"}",
					  request->event_id, request->operation);
	*response = DatumGetJsonbPCopy(slot->tts_values[COLUMN_RESPONSE]);
	return true;
}

/*
 * Begins a request with a key.  True and a response: it has had its effect,
 * and that was the answer.  True and no response: go on, and store it.  False:
 * the key is in use, or was used for something else.
 */
bool
idempotency_begin(const KeyedRequest *request, Jsonb **response, Refusal *refusal)
{
	StoreScan	scan;
	bool		go_on = true;

	*response = NULL;
	answer_replayed = false;
	if (!claim_try(CLAIM_IDEMPOTENCY_KEY, request->event_id,
				   psprintf("%s %s %s", request->operation, request->principal, request->key)))
		return refuse(refusal, REASON_REQUEST_IN_PROGRESS, request->key,
					  "{\"event_id\": %d, \"operation\": \"%s\", \"retry_after_ms\": 1000}",
					  request->event_id, request->operation);

	store_scan_open(&scan, STORE_IDEMPOTENCY_KEY, STORE_IDEMPOTENCY_KEY_KEY);
	start_by_key(&scan, request);
	if (store_scan_next(&scan))
	{
		slot_getallattrs(scan.slot);
		if (DatumGetTimestampTz(scan.slot->tts_values[COLUMN_EXPIRES_AT]) <= GetCurrentTimestamp())
			forget_expired(&scan);
		else
			go_on = answer_from(&scan, request, response, refusal);
	}
	store_scan_close(&scan);
	answer_replayed = (*response != NULL);
	return go_on;
}

/* Stores the answer of a request that has just had its effect. */
void
idempotency_store(const KeyedRequest *request, Jsonb *response)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	bytea	   *fingerprint = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	Store		store;

	SET_VARSIZE(fingerprint, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	memcpy(VARDATA(fingerprint), request->fingerprint, PG_SHA256_DIGEST_LENGTH);
	values[COLUMN_EVENT_ID] = Int32GetDatum(request->event_id);
	values[COLUMN_OPERATION] = CStringGetTextDatum(request->operation);
	values[COLUMN_PRINCIPAL] = CStringGetTextDatum(request->principal);
	values[COLUMN_KEY] = CStringGetTextDatum(request->key);
	values[COLUMN_EXPIRES_AT] = TimestampTzGetDatum(GetCurrentTimestamp() +
													(int64) tixbook_idempotency_ttl * USECS_PER_SEC);
	values[COLUMN_FINGERPRINT] = PointerGetDatum(fingerprint);
	values[COLUMN_RESPONSE] = JsonbPGetDatum(response);

	store_open(&store, STORE_IDEMPOTENCY_KEY);
	store_insert(&store, values, nulls);
	store_close(&store);
	CommandCounterIncrement();
}

static TimestampTz
expires_at_found(const StoreScan *scan)
{
	slot_getallattrs(scan->slot);
	return DatumGetTimestampTz(scan->slot->tts_values[COLUMN_EXPIRES_AT]);
}

/* What the purge of keys is doing. */
typedef struct KeyPurge
{
	Store		store;
	StoreScan	scan;
} KeyPurge;

static bool
delete_found(void *with, TimestampTz *over_at)
{
	KeyPurge   *purge = with;

	*over_at = expires_at_found(&purge->scan);
	return store_delete_found(&purge->store, &purge->scan);
}

/*
 * Deletes up to batch keys whose time is over, in the current transaction, and
 * returns how many; keys that others have locked are left.
 */
int
idempotency_purge(int batch, PurgeWalk *walk)
{
	KeyPurge	purge;
	int			purged;

	store_open(&purge.store, STORE_IDEMPOTENCY_KEY);
	store_scan_open(&purge.scan, STORE_IDEMPOTENCY_KEY, STORE_IDEMPOTENCY_KEY_DUE);
	purged = purge_walk(walk, &purge.scan, GetCurrentTimestamp(), batch, delete_found, &purge);
	store_scan_close(&purge.scan);
	store_close(&purge.store);
	return purged;
}

/* When the next key's time is over; false: there is none. */
bool
idempotency_next_due(TimestampTz *due, PurgeWalk *walk)
{
	StoreScan	scan;
	bool		found;

	store_scan_open(&scan, STORE_IDEMPOTENCY_KEY, STORE_IDEMPOTENCY_KEY_DUE);
	found = purge_walk_find(walk, &scan);
	if (found)
	{
		*due = expires_at_found(&scan);
		purge_walk_note(walk, *due);
	}
	store_scan_close(&scan);
	return found;
}

/* purge_idempotency_keys(batch integer) → integer */
Datum
tixbook_purge_idempotency_keys(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_idempotency_keys()");
	PG_RETURN_INT32(idempotency_purge(argument_batch(fcinfo, 0), NULL));
}

/* The arguments event_id, operation, customer, key, parameters; none but the customer may be null. */
static bool
read_request(FunctionCallInfo fcinfo, KeyedRequest *request, Refusal *refusal)
{
	const char *customer = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));

	return idempotency_request(request, PG_GETARG_INT32(0),
							   text_to_cstring(PG_GETARG_TEXT_PP(1)), customer,
							   text_to_cstring(PG_GETARG_TEXT_PP(3)),
							   text_to_cstring(PG_GETARG_TEXT_PP(4)), refusal);
}

/* begin_keyed_request(event_id, operation, customer, key, parameters) → jsonb, the answer there was, or NULL */
Datum
tixbook_begin_keyed_request(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	KeyedRequest request;
	Jsonb	   *response;

	if (!read_request(fcinfo, &request, &refusal) ||
		!idempotency_begin(&request, &response, &refusal))
		refusal_raise(&refusal);
	if (response == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(response);
}

/* end_keyed_request(event_id, operation, customer, key, parameters, response jsonb) */
Datum
tixbook_end_keyed_request(PG_FUNCTION_ARGS)
{
	Refusal		refusal = {REASON_NONE};
	KeyedRequest request;

	if (!read_request(fcinfo, &request, &refusal))
		refusal_raise(&refusal);
	idempotency_store(&request, PG_GETARG_JSONB_P(5));
	PG_RETURN_VOID();
}

/* answer_replayed() → boolean */
Datum
tixbook_answer_replayed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(answer_replayed);
}
