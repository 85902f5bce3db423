-- refusals: each has its name, SQLSTATE, status and words, and a detail that programs can read.
\set QUIET 1
SET client_min_messages = warning;
BEGIN;
SELECT plan(142);

-- What a statement is refused with: SQLSTATE, message, detail and hint; null where it is not.
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN jsonb_build_object('sqlstate', state, 'message', message, 'detail', detail, 'hint', hint);
END
$$;

-- The members of its detail, which must be JSON, and with them the reason.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT CASE
        WHEN said IS NULL THEN '{"reason": "none"}'
        WHEN r.reason IS NULL THEN said
        ELSE coalesce(nullif(said ->> 'detail', ''), '{}')::jsonb || jsonb_build_object('reason', r.reason) END
    FROM pg_temp.refusal(statement) AS said LEFT JOIN tixbook.refusals() r ON r.sqlstate = said ->> 'sqlstate'
$$;


-- The table

SELECT cmp_ok((SELECT count(*) FROM tixbook.refusals()), '>=', 25::bigint, 'there are refusals');
SELECT is_empty($$ SELECT reason FROM tixbook.refusals() GROUP BY reason HAVING count(*) > 1 $$, 'reasons are unique');
SELECT is_empty($$ SELECT sqlstate FROM tixbook.refusals() GROUP BY sqlstate HAVING count(*) > 1 $$, 'SQLSTATEs are unique');
SELECT is_empty($$ SELECT message FROM tixbook.refusals() GROUP BY message HAVING count(*) > 1 $$, 'messages are unique');
SELECT is_empty($$ SELECT reason FROM tixbook.refusals() WHERE reason !~ '^[a-z]+(_[a-z]+)*$' $$, 'reasons are names');
SELECT is_empty($$ SELECT reason, sqlstate FROM tixbook.refusals() WHERE sqlstate !~ '^TB[0-9A-Z]{3}$' $$, 'SQLSTATEs are of class TB');
SELECT is_empty($$ SELECT reason, http_status FROM tixbook.refusals()
                   WHERE reason <> 'idempotency_key_missing'     -- for this the HTTP draft asks for 400
                     AND http_status NOT IN (401, 402, 403, 404, 409, 410, 413, 422, 429, 502, 503) $$,
    'HTTP statuses say what went wrong: never the 400 and 500 that say nothing');
SELECT is_empty($$ SELECT reason, message FROM tixbook.refusals() WHERE message !~ '^([a-z]|%s )' OR message ~ '[.!]$' $$,
    'messages begin in lower case and have no full stop');
SELECT is_empty($$ SELECT reason, message FROM tixbook.refusals() WHERE message !~ '^[^%]*%s[^%]*$' $$,
    'messages name their subject, once');
SELECT is_empty($$ SELECT reason, hint FROM tixbook.refusals()
                   WHERE hint !~ '^([A-Z]|tixbook\.[a-z_]+\().*\.$' OR hint LIKE '%\%%' $$,
    'hints are sentences');
SELECT is_empty($$
    SELECT r.reason, name[1] FROM tixbook.refusals() r, regexp_matches(r.hint, 'tixbook\.(\w+)', 'g') AS name
    WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'tixbook'::regnamespace AND p.proname = name[1])
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'tixbook'::regnamespace AND c.relname = name[1]) $$,
    'and what they point to exists');

-- A public contract: added to, never changed.
SELECT set_has($$ SELECT reason, sqlstate, http_status FROM tixbook.refusals() $$, $$ VALUES
    ('invalid_parameter', 'TB001', 422), ('venue_not_found', 'TB002', 404), ('section_not_found', 'TB003', 404),
    ('category_not_found', 'TB004', 404), ('event_not_found', 'TB005', 404), ('seat_not_found', 'TB006', 404),
    ('name_taken', 'TB007', 409), ('seating_plan_invalid', 'TB008', 422), ('standing_section', 'TB009', 409),
    ('price_missing', 'TB010', 422), ('event_not_on_sale', 'TB101', 409), ('sold_out', 'TB102', 409),
    ('not_enough_seats', 'TB103', 409), ('no_adjacent_seats', 'TB104', 409), ('seat_taken', 'TB105', 409),
    ('limit_exceeded', 'TB106', 409), ('busy', 'TB107', 503), ('booking_not_found', 'TB201', 404),
    ('hold_expired', 'TB202', 410), ('illegal_transition', 'TB203', 409), ('payment_reference_used', 'TB204', 409),
    ('idempotency_key_invalid', 'TB301', 422), ('idempotency_key_reused', 'TB302', 422),
    ('request_in_progress', 'TB303', 409), ('idempotency_key_missing', 'TB304', 400), ('preload_required', 'TB401', 503),
    ('request_not_found', 'TB701', 404), ('request_ended', 'TB702', 409), ('backlog_full', 'TB703', 503), ('request_failed', 'TB704', 502), ('destination_not_allowed', 'TB403', 403) $$,
    'names, SQLSTATEs and HTTP statuses are those that callers know');
