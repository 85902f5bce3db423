-- Requests: acknowledged at once, worked off later; what becomes of them.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_house('House', 'ssss', 'ssss') AS house \gset
-- An event of two rows of four seats, whose requests are worked off as fast as may be.
CREATE FUNCTION new_event(id integer, max_per_customer integer = NULL) RETURNS void LANGUAGE sql BEGIN ATOMIC
    SELECT tixbook.create_event((SELECT venue_id FROM tixbook.venue), 'Evening', now() + interval '90 days',
                                '{"standard": 100}', max_per_customer => max_per_customer, event_id => id);
    SELECT tixbook.open_sale(id);
    SELECT tixbook.set_request_rate(id, 0);
END;
SELECT new_event(1);
-- The state of requests, in the order in which they came.
CREATE VIEW state AS
SELECT r.customer, s.status, (s.hold).seats, s.attempts, s.reason, s.message, s.booking_id IS NOT NULL AS has_booking,
       s.ended_at IS NOT NULL AS ended
FROM tixbook.request r, tixbook.request_status(r.request_id) s
ORDER BY r.event_id, r.submitted_at;

\echo == acknowledged at once, decided by the next batch, the first first
SELECT tixbook.submit_request(1, 3, customer => 'ann') AS ann \gset
SELECT tixbook.submit_request(1, seats => '{0,1}', customer => 'bob') AS bob \gset
SELECT tixbook.submit_request(1, seats => '{5,4}', customer => 'cid') AS cid \gset
SELECT tixbook.event_of(:'ann');
SELECT * FROM state;
SELECT event_id, waiting, retrying, dead, lag > '0' AS late, per_second FROM tixbook.request_queue();
SELECT tixbook.request_lag(1) > '0' AS late;
SELECT tixbook.work_requests();
SELECT * FROM state;
SELECT event_id, waiting, retrying, dead, lag, per_second FROM tixbook.request_queue();
SELECT tixbook.request_lag(1);
SELECT detail FROM tixbook.request_status(:'bob');
SELECT (hold).event_id, (hold).amount, (hold).currency, (hold).adjacent, (hold).booking_id = booking_id AS same
FROM tixbook.request_status(:'ann');
SELECT customer, status, seats FROM tixbook.booking ORDER BY customer;
SELECT tixbook.work_requests();

\echo == the end of the house: what is left, what is not
SELECT count(tixbook.submit_request(1, q, customer => 'd' || q)) FROM unnest('{3,2,4,1,1}'::integer[]) q;
SELECT tixbook.work_requests();
SELECT customer, status, seats, reason FROM state WHERE customer LIKE 'd%';
SELECT * FROM tixbook.verify();

\echo == each block is written once, however many wishes a batch serves there
SELECT new_event(2);
SELECT count(tixbook.submit_request(2, 1)) FROM generate_series(1, 6);
SELECT tixbook.work_requests();
SELECT block_no, version, free FROM tixbook.seat_block WHERE event_id = 2 ORDER BY 1;
SELECT count(*), count(DISTINCT seats) FROM tixbook.booking WHERE event_id = 2;
\echo == a party is split, also in a batch, and then stands in two rows
SELECT new_event(3);
SELECT count(tixbook.submit_request(3, 3)) FROM generate_series(1, 2);
SELECT tixbook.submit_request(3, 2, together => true) AS r \gset
SELECT tixbook.submit_request(3, 2) AS split \gset
SELECT tixbook.work_requests();
SELECT status, reason FROM tixbook.request_status(:'r');
SELECT status, cardinality((hold).seats), (hold).adjacent FROM tixbook.request_status(:'split');
SELECT block_no, version, free FROM tixbook.seat_block WHERE event_id = 3 ORDER BY 1;

\echo == a hold that is due makes way, once for all of a batch
SELECT new_event(4);
SELECT count(tixbook.reserve(4, 4, hold_for => '1 ms')) FROM generate_series(1, 2);
SELECT count(tixbook.submit_request(4, 4, hold_for => '1 h')) FROM generate_series(1, 3);
SELECT pg_sleep(0.01);
SELECT tixbook.work_requests();
SELECT status, count(*) FROM tixbook.request WHERE event_id = 4 GROUP BY 1 ORDER BY 1;
SELECT status, count(*) FROM tixbook.booking WHERE event_id = 4 GROUP BY 1 ORDER BY 1;

