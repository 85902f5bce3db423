-- contracts: what callers and administrators rely on: settings, the shape of answers, what only looks, references.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(80);

CREATE FUNCTION pg_temp.sqlstate(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;


-- Settings. max_databases and cache_size are only there where the library was loaded at server start, as here.

SELECT bag_eq($$ SELECT name, vartype, unit, min_val, max_val, boot_val, context FROM pg_settings WHERE name LIKE 'tixbook.%' $$,
    $$ VALUES
    ('tixbook.hold_ttl', 'integer', 's', '1', '2592000', '600', 'superuser'),
    ('tixbook.max_hold', 'integer', 's', '1', '2592000', '86400', 'superuser'),
    ('tixbook.lock_wait', 'integer', 'ms', '0', '60000', '1000', 'user'),
    ('tixbook.idempotency_ttl', 'integer', 's', '60', '31536000', '86400', 'superuser'),
    ('tixbook.ended_hold_ttl', 'integer', 's', '-1', '2147483647', '604800', 'superuser'),
    ('tixbook.request_rate', 'real', NULL, '0', '1e+06', '1000', 'sighup'),
    ('tixbook.request_batch', 'integer', NULL, '1', '10000', '500', 'sighup'),
    ('tixbook.request_worker', 'bool', NULL, NULL, NULL, 'on', 'sighup'),
    ('tixbook.request_workers_min', 'integer', NULL, '1', '8', '1', 'sighup'),
    ('tixbook.request_workers_max', 'integer', NULL, '1', '8', '4', 'sighup'),
    ('tixbook.request_attempts', 'integer', NULL, '1', '100', '10', 'sighup'),
    ('tixbook.max_backlog', 'integer', NULL, '1', '2147483647', '100000', 'superuser'),
    ('tixbook.ended_request_ttl', 'integer', 's', '-1', '2147483647', '604800', 'superuser'),
    ('tixbook.expiry_worker', 'bool', NULL, NULL, NULL, 'on', 'sighup'),
    ('tixbook.expiry_batch', 'integer', NULL, '1', '100000', '1000', 'sighup'),
    ('tixbook.databases', 'string', NULL, NULL, NULL, '', 'sighup'),
    ('tixbook.max_databases', 'integer', NULL, '1', '1024', '16', 'postmaster'),
    ('tixbook.waiting_room_ttl', 'integer', 's', '-1', '2147483647', '2592000', 'superuser'),
    ('tixbook.waitingroom_tick', 'integer', 'ms', '50', '60000', '500', 'sighup'),
    ('tixbook.waitingroom_worker', 'bool', NULL, NULL, NULL, 'on', 'sighup'),
    ('tixbook.worker_idle', 'integer', 's', '1', '86400', '180', 'sighup'),
    ('tixbook.dispatch_worker', 'bool', NULL, NULL, NULL, 'on', 'sighup'),
    ('tixbook.dispatch_concurrency', 'integer', NULL, '1', '256', '32', 'sighup'),
    ('tixbook.dead_letter_ttl', 'integer', 's', '-1', '2147483647', '2592000', 'superuser'),
    ('tixbook.dispatch_ttl', 'integer', 's', '0', '31536000', '604800', 'sighup'),
    ('tixbook.publish', 'enum', NULL, NULL, NULL, 'off', 'sighup'),
    ('tixbook.publish_interval', 'integer', 'ms', '10', '10000', '200', 'sighup'),
    ('tixbook.cache_size', 'integer', 'kB', '0', '16777216', '65536', 'postmaster'),
    ('tixbook.http_refusals', 'bool', NULL, NULL, NULL, 'off', 'user'),
    ('tixbook.require_idempotency_key', 'bool', NULL, NULL, NULL, 'off', 'superuser'),
    ('tixbook.edge_secret', 'string', NULL, NULL, NULL, '', 'superuser'),
    ('tixbook.token_ttl', 'integer', 's', '60', '31536000', '43200', 'superuser'),
    ('tixbook.password_cost', 'integer', NULL, '4', '15', '10', 'superuser'),
    ('tixbook.payment_provider', 'enum', NULL, NULL, NULL, 'none', 'superuser'),
    ('tixbook.late_payment', 'enum', NULL, NULL, NULL, 'same', 'superuser'),
    ('tixbook.payment_window', 'integer', 's', '1', '86400', '300', 'superuser'),
    ('tixbook.address_limits', 'string', NULL, NULL, NULL,
        'browse 100/400, account 1/20, booking 20/100, change 20/100', 'sighup'),
    ('tixbook.customer_limits', 'string', NULL, NULL, NULL, 'browse 20/100, booking 2/20, change 5/40', 'sighup'),
    ('tixbook.rate_buckets', 'integer', NULL, '1024', '16777216', '65536', 'postmaster') $$,
    'the settings have their units, bounds, defaults and contexts');
SELECT is_empty($$ SELECT name, short_desc FROM pg_settings
                   WHERE name LIKE 'tixbook.%' AND (short_desc !~ '^[A-Z].*\.$' OR extra_desc !~ '^[A-Z].*\.$') $$,
    'and describe themselves in sentences');
SET LOCAL tixbook.hold_ttl = '900s';
SELECT is(current_setting('tixbook.hold_ttl'), '15min', 'hold_ttl is given and shown with a unit');
SET LOCAL tixbook.lock_wait = '2s';
SELECT is((SELECT setting FROM pg_settings WHERE name = 'tixbook.lock_wait'), '2000', 'lock_wait too');
RESET tixbook.hold_ttl;
RESET tixbook.lock_wait;
SELECT throws_ok('SET LOCAL tixbook.hold_ttl = 0', '22023', NULL, 'a hold lasts at least a second');
SELECT throws_ok('SET LOCAL tixbook.idempotency_ttl = 59', '22023', NULL, 'a key is remembered at least a minute');
SELECT throws_ok('SET LOCAL tixbook.hold_tll = 10', '42602', NULL, 'a mistyped setting is an error, not a silence');
SELECT throws_ok('SET LOCAL tixbook.expiry_batch = 10', '55P02', NULL, 'what workers read is set for the server, not for a session');


-- Answers

SELECT tixbook.create_venue('House') AS venue \gset
SELECT tixbook.add_standing_section(:venue, 'Floor', 12000, 'All');
SELECT tixbook.create_event(:venue, 'Concert', now() + interval '1 day', '{"All": 500}', max_per_booking => 1000) AS event \gset
SELECT tixbook.open_sale(:event);

SELECT is((SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
           FROM pg_attribute WHERE attrelid = 'tixbook.hold'::regclass AND attnum > 0),
    'booking_id uuid, event_id integer, seats integer[], amount bigint, currency text, expires_at timestamp with time zone, adjacent boolean',
    'a hold has these columns');
SELECT is((SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attname COLLATE "C")
           FROM pg_attribute WHERE attrelid = 'tixbook.booking'::regclass AND attnum > 0),
    'adjacent boolean, amount bigint, booking_id uuid, confirmed_at timestamp with time zone, created_at timestamp with time zone, currency text, customer text, '
    'event_id integer, expires_at timestamp with time zone, payment_reference text, seats integer[], status tixbook.booking_status',
    'a booking has these columns');
