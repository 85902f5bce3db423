-- Where entries stand is hinted at in shared memory; whatever the hints say, each fan finds his own entry.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_house('House', 'ssssssss') AS house \gset
SELECT build_event(:house, 1);
SELECT length(tixbook.open_waiting_room(1, now() + interval '1 day', 1, 3));
SELECT count(tixbook.join_waiting_room(1, 'fan ' || g)) FROM generate_series(1, 3000) g;

-- Who is told somebody else's entry, or none.
CREATE VIEW mistaken AS
SELECT e.customer FROM tixbook.waiting_room_entry e
WHERE (tixbook.queue_status(e.event_id, e.customer)).entry IS DISTINCT FROM e.entry;

SELECT count(*) FROM mistaken;
SELECT tixbook.prewarm(1);
SELECT count(*) FROM mistaken;

-- Who has left is not found where he stood, also when another stands there now; who comes again has a new place.
SELECT ctid AS place FROM tixbook.waiting_room_entry WHERE event_id = 1 AND customer = 'fan 7' \gset
SELECT count(tixbook.leave_waiting_room(1, 'fan ' || g)) FROM generate_series(1, 50) g;
SELECT outcome($$ SELECT tixbook.queue_status(1, 'fan 7') $$);
VACUUM tixbook.waiting_room_entry;
SELECT count(tixbook.join_waiting_room(1, 'late ' || g)) FROM generate_series(1, 500) g;
SELECT customer LIKE 'late%' AS place_reused FROM tixbook.waiting_room_entry WHERE ctid = :'place';
SELECT outcome($$ SELECT tixbook.queue_status(1, 'fan 7') $$);
SELECT entry FROM tixbook.join_waiting_room(1, 'fan 7');
SELECT count(*) FROM mistaken;
-- a hint that is left behind by a transaction that rolls back
BEGIN;
SELECT entry FROM tixbook.join_waiting_room(1, 'undecided');
SELECT entry FROM tixbook.queue_status(1, 'undecided');
ROLLBACK;
SELECT outcome($$ SELECT tixbook.queue_status(1, 'undecided') $$);

-- Rows move, and the table becomes shorter.
SELECT count(tixbook.leave_waiting_room(1, 'fan ' || g)) FROM generate_series(51, 2900) g;
VACUUM FULL tixbook.waiting_room_entry;
SELECT count(*) FROM mistaken;
SELECT outcome($$ SELECT tixbook.queue_status(1, 'fan 8') $$),
       (tixbook.queue_status(1, 'fan 2950')).entry;
SELECT tixbook.prewarm(1);
SELECT count(*) FROM mistaken;

-- A room that is closed needs none.
SELECT tixbook.close_waiting_room(1);
SELECT tixbook.prewarm(1);
SELECT count(*) FROM mistaken;
