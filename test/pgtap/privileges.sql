-- privileges: nothing but functions writes, each role calls what it may, and nobody slips code of his own in.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(157);

-- A seller works in the application, a clerk administers, a stranger may only log in.
CREATE ROLE pgtap_seller LOGIN;
CREATE ROLE pgtap_clerk LOGIN;
CREATE ROLE pgtap_stranger LOGIN;
GRANT tixbook_application TO pgtap_seller;
GRANT tixbook_administrator TO pgtap_clerk;

CREATE TEMPORARY VIEW function AS
SELECT p.*, l.lanname, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'tixbook'::regnamespace;

CREATE TEMPORARY VIEW relation AS
SELECT * FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S');

CREATE FUNCTION pg_temp.sqlstate(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

-- What the current user can do to tables and sequences, tried out.
CREATE FUNCTION pg_temp.deeds() RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    kind "char";
    a_column text;
    deed text;
BEGIN
    FOR name, kind, a_column IN
        SELECT c.relname, c.relkind, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
        WHERE c.relnamespace = 'tixbook'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    LOOP
        FOREACH deed IN ARRAY CASE kind
            WHEN 'S' THEN ARRAY['SELECT nextval(''tixbook.%I'')', 'SELECT setval(''tixbook.%I'', 1)',
                'SELECT currval(''tixbook.%I'')', 'SELECT last_value FROM tixbook.%I']
            WHEN 'v' THEN ARRAY['SELECT FROM tixbook.%I', 'INSERT INTO tixbook.%I DEFAULT VALUES',
                'UPDATE tixbook.%I SET %2$I = NULL', 'DELETE FROM tixbook.%I']
            ELSE ARRAY['SELECT FROM tixbook.%I', 'SELECT FROM tixbook.%I FOR UPDATE', 'INSERT INTO tixbook.%I DEFAULT VALUES',
                'UPDATE tixbook.%I SET %2$I = NULL', 'DELETE FROM tixbook.%I', 'TRUNCATE tixbook.%I CASCADE',
                'LOCK TABLE tixbook.%I IN ROW EXCLUSIVE MODE', 'CREATE INDEX ON tixbook.%I (%2$I)'] END
        LOOP
            -- Nor does anybody write into a view of several tables.
            IF pg_temp.sqlstate(format(deed, name, a_column)) NOT IN ('42501', '55000') THEN
                RETURN NEXT format(deed, name, a_column);
            END IF;
        END LOOP;
    END LOOP;
END
$$;


-- The roles themselves

SELECT is((SELECT count(*) FROM pg_roles WHERE rolname IN ('tixbook_application', 'tixbook_administrator')
           AND NOT (rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)), 2::bigint,
    'the two roles have nothing but what is granted to them, and nobody logs in as them');
SELECT is_empty($$ SELECT roleid::regrole, member::regrole FROM pg_auth_members
                   WHERE member IN ('tixbook_application'::regrole, 'tixbook_administrator'::regrole) $$,
    'nor are they members of other roles');
SELECT is_empty($$ SELECT grantee::regrole FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'tixbook'
                   AND (privilege_type <> 'USAGE' OR is_grantable) AND grantee <> nspowner $$,
    'nobody but the owner creates anything in the schema');


-- Tables and sequences

SELECT is_empty($$ SELECT oid::regclass FROM relation WHERE relacl IS NULL AND relkind = 'f' $$, 'there is no foreign table');
SELECT is_empty($$ SELECT r.oid::regclass, privilege_type FROM relation r, aclexplode(r.relacl) WHERE grantee = 0 $$,
    'no table or sequence is open to PUBLIC');
SELECT is_empty($$ SELECT r.oid::regclass, grantee::regrole, privilege_type, is_grantable
                   FROM relation r, aclexplode(r.relacl)
                   WHERE grantee <> r.relowner AND (privilege_type <> 'SELECT' OR is_grantable OR r.relkind = 'S'
                       OR grantee <> 'tixbook_administrator'::regrole
                          AND (grantee <> 'tixbook_customer'::regrole OR NOT r.relrowsecurity)) $$,
    'nothing is granted on any of them but SELECT on tables, to the administrator, and to customers where rows are secured');
SELECT is_empty($$ SELECT attrelid::regclass, attname FROM pg_attribute
                   WHERE attrelid IN (SELECT oid FROM relation) AND attacl IS NOT NULL $$, 'nor on their columns');
SELECT is_empty($$ SELECT oid::regclass FROM relation WHERE relkind <> 'S'
                   AND NOT has_table_privilege('tixbook_administrator', oid, 'SELECT')
                   AND relname NOT IN ('account', 'token_key', 'webhook_secret', 'waiting_room_secret', 'destination_secret') $$,
    'the administrator looks at every table but those of secrets');
SELECT is_empty($$ SELECT r.oid::regclass, rolname FROM relation r, pg_roles
                   WHERE relname IN ('account', 'token_key', 'webhook_secret', 'waiting_room_secret', 'destination_secret') AND rolname ~ '^tixbook_'
                     AND has_any_column_privilege(rolname, r.oid, 'SELECT') $$,
    'which no role looks at');

SET SESSION AUTHORIZATION pgtap_stranger;
SELECT is_empty('SELECT pg_temp.deeds()', 'a stranger does nothing to tables and sequences');
SET SESSION AUTHORIZATION pgtap_seller;
SELECT is_empty('SELECT pg_temp.deeds()', 'nor does a seller');
SELECT is(pg_temp.sqlstate('CREATE TABLE tixbook.mine ()'), '42501', 'nor does he put anything into the schema');
SET SESSION AUTHORIZATION pgtap_clerk;
SELECT is_empty($$ SELECT deed FROM pg_temp.deeds() AS deed WHERE deed !~ '^SELECT FROM tixbook\.\w+$' $$, 'nor does a clerk');
SELECT cmp_ok((SELECT count(*) FROM pg_temp.deeds()), '>=', 15::bigint, 'who looks at all tables');
RESET SESSION AUTHORIZATION;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.deeds()), '>', 100::bigint, 'and the owner does as he likes, so the deeds were deeds');