SELECT is_empty($$
    SELECT r.reason, said
    FROM tixbook.refusals() r,
         LATERAL pg_temp.refusal(format('SELECT tixbook.refuse(%L, %L, %L)', r.reason, '{"a": [1, "\u00e9"]}', 'some %s "thing"')) AS said
    WHERE said ->> 'sqlstate' <> r.sqlstate OR said ->> 'hint' <> r.hint
       OR said ->> 'message' <> replace(r.message, '%s', 'some %s "thing"')
       OR (said ->> 'detail')::jsonb <> '{"a": [1, "é"]}' $$,
    'refuse raises each with its SQLSTATE, its message about the subject, its hint, and the detail');
SELECT is(pg_temp.refusal($$ SELECT tixbook.refuse('sold_out') $$) - 'hint',
    '{"sqlstate": "TB102", "message": " is sold out", "detail": ""}', 'detail and subject may be left out');
SELECT is(pg_temp.refusal($$ SELECT tixbook.refuse('sold-out') $$) ->> 'sqlstate', '22023', 'an unknown reason is an error of the caller');
SELECT is(pg_temp.refusal($$ SELECT tixbook.refuse(NULL) $$) ->> 'sqlstate', '22004', 'and so is none');


-- The house: three rows of four seats (0 to 11, the last one accessible), standing room for ten.

SELECT jsonb_build_object('name', 'House', 'size', '{"width": 400, "height": 300}'::jsonb,
    'categories', '[{"name": "Front"}]'::jsonb,
    'zones', jsonb_build_array(jsonb_build_object('name', 'Stalls "left", \', 'position', '{"x": 0, "y": 0}'::jsonb,
        'rows', (SELECT jsonb_agg(jsonb_build_object('row_number', r::text, 'seats',
            (SELECT jsonb_agg(jsonb_build_object('seat_guid', r || '-' || s, 'seat_number', s::text, 'category', 'Front',
                'position', jsonb_build_object('x', s * 20, 'y', 50 + r * 20))) FROM generate_series(1, 4) s)))
            FROM generate_series(1, 3) r)))) AS plan \gset
SELECT tixbook.import_seating_plan(:'plan', accessible => '{3-4}',
    standing => '[{"section": "Floor", "capacity": 10, "category": "Standing"}]') AS venue \gset
SELECT tixbook.create_event(:venue, 'Later', now() + interval '1 day', '{"Front": 500, "Standing": 200}') AS later \gset
SELECT tixbook.create_event(:venue, 'Concert', now() + interval '1 day', '{"Front": 500, "Standing": 200}',
    max_per_booking => 12, max_per_customer => 6) AS event \gset
SELECT tixbook.open_sale(:event);


-- Nothing of that name

SELECT is(pg_temp.refused('SELECT tixbook.' || call), '{"reason": "event_not_found", "event_id": 999999}', 'no event: ' || call)
FROM unnest(ARRAY['reserve(999999, 1)', 'reserve_seats(999999, ''{1}'')', 'availability(999999)', 'section_availability(999999)',
    'seat_plan(999999)', 'seat_map_svg(999999)', 'open_sale(999999)', 'pause_sale(999999)', 'close_sale(999999)',
    'set_prices(999999, ''{}'')', 'add_inventory(999999)', 'block_seats(999999, ''{1}'')', 'unblock_seats(999999, ''{1}'')',
    'block_section(999999, ''Floor'')', 'unblock_section(999999, ''Floor'')']) AS call;
