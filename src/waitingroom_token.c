/*
 * waitingroom_token.c: the admission, a token in the form of a JWT, and the
 * proof of work.
 *
 * The token is signed (HS256) with a key of the room's own, never with the one
 * of log-in tokens: nobody can log in with an admission.  It follows from the
 * room, the fan and the end of his session, so it is checked by making it
 * again; nothing that a client sends is ever parsed.
 */
#include "postgres.h"

#include "common/base64.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "waitingroom.h"

#define TOKEN_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define MAX_PROOF_LENGTH 100

/* JWT's alphabet, without padding. */
static void
append_base64url(StringInfo text, const void *bytes, int length)
{
	int			room = pg_b64_enc_len(length);
	int			written;

	enlargeStringInfo(text, room + 1);
	written = pg_b64_encode(bytes, length, text->data + text->len, room);
	if (written < 0)
		elog(ERROR, "could not encode a token");
	for (char *c = text->data + text->len; c < text->data + text->len + written; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	while (written > 0 && text->data[text->len + written - 1] == '=')
		written--;
	text->len += written;
	text->data[text->len] = '\0';
}

static void
append_signature(StringInfo token, const uint8 *key)
{
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	if (hmac == NULL || pg_hmac_init(hmac, key, ROOM_KEY_LENGTH) < 0 ||
		pg_hmac_update(hmac, (uint8 *) token->data, token->len) < 0 ||
		pg_hmac_final(hmac, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not sign a token");
	pg_hmac_free(hmac);
	appendStringInfoChar(token, '.');
	append_base64url(token, digest, sizeof(digest));
}

/* The token of a fan who has a session: good for him, this event, and until the session ends. */
char *
admission_token(const WaitingRoom *room, const Fan *fan)
{
	int64		ends = fan->session_ends / USECS_PER_SEC +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
	StringInfoData token;
	char	   *claims;

	claims = psprintf("{\"aud\":\"tixbook admission\",\"sub\":%s,\"event_id\":%d,\"entry\":" INT64_FORMAT
					  ",\"exp\":" INT64_FORMAT "}",
					  json_quote(fan->customer), room->event_id, fan->entry, ends);
	initStringInfo(&token);
	append_base64url(&token, TOKEN_HEADER, strlen(TOKEN_HEADER));
	appendStringInfoChar(&token, '.');
	append_base64url(&token, claims, strlen(claims));
	append_signature(&token, room->token_key);
	return token.data;
}

static int
leading_zero_bits(const uint8 *digest)
{
	int			bits = 0;

	for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++)
		for (int bit = 7; bit >= 0; bit--, bits++)
			if (digest[i] >> bit & 1)
				return bits;
	return bits;
}

/*
 * Whether the proof holds, where the room demands one.  It is bound to the
 * event and the customer, and by the hash of the secret to this very room: it
 * cannot be made in advance, or for somebody else.
 */
bool
proof_of_work_holds(const WaitingRoom *room, const char *customer, const char *proof,
					Refusal *refusal)
{
	char	   *prefix;
	pg_cryptohash_ctx *hash;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	if (room->proof_of_work == 0)
		return true;
	prefix = psprintf("%d:%s:%s:", room->event_id, customer, room->seed_hash);
	if (proof != NULL && strlen(proof) <= MAX_PROOF_LENGTH)
	{
		hash = pg_cryptohash_create(PG_SHA256);
		if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
			pg_cryptohash_update(hash, (uint8 *) prefix, strlen(prefix)) < 0 ||
			pg_cryptohash_update(hash, (const uint8 *) proof, strlen(proof)) < 0 ||
			pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
			elog(ERROR, "could not compute a SHA-256");
		pg_cryptohash_free(hash);
		if (leading_zero_bits(digest) >= room->proof_of_work)
			return true;
	}
	return refuse(refusal, REASON_PROOF_OF_WORK_REQUIRED, psprintf("%d", room->event_id),
				  "{\"event_id\": %d, \"bits\": %d, \"prefix\": %s}",
				  room->event_id, room->proof_of_work, json_quote(prefix));
}