\echo == the limit for a customer holds, also within a batch
SELECT new_event(5, 3);
SELECT count(tixbook.submit_request(5, 2, customer => c)) FROM unnest('{eve,eve,fay}'::text[]) c;
SELECT tixbook.submit_request(5, 1, customer => 'eve') AS r \gset
SELECT tixbook.work_requests();
SELECT customer, status, seats, reason FROM state WHERE customer IN ('eve', 'fay');
SELECT * FROM tixbook.verify();

\echo == taken back while it waits
SELECT new_event(6);
SELECT tixbook.submit_request(6, 1, customer => 'gus') AS r \gset
SELECT status, attempts, booking_id FROM tixbook.cancel_request(:'r');
SELECT status FROM tixbook.cancel_request(:'r');
SELECT tixbook.work_requests();
SELECT status, attempts, booking_id FROM tixbook.request_status(:'r');
SELECT a.* FROM attempt(format('SELECT tixbook.cancel_request(%L)', :'ann')) a;
SELECT call, outcome(format('SELECT tixbook.%s(%L)', call, id))
FROM unnest('{cancel_request,request_status}'::text[]) call, unnest(ARRAY['00000006-0000-8000-8000-000000000000', NULL]) id;

\echo == once, however often submitted
SELECT tixbook.submit_request(6, 1, idempotency_key => 'k') AS r \gset
SELECT tixbook.submit_request(6, 1, idempotency_key => 'k') = :'r' AS same;
SELECT outcome($$SELECT tixbook.submit_request(6, 2, idempotency_key => 'k')$$);
SELECT count(*) FROM tixbook.request WHERE event_id = 6 AND status = 'waiting';

\echo == what can be seen at a glance is refused at once
SELECT call, outcome('SELECT tixbook.submit_request(' || call || ')') FROM (VALUES
    ($$99, 1$$), ($$NULL, 1$$), ($$6, 0$$), ($$6$$), ($$6, 11$$), ($$6, 1, 'Nowhere'$$), ($$6, 1, category => 'None'$$),
    ($$6, 1, customer => ''$$), ($$6, 1, hold_for => '-1 s'$$), ($$6, 1, seats => '{1}'$$), ($$6, seats => '{}'$$),
    ($$6, seats => '{1,1}'$$), ($$6, seats => '{1,8}'$$), ($$6, seats => '{1}', together => true$$),
    ($$6, 1, idempotency_key => ''$$)) AS asked (call);
SELECT tixbook.pause_sale(6);
SELECT outcome('SELECT tixbook.submit_request(6, 1)');

\echo == while a sale is paused its requests wait
SELECT tixbook.work_requests();
SELECT tixbook.open_sale(6);
SELECT tixbook.work_requests();
SELECT status FROM tixbook.request_status(:'r');
\echo == when it is over they are refused
SELECT tixbook.submit_request(6, 1) AS r \gset
SELECT tixbook.close_sale(6);
SELECT tixbook.work_requests();
SELECT status, reason, message, detail FROM tixbook.request_status(:'r');

\echo == more than so many do not wait
SELECT new_event(7);
SET tixbook.max_backlog = 2;
SELECT count(tixbook.submit_request(7, 1)) FROM generate_series(1, 2);
SELECT * FROM attempt('SELECT tixbook.submit_request(7, 1)');
SELECT tixbook.work_requests(1);
SELECT tixbook.submit_request(7, 1) IS NOT NULL AS submitted;
RESET tixbook.max_backlog;
SELECT tixbook.work_requests();

\echo == at the pace of the event: the first at once, the second half an hour later
SELECT new_event(8);
SELECT tixbook.set_request_rate(8, 1.0 / 1800);
SELECT count(tixbook.submit_request(8, 1)) FROM generate_series(1, 2);
SELECT tixbook.work_requests();
SELECT tixbook.work_requests();
SELECT waiting, per_second < 0.001 AS slow FROM tixbook.request_queue() WHERE event_id = 8;
SELECT tixbook.set_request_rate(8, NULL);
SELECT per_second FROM tixbook.request_queue() WHERE event_id = 8;
SELECT tixbook.set_request_rate(8, 0);
SELECT tixbook.work_requests();
SELECT call, outcome('SELECT tixbook.set_request_rate(' || call || ')')
FROM (VALUES ($$8, -1$$), ($$8, 'NaN'$$), ($$99, 1$$)) AS asked (call);