SELECT is(pg_temp.refused('SELECT tixbook.' || call), '{"reason": "venue_not_found", "venue_id": 999999}', 'no venue: ' || call)
FROM unnest(ARRAY['create_event(999999, ''X'', now(), ''{}'')', 'add_standing_section(999999, ''X'', 1, ''Y'')',
    'set_focal_point(999999, 0, 0)', 'set_accessible(999999, ''{1}'')']) AS call;
SELECT is(pg_temp.refused('SELECT tixbook.' || call) ->> 'reason', reason, 'null is none: ' || call)
FROM (VALUES ('reserve(NULL, 1)', 'event_not_found'), ('availability(NULL)', 'event_not_found'),
             ('open_sale(NULL)', 'event_not_found'), ('block_seats(NULL, ''{1}'')', 'event_not_found'),
             ('create_event(NULL, ''X'', now(), ''{}'')', 'venue_not_found'),
             ('set_focal_point(NULL, 0, 0)', 'venue_not_found'), ('find_booking(NULL)', 'booking_not_found')) AS nothing (call, reason);
SELECT is(pg_temp.refused(format($$ SELECT tixbook.reserve(%s, 1, E'No "such"\n\x01 \\ section %%s é') $$, :event)),
    jsonb_build_object('reason', 'section_not_found', 'event_id', :event, 'section', E'No "such"\n\x01 \\ section %s é'),
    'no section, whatever stands in its name');
SELECT is(pg_temp.refused(format($$ SELECT tixbook.reserve(%s, 1, category => 'Lo"ge') $$, :event)),
    jsonb_build_object('reason', 'category_not_found', 'event_id', :event, 'category', 'Lo"ge'), 'no category to buy');
SELECT is(pg_temp.refused(format($$ SELECT tixbook.open_sale(%s, '{Pit}') $$, :later)),
    jsonb_build_object('reason', 'section_not_found', 'event_id', :later, 'section', 'Pit'), 'no section to open');
SELECT is(pg_temp.refused(format($$ SELECT tixbook.block_section(%s, 'Pit') $$, :event)),
    jsonb_build_object('reason', 'section_not_found', 'event_id', :event, 'section', 'Pit'), 'no section to block');
SELECT is(pg_temp.refused(format($$ SELECT tixbook.create_event(%s, 'X', now(), '{"Loge": 1}') $$, :venue)),
    jsonb_build_object('reason', 'category_not_found', 'venue_id', :venue, 'category', 'Loge'), 'no category to price');
SELECT is(pg_temp.refused(format('SELECT tixbook.%s(%s, %L)', call, :event, seats)),
    jsonb_build_object('reason', 'seat_not_found', 'event_id', :event, 'seats', unknown), format('no seats: %s %s', call, seats))
FROM (VALUES ('reserve_seats', '{5,22}', '[22]'::jsonb), ('reserve_seats', '{-1,0,2147483647}', '[-1, 2147483647]'),
             ('block_seats', '{22}', '[22]'), ('unblock_seats', '{22}', '[22]')) AS seats (call, seats, unknown);
SELECT is(pg_temp.refused(format($$ SELECT tixbook.set_accessible(%s, '{12}', seat_guids => '{"9-9"}') $$, :venue)) -> 'seats' @> '[12, "9-9"]',
    true, 'no seats to mark');


-- Parameters that are not right are named.