-- Functions

SELECT set_eq($$ SELECT oid::regprocedure::text FROM function WHERE has_function_privilege('pgtap_stranger', oid, 'EXECUTE') $$,
    $$ SELECT oid::regprocedure::text FROM function
       WHERE prokind = 'a' OR lanname = 'c' AND provolatile = 'i' OR proname = 'refusals' $$,
    'everybody calls what only computes, and the list of refusals');
SELECT is_empty($$ SELECT oid::regprocedure FROM function
                   WHERE has_function_privilege('pgtap_stranger', oid, 'EXECUTE') AND prosecdef $$,
    'none of which runs as its owner');
SELECT set_eq($$ SELECT proname::text FROM function WHERE has_function_privilege('tixbook_application', oid, 'EXECUTE')
                 AND NOT has_function_privilege('pgtap_stranger', oid, 'EXECUTE') $$,
    '{search_events,availability,section_availability,seat_plan,seat_map_svg,seat_label,seat_labels,
      reserve,reserve_seats,submit_request,request_status,cancel_request,request_lag,confirm,release,cancel,find_booking,booking_tickets,history,refuse,require_event,
      pay,sign_up,log_in,join_waiting_room,queue_status,leave_waiting_room,queue_progress,find_waiting_room}'::text[],
    'the application calls these besides');
SELECT set_eq($$ SELECT oid::regprocedure::text FROM function WHERE has_function_privilege('tixbook_administrator', oid, 'EXECUTE') $$,
    $$ SELECT oid::regprocedure::text FROM function WHERE comment !~ '^(Internal|Trigger)' $$,
    'the administrator calls all that are not internal');
SELECT is_empty($$ SELECT oid::regprocedure FROM function WHERE prosecdef AND comment ~ '^Internal'
                   AND (has_function_privilege('tixbook_administrator', oid, 'EXECUTE')
                        OR has_function_privilege('tixbook_application', oid, 'EXECUTE')) $$,
    'and nobody what runs as its owner and is internal');
