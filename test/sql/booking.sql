-- Bookings: limits, the length of a hold, the states, history, tickets, references.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_house('House', 'ssssssss', 'ssssssss') AS house \gset

-- What one booking and one customer may have: held and bought seats count, others do not.
SELECT tixbook.create_event(:house, 'Limits', now() + '1 day', '{"standard": 1000}', max_per_booking => 3, max_per_customer => 4, event_id => 1);
SELECT tixbook.open_sale(1);
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$(tixbook.reserve_seats(1, '{0,1,2,3}', 'ann')).seats$$),
    ($$(tixbook.reserve(1, 4, customer => 'ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{0,1,2}', 'ann')).seats$$),
    ($$(tixbook.reserve(1, 2, customer => 'ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{3,4}', 'ann')).seats$$),
    ($$(tixbook.confirm(booking_of('ann'), 'payment 1')).status$$),
    ($$(tixbook.reserve(1, 2, customer => 'ann')).seats$$),
    ($$(tixbook.cancel(booking_of('ann'))).status$$),
    ($$(tixbook.reserve_seats(1, '{3,4}', 'ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{5,6,7}', 'ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{5,6}', 'ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{7}', 'ann')).seats$$)) AS call (statement);
-- without a name there is only the limit of a booking; names are told apart exactly
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$(tixbook.reserve_seats(1, '{0,1,2}')).seats$$),
    ($$(tixbook.reserve_seats(1, '{8,9,10}')).seats$$),
    ($$(tixbook.reserve_seats(1, '{7}', 'Ann')).seats$$),
    ($$(tixbook.reserve_seats(1, '{11}', 'ann ')).seats$$),
    ($$(tixbook.reserve_seats(1, '{12}', repeat('ü', 255))).seats$$),
    ($$(tixbook.reserve_seats(1, '{13}', repeat('x', 256))).seats$$),
    ($$(tixbook.reserve_seats(1, '{13}', '')).seats$$)) AS call (statement);
SELECT * FROM tixbook.verify();
TRUNCATE tixbook.booking, tixbook.ticket, tixbook.ticket_void, tixbook.booking_history, tixbook.seat_block;
DELETE FROM tixbook.price; DELETE FROM tixbook.event;

