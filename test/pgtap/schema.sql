-- schema: the public names are there, as they were promised, and every object says what it is.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(102);

CREATE FUNCTION pg_temp.own_functions() RETURNS SETOF pg_proc
LANGUAGE sql STABLE AS $$
    SELECT p.* FROM pg_proc p
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid
    WHERE x.extname = 'tixbook' AND p.pronamespace = 'tixbook'::regnamespace
$$;

CREATE FUNCTION pg_temp.own_tables() RETURNS SETOF pg_class
LANGUAGE sql STABLE AS $$
    SELECT c.* FROM pg_class c
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid
    WHERE x.extname = 'tixbook' AND c.relkind IN ('r', 'p')
$$;

-- Functions: parameters and result as promised. Only optional parameters may follow, and no second
-- function of the name, since callers over HTTP know parameters by name alone.
CREATE TEMPORARY TABLE promised (name text, required integer, arguments text, result text);
INSERT INTO promised VALUES
('import_seating_plan', 1, 'plan jsonb, name text DEFAULT NULL::text', 'integer'),
('add_standing_section', 4, 'venue_id integer, section text, capacity integer, category text', 'void'),
('create_event', 4, 'venue_id integer, name text, starts_at timestamp with time zone, prices jsonb, currency text DEFAULT ''EUR''::text', 'integer'),
('open_sale', 1, 'event_id integer', 'void'),
('search_events', 0, 'query text DEFAULT NULL::text, page integer DEFAULT 1, page_size integer DEFAULT 20', 'SETOF tixbook.found_event'),
('availability', 1, 'event_id integer, since bigint DEFAULT NULL::bigint', 'tixbook.event_availability'),
('prewarm', 1, 'event_id integer', 'boolean'),
('section_availability', 1, 'event_id integer', 'TABLE(section text, category text, capacity integer, free integer, price bigint, currency text)'),
('seat_plan', 1, 'event_id integer', 'jsonb'),
('seat_map_svg', 1, 'event_id integer', 'text'),
('reserve', 2, 'event_id integer, quantity integer, section text DEFAULT NULL::text, customer text DEFAULT NULL::text, hold_for interval DEFAULT NULL::interval, idempotency_key text DEFAULT NULL::text', 'tixbook.hold'),
('reserve_seats', 2, 'event_id integer, seats integer[], customer text DEFAULT NULL::text, hold_for interval DEFAULT NULL::interval, idempotency_key text DEFAULT NULL::text', 'tixbook.hold'),
('submit_request', 1, 'event_id integer, quantity integer DEFAULT NULL::integer, section text DEFAULT NULL::text, seats integer[] DEFAULT NULL::integer[], customer text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text', 'uuid'),
('request_status', 1, 'request_id uuid', 'tixbook.request_report'),
('confirm', 2, 'booking_id uuid, payment_reference text', 'tixbook.booking'),
('release', 1, 'booking_id uuid', 'tixbook.booking'),
('cancel', 1, 'booking_id uuid, reason text DEFAULT NULL::text', 'tixbook.booking'),
('find_booking', 1, 'booking_id uuid', 'tixbook.booking'),
('sweep', 0, 'batch integer DEFAULT 1000', 'integer'),
('verify', 0, 'event_id integer DEFAULT NULL::integer', 'TABLE(event_id integer, law text, detail jsonb)'),
('event_of', 1, 'booking_id uuid', 'integer'),
('open_waiting_room', 4, 'event_id integer, starts_at timestamp with time zone, admit_per_second numeric, max_active integer, session interval DEFAULT ''00:10:00''::interval', 'bytea'),
('join_waiting_room', 1, 'event_id integer, customer text DEFAULT NULL::text', 'record'),
('queue_status', 1, 'event_id integer, customer text DEFAULT NULL::text', 'tixbook.queue_status'),
('pay', 2, 'booking_id uuid, payment_token text, idempotency_key text DEFAULT NULL::text', 'tixbook.payment');

SELECT is((SELECT string_agg(CASE WHEN starts_with(p.arguments || ', ', w.arguments || ', ')
                                  THEN w.arguments ELSE p.arguments END, ' | ')
           FROM (SELECT pg_get_function_arguments(p.oid) AS arguments
                 FROM pg_temp.own_functions() p WHERE p.proname = w.name) p),
          w.arguments, format('%s has its promised parameters, once', w.name))