SELECT is_empty($$ SELECT f.oid::regprocedure, grantee::regrole FROM function f, aclexplode(f.proacl)
                   WHERE is_grantable AND grantee <> f.proowner $$, 'nobody passes his rights on');
SELECT is_empty($$ SELECT f.oid::regprocedure FROM function f
                   WHERE f.proowner <> (SELECT extowner FROM pg_extension WHERE extname = 'tixbook') $$,
    'all belong to the owner of the extension');


-- Search paths

SELECT is_empty($$ SELECT oid::regprocedure, proconfig FROM function
                   WHERE prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) $$,
    'all that run as their owner pin the search path');
SELECT cmp_ok((SELECT count(*) FROM function WHERE prosecdef), '>=', 25::bigint, 'of which there are many');
SELECT is_empty($$ SELECT oid::regprocedure, setting FROM function, unnest(proconfig) AS setting
                   WHERE setting LIKE 'search_path=%' AND setting <> 'search_path=pg_catalog, pg_temp' $$,
    'and nothing pins another one');
-- Not pinned, so that they are inlined: they run as their caller, and are internal to functions that are pinned.
SELECT set_eq($$ SELECT proname::text FROM function
                 WHERE lanname IN ('sql', 'plpgsql') AND prosqlbody IS NULL
                   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) $$,
    '{seating_plan_guid,seating_plan_value_fault,svg_number,on_sale_with_seats}'::text[],
    'all others in SQL do too, but four that are to be inlined');
SELECT is_empty($$ SELECT oid::regprocedure FROM function
                   WHERE proname IN ('seating_plan_guid', 'seating_plan_value_fault', 'svg_number', 'on_sale_with_seats', 'search_text')
                     AND (prosecdef OR has_function_privilege('tixbook_application', oid, 'EXECUTE')
                          OR has_function_privilege('tixbook_administrator', oid, 'EXECUTE')) $$,
    'and those are internal, and run as their caller');
SELECT is_empty($$ SELECT oid::regprocedure FROM function WHERE lanname IN ('sql', 'plpgsql') AND prosrc ~* '\mEXECUTE\M' $$,
    'no function makes SQL of text');


-- A clerk sets a house up.

SET SESSION AUTHORIZATION pgtap_clerk;
SELECT jsonb_build_object('name', 'House', 'size', '{"width": 400, "height": 300}'::jsonb,
    'categories', '[{"name": "Front", "color": "#123456"}]'::jsonb,
    'zones', jsonb_build_array(jsonb_build_object('name', 'Stalls', 'position', '{"x": 0, "y": 0}'::jsonb,
        'areas', '[{"shape": "rectangle", "rectangle": {"width": 10, "height": 5}, "position": {"x": 1, "y": 1},
                    "text": {"text": "Stage", "position": {"x": 5, "y": 2}}}]'::jsonb,
        'rows', (SELECT jsonb_agg(jsonb_build_object('row_number', r::text, 'seats',
            (SELECT jsonb_agg(jsonb_build_object('seat_guid', r || '-' || s, 'seat_number', s::text, 'category', 'Front',
                'position', jsonb_build_object('x', s * 20, 'y', 50 + r * 20))) FROM generate_series(1, 4) s)))
            FROM generate_series(1, 3) r)))) AS plan \gset
SELECT tixbook.import_seating_plan(:'plan', accessible => '{3-4}',
    standing => '[{"section": "Floor", "capacity": 100, "category": "Standing"}]') AS venue \gset