\echo == a request that raises an error stops no other, is put off, and at last put aside
SELECT new_event(9);
CREATE INDEX of_no_hal ON tixbook.booking ((1 / (customer IS DISTINCT FROM 'hal')::integer)) WHERE event_id = 9;
SELECT count(tixbook.submit_request(9, 1, customer => c)) FROM unnest('{ida,hal,jim}'::text[]) c;
SELECT tixbook.work_requests();
SELECT customer, status, seats, attempts, reason, message FROM state WHERE customer IN ('ida', 'hal', 'jim');
SELECT waiting, retrying, lag FROM tixbook.request_queue() WHERE event_id = 9;
SELECT not_before - submitted_at BETWEEN '25 ms' AND '10 s' AS soon FROM tixbook.request WHERE customer = 'hal';
-- Not before its time; then for the last time.
UPDATE tixbook.request SET not_before = now() + interval '1 h', attempts = 9 WHERE customer = 'hal';
SELECT tixbook.work_requests();
UPDATE tixbook.request SET not_before = now() WHERE customer = 'hal';
SELECT tixbook.work_requests();
SELECT customer, status, attempts, reason, message, ended FROM state WHERE customer = 'hal';
SELECT detail FROM tixbook.request_status((SELECT request_id FROM tixbook.request WHERE customer = 'hal'));
SELECT waiting, dead FROM tixbook.request_queue() WHERE event_id = 9;
SELECT tixbook.retry_requests(8), tixbook.retry_requests(9, (SELECT request_id FROM tixbook.request WHERE customer = 'ida'));
DROP INDEX tixbook.of_no_hal;
SELECT tixbook.retry_requests(9);
SELECT tixbook.work_requests();
SELECT customer, status, attempts, seats, reason FROM state WHERE customer = 'hal';
SELECT outcome('SELECT tixbook.retry_requests(99)');

\echo == a batch that is taken back has done nothing
SELECT new_event(10);
SELECT tixbook.submit_request(10, 2, customer => 'kim') AS kim \gset
BEGIN;
SELECT tixbook.work_requests();
SELECT status FROM tixbook.request_status(:'kim');
ROLLBACK;
SELECT status, attempts FROM tixbook.request_status(:'kim');
SELECT sum(free) FROM tixbook.seat_block WHERE event_id = 10;
SELECT tixbook.work_requests(), tixbook.work_requests();
SELECT cardinality((hold).seats) FROM tixbook.request_status(:'kim');

\echo == an event that cannot be read keeps no other waiting
SELECT build_house('Ruin', 'ss') AS ruin \gset
SELECT build_event(:ruin, 11), build_event(:house, 12);
SELECT tixbook.set_request_rate(e, 0) FROM unnest('{11,12}'::integer[]) e;
CREATE FUNCTION shift_blocks(by integer) RETURNS void LANGUAGE sql AS $$
    SET LOCAL session_replication_role = replica;
    UPDATE tixbook.venue_block b SET block_no = block_no + by FROM tixbook.event e WHERE e.venue_id = b.venue_id AND e.event_id = 11;
    SET LOCAL session_replication_role = origin;
    UPDATE tixbook.section SET name = name;
$$;
SELECT count(tixbook.submit_request(e, 1, customer => 'lea')) FROM unnest('{11,12}'::integer[]) e;
SELECT shift_blocks(100);
SELECT tixbook.work_requests();
SELECT event_id, status FROM tixbook.request WHERE customer = 'lea' ORDER BY 1;
SELECT shift_blocks(-100);
SELECT tixbook.work_requests();
SELECT event_id, status FROM tixbook.request WHERE customer = 'lea' ORDER BY 1;

\echo == what has ended is kept for a while
SELECT tixbook.purge_requests();
SELECT count(tixbook.submit_request(10, 1)) FROM generate_series(1, 2);
UPDATE tixbook.request SET ended_at = ended_at - interval '7 days';
SELECT count(*) AS ended FROM tixbook.request WHERE ended_at IS NOT NULL \gset
SELECT tixbook.purge_requests(1), tixbook.purge_requests(100000) = :ended - 1 AS the_rest;
SELECT status, count(*) FROM tixbook.request GROUP BY 1;
SET tixbook.ended_request_ttl = -1;
SELECT tixbook.work_requests();
UPDATE tixbook.request SET ended_at = ended_at - interval '7 days';
SELECT tixbook.sweep();
SELECT count(*) FROM tixbook.request;
SET tixbook.ended_request_ttl = '6d';
SELECT tixbook.sweep();
SELECT count(*) FROM tixbook.request;
SELECT outcome('SELECT tixbook.work_requests(0)'), outcome('SELECT tixbook.purge_requests(0)');
SELECT * FROM tixbook.verify();
