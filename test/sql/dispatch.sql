-- The outbox, without the worker: what may be written, what begins when, and what becomes of it.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE sql AS $$ SELECT a.state || ' ' || coalesce(a.answer, '') FROM attempt(statement) a $$;

-- Destinations: only what an administrator allows, and nothing that leads elsewhere.
SELECT refusal($$ SELECT tixbook.allow_destination('Bad Name', 'https://example.com') $$);
SELECT refusal(format('SELECT tixbook.allow_destination(''d'', %L)', url)) FROM unnest(ARRAY[
    'ftp://example.com', 'https://', 'https://user@example.com', 'https://example.com/?a', 'https://example.com/#a',
    'https://example.com/', 'http://example.com', 'https://example.com/a b', E'https://example.com/\n', NULL]) AS url;
SELECT refusal($$ SELECT tixbook.allow_destination('d', 'https://example.com', timeout => '0') $$);
SELECT refusal($$ SELECT tixbook.allow_destination('d', 'https://example.com', longest_pause => '0.5 s') $$);
SELECT refusal($$ SELECT tixbook.allow_destination('d', 'https://example.com', signing_secret => 'secret') $$);
SELECT refusal($$ SELECT tixbook.allow_destination('d', 'https://example.com', headers => '{"Host": "a"}') $$);
SELECT refusal($$ SELECT tixbook.allow_destination('d', 'https://example.com', headers => '{"A": "b\r\nC: d"}') $$);
SELECT count(*) FROM tixbook.destination;
SELECT tixbook.allow_destination('d', 'https://example.com/api', headers => '{"Authorization": "secret"}',
    signing_secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw2v', concurrency => 2, breaker_failures => 2, breaker_pause => '1 hour');
SELECT tixbook.allow_destination('e', 'http://example.org', plaintext => true, give_up_after => '0');

-- Messages
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('elsewhere', '/') $$);
SELECT refusal(format('SELECT tixbook.enqueue_dispatch(''d'', %L)', path)) FROM unnest(ARRAY[
    'a', '/a b', '/../a', '/a/..', '/./a', '/..?a', '/a#b', E'/a\r\nX: y', NULL]) AS path;
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', method => 'TRACE') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', headers => '{"Content-Length": "5"}') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', headers => '{"A": 5}') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', headers => '[]') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', idempotency_key => 'a b') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/', repeat('x', 1048577)) $$);
SELECT count(*) FROM tixbook.dispatch;

CREATE VIEW outbox AS
SELECT dispatch_id AS id, destination, state, attempts, outcome, http_status, last_error,
       state = 'waiting' AND attempts > 0 AND next_at > begun_at AS later
FROM tixbook.dispatch ORDER BY dispatch_id;
SELECT setval('tixbook.dispatch_dispatch_id_seq', 1, false);
SELECT tixbook.enqueue_dispatch('d', '/1?a=1', '{"n": 1}', headers => '{"X-A": "b"}', idempotency_key => 'key-1');
SELECT tixbook.enqueue_dispatch('d', '/2', 'a=b', ordering_key => 'k', headers => '{"content-type": "text/plain"}');
SELECT tixbook.enqueue_dispatch('d', '/3', ordering_key => 'k', method => 'DELETE');
SELECT tixbook.enqueue_dispatch('d', '/4', ordering_key => 'k');
SELECT tixbook.enqueue_dispatch('d', '/5');
SELECT tixbook.enqueue_dispatch('e', '');

-- What begins: no more than a destination takes at a time, and none before an earlier one with its key.
CREATE FUNCTION begin(room integer) RETURNS TABLE (id bigint, url text, method text, headers text[], body text) LANGUAGE sql AS $$
    SELECT b.dispatch_id, b.url, b.method,
           ARRAY(SELECT regexp_replace(h, '^(webhook-\S+|Idempotency-Key): .{32,}|^(webhook-\S+): \d+$', '\1\2: ...') FROM unnest(b.headers) h), b.body
    FROM tixbook.begin_dispatches(room) b
$$;
SELECT * FROM begin(1);
SELECT * FROM begin(10);
SELECT * FROM begin(10);
SELECT * FROM outbox;