SELECT ok(:venue > 0, 'a clerk imports a seating plan');
SELECT ok(tixbook.create_venue('Club') > 0, 'makes a venue');
SELECT tixbook.create_event(:venue, 'Concert', now() + interval '1 day', '{"Front": 500, "Standing": 200}', performer => 'Les Uns') AS event \gset
SELECT ok(:event > 0, 'and an event');
SELECT is(pg_temp.sqlstate(format('SELECT tixbook.' || call, :event, :venue)), '00000', 'a clerk can: ' || call)
FROM unnest(ARRAY['add_standing_section(%2$s, ''Yard'', 50, ''Standing'')', 'set_focal_point(%2$s, 200, 0)',
    'set_accessible(%2$s, ''{0}'')', 'set_prices(%1$s, ''{"Front": 700}'')', 'open_sale(%1$s)', 'block_seats(%1$s, ''{1,2}'')',
    'unblock_seats(%1$s, ''{2}'')', 'block_section(%1$s, ''Yard'')', 'unblock_section(%1$s, ''Yard'')',
    'open_waiting_room(%1$s, now(), 1, 1)', 'set_waiting_room_pace(%1$s, 2)', 'pause_waiting_room(%1$s)', 'resume_waiting_room(%1$s)',
    'tick_waiting_rooms()', 'close_waiting_room(%1$s)', 'find_waiting_room(%1$s)', 'queue_progress(%1$s)',
    'pause_sale(%1$s)', 'open_sale(%1$s)', 'add_standing_section(%2$s, ''Yard'', 50, ''Standing'')', 'add_inventory(%1$s)',
    'rebuild_search()', 'sweep()', 'purge_idempotency_keys()', 'purge_ended_holds()', 'start_worker()', 'worker_status()', 'publish_status()', 'refusals()',
    'set_request_rate(%1$s, 10)', 'work_requests()', 'request_lag(%1$s)', 'retry_requests(%1$s)', 'purge_requests()',
    'allow_destination(''d'', ''https://example.com'', signing_secret => ''whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw2v'')',
    'enqueue_dispatch(''d'', ''/'')', 'subscribe_webhook(''d'')', 'unsubscribe_webhook(''d'')', 'retry_dispatches()',
    'disallow_destination(''d'')']) AS call;
SELECT is_empty('SELECT * FROM tixbook.verify()', 'and sees that all is sound');
SELECT is(free, 211, 'with all but one seat on sale') FROM tixbook.availability(:event);


-- A seller sells.

SET SESSION AUTHORIZATION pgtap_seller;
SELECT is((SELECT array_agg(event_id) FROM tixbook.search_events('les uns conc')), ARRAY[:event], 'a seller finds the event');
SELECT is(free, 211, 'sees what is free') FROM tixbook.availability(:event);
SELECT is((SELECT sum(free) FROM tixbook.section_availability(:event)), 211::bigint, 'section by section');
SELECT is(tixbook.seat_plan(:event) -> 'rows' -> 0 -> 'seats', '["1", "2", "3", "4"]', 'has the plan to draw');
SELECT matches(tixbook.seat_map_svg(:event), '<title>Concert</title>', 'and the drawing');
SELECT booking_id AS booking, seats FROM tixbook.reserve(:event, 2, 'Stalls', 'ann', idempotency_key => 'a') \gset
SELECT is(cardinality(:'seats'::integer[]), 2, 'reserves the best seats');
SELECT matches((SELECT string_agg(label, '; ') FROM tixbook.seat_labels(:venue, :'seats')), '^Stalls, row \d, seat \d; Stalls, row \d, seat \d$',
    'tells which they are');
SELECT is((tixbook.reserve(:event, 2, 'Stalls', 'ann', idempotency_key => 'a')).booking_id, :'booking', 'once, however often asked');
SELECT is((tixbook.confirm(:'booking', 'pay-1')).status::text, 'confirmed', 'confirms them');
SELECT is((SELECT count(secret) FROM tixbook.booking_tickets(:'booking')), 2::bigint, 'hands the tickets out');
SELECT is((SELECT status FROM tixbook.find_booking(:'booking')), 'confirmed', 'finds the booking again');
SELECT is((tixbook.cancel(:'booking')).status::text, 'cancelled', 'cancels it');
SELECT is((SELECT count(*) FROM tixbook.history(:'booking')), 3::bigint, 'and knows its history');
SELECT booking_id AS named FROM tixbook.reserve_seats(:event, '{5,6}') \gset
SELECT is((tixbook.release(:'named')).status::text, 'released', 'gives named seats back');
SELECT is(tixbook.event_of(:'named'), :event, 'of the event in the reference');
SELECT is(pg_temp.sqlstate('SELECT tixbook.refuse(''busy'')'), 'TB107', 'and can refuse as the product does');
SELECT is(pg_temp.sqlstate(format('SET LOCAL tixbook.%s', setting)), expected, 'setting ' || setting)
FROM (VALUES ('lock_wait = ''50ms''', '00000'), ('hold_ttl = ''1d''', '42501'), ('max_hold = ''30d''', '42501'),
             ('idempotency_ttl = ''1min''', '42501'), ('ended_hold_ttl = ''1s''', '42501')) AS settings (setting, expected);