FROM promised w;

SELECT is((SELECT string_agg(format('%s -> %s', p.pronargs - p.pronargdefaults, pg_get_function_result(p.oid)), ' | ')
           FROM pg_temp.own_functions() p WHERE p.proname = w.name),
          format('%s -> %s', w.required, w.result),
          format('%s needs no more arguments than promised, and returns what was promised', w.name))
FROM promised w;

SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
    WHERE p.proretset <> (pg_get_function_result(p.oid) ~ '^(SETOF|TABLE)') $$,
    'a function that says SETOF or TABLE returns a set, and no other does');

SELECT is((SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
           FROM pg_attribute WHERE attrelid = 'tixbook.found_event'::regclass AND attnum > 0),
    'event_id integer, name text, performer text, venue text, city text, starts_at timestamp with time zone, '
    'status tixbook.event_status, available boolean, price_from bigint, currency text, rank real',
    'search_events returns these columns');

-- What may be cached, folded, or run by parallel workers.
CREATE TEMPORARY TABLE nature (name text, volatility "char", parallel "char", strict boolean);
INSERT INTO nature
SELECT unnest('{import_seating_plan,add_standing_section,create_venue,set_accessible,set_focal_point,create_event,
    set_prices,open_sale,pause_sale,close_sale,set_sale_status,add_inventory,create_inventory,lay_out_blocks,purge_waiting_rooms,purge_dead_letters,create_catalog_publication,
    block_seats,unblock_seats,block_section,unblock_section,reserve,reserve_seats,confirm,release,cancel,
    sweep,purge_idempotency_keys,purge_ended_holds,purge_requests,
    submit_request,cancel_request,set_request_rate,work_requests,retry_requests,rebuild_search,start_worker,prewarm,pay,settle_payment,settle_payments,settle_refund,retry_refund,
    payment_webhook,set_webhook_secret,sign_up,log_in,issue_token,rotate_token_key,set_account_role,set_password,
    begin_http_request,open_waiting_room,set_waiting_room_pace,pause_waiting_room,resume_waiting_room,close_waiting_room,
    draw_waiting_room,tick_waiting_rooms,join_waiting_room,queue_status,leave_waiting_room,
    allow_destination,disallow_destination,enqueue_dispatch,retry_dispatches,subscribe_webhook,unsubscribe_webhook}'::text[]), 'v', 'u', false;
INSERT INTO nature
SELECT unnest('{search_events,seat_plan,seat_map_svg,find_booking,booking_tickets,
    request_status,request_queue,history,verify,verify_payments,settlement,require_event,section_seats,seat_label,seat_labels,seating_plan_faults,find_waiting_room}'::text[]), 's', 'u', false;
INSERT INTO nature VALUES ('refuse', 'v', 's', false), ('refusals', 's', 's', false),
    ('availability', 's', 'u', false), ('section_availability', 's', 'u', false),
    ('cache_status', 'v', 'r', false), ('worker_status', 'v', 'r', false), ('publish_status', 's', 'r', false), ('rate_limits', 's', 'r', false), ('queue_progress', 's', 'u', false), ('request_lag', 's', 'u', false),
    ('draw_position', 'i', 's', true), ('draw_entry', 'i', 's', true), ('event_of', 'i', 's', true);

SELECT set_eq(
    $$ SELECT p.proname::text, p.provolatile, p.proparallel, p.proisstrict
       FROM pg_temp.own_functions() p JOIN nature n ON n.name = p.proname $$,
    $$ SELECT * FROM nature $$,
    'public functions that write are VOLATILE and PARALLEL UNSAFE, those that look are STABLE');

-- A transition function that makes its state from a null one must see the null.
SELECT is_empty($$
    SELECT p.oid::regprocedure, p.provolatile, p.proparallel, p.proisstrict FROM pg_temp.own_functions() p
    WHERE p.prokind = 'f'
      AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
      AND ('tixbook.seatmap'::regtype = ANY (p.proargtypes) OR p.prorettype = 'tixbook.seatmap'::regtype
           OR p.proname ~ '^seatmap|^unnest')
      AND (p.provolatile, p.proparallel, p.proisstrict) IS DISTINCT FROM
          ('i'::"char", 's'::"char", p.proname NOT IN ('seatmap_agg_accum', 'seatmap_join_accum')) $$,
    'functions of the seat map are IMMUTABLE, PARALLEL SAFE and STRICT, but for two transition functions');