-- How long a hold lasts: asked for, else the event's, else the setting; never longer than max_hold.
SELECT build_event(:house, 2);
SELECT tixbook.create_event(:house, 'Short', now() + '1 day', '{"standard": 1000}', hold_ttl => '90 seconds', event_id => 3), tixbook.open_sale(3);
SELECT tixbook.create_event(:house, 'Long', now() + '1 day', '{"standard": 1000}', hold_ttl => '2 days', event_id => 4), tixbook.open_sale(4);
SET timezone = 'UTC';
CREATE FUNCTION lasts(event_id integer, hold_for interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text := outcome(format('SELECT (tixbook.reserve(%s, 1, hold_for => %L)).booking_id', event_id, hold_for));
BEGIN
    RETURN CASE said WHEN '<uuid>' THEN (SELECT b.expires_at - b.created_at FROM tixbook.booking b
                                         ORDER BY b.created_at DESC LIMIT 1)::text ELSE said END;
END
$$;
SELECT hold_for, lasts(2, hold_for) FROM unnest('{NULL,1 microsecond,1 second,24 hours,24:00:00.000001,1 day,0,-1 second,1 month,178000 years,-178000 years,1 day -24 hours,-1 day +25 hours}'::interval[]) AS hold_for;
SELECT lasts(3, NULL), lasts(3, '2 minutes');
SET tixbook.hold_ttl = '5min';
SELECT lasts(2, NULL), lasts(3, NULL);
SET tixbook.max_hold = '1min';
SELECT lasts(2, NULL), lasts(3, NULL), lasts(2, '61 seconds'), lasts(2, '60 seconds');
RESET tixbook.hold_ttl;
RESET tixbook.max_hold;
SELECT lasts(4, NULL);
TRUNCATE tixbook.booking, tixbook.ticket, tixbook.ticket_void, tixbook.booking_history, tixbook.seat_block;
DELETE FROM tixbook.price; DELETE FROM tixbook.event;

-- The states: each way on from each, in a transaction of its own so that no worker meddles.
SELECT build_event(:house, 5);
CREATE FUNCTION bring_to(status text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    id uuid := (tixbook.reserve_seats(5, '{0,1}', status,
                    hold_for => CASE WHEN status IN ('due', 'paying, due', 'expired') THEN '1 millisecond'::interval END)).booking_id;
BEGIN
    IF status LIKE 'paying%' THEN
        UPDATE tixbook.booking SET status = 'paying' WHERE booking_id = id;
        INSERT INTO tixbook.payment (event_id, payment_id, booking_id, provider, payment_token, amount, currency, hold_expires_at, made_at)
        SELECT event_id, tixbook.new_payment_id(event_id), booking_id, 'test', 'tok_test_silent', amount, currency, expires_at, now()
        FROM tixbook.booking WHERE booking_id = id;
    END IF;
    IF status IN ('due', 'paying, due', 'expired') THEN
        PERFORM pg_sleep(0.005);
    END IF;
    PERFORM CASE status WHEN 'expired' THEN tixbook.sweep()::text
                        WHEN 'released' THEN (tixbook.release(id)).status::text
                        WHEN 'confirmed' THEN (tixbook.confirm(id, 'payment of confirmed')).status::text
                        WHEN 'cancelled' THEN (tixbook.confirm(id, 'payment of cancelled')).status::text END;
    IF status = 'cancelled' THEN
        PERFORM tixbook.cancel(id, 'rain');
    END IF;
    RETURN id;
END
$$;
-- the answer, the state after it, and how many of the two seats are free then
CREATE FUNCTION way_on(from_status text, call text, argument text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
    said text;
BEGIN
    id := bring_to(from_status);
    said := outcome(format('SELECT (tixbook.%I(%L%s)).status', call, id, ', ' || quote_literal(argument)));
    SELECT said || CASE WHEN b.status::text <> said THEN ' (' || b.status || ')' ELSE '' END || ', ' || s.free - 6 || ' free, ' ||
           (SELECT count(*) FROM tixbook.ticket) || ' tickets' ||
           CASE WHEN EXISTS (SELECT FROM tixbook.verify()) THEN ' UNSOUND' ELSE '' END
    INTO said FROM tixbook.booking b, tixbook.seat_block s WHERE b.booking_id = id AND s.block_no = 0;
    RAISE EXCEPTION USING MESSAGE = said, ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END
$$;
SELECT f AS from_status, way_on(f, 'confirm', 'payment') AS confirm, way_on(f, 'release') AS release, way_on(f, 'cancel', 'rain') AS cancel
FROM unnest('{held,paying,confirmed,cancelled,released,due,"paying, due",expired}'::text[]) f;
SELECT f AS from_status, way_on(f, 'confirm', 'payment of ' || f) AS repeated FROM unnest('{confirmed,cancelled}'::text[]) f;
-- what a refusal tells
BEGIN;
SELECT detail FROM attempt(format('SELECT tixbook.confirm(%L, %L)', bring_to('released'), 'payment'));
ROLLBACK;
BEGIN;
SELECT detail FROM attempt(format('SELECT tixbook.cancel(%L)', bring_to('paying')));
ROLLBACK;

-- A payment belongs to one booking of the event for ever.
SELECT seats FROM tixbook.reserve_seats(5, '{0,1}', 'ann');
SELECT seats FROM tixbook.reserve_seats(5, '{2}', 'bob');
SELECT build_event(:house, 6);
SELECT seats FROM tixbook.reserve_seats(6, '{0,1}', 'cat');
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$(tixbook.confirm(booking_of('ann'), 'payment 1')).status$$),
    ($$(tixbook.confirm(booking_of('bob'), 'payment 1')).status$$),
    ($$(tixbook.confirm(booking_of('ann'), 'payment 1')).status$$),
    ($$(tixbook.confirm(booking_of('ann'), 'payment 2')).status$$),
    ($$(tixbook.confirm(booking_of('cat'), 'payment 1')).status$$),
    ($$(tixbook.cancel(booking_of('ann'), 'fell ill')).status$$),
    ($$(tixbook.cancel(booking_of('ann'), 'again')).status$$),
    ($$(tixbook.confirm(booking_of('bob'), 'payment 1')).status$$),
    ($$(tixbook.confirm(booking_of('bob'), repeat('ü', 256))).status$$),
    ($$(tixbook.confirm(booking_of('bob'), repeat('ü', 255))).status$$)) AS call (statement);

-- History and tickets.
SELECT from_status, to_status, reason, changed_at >= lag(changed_at) OVER () AS later FROM tixbook.history(booking_of('ann'));
SELECT from_status, to_status, reason FROM tixbook.history(booking_of('bob'));
SELECT count(*) FROM tixbook.history('00000005-0000-8000-8000-000000000000');
SELECT seat_index, label, secret IS NOT NULL AS secret FROM tixbook.booking_tickets(booking_of('cat'));
SELECT count(*) FROM tixbook.booking_tickets(booking_of('ann'));
SELECT seat_index, booking_id = booking_of('ann') AS of_ann FROM tixbook.ticket_void ORDER BY seat_index;
SELECT count(DISTINCT secret) FROM (SELECT secret FROM tixbook.ticket UNION ALL SELECT secret FROM tixbook.ticket_void) s;
-- the seats are for sale again, and the void tickets stay
SELECT seats FROM tixbook.reserve_seats(5, '{0,1}', 'dan');
SELECT status FROM tixbook.confirm(booking_of('dan'), 'payment 3');
SELECT status FROM tixbook.cancel(booking_of('dan'));
SELECT b.customer, v.seat_index FROM tixbook.ticket_void v JOIN tixbook.booking b USING (booking_id) ORDER BY v.seat_index, b.customer;
SELECT event_id, customer, status, amount, currency, seats, payment_reference IS NOT NULL AS paid FROM tixbook.booking ORDER BY event_id, customer;
-- found as it is; a hold that is over is shown as what it is
BEGIN;
SELECT status, customer, amount FROM tixbook.find_booking(booking_of('cat'));
SELECT bring_to('due') IS NOT NULL AS made;
SELECT b.status AS stored, f.status AS found FROM tixbook.booking b, tixbook.find_booking(booking_of('due')) f WHERE b.customer = 'due';
ROLLBACK;

-- References: UUID version 8; they name their event, sort by event and time, and no two are alike.
SELECT event_id, tixbook.event_of(booking_id), substr(booking_id::text, 15, 1) AS version, substr(booking_id::text, 20, 1) IN ('8', '9', 'a', 'b') AS variant
FROM tixbook.booking ORDER BY booking_id, event_id;
SELECT tixbook.event_of('7fffffff-1234-8567-9abc-123456789abc'), tixbook.event_of('00000001-0000-8000-bfff-ffffffffffff'), tixbook.event_of(NULL);
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$tixbook.event_of('00000001-0000-7000-8000-000000000000')$$),
    ($$tixbook.event_of('00000001-0000-8000-c000-000000000000')$$),
    ($$tixbook.event_of('00000000-0000-8000-8000-000000000000')$$),
    ($$tixbook.event_of('80000000-0000-8000-8000-000000000000')$$)) AS call (statement);