-- What a seller cannot, nor a stranger.
CREATE FUNCTION pg_temp.open_to_me(calls text[]) RETURNS SETOF text
LANGUAGE sql AS $$ SELECT call FROM unnest(calls) AS call WHERE pg_temp.sqlstate('SELECT tixbook.' || call) <> '42501' $$;

SELECT array_agg(format(call, :event, :venue)) AS setting_up
FROM unnest(ARRAY['import_seating_plan(NULL)', 'create_venue(''X'')', 'add_standing_section(%2$s, ''X'', 1, ''Y'')',
    'set_focal_point(%2$s, 1, 1)', 'set_accessible(%2$s, NULL)', 'create_event(%2$s, ''X'', now(), ''{}'')',
    'set_prices(%s, ''{}'')', 'open_sale(%s)', 'pause_sale(%s)', 'close_sale(%s)', 'add_inventory(%s)',
    'block_seats(%s, ''{3}'')', 'unblock_seats(%s, ''{1}'')', 'block_section(%s, ''Yard'')', 'unblock_section(%s, ''Yard'')',
    'verify()', 'sweep()', 'purge_idempotency_keys()', 'purge_ended_holds()', 'rebuild_search()', 'worker_status()', 'publish_status()', 'start_worker()',
    'set_request_rate(%s, 10)', 'work_requests()', 'retry_requests(%s)', 'purge_requests()',
    'allow_destination(''x'', ''https://example.com'')', 'disallow_destination(''x'')', 'enqueue_dispatch(''x'', ''/'')',
    'retry_dispatches()', 'subscribe_webhook(''x'')', 'unsubscribe_webhook(''x'')']) AS call \gset
SELECT array_agg(format(call, :event, :venue, :'booking')) AS selling
FROM unnest(ARRAY['search_events()', 'availability(%s)', 'section_availability(%s)', 'seat_plan(%s)', 'seat_map_svg(%s)',
    'seat_label(%2$s, 1)', 'seat_labels(%2$s, ''{1}'')', 'reserve(%s, 1)', 'reserve_seats(%s, ''{7}'')',
    'confirm(%3$L, ''p'')', 'release(%3$L)', 'cancel(%3$L)', 'find_booking(%3$L)', 'booking_tickets(%3$L)', 'history(%3$L)',
    'require_event(%s)', 'submit_request(%s, 1)', 'request_lag(%s)', 'request_status(%3$L)', 'cancel_request(%3$L)']) AS call \gset
SELECT is_empty(format('SELECT pg_temp.open_to_me(%L)', :'setting_up'), 'a seller sets nothing up and looks after nothing');
SET SESSION AUTHORIZATION pgtap_stranger;
SELECT is_empty(format('SELECT pg_temp.open_to_me(%L)', :'setting_up'), 'nor does a stranger');
SELECT is_empty(format('SELECT pg_temp.open_to_me(%L)', :'selling'), 'who does not sell either');
SAVEPOINT done_by_clerk;
SET SESSION AUTHORIZATION pgtap_clerk;
SELECT is((SELECT count(*) FROM pg_temp.open_to_me(:'setting_up')), 33::bigint, 'a clerk does all, so the calls were calls');
SELECT is((SELECT count(*) FROM pg_temp.open_to_me(:'selling')), 20::bigint, 'of both kinds');
ROLLBACK TO done_by_clerk;
RESET SESSION AUTHORIZATION;