SELECT cmp_ok((SELECT count(*) FROM pg_temp.own_functions() p
               WHERE 'tixbook.seatmap'::regtype = ANY (p.proargtypes) AND p.provolatile = 'i'), '>=', 40::bigint,
    'of which there are many');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
    WHERE p.provolatile = 'v' AND p.proparallel = 's' AND p.proname <> 'refuse' $$,
    'no volatile function is PARALLEL SAFE, but refuse, which only raises');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
    WHERE p.provolatile <> 'v' AND p.prosrc ~* '\m(INSERT INTO|UPDATE tixbook|DELETE FROM|nextval|FOR UPDATE)\M' $$,
    'no function that writes claims to be STABLE or IMMUTABLE');
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
    WHERE p.provolatile = 'i' AND p.prosrc ~* '\mtixbook\.(venue|category|section|seat|area|event|price|seat_block|booking|ticket)\M' $$,
    'no function that reads a table claims to be IMMUTABLE');
SELECT is_empty($$
    SELECT a.aggfnoid::regprocedure FROM pg_aggregate a JOIN pg_temp.own_functions() p ON p.oid = a.aggfnoid
    WHERE p.proparallel <> 's' OR a.aggcombinefn = 0 $$,
    'the aggregates run in parallel');

-- Types
SELECT enum_has_labels('tixbook', 'booking_status',
    '{held,paying,confirmed,released,expired,cancelled}', 'the states of a booking');
SELECT enum_has_labels('tixbook', 'payment_state', '{pending,captured,declined,refunded}', 'the states of a payment');
SELECT enum_has_labels('tixbook', 'refund_state', '{due,sent,succeeded,failed}', 'the states of a refund');
SELECT enum_has_labels('tixbook', 'request_state', '{waiting,held,refused,cancelled,dead}', 'the states of a request');
SELECT enum_has_labels('tixbook', 'event_status', '{draft,on_sale,paused,closed}', 'the states of a sale');
SELECT enum_has_labels('tixbook', 'section_kind', '{seated,standing}', 'the kinds of a section');
SELECT has_type('tixbook', 'seatmap', 'there is the type seatmap');
SELECT is('20000:{0-3,17,40-59}'::tixbook.seatmap::text, '20000:{0-3,17,40-59}', 'its text form is the promised one');
SELECT is('17:{0,9,16}'::tixbook.seatmap::bytea, '\x010201'::bytea, 'in its bytes bit i is byte i/8, mask 1 << (i % 8)');
SELECT set_eq($$ SELECT am.amname::text FROM pg_opclass o JOIN pg_am am ON am.oid = o.opcmethod
                 WHERE o.opcintype = 'tixbook.seatmap'::regtype AND o.opcdefault $$,
    '{btree,hash}'::text[], 'it sorts, groups and joins by default operator classes');
SELECT is((SELECT count(*) FROM pg_type WHERE oid = 'tixbook.seatmap'::regtype
           AND typreceive <> 0 AND typsend <> 0 AND typstorage = 'x'), 1::bigint,
    'it has a binary form, and is compressed and stored out of line where it is large');

-- Keys
CREATE TEMPORARY VIEW keys AS
SELECT c.relname::text AS table_name, i.indexrelid::regclass::text AS key, i.indisprimary AS is_primary,
       (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0]) AS leader
FROM pg_temp.own_tables() c JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique;

CREATE TEMPORARY VIEW event_tables AS
SELECT c.relname::text AS table_name FROM pg_temp.own_tables() c
WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'event_id' AND NOT a.attisdropped);

SELECT cmp_ok((SELECT count(*) FROM event_tables), '>=', 9::bigint, 'there are tables of events');
SELECT is_empty($$ SELECT * FROM keys JOIN event_tables USING (table_name)
                   WHERE leader <> 'event_id' AND (table_name, leader) NOT IN (('booking', 'booking_id'), ('request', 'request_id')) $$,
    'event_id leads every key of an event table; a booking_id or request_id carries it in its first bytes');
