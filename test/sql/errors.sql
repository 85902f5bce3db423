-- Refusals: the table of them, and each that the core makes, with its SQLSTATE and detail.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT reason, sqlstate, http_status, message FROM tixbook.refusals() ORDER BY sqlstate;
SELECT count(*) = count(DISTINCT reason) AS names, count(*) = count(DISTINCT sqlstate) AS sqlstates,
       bool_and(sqlstate ~ '^TB[0-9]{3}$') AS class, bool_and(hint ~ '^[A-Za-z].*\.$') AS hints,
       bool_and(http_status IN (400, 401, 402, 404, 409, 410, 422, 429, 503)) AS http
FROM tixbook.refusals();

-- raised from SQL
SELECT tixbook.refuse('sold_out', '{"event_id": 7}', 'event 7');
SELECT * FROM attempt($$SELECT tixbook.refuse('sold_out', '{"event_id": 7}', 'event 7')$$);
SELECT tixbook.refuse('sold_out', NULL, '100 % of %s');
SELECT tixbook.refuse('busy');
SELECT tixbook.refuse('no_such_reason');
SELECT tixbook.refuse(NULL);

-- Seats 0-3, sold at most 3 a booking and 4 a customer; event 2 is a draft.
SELECT build_house('House', 'ssss') AS house \gset
SELECT tixbook.create_event(:house, 'Show', now() + '1 day', '{"standard": 1000}',
           max_per_booking => 3, max_per_customer => 4, event_id => 1),
       tixbook.create_event(:house, 'Draft', now() + '1 day', '{"standard": 1000}', event_id => 2);
SELECT tixbook.open_sale(1);
SELECT seats FROM tixbook.reserve_seats(1, '{0}', 'ann');
SELECT status FROM tixbook.confirm(booking_of('ann'), 'payment 1');
SELECT seats FROM tixbook.reserve_seats(1, '{1}', 'bob', idempotency_key => 'key');

SELECT a.*
FROM (VALUES
    ($$SELECT tixbook.reserve(9, 1)$$),
    ($$SELECT tixbook.reserve(NULL, 1)$$),
    ($$SELECT tixbook.reserve(2, 1)$$),
    ($$SELECT tixbook.reserve(1, 0)$$),
    ($$SELECT tixbook.reserve(1, 4)$$),
    ($$SELECT tixbook.reserve(1, 1, 'Balcony')$$),
    ($$SELECT tixbook.reserve(1, 1, category => 'cheap "ones"')$$),
    ($$SELECT tixbook.reserve(1, 1, customer => '')$$),
    ($$SELECT tixbook.reserve(1, 1, hold_for => '0')$$),
    ($$SELECT tixbook.reserve(1, 1, idempotency_key => '')$$),
    ($$SELECT tixbook.reserve_seats(1, '{2}', 'bob', idempotency_key => 'key')$$),
    ($$SELECT tixbook.reserve_seats(1, '{2,1,0}')$$),
    ($$SELECT tixbook.reserve_seats(1, '{4,-1,0}')$$),
    ($$SELECT tixbook.reserve_seats(1, '{}')$$),
    ($$SELECT tixbook.reserve(1, 3)$$),
    ($$SELECT tixbook.reserve(1, 1, accessible => true)$$),
    ($$SELECT tixbook.confirm(booking_of('bob'), 'payment 1')$$),
    ($$SELECT tixbook.confirm(booking_of('bob'), '')$$),
    ($$SELECT tixbook.confirm('00000001-0000-8000-8000-000000000000', 'payment 2')$$),
    ($$SELECT tixbook.release(booking_of('ann'))$$),
    ($$SELECT tixbook.cancel(booking_of('bob'))$$),
    ($$SELECT tixbook.event_of('00000000-0000-0000-0000-000000000000')$$),
    ($$SELECT tixbook.block_seats(1, '{1,2}')$$),
    ($$SELECT tixbook.sweep(0)$$),
    ($$SELECT tixbook.purge_idempotency_keys(0)$$),
    ($$SELECT tixbook.purge_ended_holds(0)$$),
    ($$SELECT tixbook.find_booking('00000001-0000-8000-8000-000000000000')$$)
) AS call (statement), attempt(statement) a;

-- Seats 2 and 3 are left; two more for the customer, no three.
SELECT a.* FROM (VALUES
    ($$SELECT (tixbook.reserve_seats(1, '{2}', 'ann')).seats$$),
    ($$SELECT tixbook.reserve(1, 3, customer => 'ann')$$),
    ($$SELECT (tixbook.reserve(1, 1)).seats$$),
    ($$SELECT tixbook.reserve(1, 1)$$)) AS call (statement), attempt(statement) a;
-- seats that are free, but apart
SELECT count(tixbook.release(booking_id)) FROM tixbook.booking WHERE seats && '{1,3}' AND status = 'held';
SELECT * FROM attempt($$SELECT tixbook.reserve(1, 2, together => true)$$);
-- a hold that is over
BEGIN;
SELECT seats FROM tixbook.reserve_seats(1, '{3}', 'due', hold_for => '1 millisecond');
SELECT pg_sleep(0.01);
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.confirm(booking_of('due'), 'payment 2')$$),
    ($$SELECT tixbook.release(booking_of('due'))$$)) AS call (statement), attempt(statement) a;
ROLLBACK;
-- a refusal leaves nothing behind
SELECT customer, status, seats FROM tixbook.booking ORDER BY seats, customer;
SELECT * FROM tixbook.verify();