SELECT is((SELECT string_agg(key, ',' ORDER BY key COLLATE "C") FROM jsonb_object_keys(to_jsonb(tixbook.reserve(:event, 1))) AS key),
    'adjacent,amount,booking_id,currency,event_id,expires_at,seats', 'a hold has them in JSON too');

SELECT booking_id AS booking, seats, amount, currency, expires_at, adjacent, event_id AS answered
FROM tixbook.reserve(:event, 2, customer => 'ann', hold_for => '5min') \gset
SELECT is((SELECT (event_id, seats, amount, currency, expires_at, adjacent)::text FROM tixbook.find_booking(:'booking')),
    (:answered, :'seats'::integer[], :amount, :'currency'::text, :'expires_at'::timestamptz, :'adjacent'::boolean)::text,
    'find_booking shows what reserve answered');
SELECT is((SELECT (event_id, amount, currency, cardinality(seats), customer, status, payment_reference)::text
           FROM tixbook.find_booking(:'booking')),
    format('(%s,1000,EUR,2,ann,held,)', :event), 'which is what was asked for');
SELECT is((SELECT expires_at - created_at FROM tixbook.find_booking(:'booking')), interval '5min', 'and lasts as long as asked');
SELECT booking_id AS other FROM tixbook.reserve(:event, 1) \gset
SELECT is((SELECT expires_at - created_at FROM tixbook.find_booking(:'other')), interval '10min', 'or as long as the setting says');
SELECT is((tixbook.confirm(:'booking', 'pay-1')).status::text, 'confirmed', 'confirm returns the booking, confirmed');
SELECT is((SELECT array_agg(seat_index) FROM tixbook.booking_tickets(:'booking')), :'seats', 'it has a ticket a seat');
SELECT is((SELECT count(DISTINCT secret) FROM tixbook.booking_tickets(:'booking')), 2::bigint, 'with a secret each');
SELECT is((tixbook.cancel(:'booking', 'ill')).status::text, 'cancelled', 'cancel returns it, cancelled');
SELECT is((SELECT count(*) FROM tixbook.booking_tickets(:'booking')), 0::bigint, 'it has no ticket any more');
SELECT is((SELECT string_agg(to_status || coalesce(' ' || reason, ''), ', ' ORDER BY changed_at) FROM tixbook.history(:'booking')),
    'held, confirmed, cancelled ill', 'its history tells');
