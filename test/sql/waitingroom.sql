-- The waiting room: joining, the start, admission, sessions. Instants are given, or rows set back: nothing waits.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_house('House', 'ssssssss', 'ssssssss') AS house \gset
SELECT build_event(:house, e) FROM generate_series(1, 6) AS e;
-- A secret that is known, so that everybody stands in the same place each time.
CREATE FUNCTION fix_secret(event_id integer) RETURNS void LANGUAGE sql AS $$
    UPDATE tixbook.waiting_room_secret s SET secret = sha256('a secret') WHERE s.event_id = fix_secret.event_id;
    UPDATE tixbook.waiting_room r SET seed_hash = sha256(sha256('a secret')) WHERE r.event_id = fix_secret.event_id;
$$;
CREATE FUNCTION seen(event_id integer, fans text[]) RETURNS TABLE (fan text, state text, "position" bigint, ahead bigint, token boolean)
LANGUAGE sql AS $$
    SELECT fan, q.state, q.position, q.ahead, q.token IS NOT NULL
    FROM unnest(fans) WITH ORDINALITY AS f (fan, nr), tixbook.queue_status(event_id, fan) AS q ORDER BY nr
$$;
CREATE FUNCTION token_of(event_id integer, fan text) RETURNS text LANGUAGE sql AS $$ SELECT (tixbook.queue_status(event_id, fan)).token $$;
CREATE FUNCTION tick(seconds numeric) RETURNS integer LANGUAGE sql AS $$
    SELECT tixbook.tick_waiting_rooms(timestamptz '2030-01-01 12:00Z' + seconds * interval '1 second')
$$;
-- Sessions last from their real beginning; here they shall begin when the room does.
CREATE FUNCTION set_sessions(event_id integer, ends_after interval) RETURNS void LANGUAGE sql AS $$
    UPDATE tixbook.waiting_room_session s SET session_ends = timestamptz '2030-01-01 12:00Z' + ends_after
    WHERE s.event_id = set_sessions.event_id AND s.session_ends > s.started_at
$$;
CREATE VIEW moved AS SELECT event_id, state, admitted, fans, lapsed, active, credit FROM tixbook.waiting_room_pointer ORDER BY event_id;

-- Opening: what is wrong, and what becomes public.
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(99, now(), 1, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, NULL, 1, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, 'infinity', 1, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 0, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 0) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1, '0 s') $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1, no_show => '2 days') $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1, proof_of_work => 33) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1, entries_per_address => 0) $$);
SELECT * FROM attempt($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1, beacon => '') $$);
SELECT outcome($$ SELECT tixbook.queue_status(1, 'ann') $$), outcome($$ SELECT tixbook.join_waiting_room(1, 'ann') $$),
       outcome($$ SELECT tixbook.tick_waiting_rooms() $$), outcome($$ SELECT tixbook.find_waiting_room(1) $$);
SELECT length(tixbook.open_waiting_room(1, '2030-01-01 12:00Z', 1, 3, '1 hour', '1 minute'));
SELECT outcome($$ SELECT tixbook.open_waiting_room(1, now(), 1, 1) $$);
SELECT sha256(s.secret) = r.seed_hash AS promised, r.seed IS NULL AND r.secret IS NULL AS hidden
FROM tixbook.waiting_room r JOIN tixbook.waiting_room_secret s USING (event_id);
SELECT fix_secret(1);