SELECT matches((SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint
                WHERE conrelid = 'tixbook.booking'::regclass AND contype = 'c'),
    'tixbook\.event_of\(booking_id\) = event_id', 'and a booking_id that carries another event is no booking');
SELECT matches((SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint
                WHERE conrelid = 'tixbook.request'::regclass AND contype = 'c'),
    'tixbook\.event_of\(request_id\) = event_id', 'nor a request_id a request');
SELECT is_empty($$ SELECT table_name FROM event_tables WHERE table_name <> 'booking_history'
                   EXCEPT SELECT table_name FROM keys WHERE is_primary $$,
    'every event table has a primary key, but the history, which is only appended to');
SELECT isnt_empty($$ SELECT i.indexrelid::regclass FROM pg_index i
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                     WHERE i.indrelid = 'tixbook.booking_history'::regclass AND a.attname = 'event_id' $$,
    'and that has an index led by event_id');
SELECT is_empty($$ SELECT * FROM keys LEFT JOIN event_tables e USING (table_name)
                   WHERE e.table_name IS NULL AND leader <> 'venue_id'
                     AND table_name NOT IN ('account', 'log_in_failure', 'token_key', 'webhook_secret', 'payment_event',
                                            'destination', 'destination_secret', 'destination_health', 'dispatch') $$,
    'venue_id leads every other key, but for those of who asks and of who is told');
SELECT col_is_pk('tixbook', 'ticket', '{event_id,seat_index}'::name[], 'a seat of an event has one ticket');
SELECT col_is_pk('tixbook', 'seat_block', '{event_id,block_no}'::name[], 'an event has each block once');
SELECT col_is_pk('tixbook', 'price', '{event_id,category_no}'::name[], 'an event has one price a category');
SELECT col_is_pk('tixbook', 'idempotency_key', '{event_id,operation,principal,key}'::name[],
    'a key is scoped to event, operation and principal');
SELECT index_is_unique('tixbook', 'booking', 'booking_payment_idx', 'a payment reference is unique within its event');
SELECT is_empty($$ SELECT conrelid::regclass, conname FROM pg_constraint
                   WHERE contype IN ('p', 'u') AND (condeferrable OR NOT convalidated)
                     AND connamespace = 'tixbook'::regnamespace $$,
    'no key can be deferred: it holds at every instant');
SELECT is_empty($$ SELECT e.table_name, a.attname FROM event_tables e
                   JOIN pg_attribute a ON a.attrelid = format('tixbook.%I', e.table_name)::regclass
                   WHERE a.attname = 'event_id' AND (NOT a.attnotnull OR a.atttypid <> 'integer'::regtype) $$,
    'event_id is an integer that is always there');

-- The key is a guard of its own, also against what goes past the functions.
SELECT tixbook.create_venue('Guard') AS venue \gset
SELECT tixbook.add_standing_section(:venue, 'Floor', 10, 'All');
SELECT tixbook.create_event(:venue, 'Guarded', now() + interval '1 day', '{"All": 100}') AS event \gset
SELECT tixbook.open_sale(:event);
SELECT booking_id AS booking FROM tixbook.reserve(:event, 1) \gset
SELECT (tixbook.confirm(:'booking', 'paid')).status AS confirmed \gset
SELECT throws_ok(format($$ INSERT INTO tixbook.ticket SELECT event_id, seat_index, booking_id, gen_random_uuid()
                           FROM tixbook.ticket WHERE event_id = %s $$, :event),
    '23505', NULL, 'a second ticket for a seat breaks the key, whoever writes it');

-- Backup: pg_dump takes from an extension only what it is told to.
CREATE TEMPORARY VIEW dumped AS
SELECT unnest(extconfig)::regclass::text AS name, unnest(extcondition) AS condition
FROM pg_extension WHERE extname = 'tixbook';

SELECT set_eq($$ SELECT c.oid::regclass::text FROM pg_temp.own_tables() c
                 EXCEPT SELECT 'tixbook.event_search' $$,
    $$ SELECT name FROM dumped JOIN pg_class c ON c.oid = dumped.name::regclass WHERE c.relkind = 'r' $$,
    'every table is dumped but event_search, which triggers fill again');