-- Attackers: a schema of functions, operators, types and aggregates that look like those of the system, first on
-- the search path, and temporary tables that look like ours. Each notes when it runs as anybody but its caller.

CREATE SCHEMA evil;
CREATE TABLE evil.log (what text, as_whom text);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT ALL ON evil.log TO PUBLIC;

CREATE FUNCTION evil.spring(what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_user <> session_user THEN
        INSERT INTO evil.log VALUES (what, current_user);
    END IF;
END
$$;

-- A function in evil that does what the one it is named after does, once it has been noted.
CREATE FUNCTION pg_temp.lay_trap(name text, arguments text, result text, original text, known_as text = NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql SET search_path = pg_catalog AS %L',
        name, arguments, result, format('BEGIN PERFORM evil.spring(%L); RETURN %s; END', format('%s (%s)', coalesce(known_as, name), arguments), original));
END
$$;

CREATE TEMPORARY TABLE common_type AS
SELECT unnest('{int2,int4,int8,text,bool,numeric,float4,float8,timestamptz,interval,jsonb,uuid,_int4,_text,tsquery,tsvector,
    tixbook.event_status,tixbook.booking_status,tixbook.section_kind}'::regtype[]) AS type;

DO $$
DECLARE
    operator record;
    twin text;
BEGIN
    FOR operator IN
        SELECT DISTINCT o.oprname::text, a.type AS argument, b.type AS other, o.oprresult::regtype::text AS result
        FROM pg_operator o JOIN common_type a ON o.oprleft = a.type
             OR o.oprleft = 'anyenum'::regtype AND (SELECT typtype = 'e' FROM pg_type WHERE oid = a.type)
        JOIN common_type b ON o.oprright = b.type OR o.oprright = 'anyenum'::regtype AND b.type = a.type
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace
    LOOP
        twin := format('op_%s', md5(operator::text));
        PERFORM pg_temp.lay_trap(twin, format('%s, %s', operator.argument, operator.other), operator.result,
            format('$1 OPERATOR(pg_catalog.%s) $2', operator.oprname), operator.oprname);
        EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%s, LEFTARG = %s, RIGHTARG = %s)',
            operator.oprname, twin, operator.argument, operator.other);
    END LOOP;
END
$$;

DO $$
DECLARE
    twin record;
BEGIN
    FOR twin IN
        SELECT DISTINCT p.oid, p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, p.pronargs,
               format_type(p.prorettype, NULL) AS result
        FROM pg_proc p
        JOIN (SELECT DISTINCT word[1] AS name FROM function, regexp_matches(prosrc, '\m(\w+)\s*\(', 'g') AS word) used
             ON used.name = p.proname
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.pronargs > 0
          AND p.provariadic = 0 AND p.prorettype IN (SELECT type FROM common_type)
          AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS t WHERE t NOT IN (SELECT type FROM common_type))
    LOOP
        PERFORM pg_temp.lay_trap(twin.proname, twin.arguments, twin.result, format('pg_catalog.%I(%s)', twin.proname,
            (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, twin.pronargs) AS n)));
    END LOOP;
END
$$;