-- Joining: entries count from 0, joining again changes nothing; nobody is drawn before the start.
SELECT j.entry, j.state FROM generate_series(1, 8) AS g, tixbook.join_waiting_room(1, 'fan ' || g) AS j;
SELECT j.entry, j.state FROM tixbook.join_waiting_room(1, 'fan 3') AS j;
SELECT * FROM attempt($$ SELECT tixbook.join_waiting_room(1) $$);
SELECT * FROM attempt($$ SELECT tixbook.join_waiting_room(1, '') $$);
SELECT * FROM attempt($$ SELECT tixbook.join_waiting_room(1, repeat('x', 256)) $$);
SELECT * FROM attempt($$ SELECT tixbook.queue_status(1, 'nobody') $$);
SELECT * FROM seen(1, '{fan 1}');
SELECT next_look BETWEEN '1 s' AND '1 min', estimate, spread, session_ends FROM tixbook.queue_status(1, 'fan 1');
SELECT tick(-1);
SELECT state, admitted, joined, active, estimate, ticked_at FROM tixbook.queue_progress(1);
SELECT * FROM moved;
-- a join that rolls back leaves a gap, who leaves another; neither costs anybody his turn
BEGIN;
SELECT entry FROM tixbook.join_waiting_room(1, 'gone');
ROLLBACK;
SELECT entry FROM tixbook.join_waiting_room(1, 'leaver');
SELECT tixbook.leave_waiting_room(1, 'leaver'), tixbook.leave_waiting_room(1, 'leaver');
SELECT entry FROM tixbook.join_waiting_room(1, 'fan 9');
-- the customer is that of the request's token, where none is named
BEGIN;
SELECT set_config('request.jwt.claims', '{"sub": "fan 2"}', true);
SELECT entry FROM tixbook.join_waiting_room(1);
SELECT entry FROM tixbook.queue_status(1);
ROLLBACK;
-- whoever wants to book must wait
SELECT * FROM attempt($$ SELECT tixbook.reserve(1, 1, customer => 'fan 1') $$);
SELECT * FROM attempt($$ SELECT tixbook.reserve(1, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.reserve(1, 1, customer => 'fan 1', admission => 'x') $$);
SELECT outcome($$ SELECT tixbook.reserve_seats(1, '{0}', 'fan 1') $$), outcome($$ SELECT (tixbook.reserve(2, 1)).adjacent $$);

-- The start: eleven numbers are drawn, the seed is public, and anybody can recompute it.
SELECT tick(0);
SELECT drawn, sha256(secret) = seed_hash AS kept, seed = secret AS plain, drawn_at FROM tixbook.waiting_room;
SELECT e.customer, tixbook.draw_position(r.seed, r.drawn, e.entry) AS position
FROM tixbook.waiting_room_entry e JOIN tixbook.waiting_room r USING (event_id) WHERE event_id = 1 ORDER BY 2;
SELECT * FROM moved;
-- late ones stand behind, in their order
SELECT entry, state FROM tixbook.join_waiting_room(1, 'late 1');
SELECT entry, state FROM tixbook.join_waiting_room(1, 'late 2');
SELECT * FROM seen(1, '{late 1,late 2}');
-- a second at a time; the cap is three, and those who have not come count
SELECT tick(1);
SELECT tick(2);
SELECT tick(3);
SELECT tick(4);
SELECT * FROM moved;
SELECT "position", state, ahead, token FROM seen(1, '{fan 1,fan 2,fan 3,fan 4,fan 5,fan 6,fan 7,fan 8,fan 9}') ORDER BY 1;
SELECT set_sessions(1, '1 hour');
-- the first look has started the sessions; more looks change nothing
SELECT count(*), count(DISTINCT customer) FROM tixbook.waiting_room_session;
SELECT tick(5);
SELECT active FROM moved;
-- an estimate between the pace and full sessions
SELECT estimate > '0 s' AS some, spread <= estimate AS bounded, next_look BETWEEN '1 s' AND '1 min' AS soon FROM tixbook.queue_status(1, 'late 2');
SELECT (tixbook.queue_progress(1, 12)).estimate = (tixbook.queue_status(1, 'late 2')).estimate AS same;

-- The token: for this customer, this event, this session.
SELECT customer AS one FROM tixbook.waiting_room_session ORDER BY place LIMIT 1 \gset
SELECT customer AS two FROM tixbook.waiting_room_session ORDER BY place OFFSET 1 LIMIT 1 \gset
SELECT customer AS three FROM tixbook.waiting_room_session ORDER BY place OFFSET 2 LIMIT 1 \gset
SELECT token_of(1, :'one') AS token \gset
SELECT convert_from(decode(translate(split_part(:'token', '.', 1), '-_', '+/') || repeat('=', -length(split_part(:'token', '.', 1)) & 3), 'base64'), 'UTF8');
SELECT claims ->> 'sub' = :'one' AS sub, claims -> 'event_id' AS event, (claims -> 'exp')::bigint = trunc(extract(epoch FROM s.session_ends)) AS exp, claims ->> 'aud' AS aud
FROM (SELECT convert_from(decode(translate(split_part(:'token', '.', 2), '-_', '+/') || repeat('=', -length(split_part(:'token', '.', 2)) & 3), 'base64'), 'UTF8')::jsonb AS claims) c,
     tixbook.waiting_room_session s WHERE s.customer = :'one';
SELECT split_part(:'token', '.', 3) = tixbook.base64url(tixbook.hmac_sha256(convert_to(split_part(:'token', '.', 1) || '.' || split_part(:'token', '.', 2), 'UTF8'), token_key)) AS signed
FROM tixbook.waiting_room_secret WHERE event_id = 1;
BEGIN;
SELECT seats FROM tixbook.reserve(1, 2, customer => :'one', admission => :'token');
SELECT seats FROM tixbook.reserve_seats(1, '{8}', :'one', admission => :'token');
ROLLBACK;
SELECT outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'two', :'token')) AS another_customer,
       outcome(format($$ SELECT tixbook.reserve(1, 1, admission => %L) $$, :'token')) AS no_customer,
       outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'one', :'token' || 'x')) AS longer,
       outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'one', left(:'token', -1))) AS shorter,
       outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => '') $$, :'one')) AS empty;