SELECT is((tixbook.release(:'other')).status::text, 'released', 'release returns it, released');


-- No answer hangs on how the session likes to read dates, numbers and bytes.

SELECT booking_id AS answered, extract(epoch FROM expires_at) AS ends
FROM tixbook.reserve(:event, 1, hold_for => '1 day', idempotency_key => 'here') \gset
SAVEPOINT abroad;
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL bytea_output = 'escape';
SET LOCAL array_nulls = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off;
SELECT cmp_ok((SELECT extract(epoch FROM expires_at) FROM tixbook.reserve(:event, 1, hold_for => '1 day')), '>=', :ends,
    'a session abroad reserves');
SELECT is((SELECT format('%s %s', booking_id, extract(epoch FROM expires_at))
           FROM tixbook.reserve(:event, 1, hold_for => '1 day', idempotency_key => 'here')),
    format('%s %s', :'answered', :ends), 'and gets the same answer to a repeated request');
SELECT is((tixbook.seat_plan(:event) ->> 'starts_at')::timestamptz, (SELECT starts_at FROM tixbook.event WHERE event_id = :event),
    'the plan tells the same instant');
SELECT is_empty('SELECT * FROM tixbook.verify()', 'and all is sound from there');
ROLLBACK TO abroad;


-- What looks runs in a read-only transaction; what writes is refused there by the server, not half done.

SELECT booking_id AS held FROM tixbook.reserve(:event, 1) \gset
SAVEPOINT before_read_only;
SET LOCAL transaction_read_only = on;
SELECT is(pg_temp.sqlstate(format('SELECT count(*) FROM tixbook.' || call, :event, :'held')), '00000', 'only looks: ' || call)
FROM unnest(ARRAY['availability(%s)', 'section_availability(%s)', 'seat_plan(%s)', 'seat_map_svg(%s)', 'verify(%s)',
    'search_events(''concert'')', 'find_booking(%2$L)', 'booking_tickets(%2$L)', 'history(%2$L)']) AS call;
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.' || call, :event, :'held')), '25006', 'writes: ' || call)
FROM unnest(ARRAY['reserve(%s, 1)', 'reserve_seats(%s, ''{11999}'')', 'confirm(%2$L, ''x'')', 'release(%2$L)', 'cancel(%2$L)',
    'sweep()', 'purge_idempotency_keys()', 'purge_ended_holds()', 'block_seats(%s, ''{11999}'')', 'unblock_seats(%s, ''{1}'')',
    'pause_sale(%s)', 'open_sale(%s)', 'create_venue(''X'')', 'rebuild_search()']) AS call;
ROLLBACK TO before_read_only;

-- Nor does it mind plans with parallel workers, in which a function cannot have a newer snapshot than its statement.
SELECT set_config(name, 'regress', true) AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SELECT is(pg_temp.sqlstate(format('SELECT count(*) FROM (SELECT * FROM pg_class LIMIT 2) c, tixbook.' || call, :event, :'held')), '00000',
    'in a parallel plan: ' || call)
FROM unnest(ARRAY['availability(%s)', 'section_availability(%s)', 'seat_plan(%s)', 'verify(%s)', 'search_events(''concert'')',
    'find_booking(%2$L)', 'request_lag(%s)', 'history(%2$L)', 'cache_status()', 'worker_status()', 'publish_status()',
    'rate_limits()', 'refusals()', 'settlement(%s)', 'current_customer()']) AS call;
ROLLBACK TO before_read_only;


-- Alone in the database nobody meets a block in other hands, whatever the transaction itself did to it before.

SELECT tixbook.create_venue('Cellar') AS cellar \gset
SELECT tixbook.add_standing_section(:cellar, 'Floor', 10, 'All');
SELECT tixbook.create_event(:cellar, 'Jam', now() + interval '1 day', '{"All": 500}') AS jam \gset
SELECT tixbook.open_sale(:jam);
SELECT tixbook.block_seats(:jam, '{0}') AS blocked \gset
SAVEPOINT undone;
SELECT tixbook.block_seats(:jam, '{1}') AS blocked \gset
ROLLBACK TO undone;
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.reserve_seats(%s, ''{2}'')', :jam)), '00000',
    'named seats, after a savepoint that was rolled back');
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.reserve(%s, 1, hold_for => ''1 ms'')', :jam)), '00000',
    'the best seats, after that');
