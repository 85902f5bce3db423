-- Idempotency keys: one effect, one answer.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_event(build_house('House', 'ssssssss'), 1), build_event(build_house('Other house', 'ssssssss'), 2);
-- Asks, and tells which of the answers so far this one is.
CREATE TABLE answer (no integer GENERATED ALWAYS AS IDENTITY, answer tixbook.hold);
CREATE FUNCTION ask(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got tixbook.hold;
    seen integer;
BEGIN
    EXECUTE 'SELECT h.* FROM tixbook.' || call || ' h' INTO got;
    SELECT no INTO seen FROM answer WHERE answer.answer IS NOT DISTINCT FROM got;
    IF NOT FOUND THEN
        INSERT INTO answer (answer) VALUES (got) RETURNING no INTO seen;
        RETURN format('answer %s: %s', seen, got.seats);
    END IF;
    RETURN format('answer %s again', seen);
END
$$;

-- the same request, however often; the key may be quoted
SELECT call, outcome(format('SELECT ask(%L)', call)) FROM (VALUES
    ($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '300 seconds', '"key"')$$),
    -- another payload
    ($$reserve(1, 3, 'Stalls', 'ann', '5 minutes', 'key')$$),
    ($$reserve(1, 2, NULL, 'ann', '5 minutes', 'key')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '6 minutes', 'key')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', NULL, 'key')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key', 'standard')$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key', NULL, true)$$),
    ($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key', NULL, false, true)$$),
    -- another customer, none, another operation, another event: other requests
    ($$reserve(1, 1, 'Stalls', 'bob', '5 minutes', 'key')$$),
    ($$reserve(1, 1, 'Stalls', NULL, '5 minutes', 'key')$$),
    ($$reserve(1, 1, 'Stalls', NULL, '5 minutes', 'key')$$),
    ($$reserve_seats(1, '{7}', 'ann', NULL, 'key')$$),
    ($$reserve_seats(1, '{7}', 'ann', NULL, 'key')$$),
    ($$reserve_seats(1, '{6}', 'ann', NULL, 'key')$$),
    ($$reserve(2, 2, 'Stalls', 'ann', '5 minutes', 'key')$$),
    -- without a key each is a new one
    ($$reserve(2, 1, customer => 'ann')$$),
    ($$reserve(2, 1, customer => 'ann')$$),
    -- the order of named seats is not part of the request
    ($$reserve_seats(2, '{6,7}', 'ann', NULL, 'set')$$),
    ($$reserve_seats(2, '{7,6}', 'ann', NULL, 'set')$$)
) AS asked (call);

-- The answer stays when the booking goes on, and outlives the sale.
SELECT status FROM tixbook.release((SELECT (answer).booking_id FROM answer WHERE no = 1));
SELECT ask($$reserve(1, 2, 'Stalls', 'ann', '5 minutes', 'key')$$);
SELECT status FROM tixbook.confirm((SELECT (answer).booking_id FROM answer WHERE no = 2), 'payment');
SELECT tixbook.set_prices(1, '{"standard": 1}');
SELECT ask($$reserve(1, 1, 'Stalls', 'bob', '5 minutes', 'key')$$);
SELECT count(*) FROM tixbook.booking WHERE event_id = 1;

-- A refusal is not kept: the same request may succeed later.
SELECT outcome($$SELECT ask($r$reserve_seats(1, '{7}', 'cat', NULL, 'later')$r$)$$);
SELECT status FROM tixbook.release((SELECT booking_id FROM tixbook.booking WHERE event_id = 1 AND seats = '{7}'));
SELECT ask($$reserve_seats(1, '{7}', 'cat', NULL, 'later')$$), ask($$reserve_seats(1, '{7}', 'cat', NULL, 'later')$$);

-- Rolled back with its effect.
BEGIN;
SELECT ask($$reserve_seats(2, '{0}', 'dan', NULL, 'undone')$$);
ROLLBACK;
SELECT ask($$reserve_seats(2, '{1}', 'dan', NULL, 'undone')$$);

-- What can be a key.
SELECT build_event(build_house('Long row', 'ssssssssss'), 3);
SELECT what, a.* FROM (VALUES
    ('empty', ''), ('quoted empty', '""'), ('a quote', '"'), ('a quote in it', 'a"b'), ('quotes in quotes', '"a"b"'),
    ('a tab', E'a\tb'), ('a newline', E'a\n'), ('del', E'a\x7f'), ('255', repeat('ü', 255)), ('255 quoted', '"' || repeat('x', 255) || '"'),
    ('256', repeat('x', 256)), ('256 quoted', '"' || repeat('x', 256) || '"'), ('a blank', ' '), ('null', NULL)) AS key (what, key),
    attempt(format('SELECT cardinality((tixbook.reserve(3, 1, idempotency_key => %L)).seats)', key)) a;

-- Expired keys are forgotten, also before they are purged. One transaction, so that no worker is faster.
BEGIN;
SELECT expires_at - now() > '23 hours 59 minutes' AND expires_at - now() < '24 hours 1 minute' AS a_day FROM tixbook.idempotency_key WHERE key = 'later';
UPDATE tixbook.idempotency_key SET expires_at = clock_timestamp() WHERE event_id = 1;
SELECT count(*) FROM tixbook.idempotency_key WHERE event_id = 1;
SELECT ask($$reserve(1, 1, 'Stalls', 'ann', '5 minutes', 'key')$$);
SELECT ask($$reserve(1, 1, 'Stalls', 'ann', '5 minutes', 'key')$$);
SELECT tixbook.purge_idempotency_keys(1), tixbook.purge_idempotency_keys(), tixbook.purge_idempotency_keys();
SELECT operation, key, expires_at > now() AS alive FROM tixbook.idempotency_key WHERE event_id = 1;
SELECT * FROM tixbook.verify();
ROLLBACK;
BEGIN;
UPDATE tixbook.idempotency_key SET expires_at = clock_timestamp() WHERE event_id = 1;
SELECT tixbook.sweep() AS holds, count(*) AS keys FROM tixbook.idempotency_key WHERE event_id = 1;
SELECT count(*) AS keys FROM tixbook.idempotency_key WHERE event_id = 1;
ROLLBACK;
SET tixbook.idempotency_ttl = '1min';
SELECT ask($$reserve(1, 1, customer => 'eve', idempotency_key => 'short')$$);
SELECT expires_at - clock_timestamp() BETWEEN '50 seconds' AND '60 seconds' AS a_minute FROM tixbook.idempotency_key WHERE key = 'short';
SELECT * FROM tixbook.verify();