-- Better matches than the VARIADIC "any" of the system, and sets, aggregates and types.
SELECT pg_temp.lay_trap('jsonb_build_object', 'text, integer', 'jsonb', 'pg_catalog.jsonb_build_object($1, $2)');
SELECT pg_temp.lay_trap('jsonb_build_object', 'text, text', 'jsonb', 'pg_catalog.jsonb_build_object($1, $2)');
SELECT pg_temp.lay_trap('jsonb_build_object', 'text, uuid', 'jsonb', 'pg_catalog.jsonb_build_object($1, $2)');
SELECT pg_temp.lay_trap('format', 'text, text', 'text', 'pg_catalog.format($1, $2)');
SELECT pg_temp.lay_trap('concat_ws', 'text, text, text', 'text', 'pg_catalog.concat_ws($1, $2, $3)');
SELECT pg_temp.lay_trap('now', '', 'timestamptz', 'pg_catalog.now()');
SELECT pg_temp.lay_trap('clock_timestamp', '', 'timestamptz', 'pg_catalog.clock_timestamp()');
SELECT pg_temp.lay_trap('cardinality', 'integer[]', 'integer', 'pg_catalog.cardinality($1)');
SELECT pg_temp.lay_trap('nextval', 'regclass', 'bigint', 'pg_catalog.nextval($1)');
SELECT pg_temp.lay_trap('add', 'bigint, bigint', 'bigint', '$1 + $2');
CREATE AGGREGATE evil.sum(bigint) (SFUNC = evil.add, STYPE = bigint, INITCOND = 0);
CREATE FUNCTION evil.unnest(integer[]) RETURNS SETOF integer LANGUAGE plpgsql SET search_path = pg_catalog AS
$$ BEGIN PERFORM evil.spring('unnest'); RETURN QUERY SELECT pg_catalog.unnest($1); END $$;
SELECT pg_temp.lay_trap('checked', 'text', 'boolean', 'true');
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.checked(VALUE));
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.checked(VALUE::pg_catalog.text));
CREATE DOMAIN evil.float8 AS pg_catalog.float8 CHECK (evil.checked(VALUE::pg_catalog.text));

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM relation WHERE relkind = 'r' LOOP
        EXECUTE format('CREATE TEMPORARY TABLE %1$I (LIKE tixbook.%1$I)', name);
        EXECUTE format('CREATE TABLE evil.%1$I (LIKE tixbook.%1$I)', name);
        EXECUTE format('GRANT ALL ON pg_temp.%1$I, evil.%1$I TO PUBLIC', name);
    END LOOP;
END
$$;

-- The caller's path is evil; this says what came of the call.
CREATE FUNCTION evil.call(statement pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE plpgsql SET search_path = evil, pg_temp, pg_catalog AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) SQLERRM;
END
$$;