-- What becomes of it
SELECT tixbook.end_dispatch(1, 200, '{"fine": true}', NULL, NULL);
SELECT tixbook.end_dispatch(1, 500, 'again', NULL, NULL);
SELECT tixbook.end_dispatch(2, 503, 'busy', NULL, 3600);
SELECT tixbook.end_dispatch(6, NULL, NULL, 'it timed out', NULL);
SELECT * FROM outbox;
SELECT next_at > clock_timestamp() + interval '59 min' AS as_asked FROM tixbook.dispatch WHERE dispatch_id = 2;
UPDATE tixbook.dispatch SET next_at = now() WHERE state = 'waiting';
SELECT id FROM begin(10);
SELECT tixbook.end_dispatch(2, 400, 'no', NULL, NULL), tixbook.end_dispatch(5, 302, '', NULL, NULL);
SELECT id FROM begin(10);
SELECT * FROM outbox;
SELECT id, url FROM begin(10);

-- The breaker: two failures in a row open it; then one call tries, and decides.
SELECT destination, breaker, failures, open_until > clock_timestamp() AS later, waiting, sending, dead FROM tixbook.dispatch_status ORDER BY 1;
SELECT tixbook.end_dispatch(3, 500, NULL, NULL, NULL);
UPDATE tixbook.dispatch SET next_at = now() WHERE state = 'waiting';
SELECT tixbook.enqueue_dispatch('d', '/7');
SELECT id FROM begin(10);
SELECT tixbook.end_dispatch(3, 500, NULL, NULL, NULL), tixbook.end_dispatch(7, 500, NULL, NULL, NULL);
SELECT breaker, failures, open_until > clock_timestamp() AS later, last_error FROM tixbook.dispatch_status WHERE destination = 'd';
UPDATE tixbook.dispatch SET next_at = now() WHERE state = 'waiting';
SELECT id FROM begin(10);
SELECT tixbook.next_dispatch('1 h') > clock_timestamp() + interval '30 min' AS nothing_before_it_closes;
UPDATE tixbook.destination_health SET open_until = now() WHERE destination = 'd';
SELECT id FROM begin(10);
SELECT breaker FROM tixbook.dispatch_status WHERE destination = 'd';
SELECT tixbook.end_dispatch(3, NULL, NULL, 'nobody there', NULL);
SELECT breaker, openings FROM tixbook.destination_health WHERE destination = 'd';
UPDATE tixbook.dispatch SET next_at = now() WHERE state = 'waiting';
UPDATE tixbook.destination_health SET open_until = now() WHERE destination = 'd';
SELECT id FROM begin(10);
SELECT tixbook.end_dispatch(3, 200, NULL, NULL, NULL);
SELECT breaker, failures, openings FROM tixbook.destination_health WHERE destination = 'd';
SELECT id FROM begin(10);

-- Calls that a worker left behind count, and are due again.
SELECT tixbook.resume_dispatches();
SELECT * FROM outbox WHERE state = 'waiting';

-- Dead letters
SELECT dispatch_id, destination, outcome, last_error FROM tixbook.dead_letter ORDER BY 1;
SELECT tixbook.retry_dispatches('e'), tixbook.retry_dispatches(dispatch_id => 5), tixbook.retry_dispatches(dispatch_id => 5);
SELECT tixbook.retry_dispatches();
SELECT id, state, outcome FROM outbox;

-- What was delivered goes when its time is over; what is not does not.
SELECT tixbook.tidy_dispatches('1 hour'), (SELECT count(*) FROM tixbook.dispatch WHERE state = 'delivered');
SELECT tixbook.tidy_dispatches('0'), (SELECT count(*) FROM tixbook.dispatch);
SELECT count(*) FROM tixbook.dispatch;

-- Nothing goes to a destination that is not allowed any more, and its secrets are gone.
SELECT tixbook.disallow_destination('d');
SELECT refusal($$ SELECT tixbook.disallow_destination('elsewhere') $$);
SELECT refusal($$ SELECT tixbook.enqueue_dispatch('d', '/') $$);
SELECT destination FROM tixbook.destination_room;
SELECT destination, headers, signing_secret FROM tixbook.destination_secret ORDER BY 1;
TRUNCATE tixbook.dispatch;

