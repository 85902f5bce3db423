-- growth: after some purchases to try a shop out, sessions keep plans that the sale does not overtake: whatever a
-- customer, a gate or a provider calls finds its rows by an index, though the tables have a page each, and were analyzed.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(47);
SET LOCAL tixbook.payment_provider = 'test';
SET LOCAL tixbook.password_cost = 4;

SELECT tixbook.create_venue('Shop') AS venue \gset
SELECT tixbook.add_standing_section(:venue, 'Floor', 1000, 'All') AS floor \gset
SELECT tixbook.create_event(:venue, 'Trial', now() + interval '1 day', '{"All": 500}') AS event \gset
SELECT tixbook.open_sale(:event) AS opened \gset
SELECT tixbook.create_event(:venue, 'Queue', now() + interval '1 day', '{"All": 500}') AS queue \gset
SELECT tixbook.open_sale(:queue) AS opened \gset
SELECT tixbook.open_waiting_room(:queue, now() + interval '1 hour', 10, 10) AS room \gset
SELECT tixbook.set_webhook_secret('test', repeat('s', 40)) AS secret \gset

-- One customer tries everything out; rows of each table have all in common that they can.
SELECT tixbook.sign_up('ann@example.org', 'password') ->> 'customer' AS ann \gset
SELECT set_config('request.jwt.claims', format('{"sub": "%s"}', :'ann'), true) AS claims \gset
SELECT count(tixbook.cancel(b.booking_id)) AS tried
FROM generate_series(1, 20), tixbook.reserve(:event, 2, customer => :'ann') AS b, tixbook.pay(b.booking_id, 'tok_test_success') AS p \gset
SELECT count(tixbook.submit_request(:event, 1, customer => :'ann')) AS tried FROM generate_series(1, 20) \gset
SELECT count(tixbook.reserve(:event, 1, customer => :'ann', idempotency_key => 'key ' || i)) AS tried FROM generate_series(1, 20) AS i \gset
SELECT count(tixbook.join_waiting_room(:queue, 'fan ' || i)) AS tried FROM generate_series(1, 20) AS i \gset
SELECT tixbook.log_in('ann@example.org', 'wrong') AS tried \gset
ANALYZE;


-- These are planned for as large; each name is one of a table.

CREATE FUNCTION pg_temp.planned_rows(relation regclass) RETURNS double precision
LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT json) SELECT FROM %s', relation) INTO plan;
    RETURN plan #>> '{0,Plan,Plan Rows}';
END
$$;
CREATE TEMPORARY VIEW growing AS
SELECT unnest('{account,booking,booking_history,dispatch,idempotency_key,log_in_failure,payment,payment_event,refund,request,
    seat_block,ticket,ticket_void,waiting_room_entry,waiting_room_session}'::text[]) AS relname;
SELECT set_eq($$ SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'tixbook'::regnamespace AND c.relkind = 'r'
                 AND pg_temp.planned_rows(c.oid) >= 10000 $$, 'SELECT relname FROM growing', 'these tables are planned for as large');
CREATE TEMPORARY TABLE booking AS SELECT 1 AS one;
ANALYZE pg_temp.booking;
SELECT is(pg_temp.planned_rows('pg_temp.booking'), 1::double precision, 'and not others of the same name');


-- Calls, and what they have read whole.

CREATE FUNCTION pg_temp.scans() RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_object_agg(relname, seq_scan) FROM pg_stat_xact_user_tables
    WHERE schemaname = 'tixbook' AND relname IN (SELECT g.relname FROM growing g)