-- The trap works: a careless function falls into it.
CREATE FUNCTION pg_temp.careless(integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN $1 = 1; END $$;
SET SESSION AUTHORIZATION pgtap_seller;
SELECT is(evil.call('SELECT pg_temp.careless(1)'), 'done', 'a careless function does its work');
SELECT is((SELECT count(*) FROM evil.log), 1::bigint, 'and runs the operator of its caller, as its owner');
DELETE FROM evil.log;

-- Nothing may be remembered from before: what loads events and houses must be attacked too.
RESET SESSION AUTHORIZATION;
UPDATE tixbook.event SET description = 'New' WHERE event_id = :event;
SET SESSION AUTHORIZATION pgtap_seller;

SELECT is(evil.call(format('SELECT tixbook.' || call, :event, :venue)), 'done', 'attacked as seller: ' || call)
FROM unnest(ARRAY['reserve(%s, 2, ''Stalls'', ''eve'', idempotency_key => ''k'')', 'reserve(%s, 2, ''Stalls'', ''eve'', idempotency_key => ''k'')',
    'reserve_seats(%s, ''{7}'')', 'search_events(''concrt'')', 'search_events(''concert'')', 'search_events()', 'availability(%s)',
    'section_availability(%s)', 'seat_plan(%s)', 'seat_map_svg(%s)', 'seat_label(%2$s, 1)', 'require_event(%s)', 'refusals()']) AS call;
RESET SESSION AUTHORIZATION;
SELECT tixbook.create_event(:venue, 'Rush', now() + interval '1 day', '{"Front": 500, "Standing": 200}') AS rush \gset
SELECT tixbook.open_sale(:rush), tixbook.open_waiting_room(:rush, now(), 1, 1) AS hash \gset
SET SESSION AUTHORIZATION pgtap_seller;
SELECT is(evil.call(format('SELECT tixbook.' || call, :rush)), 'done', 'attacked as seller: ' || call)
FROM unnest(ARRAY['join_waiting_room(%s, ''eve'')', 'queue_status(%s, ''eve'')', 'queue_progress(%s, 1)', 'find_waiting_room(%s)']) AS call;
SET SESSION AUTHORIZATION pgtap_clerk;
SELECT is(evil.call(format('SELECT tixbook.' || call, :rush)), 'done', 'attacked as clerk: ' || call)
FROM unnest(ARRAY['set_waiting_room_pace(%s, 3)', 'pause_waiting_room(%s)', 'resume_waiting_room(%s)', 'tick_waiting_rooms()']) AS call;
SET SESSION AUTHORIZATION pgtap_seller;
SELECT is(evil.call(format('SELECT tixbook.' || call, :rush)), 'done', 'attacked as seller: ' || call)
FROM unnest(ARRAY['queue_status(%s, ''eve'')', 'leave_waiting_room(%s, ''eve'')']) AS call;
RESET SESSION AUTHORIZATION;
SELECT booking_id AS attacked FROM tixbook.booking WHERE customer = 'eve' AND event_id = :event \gset
SET SESSION AUTHORIZATION pgtap_seller;
SELECT is(evil.call(format('SELECT tixbook.' || call, :'attacked')), 'done', 'attacked as seller: ' || call)
FROM unnest(ARRAY['find_booking(%L)', 'confirm(%L, ''pay-2'')', 'booking_tickets(%L)', 'cancel(%L)', 'history(%L)', 'event_of(%L)']) AS call;
SELECT matches(evil.call('SELECT tixbook.find_booking(gen_random_uuid())'), '^TB201', 'a refusal stays one');
SELECT is_empty('SELECT what, as_whom, count(*) FROM evil.log GROUP BY 1, 2', 'and no code of the seller ran as anybody else');
DELETE FROM evil.log;

RESET SESSION AUTHORIZATION;
UPDATE tixbook.event SET description = 'Newer' WHERE event_id = :event;
SET SESSION AUTHORIZATION pgtap_clerk;
SELECT is(evil.call(format('SELECT tixbook.' || call, :event, :venue, :'plan')), 'done', 'attacked as clerk: ' || left(call, 40))
FROM unnest(ARRAY['block_seats(%s, ''{3}'')', 'unblock_seats(%s, ''{3}'')', 'block_section(%s, ''Yard'')', 'unblock_section(%s, ''Yard'')',
    'import_seating_plan(%3$L, ''Other'', standing => ''[{"section": "Pit", "capacity": 9, "category": "Pit"}]'')',
    'add_standing_section(%2$s, ''Yard'', 5, ''Standing'')', 'add_inventory(%s)', 'set_focal_point(%2$s, 1, 1)', 'set_accessible(%2$s, ''{3}'')',
    'create_event(%2$s, ''Second'', ''2099-01-01'', ''{"Front": 1, "Standing": 2}'')', 'set_prices(%s, ''{"Front": 3}'')',
    'pause_sale(%s)', 'open_sale(%s)', 'verify()', 'sweep()', 'purge_idempotency_keys()', 'purge_ended_holds()', 'rebuild_search()', 'close_sale(%s)',
    'seating_plan_faults(%3$L)']) AS call;
SELECT is_empty('SELECT what, as_whom, count(*) FROM evil.log GROUP BY 1, 2', 'and no code of the clerk ran as anybody else');
RESET SESSION AUTHORIZATION;

SELECT is_empty($$ SELECT * FROM pg_temp.booking UNION ALL SELECT * FROM evil.booking $$, 'no booking went to a table that looks like ours');
SELECT is((SELECT count(*) FROM pg_temp.event) + (SELECT count(*) FROM pg_temp.seat_block) + (SELECT count(*) FROM pg_temp.ticket)
          + (SELECT count(*) FROM evil.event) + (SELECT count(*) FROM evil.seat_block) + (SELECT count(*) FROM evil.ticket), 0::bigint,
    'nor did events, seats or tickets');
SELECT is((SELECT status FROM tixbook.booking WHERE booking_id = :'attacked'), 'cancelled', 'but to ours');
SELECT is_empty('SELECT * FROM tixbook.verify()', 'and all is sound');

SELECT * FROM finish();
ROLLBACK;