-- a request for later needs it when it is submitted, not when it is worked off; while requests are late, nobody is let in
BEGIN;
SELECT outcome(format($$ SELECT tixbook.submit_request(1, 1, customer => %L) $$, :'one')) AS without,
       outcome(format($$ SELECT tixbook.submit_request(1, 1, customer => %L, admission => %L) $$, :'two', :'token')) AS another_customer;
SELECT tixbook.submit_request(1, 1, customer => :'one', admission => :'token') IS NOT NULL AS submitted;
UPDATE tixbook.request SET waiting_since = clock_timestamp() - interval '1 minute';
UPDATE tixbook.waiting_room_pointer SET credit = 0 WHERE event_id = 1;
SELECT tixbook.set_waiting_room_pace(1, max_active => 9);
SELECT tick(5.5), tick(5.9);
SELECT admitted, active, credit FROM moved WHERE event_id = 1;
UPDATE tixbook.waiting_room_session SET session_ends = now() WHERE customer = :'one';
SELECT tixbook.work_requests();
SELECT status FROM tixbook.request;
ROLLBACK;
-- of another event, with the same customer and the same number
SELECT length(tixbook.open_waiting_room(3, '2020-01-01', 10, 10));
SELECT count(j.entry) FILTER (WHERE j.entry = s.entry AND g = s.entry) AS same FROM tixbook.waiting_room_session s, generate_series(0, s.entry) g, tixbook.join_waiting_room(3, CASE g WHEN s.entry THEN s.customer ELSE 'filler ' || g END) j WHERE s.customer = :'one';
SELECT tick(6);
SELECT count(*) FROM tixbook.waiting_room_entry e, tixbook.queue_status(3, e.customer) WHERE e.event_id = 3 AND e.customer = :'one';
SELECT outcome(format($$ SELECT tixbook.reserve(3, 1, customer => %L, admission => %L) $$, :'one', :'token')) AS other_event;
SELECT tixbook.close_waiting_room(3);
-- a repeated request with its key gets its answer also when the session is over
SELECT booking_id AS booking FROM tixbook.reserve(1, 1, customer => :'one', admission => :'token', idempotency_key => 'k') \gset
-- who leaves has no more use of it
SELECT token_of(1, :'two') AS token_two \gset
SELECT tixbook.leave_waiting_room(1, :'two');
SELECT outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'two', :'token_two')) AS after_leaving;
SELECT outcome(format($$ SELECT tixbook.queue_status(1, %L) $$, :'two'));
-- nor who has bought: his place goes to the next; a release leaves him in
SELECT (tixbook.release(:'booking')).status;
SELECT (tixbook.queue_status(1, :'one')).state;
SELECT booking_id AS booking FROM tixbook.reserve(1, 1, customer => :'one', admission => :'token') \gset
SELECT (tixbook.confirm(:'booking', 'paid')).status;
SELECT (tixbook.queue_status(1, :'one')).state;
SELECT outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'one', :'token')) AS after_buying;
SELECT booking_id <> :'booking' AS the_first FROM tixbook.reserve(1, 1, customer => :'one', admission => :'token', idempotency_key => 'k');
-- nor who is late
SELECT token_of(1, :'three') AS token_three \gset
UPDATE tixbook.waiting_room_session SET session_ends = now() - interval '1 second' WHERE customer = :'three';
SELECT outcome(format($$ SELECT tixbook.reserve(1, 1, customer => %L, admission => %L) $$, :'three', :'token_three')) AS after_the_end;
SELECT (tixbook.queue_status(1, :'three')).state;
-- all three places are free again
SELECT tick(7), tick(8), tick(9);
SELECT * FROM moved WHERE event_id = 1;