SELECT build_event(:house, 2147483647), build_event(:house, 7);
SELECT tixbook.event_of(booking_id) FROM tixbook.reserve(2147483647, 1);
CREATE TABLE made AS SELECT 1 AS place, booking_id FROM tixbook.reserve(7, 1);
SELECT pg_sleep(1.1);
INSERT INTO made SELECT 2, booking_id FROM tixbook.reserve(7, 1);
INSERT INTO made SELECT 3, booking_id FROM generate_series(1, 5), LATERAL tixbook.reserve(7, generate_series * 0 + 1);
SELECT array_agg(DISTINCT place ORDER BY place) AS places, count(DISTINCT booking_id), bool_and(first < booking_id) FILTER (WHERE place > 1) AS later
FROM made, (SELECT booking_id AS first FROM made WHERE place = 1) f;

-- NULL for everything: a refusal or nothing, never a crash.
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$tixbook.reserve(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)$$),
    ($$tixbook.reserve(5, NULL)$$),
    ($$(tixbook.reserve(5, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)).amount$$),
    ($$tixbook.reserve_seats(NULL, NULL, NULL, NULL, NULL)$$),
    ($$tixbook.reserve_seats(5, NULL)$$),
    ($$tixbook.confirm(NULL, NULL)$$),
    ($$tixbook.confirm(NULL, 'payment')$$),
    ($$tixbook.confirm(booking_of('cat'), NULL)$$),
    ($$tixbook.release(NULL)$$),
    ($$tixbook.cancel(NULL, NULL)$$),
    ($$tixbook.find_booking(NULL)$$),
    ($$tixbook.sweep(NULL)$$),
    ($$tixbook.purge_idempotency_keys(NULL)$$),
    ($$tixbook.purge_ended_holds(NULL)$$),
    ($$(SELECT count(*) FROM tixbook.history(NULL))$$),
    ($$(SELECT count(*) FROM tixbook.booking_tickets(NULL))$$),
    ($$(SELECT count(*) FROM tixbook.verify(NULL))$$)) AS call (statement);