SELECT is((SELECT tixbook.sweep() FROM pg_sleep(0.01)), 1, 'what is due, after that');
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.reserve(%s, 8)', :jam)), '00000', 'all that is left, after that');


-- References: UUID version 8 (RFC 9562): event, seconds, and random bits that nobody guesses.

SELECT tixbook.create_event(:venue, 'Last', now() + interval '1 day', '{"All": 500}', event_id => 2147483647) AS last \gset
SELECT tixbook.open_sale(:last);
SELECT is((SELECT left(booking_id::text, 8) || ' ' || tixbook.event_of(booking_id) FROM tixbook.reserve(:last, 1)), '7fffffff 2147483647',
    'the greatest event_id there is');
SELECT tixbook.create_event(:venue, 'Festival', now() + interval '1 day', '{"All": 500}') AS festival \gset
SELECT cmp_ok(:festival, '<', :last, 'after which others get theirs');
SELECT tixbook.open_sale(:festival);
CREATE TEMPORARY TABLE reference AS
SELECT n, (hold).booking_id, uuid_send((hold).booking_id) AS bytes
FROM (SELECT n, tixbook.reserve(:festival, 1) AS hold FROM generate_series(1, 10000) AS n OFFSET 0) AS made;

SELECT is((SELECT count(DISTINCT booking_id) FROM reference), 10000::bigint, 'no two of 10,000 references are equal');
SELECT is((SELECT count(DISTINCT substr(bytes, 10)) FROM reference), 10000::bigint, 'not even in their last 7 bytes');
SELECT is_empty($$ SELECT booking_id FROM reference WHERE get_byte(bytes, 6) >> 4 <> 8 OR get_byte(bytes, 8) >> 6 <> 2 $$,
    'all are of version 8 and the variant of the RFC');
SELECT is((SELECT array_agg(DISTINCT ('x' || left(booking_id::text, 8))::bit(32)::integer) FROM reference), ARRAY[:festival],
    'their first 4 bytes are the event');
SELECT is((SELECT array_agg(DISTINCT tixbook.event_of(booking_id)) FROM reference), ARRAY[:festival], 'event_of tells it');
-- Bits 32–47, 52–63 and 66–69 count seconds, here of this test alone.
SELECT cmp_ok((SELECT count(DISTINCT (substr(bytes, 5, 2), get_byte(bytes, 6) & 15, get_byte(bytes, 7), (get_byte(bytes, 8) >> 2) & 15))
               FROM reference), '<', 600::bigint, 'then come the seconds');
-- With 10,000 fair coins, more than 300 off the middle is 6 standard deviations.
SELECT cmp_ok((SELECT abs(count(*) FILTER (WHERE substr(bytes, 10) > previous) - 5000)
               FROM (SELECT bytes, lag(substr(bytes, 10)) OVER (ORDER BY n) AS previous FROM reference) AS pairs),
    '<', 300::bigint, 'the rest does not count up: half of them are greater than the one before');
SELECT is_empty($$
    SELECT bit, count(*) FILTER (WHERE get_bit(bytes, (bit / 8) * 8 + 7 - bit % 8) = 1) AS ones
    FROM reference, generate_series(70, 127) AS bit GROUP BY bit
    HAVING abs(count(*) FILTER (WHERE get_bit(bytes, (bit / 8) * 8 + 7 - bit % 8) = 1) - 5000) > 300 $$,
    'each of its 58 bits is set in half of them');
SELECT is_empty($$
    SELECT bit, count(*) FROM (
        SELECT bit, get_bit(bytes, (bit / 8) * 8 + 7 - bit % 8) AS value,
               lag(get_bit(bytes, (bit / 8) * 8 + 7 - bit % 8)) OVER (PARTITION BY bit ORDER BY n) AS previous
        FROM reference, generate_series(70, 127) AS bit) AS flips
    GROUP BY bit HAVING abs(count(*) FILTER (WHERE value <> previous) - 5000) > 300 $$,
    'and flips in half of the steps from one to the next');
SELECT is_empty(format('SELECT * FROM tixbook.verify(%s)', :festival), 'and all is sound');

SELECT * FROM finish();
ROLLBACK;
