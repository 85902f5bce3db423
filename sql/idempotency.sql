-- idempotency: keys of requests that have had their effect, and its answer.

CREATE TABLE tixbook.idempotency_key (
    event_id    integer NOT NULL,
    operation   text COLLATE "C" NOT NULL,
    principal   text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    expires_at  timestamptz NOT NULL,
    fingerprint bytea NOT NULL,
    response    jsonb NOT NULL,
    PRIMARY KEY (event_id, operation, principal, key)
);
CREATE INDEX idempotency_key_expires_idx ON tixbook.idempotency_key (expires_at);
COMMENT ON TABLE tixbook.idempotency_key IS 'A key commits with the effect of its request; until expires_at the same request gets response again. fingerprint is the SHA-256 of the operation and its parameters.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.idempotency_key', '');

CREATE FUNCTION tixbook.purge_idempotency_keys(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_purge_idempotency_keys';
COMMENT ON FUNCTION tixbook.purge_idempotency_keys(integer) IS
'Deletes up to batch idempotency keys whose time is over and returns how many; the expiry worker does so by itself. Refuses: invalid_parameter.';

-- For operations that are written in SQL: the answer that the key has, or null and the key is
-- ours until the transaction ends; then the answer is to be stored.
CREATE FUNCTION tixbook.begin_keyed_request(event_id integer, operation text, customer text, key text, parameters text)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_begin_keyed_request';
COMMENT ON FUNCTION tixbook.begin_keyed_request(integer, text, text, text, text) IS
'Internal: the answer stored under an idempotency key, null when the request is new. Refuses: idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook.end_keyed_request(event_id integer, operation text, customer text, key text, parameters text, response jsonb)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_end_keyed_request';
COMMENT ON FUNCTION tixbook.end_keyed_request(integer, text, text, text, text, jsonb) IS
'Internal: stores the answer of a request that begin_keyed_request let through.';

CREATE FUNCTION tixbook.answer_replayed() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tixbook_answer_replayed';
COMMENT ON FUNCTION tixbook.answer_replayed() IS
'Internal: whether the last request of this session that carried an idempotency key got the answer of an earlier one.';
