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
