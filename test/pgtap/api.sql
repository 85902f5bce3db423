-- api: tixbook_api promises what it says, and row-level security holds whatever the query.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(65);

CREATE TEMPORARY VIEW function AS
SELECT p.*, l.lanname, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'tixbook_api'::regnamespace;

CREATE FUNCTION pg_temp.sqlstate(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

-- Functions

SELECT is_empty($$ SELECT proname FROM function GROUP BY proname HAVING count(*) > 1 $$, 'each name stands for one function');
SELECT is_empty($$ SELECT proname FROM function WHERE comment !~ E'^[^\n]{3,60}\n\n.' $$, 'each has a title and a description');
SELECT is_empty($$ SELECT proname FROM function WHERE comment !~ '\mRefuses: [a-z_, ()]+\.$|\mMakes no refusal\.$' $$, 'and says what it refuses');
SELECT is_empty($$ SELECT proname, btrim(reason) FROM function,
                       regexp_split_to_table(substring(comment FROM '\mRefuses: (.*)\.$'), ',') AS reason
                   WHERE btrim(reason) NOT IN (SELECT reason FROM tixbook.refusals()) $$, 'for reasons that there are');
SELECT set_eq($$ SELECT proname::text FROM function WHERE provolatile = 'v' $$,
    '{sign_up,log_in,reserve,reserve_seats,submit_request,cancel_request,pay,release,cancel,settle_payment,payment_webhook,
      join_waiting_room,queue_status,leave_waiting_room}'::text[],
    'these change something, so they take POST; the others also GET');
SELECT is_empty($$ SELECT proname FROM function WHERE NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) $$,
    'all pin the search path');
SELECT set_eq($$ SELECT proname::text FROM function WHERE NOT prosecdef $$, '{my_bookings,my_tickets}'::text[],
    'these two run as their caller, under row-level security');
SELECT is_empty($$ SELECT proname, arg FROM function, unnest(proargnames) AS arg
                   WHERE arg IN ('customer', 'hold_for', 'idempotency_key', 'role') $$,
    'none takes from the caller who he is, how long he holds, or a key but in its header');
SELECT is_empty($$ SELECT proname, grantee::regrole FROM function, aclexplode(coalesce(proacl, acldefault('f', proowner)))
                   WHERE grantee = 0 OR is_grantable AND grantee <> proowner $$, 'none is open to PUBLIC');
SELECT is_empty($$ SELECT relname FROM pg_class WHERE relnamespace = 'tixbook_api'::regnamespace $$, 'and there is nothing else to serve');
SELECT is_empty($$ SELECT n.nspname, grantee::regrole, privilege_type FROM pg_namespace n, aclexplode(nspacl)
                   WHERE nspname = 'tixbook_api' AND grantee <> nspowner AND privilege_type <> 'USAGE' $$, 'nobody adds to it');

-- Roles

SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname ~ '^tixbook_'
                   AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) $$,
    'no role has more than is granted to it');
SELECT is((SELECT rolinherit FROM pg_roles WHERE rolname = 'tixbook_authenticator'), false, 'the authenticator inherits nothing');
SELECT set_eq($$ SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'tixbook_authenticator'::regrole $$,
    '{tixbook_anonymous,tixbook_customer,tixbook_gate,tixbook_organiser,tixbook_payment,tixbook_administrator}'::text[],
    'it can become these');
SELECT set_eq($$ SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'tixbook'::regnamespace AND p.prosecdef
                 AND has_function_privilege('tixbook_authenticator', p.oid, 'EXECUTE') $$,
    '{tixbook.postgrest_config()}'::text[], 'and calls one function of its own');
SELECT is_empty($$ SELECT p.oid::regprocedure, r.rolname FROM pg_proc p, pg_roles r
                   WHERE p.proname IN ('postgrest_config', 'sign_token', 'capture', 'hmac_sha256', 'begin_payment', 'end_payment', 'queue_refund',
                                       'refund_cancelled', 'pay_test_refunds', 'call_stripe', 'take_stripe_intent', 'take_stripe_refund')
                     AND p.pronamespace = 'tixbook'::regnamespace AND r.rolname ~ '^tixbook_' AND r.rolname <> 'tixbook_authenticator'
                     AND has_function_privilege(r.rolname, p.oid, 'EXECUTE') $$,
    'nobody else gets at secrets, or makes payments up');

-- Refusals in the form of HTTP

SET LOCAL tixbook.http_refusals = on;
SELECT is(pg_temp.sqlstate('SELECT tixbook.availability(999999)'), 'PGRST', 'refusals of C take the form that is set');
SELECT is(pg_temp.sqlstate($$ SELECT tixbook.refuse('busy') $$), 'PGRST', 'and those of SQL');
SET LOCAL tixbook.http_refusals = off;
SELECT is(pg_temp.sqlstate('SELECT tixbook.availability(999999)'), 'TB005', 'or their own');
SELECT is((tixbook.http_refusal('busy', '{"retry_after_ms": 1001}', 'x"y')).answer,
    '{"status": 503, "headers": {"Cache-Control": "no-store", "X-Retry-After": "2"}}', 'busy says when to come again');
