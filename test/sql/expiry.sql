-- Holds that are due: what ends them, and what becomes of their seats. Each test is one
-- transaction, so that the worker cannot end them first.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_house('House', 'ssss', 'ssss') AS house \gset
SELECT build_event(:house, 1), build_event(:house, 2);
CREATE FUNCTION make_due(event_id integer, seats integer[], customer text) RETURNS integer[] LANGUAGE sql AS $$
    SELECT h.seats FROM tixbook.reserve_seats(event_id, seats, customer, '1 millisecond') h, pg_sleep(0.005)
$$;
CREATE VIEW booking AS SELECT event_id, customer, status, seats FROM tixbook.booking ORDER BY event_id, customer, seats;
CREATE VIEW free AS SELECT event_id, sum(free) AS free FROM tixbook.seat_block GROUP BY event_id ORDER BY event_id;

-- sweep(): what is due, whatever the event, and no more than batch; again finds nothing.
BEGIN;
SELECT make_due(1, '{0,4}', 'due 1'), make_due(1, '{1}', 'due 2'), make_due(2, '{0,1,2,3}', 'due 3');
SELECT seats FROM tixbook.reserve_seats(1, '{2}', 'alive');
SELECT * FROM free;
SELECT tixbook.sweep(1);
SELECT * FROM booking;
SELECT tixbook.sweep();
SELECT tixbook.sweep(100000);
SELECT * FROM booking;
SELECT * FROM free;
SELECT from_status, to_status, reason FROM tixbook.history(booking_of('due 1'));
SELECT * FROM tixbook.verify();
ROLLBACK;
-- its order is that of the instants
BEGIN;
SELECT make_due(2, '{0}', 'first'), make_due(1, '{0}', 'second');
SELECT tixbook.sweep(1);
SELECT * FROM booking;
ROLLBACK;
-- what is paid, given up or cancelled is not due
BEGIN;
SELECT (tixbook.reserve_seats(1, '{0}', 'paid', '1 second')).seats, (tixbook.reserve_seats(1, '{1}', 'given up', '1 second')).seats, (tixbook.reserve_seats(1, '{2}', 'paying', '1 second')).seats;
SELECT (tixbook.confirm(booking_of('paid'), 'payment')).status, (tixbook.release(booking_of('given up'))).status;
UPDATE tixbook.booking SET status = 'paying' WHERE customer = 'paying';
SELECT pg_sleep(1.1);
SELECT tixbook.sweep();
SELECT * FROM booking;
SELECT * FROM tixbook.verify();
ROLLBACK;

-- A reservation that finds no seat otherwise, or wants those very seats, ends due holds for itself, and only those that help.
BEGIN;
SELECT make_due(1, '{0,1,2,3}', 'due');
SELECT seats FROM tixbook.reserve_seats(1, '{4,5,6,7}', 'ann');
SELECT * FROM booking;
SELECT seats, adjacent FROM tixbook.reserve(1, 4, customer => 'bob');
SELECT * FROM booking;
SELECT outcome('SELECT tixbook.reserve(1, 1)');
SELECT * FROM tixbook.verify();
ROLLBACK;
BEGIN;
SELECT make_due(1, '{0,1}', 'due 1'), make_due(1, '{4}', 'due 2'), make_due(1, '{2}', 'due 3');
SELECT seats FROM tixbook.reserve_seats(1, '{1,3}', 'ann');
SELECT * FROM booking;
SELECT outcome($$SELECT tixbook.reserve_seats(1, '{3,4}')$$);
SELECT * FROM booking;
SELECT seats FROM tixbook.reserve(1, 3, customer => 'bob');
SELECT * FROM tixbook.verify();
ROLLBACK;
-- a due hold of the customer does not count against the limit
BEGIN;
UPDATE tixbook.event SET max_per_customer = 2 WHERE event_id = 1;
SELECT make_due(1, '{0,1}', 'ann');
SELECT seats FROM tixbook.reserve_seats(1, '{4,5}', 'ann');
SELECT outcome($$SELECT tixbook.reserve_seats(1, '{6}', 'ann')$$);
ROLLBACK;
-- accessible seats, sections and categories under due holds
SELECT build_event(build_house('Scopes', 'ws', 'pp'), 3);
BEGIN;
SELECT make_due(3, '{0,1}', 'due 1'), make_due(3, '{2,3}', 'due 2');
SELECT seats FROM tixbook.reserve(3, 2, category => 'premium');
SELECT * FROM booking;
SELECT seats FROM tixbook.reserve(3, 1, accessible => true);
SELECT * FROM booking;
SELECT seats FROM tixbook.reserve(3, 1);
SELECT * FROM tixbook.verify();
ROLLBACK;
-- blocked seats stay off the sale
BEGIN;
SELECT make_due(1, '{0,1,2,3}', 'due');
SELECT outcome($$SELECT tixbook.block_seats(1, '{0}')$$);
SELECT tixbook.sweep(), tixbook.block_seats(1, '{0}');
SELECT outcome($$SELECT tixbook.reserve_seats(1, '{0}')$$);
SELECT * FROM tixbook.verify();
ROLLBACK;
-- more due holds than are ended at a time
SELECT tixbook.create_venue('Hall') AS hall \gset
SELECT tixbook.add_standing_section(:hall, 'Floor', 300, 'standard');
SELECT build_event(:hall, 4);
BEGIN;
SELECT count(tixbook.reserve(4, generate_series * 0 + 1, hold_for => '1 millisecond')) FROM generate_series(1, 300);
SELECT pg_sleep(0.01);
SELECT cardinality(seats) FROM tixbook.reserve(4, 10);
SELECT tixbook.sweep(10);
SELECT * FROM tixbook.verify();
ROLLBACK;