-- A prepared transaction would hold seats with nobody to decide on them.
BEGIN;
SELECT quantity FROM (SELECT cardinality(seats) AS quantity FROM tixbook.reserve(5, 1)) r;
PREPARE TRANSACTION 'seats';
BEGIN;
SELECT status FROM tixbook.release((tixbook.reserve_seats(5, '{7}')).booking_id);
PREPARE TRANSACTION 'seats';
-- the database is read-only
BEGIN READ ONLY;
SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$tixbook.reserve(5, 1)$$),
    ($$tixbook.reserve_seats(5, '{7}')$$),
    ($$tixbook.confirm(booking_of('cat'), 'x')$$),
    ($$tixbook.release(booking_of('cat'))$$),
    ($$tixbook.cancel(booking_of('cat'))$$),
    ($$tixbook.block_seats(5, '{7}')$$),
    ($$tixbook.unblock_seats(5, '{7}')$$),
    ($$tixbook.sweep()$$),
    ($$tixbook.purge_idempotency_keys()$$),
    ($$tixbook.purge_ended_holds()$$)) AS call (statement);
ROLLBACK;

-- A column that somebody adds to a table is refused, not filled with anything; dropped again it is as if it had never been.
SELECT tixbook.create_event(:house, 'Columns', now() + '1 day', '{"standard": 1000}', event_id => 70);
SELECT tixbook.open_sale(70);
SELECT booking_id AS dot FROM tixbook.reserve_seats(70, '{0,1}', 'dot') \gset
ALTER TABLE tixbook.booking ADD COLUMN note text NOT NULL DEFAULT 'mine';
-- what is raised in a subtransaction leaves none behind
SELECT seats FROM tixbook.reserve_seats(70, '{0}', 'eve');
SELECT seats FROM tixbook.reserve_seats(70, '{2}', 'eve');
SELECT status FROM tixbook.confirm(:'dot', 'payment of dot');
ALTER TABLE tixbook.booking DROP COLUMN note;
ALTER TABLE tixbook.seat_block ADD COLUMN note text;
SELECT free FROM tixbook.availability(70);
SELECT seats FROM tixbook.reserve_seats(70, '{2}', 'eve');
ALTER TABLE tixbook.seat_block DROP COLUMN note;
ALTER TABLE tixbook.event ADD COLUMN note text DEFAULT 'an event may have one: its rows are only read';
SELECT seats FROM tixbook.reserve_seats(70, '{2}', 'eve');
SELECT status, seats, amount, confirmed_at IS NOT NULL AS told FROM tixbook.confirm(:'dot', 'payment of dot');
SELECT (tixbook.release(booking_of('eve'))).status;
SELECT customer, status, seats FROM tixbook.booking WHERE event_id = 70 ORDER BY customer;
ALTER TABLE tixbook.event DROP COLUMN note;

SELECT * FROM tixbook.verify();