SELECT set_eq($$ SELECT c.oid::regclass::text FROM pg_class c
                 WHERE c.relkind = 'S' AND c.relnamespace = 'tixbook'::regnamespace $$,
    $$ SELECT name FROM dumped JOIN pg_class c ON c.oid = dumped.name::regclass WHERE c.relkind = 'S' $$,
    'every sequence is dumped');
SELECT is_empty($$ SELECT * FROM dumped WHERE condition <> '' $$, 'all rows of them');
SELECT is_empty($$ SELECT c.oid::regclass, c.relpersistence FROM pg_temp.own_tables() c WHERE c.relpersistence <> 'p' $$,
    'no table is unlogged');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c
                   WHERE c.relnamespace = 'tixbook'::regnamespace AND c.relkind IN ('r', 'S', 'v', 'm', 'p', 'f')
                     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                                     AND d.objid = c.oid AND d.deptype = 'e') $$,
    'and nothing in the schema stands outside the extension');

-- Every object says what it is.
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
                   WHERE coalesce(obj_description(p.oid, 'pg_proc'), '') = '' ORDER BY 1 $$,
    'every function and aggregate has a comment');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_temp.own_tables() c
                   WHERE coalesce(obj_description(c.oid, 'pg_class'), '') = '' $$,
    'every table has a comment');
-- From 17 on types of rows and arrays are members too.
SELECT is_empty($$ SELECT t.oid::regtype FROM pg_type t
                   JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                   WHERE t.typnamespace = 'tixbook'::regnamespace AND t.typcategory <> 'A'
                     AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')
                     AND coalesce(obj_description(t.oid, 'pg_type'), '') = '' $$,
    'every type has a comment');
SELECT is_empty($$ SELECT o.oid::regoperator FROM pg_operator o
                   WHERE o.oprnamespace = 'tixbook'::regnamespace
                     AND coalesce(obj_description(o.oid, 'pg_operator'), '') = '' $$,
    'every operator has a comment');
SELECT is_empty($$ SELECT o.opcname FROM pg_opclass o
                   WHERE o.opcnamespace = 'tixbook'::regnamespace
                     AND coalesce(obj_description(o.oid, 'pg_opclass'), '') = ''
                   UNION ALL
                   SELECT format('%s as %s', c.castsource::regtype, c.casttarget::regtype) FROM pg_cast c
                   WHERE 'tixbook.seatmap'::regtype IN (c.castsource, c.casttarget)
                     AND coalesce(obj_description(c.oid, 'pg_cast'), '') = '' $$,
    'every operator class and cast has a comment');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_temp.own_functions() p
                   WHERE obj_description(p.oid, 'pg_proc') !~ '\.$' $$,
    'a comment is sentences');

-- What callers call, and so what must say how it refuses.
CREATE TEMPORARY VIEW public_functions AS
SELECT p.oid, p.proname::text AS name, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_temp.own_functions() p
WHERE p.proname IN (SELECT name FROM promised UNION SELECT name FROM nature)
  AND p.proname NOT IN ('set_sale_status', 'refuse');

-- The items of the sentence "Refuses: a, b (remark), c."
CREATE TEMPORARY VIEW said AS
SELECT f.oid, f.name, btrim(item) AS reason
FROM public_functions f,
     LATERAL substring(f.comment FROM '\mRefuses: (.*)$') AS sentence,
     LATERAL regexp_replace(sentence, '\([^()]*\)', '', 'g') AS bare,
     LATERAL regexp_split_to_table(regexp_replace(bare, '\..*$', ''), ',') AS item;

SELECT is_empty($$ SELECT name, right(comment, 80) FROM public_functions
                   WHERE comment IS NULL OR comment !~ '\mRefuses: [a-z]|\mMakes no refusal( itself)?\.' ORDER BY 1 $$,
    'every public function says "Refuses: …" or "Makes no refusal."');
SELECT is_empty($$ SELECT name FROM public_functions
                   WHERE (comment ~ '\mRefuses: ') AND (comment ~ '\mMakes no refusal') $$,
    'and not both');
SELECT is_empty($$ SELECT name, reason FROM said WHERE reason NOT IN (SELECT reason FROM tixbook.refusals()) $$,
    'what they say they refuse for are reasons that there are');