-- Webhooks: one message a change and subscription, in the transaction of the change.
SELECT build_house('House', 'ssss', 'ssss') AS house \gset
SELECT build_event(:house, 1), build_event(:house, 2);
SELECT refusal($$ SELECT tixbook.subscribe_webhook('elsewhere') $$);
SELECT refusal($$ SELECT tixbook.subscribe_webhook('e') $$);
SELECT tixbook.allow_destination(name, 'https://example.com/' || name, signing_secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw2v')
FROM unnest('{all,one}'::text[]) AS name;
SELECT refusal($$ SELECT tixbook.subscribe_webhook('all', '{booking.held}') $$);
SELECT refusal($$ SELECT tixbook.subscribe_webhook('all', NULL) $$);
SELECT refusal($$ SELECT tixbook.subscribe_webhook('all', event_id => 99) $$);
SELECT booking_id AS before FROM tixbook.reserve_seats(1, '{0}') \gset
SELECT (tixbook.confirm(:'before', 'payment 0')).status;
SELECT count(*) AS messages_without_subscription FROM tixbook.dispatch;
SELECT tixbook.subscribe_webhook('all');
SELECT tixbook.subscribe_webhook('all', '{booking.confirmed}', 1);
SELECT tixbook.subscribe_webhook('one', '{booking.confirmed}', 2);
CREATE VIEW told AS
SELECT destination, body::jsonb ->> 'type' AS type, (body::jsonb -> 'data') - 'booking_id'::text AS data,
       ordering_key = (body::jsonb -> 'data' ->> 'booking_id') AS in_order, kind, path
FROM tixbook.dispatch ORDER BY dispatch_id;
SELECT booking_id AS first FROM tixbook.reserve_seats(1, '{1,2}') \gset
SELECT booking_id AS second FROM tixbook.reserve_seats(2, '{0}') \gset
SELECT booking_id AS third FROM tixbook.reserve_seats(2, '{1}', hold_for => '1 millisecond') \gset
SELECT count(*) AS messages_of_holds FROM tixbook.dispatch;
BEGIN;
SELECT (tixbook.confirm(:'first', 'payment 1')).status;
ROLLBACK;
SELECT count(*) AS messages_of_what_rolled_back FROM tixbook.dispatch;
SELECT (tixbook.confirm(:'first', 'payment 1')).status, (tixbook.confirm(:'second', 'payment 1')).status;
SELECT (tixbook.cancel(:'second')).status, tixbook.sweep();
SELECT * FROM told;
-- what an answer means here can fail to be worked out: that is tried again, and the call is not
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER fail BEFORE UPDATE ON tixbook.webhook_subscription FOR EACH STATEMENT EXECUTE FUNCTION fail();
BEGIN;
SELECT dispatch_id AS unlucky FROM tixbook.begin_dispatches(1) \gset
SELECT tixbook.end_dispatch(:unlucky, 410, NULL, NULL, NULL);
SELECT state, outcome, attempts, last_error, next_at > clock_timestamp() AS later FROM tixbook.dispatch WHERE dispatch_id = :unlucky;
SELECT tixbook.tidy_dispatches('1 h');
SELECT tixbook.next_dispatch('1 h') <= next_at AS is_due_then FROM tixbook.dispatch WHERE dispatch_id = :unlucky;
UPDATE tixbook.dispatch SET next_at = now() WHERE dispatch_id = :unlucky;
DROP TRIGGER fail ON tixbook.webhook_subscription;
SELECT tixbook.tidy_dispatches('1 h');
SELECT state, outcome, attempts FROM tixbook.dispatch WHERE dispatch_id = :unlucky;
ROLLBACK;
DROP TRIGGER fail ON tixbook.webhook_subscription;
-- a receiver that says 410 is told no more
SELECT dispatch_id AS gone, destination FROM tixbook.begin_dispatches(1) JOIN tixbook.dispatch USING (dispatch_id) \gset
SELECT tixbook.end_dispatch(:gone, 410, NULL, NULL, NULL);
SELECT event_id, destination, disabled_at IS NOT NULL AS disabled, disabled_reason FROM tixbook.webhook_subscription ORDER BY 1, 2;
SELECT destination, state, last_error FROM tixbook.dispatch ORDER BY dispatch_id;
SELECT tixbook.unsubscribe_webhook('one', 2), tixbook.unsubscribe_webhook('one', 2);
SELECT (tixbook.cancel(:'first')).status;
SELECT count(*) AS still FROM tixbook.dispatch;
SELECT * FROM tixbook.verify();

-- Dead letters go when their time is over; what waits does not.
SELECT state, count(*) FROM tixbook.dispatch GROUP BY 1 ORDER BY 1;
UPDATE tixbook.dispatch SET made_at = made_at - interval '30 days', ended_at = ended_at - interval '30 days';
SET tixbook.dead_letter_ttl = -1;
SELECT tixbook.purge_dead_letters();
SET tixbook.dead_letter_ttl = '31d';
SELECT tixbook.purge_dead_letters();
RESET tixbook.dead_letter_ttl;
SHOW tixbook.dead_letter_ttl;
SELECT tixbook.purge_dead_letters(1);
SELECT tixbook.sweep();
SELECT state, count(*) FROM tixbook.dispatch GROUP BY 1 ORDER BY 1;
SELECT outcome('SELECT tixbook.purge_dead_letters(0)');