SELECT statement, outcome('SELECT ' || statement) FROM (VALUES
    ($$tixbook.sweep(0)$$),
    ($$tixbook.sweep(-1)$$),
    ($$tixbook.sweep(100001)$$),
    ($$tixbook.sweep(NULL)$$),
    ($$tixbook.sweep(1)$$)) AS call (statement);

-- Ended holds are kept for tixbook.ended_hold_ttl, counted from their end, with their history; nothing else goes.
BEGIN;
SELECT make_due(1, '{0}', 'due 1'), make_due(1, '{1}', 'due 2'), make_due(2, '{0}', 'due 3');
SELECT (tixbook.reserve_seats(1, '{2}', 'paid', '1 second')).seats, (tixbook.reserve_seats(1, '{3}', 'given up', '1 second')).seats;
SELECT (tixbook.confirm(booking_of('paid'), 'payment')).status, (tixbook.release(booking_of('given up'))).status;
SELECT tixbook.sweep();
SELECT tixbook.purge_ended_holds();
SET LOCAL tixbook.ended_hold_ttl = -1;
SELECT tixbook.purge_ended_holds();
SET LOCAL tixbook.ended_hold_ttl = 0;
SELECT tixbook.purge_ended_holds(2);
SELECT * FROM booking;
SELECT tixbook.purge_ended_holds();
SELECT * FROM booking;
SELECT pg_sleep(1.1);
SELECT count(*) FROM tixbook.booking_history;
SELECT tixbook.sweep();
SELECT * FROM booking;
SELECT count(*) FROM tixbook.booking_history;
SELECT * FROM tixbook.verify();
ROLLBACK;
-- A key that outlives its booking is no fault.
BEGIN;
SELECT seats FROM tixbook.reserve_seats(1, '{0}', 'ann', '1 millisecond', 'key 1'), pg_sleep(0.005);
SELECT tixbook.sweep();
SET LOCAL tixbook.ended_hold_ttl = 0;
SELECT tixbook.purge_ended_holds();
SELECT seats, expires_at < clock_timestamp() AS over FROM tixbook.reserve_seats(1, '{0}', 'ann', '1 millisecond', 'key 1');
SELECT * FROM tixbook.verify();
ROLLBACK;

-- A party is not split over what is free, by the map in shared memory, while a hold is due whose seats lie side by side.
-- Committed, for the map shows no more; no worker is there that could be faster.
SELECT build_event(:house, 9);
SELECT tixbook.prewarm(9);
SELECT make_due(9, '{0,1}', 'due');
SELECT seats FROM tixbook.reserve_seats(9, '{2,5,6}', 'ann');
SELECT seats, adjacent FROM tixbook.reserve(9, 2, customer => 'bob');
SELECT seats, adjacent FROM tixbook.reserve(9, 2, customer => 'cat');
SELECT * FROM booking WHERE event_id = 9;
SELECT * FROM tixbook.verify(9);