-- No-shows: a minute later the places of those who have not come are given up, and they have missed it.
SELECT tick(67), tick(70), tick(71), tick(72);
SELECT admitted, fans, lapsed, active FROM moved WHERE event_id = 1;
SELECT fan, state FROM tixbook.waiting_room_entry e, seen(1, ARRAY[e.customer]) WHERE e.event_id = 1 AND state = 'missed' ORDER BY "position";
SELECT e.customer AS missed FROM tixbook.waiting_room_entry e, seen(1, ARRAY[e.customer]) s WHERE e.event_id = 1 AND s.state = 'missed' ORDER BY s.position LIMIT 1 \gset
SELECT entry, state FROM tixbook.join_waiting_room(1, :'missed');
SELECT entry, state FROM tixbook.join_waiting_room(1, :'one');

-- Pause, resume, another pace, sold out.
SELECT tixbook.pause_waiting_room(1);
SELECT state FROM tixbook.queue_progress(1);
SELECT state, estimate FROM tixbook.queue_status(1, 'late 2');
SELECT tick(200), tick(201);
SELECT state, active FROM moved WHERE event_id = 1;
SELECT tixbook.resume_waiting_room(1);
SELECT tixbook.set_waiting_room_pace(1, max_active => 1);
SELECT * FROM attempt($$ SELECT tixbook.set_waiting_room_pace(1, admit_per_second => -1) $$);
SELECT tick(203);
SELECT state, active FROM moved WHERE event_id = 1;
SELECT tixbook.pause_sale(1);
SELECT tick(204);
SELECT state FROM moved WHERE event_id = 1;
SELECT tixbook.open_sale(1);
BEGIN;
SELECT tixbook.block_section(1, 'Stalls');
SELECT tick(205);
SELECT state FROM moved WHERE event_id = 1;
SELECT state, estimate FROM tixbook.queue_status(1, :'one');
ROLLBACK;
-- never more may book than there are seats
SELECT tixbook.set_waiting_room_pace(1, 100, 100);
SELECT tick(300), tick(301), tick(302);
SELECT count(*) AS waiting FROM tixbook.waiting_room_entry e, seen(1, ARRAY[e.customer]) s WHERE event_id = 1 AND s.state = 'waiting';
SELECT state, admitted = joined AS all_in FROM tixbook.queue_progress(1);
-- who joins now is let in with the next tick
SELECT state FROM tixbook.join_waiting_room(1, 'walk-in');
SELECT tick(303);
SELECT state FROM seen(1, '{walk-in}');
-- a worker that comes an hour late lets no crowd in: two seconds' worth
SELECT tixbook.set_waiting_room_pace(1, 2, 100);
SELECT count(*) FROM generate_series(1, 20) g, tixbook.join_waiting_room(1, 'crowd ' || g);
SELECT admitted AS before FROM moved WHERE event_id = 1 \gset
SELECT tick(4000);
SELECT admitted - :before AS let_in FROM moved WHERE event_id = 1;
-- an earlier instant, as of a clock that was set back, moves nobody back, and time goes on from there
SELECT tick(0);
SELECT admitted - :before AS let_in, ticked_at FROM tixbook.waiting_room_pointer WHERE event_id = 1;
-- closed: nobody waits, and all may book
SELECT tixbook.close_waiting_room(1), tixbook.close_waiting_room(1);
SELECT outcome($$ SELECT tixbook.pause_waiting_room(1) $$), outcome($$ SELECT tixbook.join_waiting_room(1, 'ann') $$), outcome($$ SELECT (tixbook.reserve(1, 1, customer => 'ann')).adjacent $$);
SELECT state, token FROM seen(1, '{walk-in}');
SELECT tick(5000);