SELECT is(pg_temp.refused(format('SELECT tixbook.' || call, :event)) ->> 'parameter', parameter, 'invalid: ' || call)
FROM (VALUES
    ('reserve(%s, 0)', 'quantity'), ('reserve(%s, NULL)', 'quantity'), ('reserve(%s, -1)', 'quantity'),
    ('reserve(%s, 1, hold_for => ''-1 s'')', 'hold_for'), ('reserve(%s, 1, hold_for => ''2 days'')', 'hold_for'),
    ('reserve(%s, 1, hold_for => ''170000000 years'')', 'hold_for'), ('reserve(%s, 1, customer => '''')', 'customer'),
    ('reserve(%s, 1, customer => repeat(''c'', 256))', 'customer'),
    ('reserve_seats(%s, ''{}'')', 'seats'), ('reserve_seats(%s, NULL)', 'seats'), ('reserve_seats(%s, ''{1,NULL}'')', 'seats'),
    ('reserve_seats(%s, ''{1,1}'')', 'seats'), ('reserve_seats(%s, ''{{1},{2}}'')', 'seats'),
    ('open_sale(%s, sale_starts_at => now(), sale_ends_at => now())', 'sale_ends_at'),
    ('set_prices(%s, ''[]'')', 'prices'), ('set_prices(%s, NULL)', 'prices'), ('set_prices(%s, ''{"Front": 1.5}'')', 'prices'),
    ('set_prices(%s, ''{"Front": -1}'')', 'prices'), ('set_prices(%s, ''{"Front": "5"}'')', 'prices'),
    ('search_events(page => 0 * %s)', 'page'), ('search_events(page_size => 101 + 0 * %s)', 'page_size'),
    ('sweep(0 * %s)', 'batch'), ('purge_idempotency_keys(0 * %s)', 'batch'), ('purge_ended_holds(0 * %s)', 'batch'),
    ('confirm(NULL, ''%s'')', 'booking_id')) AS wrong (call, parameter);
SELECT is(pg_temp.refused(format('SELECT tixbook.create_event(%s, ', :venue) || arguments || ')') ->> 'parameter', parameter,
    'invalid: create_event ' || arguments)
FROM (VALUES ('name', $$'', now(), '{}'$$), ('starts_at', $$'X', NULL, '{}'$$), ('currency', $$'X', now(), '{}', 'eur'$$),
    ('max_per_booking', $$'X', now(), '{}', max_per_booking => 0$$), ('max_per_customer', $$'X', now(), '{}', max_per_customer => 0$$),
    ('hold_ttl', $$'X', now(), '{}', hold_ttl => '0'$$), ('event_id', $$'X', now(), '{}', event_id => -1$$),
    ('prices', $$'X', now(), NULL$$)) AS wrong (parameter, arguments);
SELECT is(pg_temp.refused(format('SELECT tixbook.add_standing_section(%s, ', :venue) || arguments || ')') ->> 'parameter', parameter,
    'invalid: add_standing_section ' || arguments)
FROM (VALUES ('section', $$' ', 5, 'All'$$), ('capacity', $$'X', 0, 'All'$$), ('capacity', $$'X', NULL, 'All'$$),
    ('capacity', $$'X', 1000000, 'All'$$), ('category', $$'X', 5, NULL$$), ('area', $$'X', 5, 'All', '{"x": 1}'$$)) AS wrong (parameter, arguments);


-- The state of the sale

SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 1)', :later)),
    jsonb_build_object('reason', 'event_not_on_sale', 'event_id', :later, 'status', 'draft'), 'a draft is not on sale');
SELECT is(pg_temp.refused(format('SELECT tixbook.pause_sale(%s)', :later)),
    jsonb_build_object('reason', 'event_not_on_sale', 'event_id', :later, 'status', 'draft'), 'and cannot be paused');
SELECT tixbook.open_sale(:later, sale_starts_at => '2099-01-02 03:04+00', sale_ends_at => '2099-02-02 03:04+00');
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 1)', :later)) - '{sale_starts_at,sale_ends_at}'::text[],
    jsonb_build_object('reason', 'event_not_on_sale', 'event_id', :later, 'status', 'not_started'), 'nor is what has not started');
SELECT is((pg_temp.refused(format('SELECT tixbook.reserve(%s, 1)', :later)) ->> 'sale_starts_at')::timestamptz,
    '2099-01-02 03:04+00', 'the detail says when it starts');
SELECT is((pg_temp.refused(format('SELECT tixbook.reserve(%s, 1)', :later)) ->> 'sale_ends_at')::timestamptz,
    '2099-02-02 03:04+00', 'and ends');
SELECT tixbook.open_sale(:later, sale_starts_at => '1999-01-02 03:04+00', sale_ends_at => '1999-02-02 03:04+00');
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve_seats(%s, ''{1}'')', :later)) ->> 'status', 'ended', 'nor what has ended');
SELECT tixbook.pause_sale(:later);
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 1)', :later)) ->> 'status', 'paused', 'nor what is paused');
SELECT tixbook.close_sale(:later);
SELECT is(pg_temp.refused(format('SELECT tixbook.open_sale(%s)', :later)),
    jsonb_build_object('reason', 'event_not_on_sale', 'event_id', :later, 'status', 'closed'), 'what is closed stays so');


-- Seats

SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 11, ''Floor'')', :event)),
    jsonb_build_object('reason', 'not_enough_seats', 'event_id', :event, 'quantity', 11, 'free', 10, 'largest_run', 10),
    'fewer seats than asked for: the detail says how many there are');
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 5, category => ''Front'', together => true)', :event)),
    jsonb_build_object('reason', 'no_adjacent_seats', 'event_id', :event, 'quantity', 5, 'free', 11, 'largest_run', 4),
    'no five seats side by side in rows of four: the detail says how many there are');
SELECT seats AS gone FROM tixbook.reserve(:event, 3, category => 'Front') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.%s(%s, %L::integer[] || 11)', call, :event, :'gone')),
    jsonb_build_object('reason', 'seat_taken', 'event_id', :event, 'seats', to_jsonb(:'gone'::integer[])),
    'seats that are gone are named, and no others: ' || call)
FROM unnest('{reserve_seats,block_seats}'::text[]) AS call;
SELECT count(tixbook.reserve(:event, 1, category => 'Front')) AS rest FROM generate_series(1, 8) \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 1, category => ''Front'')', :event)),
    jsonb_build_object('reason', 'sold_out', 'event_id', :event, 'quantity', 1, 'free', 0, 'largest_run', 0),
    'sold out to all who do not need the accessible seat');
SELECT is((tixbook.reserve(:event, 1, accessible => true)).seats, '{11}', 'which is there for who does');
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 13)', :event)),
    jsonb_build_object('reason', 'limit_exceeded', 'event_id', :event, 'limit', 'max_per_booking', 'max', 12, 'wanted', 13),
    'more than a booking may have');
SELECT cardinality(seats) AS four FROM tixbook.reserve(:event, 4, customer => 'bob') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 3, customer => ''bob'')', :event)),
    jsonb_build_object('reason', 'limit_exceeded', 'event_id', :event, 'limit', 'max_per_customer', 'max', 6, 'has', 4, 'wanted', 3),
    'more than a customer may have');


-- Bookings

SELECT is(pg_temp.refused(format('SELECT tixbook.' || call, '00000001-0000-8000-8000-000000000000')),
    '{"reason": "booking_not_found", "booking_id": "00000001-0000-8000-8000-000000000000"}', 'no booking: ' || call)
FROM unnest(ARRAY['confirm(%L, ''pay'')', 'release(%L)', 'cancel(%L)', 'find_booking(%L)']) AS call;
SELECT is(pg_temp.refused('SELECT tixbook.event_of(gen_random_uuid())') ->> 'reason', 'booking_not_found', 'a UUID of version 4 has no event');
SELECT booking_id AS held FROM tixbook.reserve(:event, 1, hold_for => '1h') \gset
SELECT booking_id AS other FROM tixbook.reserve(:event, 1, hold_for => '1h') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.cancel(%L)', :'held')),
    jsonb_build_object('reason', 'illegal_transition', 'event_id', :event, 'booking_id', :'held', 'status', 'held', 'wanted', 'cancelled'),
    'a hold cannot be cancelled');
SELECT status AS paid FROM tixbook.confirm(:'held', E'a "quoted" \\ \u00e9 reference') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.release(%L)', :'held')),
    jsonb_build_object('reason', 'illegal_transition', 'event_id', :event, 'booking_id', :'held', 'status', 'confirmed', 'wanted', 'released'),
    'a sale cannot be released');
SELECT status AS cancelled FROM tixbook.cancel(:'held') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.confirm(%L, %L)', :'other', E'a "quoted" \\ \u00e9 reference')),
    jsonb_build_object('reason', 'payment_reference_used', 'event_id', :event, 'payment_reference', E'a "quoted" \\ \u00e9 reference'),
    'the payment of one booking pays no other, not when that is cancelled either');
SELECT is(pg_temp.refused(format('SELECT tixbook.confirm(%L, %L)', :'other', reference)) ->> 'parameter', 'payment_reference',
    'a payment reference is ' || said)
FROM (VALUES ('', 'not empty'), (NULL, 'not null'), (repeat('é', 256), 'at most 255 characters')) AS wrong (reference, said);
SELECT booking_id AS brief, expires_at AS ended FROM tixbook.reserve(:event, 1, hold_for => '1ms') \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.%s', call)) - 'expires_at',
    jsonb_build_object('reason', 'hold_expired', 'event_id', :event, 'booking_id', :'brief'), 'the hold has ended: ' || call)
FROM pg_sleep(0.01), unnest(ARRAY[format('confirm(%L, ''pay'')', :'brief'), format('release(%L)', :'brief')]) AS call;
SELECT is((pg_temp.refused(format('SELECT tixbook.release(%L)', :'brief')) ->> 'expires_at')::timestamptz, :'ended', 'the detail says when');
SELECT is((SELECT status FROM tixbook.find_booking(:'brief')), 'expired', 'and so it is shown, before anyone has swept');


-- Repeated requests

SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 1, idempotency_key => %L)', :event, key)),
    '{"reason": "idempotency_key_invalid", "max_length": 255}', format('no key: %s', to_jsonb(left(key, 9))))
FROM unnest(ARRAY['', '""', repeat('k', 256), E'a\nb', 'a"b']) AS key;
SELECT booking_id AS first FROM tixbook.reserve(:event, 1, 'Floor', idempotency_key => 'key-1') \gset
SELECT is((tixbook.reserve(:event, 1, 'Floor', idempotency_key => '"key-1"')).booking_id, :'first',
    'the same key, bare or quoted, gives the same answer');
SELECT is(pg_temp.refused(format('SELECT tixbook.reserve(%s, 2, ''Floor'', idempotency_key => ''key-1'')', :event)),
    jsonb_build_object('reason', 'idempotency_key_reused', 'event_id', :event, 'operation', 'reserve'), 'but not to another request');


-- Setting up

SELECT tixbook.create_event(:venue, 'Unpriced', now(), '{"Front": 1}') AS unpriced \gset
SELECT is(pg_temp.refused(format('SELECT tixbook.open_sale(%s)', :unpriced)),
    jsonb_build_object('reason', 'price_missing', 'event_id', :unpriced, 'category', 'Standing'), 'a category on sale needs a price');
SELECT is(pg_temp.refused(format($$ SELECT tixbook.add_standing_section(%s, 'Stalls "left", \', 5, 'Front') $$, :venue)),
    jsonb_build_object('reason', 'standing_section', 'section', 'Stalls "left", \', 'kind', 'seated'), 'a seated section gets no standing room');
SELECT is(pg_temp.refused(format('SELECT tixbook.create_event(%s, ''X'', now(), ''{}'', event_id => %s)', :venue, :event)),
    jsonb_build_object('reason', 'name_taken', 'event_id', :event), 'an event_id is given once');
SELECT is(pg_temp.refused($$ SELECT tixbook.import_seating_plan('{"name": "X", "oops": 1}') $$) - '{faults,by_kind}'::text[],
    '{"reason": "seating_plan_invalid", "fault_count": 4}', 'a faulty plan is refused with the number of its faults');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.refused(
               $$ SELECT tixbook.import_seating_plan('{"name": "X", "oops": 1}') $$) -> 'faults') AS fault
           WHERE fault ?& '{place,fault,explanation}'), 4::bigint, 'and each with its place');
SELECT is(pg_temp.refused($$ SELECT tixbook.import_seating_plan(NULL) $$) ->> 'reason', 'seating_plan_invalid', 'null is no plan');


-- Not to be refused

SELECT is(tixbook.create_event(:venue, 'Given', now(), '{}', event_id => last_value::integer + 1), last_value::integer + 1,
    'an event can be given its id') FROM tixbook.event_event_id_seq;
SELECT is(pg_temp.refused(format('SELECT tixbook.create_event(%s, ''Next'', now(), ''{}'')', :venue)), '{"reason": "none"}',
    'and who gives none gets one that is free');
SELECT tixbook.create_venue('Field') AS field \gset
SELECT tixbook.add_standing_section(:field, 'Grass', 100001, 'All');
SELECT tixbook.create_event(:field, 'Festival', now(), '{"All": 1}') AS festival \gset
SELECT tixbook.open_sale(:festival);
SELECT is(pg_temp.refused(format('SELECT tixbook.block_section(%s, ''Grass'')', :festival)), '{"reason": "none"}',
    'a section of any size can be blocked');
SELECT is(free, 0, 'all of it') FROM tixbook.availability(:festival);
SELECT is(pg_temp.refused(format('SELECT tixbook.unblock_section(%s, ''Grass'')', :festival)), '{"reason": "none"}', 'and unblocked');
SELECT is(free, 100001, 'all of it') FROM tixbook.availability(:festival);
SELECT is_empty('SELECT * FROM tixbook.verify()', 'after all that, the laws hold');

SELECT * FROM finish();
ROLLBACK;