SELECT is_empty($$ SELECT reason FROM tixbook.refusals() EXCEPT SELECT reason FROM said
                   EXCEPT SELECT r.reason FROM tixbook.refusals() r, pg_proc p
                   WHERE p.pronamespace = 'tixbook_api'::regnamespace
                     AND obj_description(p.oid, 'pg_proc') ~ ('Refuses: .*' || r.reason)
                   EXCEPT SELECT 'request_failed' $$,
    'and every reason that there is, some public function names, but for one that is only kept with a request');
-- SQL errors of the type, which is usable without the ticket office.
SELECT is_empty($$
    SELECT p.oid::regprocedure, state[1] FROM pg_temp.own_functions() p,
           LATERAL regexp_matches(obj_description(p.oid, 'pg_proc'), '\(([0-9A-Z]{5})\)', 'g') AS state
    WHERE state[1] NOT IN ('22023', '54000', '2202E', '22004', '22P03') $$,
    'functions of the seat map refuse with SQLSTATEs of the standard');

-- What a function in SQL raises itself or reaches through what it calls, its comment names; for C its
-- comment is believed. Left out: what cannot happen on that path.
CREATE TEMPORARY TABLE impossible (name text, reason text);
INSERT INTO impossible VALUES
('create_event', 'event_not_found'),        -- it prices the event it has just made
('import_seating_plan', 'venue_not_found'), -- it fills the venue it has just made
('add_inventory', 'section_not_found'),     -- it names no sections
('block_section', 'seat_not_found'),        -- the seats come from the inventory itself, which has no more
('block_section', 'invalid_parameter'),     -- of them than a call takes
('unblock_section', 'seat_not_found'),
('unblock_section', 'invalid_parameter'),
('close_waiting_room', 'waiting_room_closed'),  -- it may be repeated
('find_waiting_room', 'invalid_parameter'),     -- it asks for no position
('log_in', 'invalid_parameter');            -- it issues a token for a role that an account has
-- What stands in the way of taking the seats again is no refusal of the payment: the money goes back.
INSERT INTO impossible
SELECT name, reason FROM unnest('{pay,settle_payment,settle_payments,payment_webhook}'::text[]) AS name,
    unnest('{event_not_found,event_not_on_sale,limit_exceeded,seat_not_found,seat_taken}'::text[]) AS reason
UNION ALL
SELECT name, reason FROM unnest('{settle_payment,settle_payments,payment_webhook}'::text[]) AS name,
    unnest('{booking_not_found,hold_expired,illegal_transition,idempotency_key_invalid,idempotency_key_reused,request_in_progress}'::text[]) AS reason;

SELECT is_empty($$
    WITH RECURSIVE function AS (
        SELECT p.oid, p.proname::text AS name, l.lanname, p.prosrc
        FROM pg_temp.own_functions() p JOIN pg_language l ON l.oid = p.prolang WHERE p.prokind = 'f'
    ), calls AS (
        SELECT DISTINCT f.oid, callee[1] AS callee
        FROM function f, regexp_matches(f.prosrc, 'tixbook\.(\w+)\s*\(', 'g') AS callee
        WHERE f.lanname IN ('sql', 'plpgsql')
    ), reach AS (
        SELECT f.oid, f.oid AS reached FROM function f
        UNION
        SELECT r.oid, g.oid FROM reach r JOIN calls c ON c.oid = r.reached JOIN function g ON g.name = c.callee
    ), raised AS (
        SELECT f.oid, reason[1] AS reason
        FROM function f, regexp_matches(f.prosrc, 'tixbook\.refuse\(''(\w+)''', 'g') AS reason
        WHERE f.lanname IN ('sql', 'plpgsql')
        UNION
        SELECT s.oid, s.reason FROM said s JOIN function f USING (oid)
        WHERE f.lanname = 'c' AND f.name <> 'refuse'
    )
    SELECT f.name, raised.reason
    FROM public_functions f JOIN reach r USING (oid) JOIN raised ON raised.oid = r.reached
    EXCEPT SELECT name, reason FROM said
    EXCEPT SELECT name, reason FROM impossible
    ORDER BY 1, 2 $$,
    'no function in SQL can refuse for a reason that its comment leaves out');

SELECT * FROM finish();
ROLLBACK;