SELECT is((tixbook.http_refusal('rate_limited', '{"retry_after_ms": 1}', 'x')).answer -> 'headers' ->> 'Retry-After', '1', 'in whole seconds');
SELECT is((tixbook.http_refusal('sold_out', NULL, E'x"\\y')).body,
    jsonb_build_object('code', 'sold_out', 'message', E'x"\\y is sold out', 'details', NULL,
        'hint', (SELECT hint FROM tixbook.refusals() WHERE reason = 'sold_out')), 'a body is JSON, whatever it is about');

-- Tokens

SELECT matches(tixbook.issue_token('tixbook_gate', 'door'), '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$', 'a token is a JWT');
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.issue_token(%L, %L)', role, subject)), 'TB001', format('no token for %s, %s', role, subject))
FROM (VALUES ('postgres', 'a'), ('tixbook_authenticator', 'a'), (NULL, 'a'), ('tixbook_customer', ''), ('tixbook_customer', NULL)) AS bad (role, subject);
SELECT tixbook.rotate_token_key();
SELECT is((SELECT count(*) FROM tixbook.token_key), 2::bigint, 'a rotation makes a second secret');
SELECT is((SELECT count(*) FROM tixbook.token_key WHERE retired_at IS NULL), 1::bigint, 'of which the older one is to go');
UPDATE tixbook.token_key SET retired_at = now() - interval '1 s' WHERE retired_at IS NOT NULL;
SELECT tixbook.rotate_token_key('0');
SELECT is((SELECT count(*) FROM tixbook.token_key WHERE retired_at IS NULL OR retired_at > now()), 1::bigint, 'at once, if so wanted');

-- Rows

SELECT tixbook.create_venue('House') AS venue \gset
SELECT tixbook.add_standing_section(:venue, 'Floor', 100, 'All');
SELECT tixbook.create_event(:venue, 'Concert', now() + interval '1 day', '{"All": 100}') AS event \gset
SELECT tixbook.open_sale(:event);
SET LOCAL tixbook.payment_provider = 'test';
SELECT booking_id AS ann FROM tixbook.reserve(:event, 2, customer => 'ann') \gset
SELECT booking_id AS bob FROM tixbook.reserve(:event, 3, customer => 'bob') \gset
SELECT booking_id AS guest FROM tixbook.reserve(:event, 1) \gset
SELECT tixbook.submit_request(:event, 1, customer => 'ann') AS ann_waits, tixbook.submit_request(:event, 1, customer => 'bob') AS bob_waits,
    tixbook.submit_request(:event, 1) AS guest_waits \gset
SELECT count(state) AS paid FROM tixbook.booking b, tixbook.pay(b.booking_id, 'tok_test_success') WHERE b.event_id = :event \gset
SELECT booking_id AS gone FROM tixbook.reserve(:event, 1, customer => 'bob') \gset
SELECT state FROM tixbook.pay(:'gone', 'tok_test_success') \gset
SELECT status FROM tixbook.cancel(:'gone') \gset

CREATE FUNCTION pg_temp.seen() RETURNS text
LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM tixbook.booking), (SELECT count(*) FROM tixbook.ticket), (SELECT count(*) FROM tixbook.ticket_void),
        (SELECT count(*) FROM tixbook.booking_history), (SELECT count(*) FROM tixbook.payment), (SELECT count(*) FROM tixbook.request))
$$;
SET LOCAL ROLE tixbook_customer;
SELECT set_config('request.jwt.claims', '{"sub": "ann"}', true) AS claims \gset
SELECT is(pg_temp.seen(), '1 2 0 1 1 1', 'Ann sees her bookings, tickets, history, payments and requests');
SELECT is((SELECT string_agg(customer, ',') FROM tixbook.booking), 'ann', 'and nobody else''s');
SELECT is_empty(format('SELECT FROM tixbook.booking WHERE booking_id = %L', :'bob'), 'not even by reference');
SELECT is(jsonb_array_length(tixbook_api.my_bookings() -> 'bookings'), 1, 'my_bookings lists hers');
SELECT is(tixbook_api.request_status(:'ann_waits') ->> 'status', 'waiting', 'request_status shows hers');
SELECT is(tixbook_api.request_status(:'guest_waits') ->> 'status', 'waiting', 'and one that belongs to nobody, by its reference');
SELECT is(pg_temp.sqlstate(format('SELECT tixbook_api.%s(%L)', call, :'bob_waits')), 'TB701', call || ' finds no request of others')
FROM unnest('{request_status,cancel_request}'::text[]) AS call;
SELECT is(tixbook_api.cancel_request(:'ann_waits') ->> 'status', 'cancelled', 'cancel_request takes hers back');
SELECT set_config('request.jwt.claims', '{"sub": "bob"}', true) AS claims \gset
SELECT is(pg_temp.seen(), '2 3 1 3 2 1', 'Bob sees his, and his void ticket');
SELECT is(jsonb_array_length(tixbook_api.my_tickets() -> 'tickets'), 3, 'my_tickets lists those that are valid');
SELECT set_config('request.jwt.claims', claims, true) AS claims FROM (VALUES ('')) AS none (claims) \gset
SELECT is(pg_temp.seen(), '0 0 0 0 0 0', 'without a token a customer sees nothing');
SELECT set_config('request.jwt.claims', '{"sub": null}', true) AS claims \gset
SELECT is(pg_temp.seen(), '0 0 0 0 0 0', 'nor without a subject');
SELECT is(pg_temp.sqlstate('SELECT FROM tixbook.' || name), '42501', 'nor anything of ' || name)
FROM unnest('{account,token_key,webhook_secret,refund,payment_event,log_in_failure,idempotency_key,
    waiting_room,waiting_room_pointer,waiting_room_secret}'::text[]) AS name;
