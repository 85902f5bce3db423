-- Entries of a waiting room go when it is closed, its event is over, and the time for that has passed.
SET client_min_messages = warning;
\pset null '-'
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

SELECT tixbook.create_venue('House') AS venue \gset
SELECT tixbook.add_standing_section(:venue, 'Floor', 1000, 'All');
SELECT tixbook.create_event(:venue, 'Event ' || n, now() + interval '90 days', '{"All": 100}', event_id => n) FROM generate_series(1, 7) n;
SELECT tixbook.open_sale(n) FROM generate_series(1, 7) n;
SELECT length(tixbook.open_waiting_room(n, now(), 100, 100)) FROM generate_series(1, 7) n;
INSERT INTO tixbook.waiting_room_entry (event_id, entry, joined_at, customer)
SELECT n, f, now(), 'fan ' || f FROM generate_series(1, 7) n, generate_series(0, 29) f;
INSERT INTO tixbook.waiting_room_session (event_id, entry, place, started_at, session_ends, customer)
SELECT n, f, f, now(), now(), 'fan ' || f FROM generate_series(1, 7) n, generate_series(0, 4) f;
CREATE VIEW left_of AS
SELECT r.event_id, (SELECT count(*) FROM tixbook.waiting_room_entry e WHERE e.event_id = r.event_id) AS entries,
       (SELECT count(*) FROM tixbook.waiting_room_session s WHERE s.event_id = r.event_id) AS sessions,
       r.purged_at IS NOT NULL AS purged
FROM tixbook.waiting_room r ORDER BY 1;

\echo == 1 is open, 2 on sale, 3 was until lately, 4 is closed, 5 paused and past, 6 paused and to come
SELECT tixbook.close_waiting_room(n) FROM generate_series(2, 7) n;
SELECT tixbook.close_sale(1), tixbook.close_sale(4), tixbook.pause_sale(5), tixbook.pause_sale(6);
SELECT tixbook.open_sale(3, sale_ends_at => now() - interval '1 day');
SELECT tixbook.open_sale(7, sale_ends_at => now() - interval '1 day');
UPDATE tixbook.event SET starts_at = now() - interval '40 days' WHERE event_id IN (1, 2, 5);
UPDATE tixbook.waiting_room SET closed_at = now() - interval '40 days' WHERE event_id IN (2, 3, 5, 6);
SELECT event_id, over_at <= now() AS over FROM tixbook.waiting_room_over ORDER BY 1;

\echo == nothing before its time
SHOW tixbook.waiting_room_ttl;
SELECT tixbook.purge_waiting_rooms(20), tixbook.purge_waiting_rooms(20), tixbook.purge_waiting_rooms(20);
SELECT * FROM left_of;
SET tixbook.waiting_room_ttl = -1;
UPDATE tixbook.waiting_room SET closed_at = now() - interval '31 days' WHERE event_id = 4;
SELECT tixbook.purge_waiting_rooms();
SET tixbook.waiting_room_ttl = '32d';
SELECT tixbook.purge_waiting_rooms();
RESET tixbook.waiting_room_ttl;

\echo == what is taken back is found again
BEGIN;
SELECT tixbook.purge_waiting_rooms(5), tixbook.purge_waiting_rooms(5);
SAVEPOINT here;
SELECT tixbook.purge_waiting_rooms(5);
ROLLBACK TO here;
SELECT sum(entries) FROM left_of WHERE event_id = 4;
ROLLBACK;
SELECT tixbook.purge_waiting_rooms(10);
SELECT * FROM left_of WHERE event_id = 4;
SELECT tixbook.purge_waiting_rooms(1000);
SELECT * FROM left_of WHERE event_id = 4;
\echo == sweep does it too, and several rooms in a batch
SET tixbook.waiting_room_ttl = 0;
SELECT tixbook.sweep(10);
SELECT sum(entries) AS entries, sum(sessions) AS sessions FROM left_of WHERE event_id IN (3, 7);
SELECT tixbook.purge_waiting_rooms(1000), tixbook.purge_waiting_rooms(1000);
SELECT * FROM left_of;

\echo == the room stays, and what proves its draw; nobody is in it
SELECT f.room ->> 'state' AS state, f.room ->> 'seed_hash' = encode(r.seed_hash, 'hex') AS proof
FROM tixbook.waiting_room r, LATERAL (SELECT tixbook.find_waiting_room(4) AS room) AS f WHERE r.event_id = 4;
SELECT outcome($$ SELECT tixbook.queue_status(4, 'fan 1') $$);
SELECT outcome($$ SELECT tixbook.purge_waiting_rooms(0) $$), outcome($$ SELECT tixbook.purge_waiting_rooms(NULL) $$);
SELECT * FROM tixbook.verify();