-- A beacon: the start fixes who takes part, the draw comes when its value is known.
SELECT length(tixbook.open_waiting_room(4, '2030-01-01 12:00Z', 1, 3, beacon => 'drand, round 1'));
SELECT fix_secret(4);
SELECT j.entry FROM generate_series(1, 4) g, tixbook.join_waiting_room(4, 'fan ' || g) j;
SELECT * FROM attempt($$ SELECT tixbook.draw_waiting_room(4, 'value') $$);
SELECT tick(0);
SELECT * FROM seen(4, '{fan 1}');
SELECT drawn, seed, secret FROM tixbook.waiting_room WHERE event_id = 4;
SELECT entry, state FROM tixbook.join_waiting_room(4, 'late');
SELECT state, "position" FROM seen(4, '{late}');
SELECT outcome($$ SELECT tixbook.draw_waiting_room(4, '') $$);
SELECT tixbook.draw_waiting_room(4, 'value') = sha256(sha256('a secret') || 'value') AS seed;
SELECT outcome($$ SELECT tixbook.draw_waiting_room(4, 'value') $$);
SELECT tick(1), tick(2), tick(3);
SELECT (tixbook.find_waiting_room(4)) - 'seed_hash' - 'joined';
SELECT "position", state FROM seen(4, '{fan 1,fan 2,fan 3,fan 4,late}') ORDER BY 1;

-- Proof of work: bound to the event, the customer and the room.
SELECT length(tixbook.open_waiting_room(5, '2030-01-01 12:00Z', 1, 3, proof_of_work => 6, entries_per_address => 2));
SELECT fix_secret(5);
SELECT * FROM attempt($$ SELECT tixbook.join_waiting_room(5, 'ann') $$);
SELECT * FROM attempt($$ SELECT tixbook.join_waiting_room(5, 'ann', repeat('x', 101)) $$);
CREATE FUNCTION proof(customer text) RETURNS text LANGUAGE sql AS $$
    SELECT p::text FROM generate_series(0, 10000) p
    WHERE get_byte(sha256(convert_to('5:' || customer || ':' || encode(sha256(sha256('a secret')), 'hex') || ':' || p, 'UTF8')), 0) < 4 LIMIT 1
$$;
SELECT entry FROM tixbook.join_waiting_room(5, 'ann', proof('ann'), '192.0.2.1');
SELECT outcome(format($$ SELECT tixbook.join_waiting_room(5, 'bob', %L) $$, proof('ann')));
-- once in, no more work; two from one address, who leaves makes room
SELECT entry FROM tixbook.join_waiting_room(5, 'ann');
SELECT entry FROM tixbook.join_waiting_room(5, 'bob', proof('bob'), '192.0.2.1');
SELECT * FROM attempt(format($$ SELECT tixbook.join_waiting_room(5, 'cy', %L, '192.0.2.1') $$, proof('cy')));
SELECT entry FROM tixbook.join_waiting_room(5, 'cy', proof('cy'), '192.0.2.2');
SELECT entry FROM tixbook.join_waiting_room(5, 'dee', proof('dee'));
SELECT tixbook.leave_waiting_room(5, 'bob');
SELECT entry FROM tixbook.join_waiting_room(5, 'eve', proof('eve'), '192.0.2.1');
-- no address is kept
SELECT count(*), count(DISTINCT address) FROM tixbook.waiting_room_entry WHERE event_id = 5 AND address IS NOT NULL;

-- A room that cannot be moved on stops no other.
SELECT length(tixbook.open_waiting_room(6, '2030-01-01 12:00Z', 1, 3));
SELECT entry FROM tixbook.join_waiting_room(6, 'ann');
SELECT tick(10);
UPDATE tixbook.waiting_room_pointer SET history_place = '{1,2,3}' WHERE event_id = 4;
SELECT tick(11);
SELECT admitted FROM tixbook.queue_progress(6);
SELECT * FROM tixbook.verify();