RESET ROLE;
SET LOCAL ROLE tixbook_anonymous;
SELECT is(pg_temp.sqlstate('SELECT FROM tixbook.booking'), '42501', 'who is nobody sees no table');
SET LOCAL ROLE tixbook_administrator;
SELECT is((SELECT count(*) FROM tixbook.booking WHERE event_id = :event), 4::bigint, 'an administrator sees them all');
SELECT is((SELECT count(*) FROM tixbook.request WHERE event_id = :event), 3::bigint, 'requests, too');
RESET ROLE;

-- The waiting room: three join, two are let in, one of them looks.
SELECT tixbook.create_event(:venue, 'Rush', now() + interval '1 day', '{"All": 100}') AS rush \gset
SELECT tixbook.open_sale(:rush), tixbook.open_waiting_room(:rush, now() - interval '1 hour', 2, 2) AS hash \gset
SELECT count(j.entry) AS joined FROM unnest('{ann,bob,cy}'::text[]) AS c, tixbook.join_waiting_room(:rush, c) AS j \gset
SELECT tixbook.tick_waiting_rooms() AS moved \gset
SELECT count(q.token) AS admitted FROM unnest('{ann,bob,cy}'::text[]) AS c, tixbook.queue_status(:rush, c) AS q \gset
SELECT is(:admitted, 2, 'two of three are let in');
SET LOCAL ROLE tixbook_customer;
SELECT set_config('request.jwt.claims', format('{"sub": "%s"}', c), true) AS claims
FROM (VALUES ('ann')) AS who (c) \gset
SELECT is((SELECT string_agg(customer, ',') FROM tixbook.waiting_room_entry), 'ann', 'Ann sees her entry alone');
SELECT is((SELECT count(*) FROM tixbook.waiting_room_session WHERE customer <> 'ann'), 0::bigint, 'and no session but her own');
SELECT is(tixbook_api.queue_status(:rush) -> 'entry', '0', 'queue_status speaks of her, too');
SELECT set_config('request.jwt.claims', '', true) AS claims \gset
SELECT is((SELECT count(*) FROM tixbook.waiting_room_entry) + (SELECT count(*) FROM tixbook.waiting_room_session), 0::bigint,
    'without a token a customer sees nobody wait');
SET LOCAL ROLE tixbook_administrator;
SELECT is((SELECT count(*) FROM tixbook.waiting_room_entry WHERE event_id = :rush)
          + (SELECT count(*) FROM tixbook.waiting_room_session WHERE event_id = :rush), 5::bigint, 'an administrator sees them all');
RESET ROLE;
SELECT tixbook.close_waiting_room(:rush);

-- An event a month ago, one now, one soon, and that of tomorrow from above.
SELECT count(e) AS made FROM unnest('{Over,On,More}'::text[]) AS title,
    tixbook.create_event(:venue, title, now() + interval '1 hour', '{"All": 100}') AS e \gset
SELECT count(tixbook.open_sale(event_id)) AS opened FROM tixbook.event WHERE event_id > :rush \gset
SELECT count(tixbook.confirm((tixbook.reserve(event_id, 1, customer => 'bob')).booking_id, 'more ' || event_id)) AS sold
FROM tixbook.event WHERE event_id > :rush \gset
UPDATE tixbook.event SET starts_at = now() - interval '1 month' WHERE name = 'Over';
UPDATE tixbook.event SET starts_at = now() - interval '3 hours' WHERE name = 'On';
SET LOCAL ROLE tixbook_customer;
SELECT set_config('request.jwt.claims', '{"sub": "bob"}', true) AS claims \gset
SELECT is(jsonb_path_query_array(tixbook_api.my_tickets(), '$.tickets[*].event'), '["On", "More", "Concert", "Concert", "Concert", "Over"]',
    'my_tickets begins with what is next, and ends with what is over');
RESET ROLE;
SELECT is_empty('SELECT * FROM tixbook.verify_payments()', 'and verify_payments finds nothing');

SELECT * FROM finish();
ROLLBACK;