$$;
CREATE FUNCTION pg_temp.call(what text, asks text = NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := pg_temp.scans();
    answer text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', coalesce(asks, session_user));
    EXECUTE 'SELECT ' || what INTO answer;
    EXECUTE format('SET LOCAL ROLE %I', session_user);
    INSERT INTO pg_temp.called VALUES (what, coalesce(
        (SELECT string_agg(a.key, ' ') FROM jsonb_each(pg_temp.scans()) a WHERE a.value <> before -> a.key), 'nothing'));
    RETURN answer;
END
$$;
CREATE TEMPORARY TABLE called (what text, read_whole text);

SELECT is(pg_temp.call('count(*) FROM tixbook.booking')::integer, (SELECT count(*) FROM tixbook.booking)::integer, 'who counts bookings');
SELECT is((SELECT read_whole FROM called), 'booking', 'reads them whole, and is seen to');
DELETE FROM called;

SELECT pg_temp.call(format('(tixbook.reserve(%s, 2, customer => %L, idempotency_key => ''again'')).booking_id', :event, :'ann')) AS booking \gset
SELECT pg_temp.call(format('(tixbook.pay(%L, ''tok_test_success'', ''again'')).payment_id', :'booking')) AS payment \gset
SELECT pg_temp.call(format('(tixbook.reserve(%s, 2, customer => %L)).booking_id', :event, :'ann')) AS other \gset
SELECT pg_temp.call(format('(tixbook.pay(%L, ''tok_test_slow'')).payment_id', :'other')) AS slow \gset
SELECT pg_temp.call(format('(tixbook.settle_payment(%L, ''captured'', ''late'')).state', :'slow')) AS state \gset
SELECT pg_temp.call(format('(tixbook.reserve(%s, 2, customer => %L)).booking_id', :event, :'ann')) AS third \gset
SELECT pg_temp.call(format('tixbook.submit_request(%s, 1, customer => %L)', :event, :'ann')) AS request \gset
SELECT (SELECT secret FROM tixbook.ticket LIMIT 1) AS secret, (SELECT seat_index FROM tixbook.ticket LIMIT 1) AS seat \gset
SELECT count(pg_temp.call(what)) AS calls
FROM unnest(ARRAY[
    format('tixbook.find_booking(%L)', :'booking'),
    format('count(*) FROM tixbook.history(%L)', :'booking'),
    format('count(*) FROM tixbook.booking_tickets(%L)', :'booking'),
    format('tixbook_api.find_booking(%L)', :'booking'),
    format('tixbook_api.booking_tickets(%L)', :'booking'),
    format('tixbook_api.history(%L)', :'booking'),
    format('tixbook_api.release(%L)', :'third'),
    format('tixbook_api.request_status(%L)', :'request'),
    format('tixbook_api.cancel_request(%L)', :'request'),
    format('tixbook_api.check_ticket(''%s.%s.%s'')', :event, :seat, replace(:'secret', '-', '')),
    format('tixbook_api.check_ticket(''%s.1.%s'')', :event, repeat('0', 32)),
    'tixbook_api.my_account()',
    format('tixbook_api.cancel(%L)', :'booking'),
    'tixbook.log_in(''ann@example.org'', ''password'')',
    'tixbook.log_in(''ann@example.org'', ''wrong'')',
    'tixbook.sign_up(''bob@example.org'', ''password'')',
    'tixbook.settle_payments()',
    format('count(*) FROM tixbook.settlement(%s)', :event),
    format('tixbook.join_waiting_room(%s, %L)', :queue, :'ann'),
    format('tixbook_api.queue_status(%s)', :queue),
    format('tixbook_api.queue_progress(%s, 10)', :queue),
    format('tixbook_api.leave_waiting_room(%s)', :queue),
    format('tixbook_api.availability(%s)', :event),
    format('tixbook_api.section_availability(%s)', :event),
    format('tixbook_api.find_event(%s)', :event),
    'tixbook_api.search_events(''trial'', available_only => true)',
    'tixbook.sweep()',
    'tixbook.purge_idempotency_keys()',
    'tixbook.purge_ended_holds()',
    'tixbook.work_requests()',
    'tixbook.purge_requests()',
    'tixbook.purge_waiting_rooms()',
    'tixbook.purge_dead_letters()']) AS what \gset
SELECT count(pg_temp.call(format('tixbook_api.my_' || what || '()'), 'tixbook_customer')) AS calls FROM unnest('{bookings,tickets}'::text[]) AS what \gset
SELECT pg_temp.call(format('(tixbook.payment_webhook(%L, %L)).result', body, 't=' || at || ',v1='
    || encode(tixbook.hmac_sha256(convert_to(at || '.' || body, 'UTF8'), convert_to(repeat('s', 40), 'UTF8')), 'hex'))) AS handled
FROM (SELECT json_build_object('provider', 'test', 'payment_id', :'slow', 'outcome', 'captured', 'provider_reference', 'late')::text,
             extract(epoch FROM clock_timestamp())::bigint) AS said (body, at) \gset

SELECT is(read_whole, 'nothing', regexp_replace(what, '\(.*', '')) FROM called;
SELECT finish();
ROLLBACK;
