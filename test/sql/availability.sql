-- Availability: what is free as numbers and as a map, the plan for a browser, the drawing.
SET search_path = tixbook, public;
SET timezone = 'UTC';
\set VERBOSITY terse

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(told, ''));
END
$$;

-- Two rows of four, of two categories, a stage with markup in its name, and standing room.
SELECT import_seating_plan('{"name": "Hall & <Garden>", "size": {"width": 100, "height": 80},
    "categories": [{"name": "Front", "color": "#aa0000"}, {"name": "Back", "color": "x\" onload=\"alert(1)"}],
    "zones": [{"name": "Stalls", "position": {"x": 10, "y": 40}, "rows": [
        {"row_number": "A", "seats": [
            {"seat_guid": "A1", "seat_number": "1", "category": "Front", "position": {"x": 0, "y": 0}},
            {"seat_guid": "A2", "seat_number": "2", "category": "Front", "position": {"x": 10, "y": 0}},
            {"seat_guid": "A3", "seat_number": "3", "category": "Front", "position": {"x": 20, "y": 0}},
            {"seat_guid": "A4", "seat_number": "4", "category": "Back", "position": {"x": 30.25, "y": 0}}]},
        {"row_number": "B", "position": {"x": 0, "y": 10}, "seats": [
            {"seat_guid": "B1", "seat_number": "1", "category": "Back", "position": {"x": 0, "y": 0}},
            {"seat_guid": "B2", "seat_number": "2", "category": "Back", "position": {"x": 10, "y": 0}},
            {"seat_guid": "B3", "seat_number": "3", "category": "Back", "position": {"x": 20, "y": 0}},
            {"seat_guid": "B4", "seat_number": "4", "category": "Back", "position": {"x": 30, "y": 0}}]}],
      "areas": [
        {"shape": "rectangle", "rectangle": {"width": 50, "height": 10}, "color": "red\" onclick=\"x", "border_color": "#000",
         "position": {"x": 0, "y": -30}, "text": {"text": "STAGE <1> & \"2\" \u0007", "position": {"x": 25, "y": 5}, "size": 8}},
        {"shape": "polygon", "polygon": {"points": [{"x": 0, "y": 0}, {"x": 5, "y": 0}, {"x": 0, "y": 5.5}]}, "rotation": 45},
        {"shape": "ellipse", "ellipse": {"radius": {"x": 4, "y": 3}}}, {"shape": "circle"}, {"color": "blue"},
        {"shape": "text", "text": {"text": "Bar", "position": {"x": 0, "y": 0}}}]}]}',
    city => 'Graz', accessible => '{B4}') AS hall \gset
SELECT add_standing_section(:hall, 'Lawn', 130, 'Lawn');
SELECT create_event(:hall, 'A <b>night</b> & "more"', '2030-05-01 19:30+00', '{"Front": 5000, "Back": 3000, "Lawn": 1550}',
                    performer => E'Trio \x01''n'' friends') AS night \gset

-- Before the sale opens there is no inventory: nothing is free, the house can be drawn.
SELECT version, capacity, free, taken FROM availability(:night);
SELECT * FROM section_availability(:night);
SELECT seat_map_svg(:night) LIKE '%</svg>%' AS drawn, seat_plan(:night) ->> 'capacity' AS capacity;

SELECT open_sale(:night);
SELECT event_id = :night AS same, version > 0 AS counted, capacity, free, taken, changes FROM availability(:night);
SELECT * FROM section_availability(:night);

-- A held pair, a sold seat, a house seat; places on the lawn held.
SELECT seats FROM reserve_seats(:night, '{0,1}');
SELECT booking_id AS paid FROM reserve_seats(:night, '{4}') \gset
SELECT status FROM confirm(:'paid', 'payment 1');
SELECT block_seats(:night, '{6}');
SELECT count(*) FROM reserve(:night, 10, section => 'Lawn');
SELECT capacity, free, slice(taken, 0, 8) AS seats, cardinality(taken) + free = capacity AS sound FROM availability(:night);
SELECT * FROM section_availability(:night);
SELECT seat_index, category_no, state, accessible FROM seat_states(:night) ORDER BY seat_index;

-- Who names the version it has gets no map until something changes, then the blocks that did,
-- and everything where it is much or the version is not known.
SELECT version AS seen FROM availability(:night) \gset
SELECT version = :seen AS same, free, taken, changes FROM availability(:night, :seen);
SELECT seats FROM reserve_seats(:night, '{3}');
SELECT version > :seen AS later, free, taken, changes FROM availability(:night, :seen);
SELECT version AS seen2 FROM availability(:night) \gset
SELECT seats FROM reserve_seats(:night, '{5}');
SELECT version > :seen2 AS later, taken, changes FROM availability(:night, :seen2);
SELECT version > :seen AS later, taken, changes FROM availability(:night, :seen);
SELECT block_seats(:night, array_agg(i)) FROM generate_series(20, 135) i;
SELECT version > :seen AS later, taken IS NULL, changes FROM availability(:night, :seen);
SELECT unblock_seats(:night, array_agg(i)) FROM generate_series(20, 135) i;
SELECT v, a.free, a.taken IS NULL AS unchanged FROM unnest('{0,-1,9007199254740993}'::bigint[]) v, availability(:night, since => v) a;

-- A transaction sees what it has changed itself; a savepoint or a rollback leaves nothing.
SELECT version AS seen FROM availability(:night) \gset
BEGIN;
SAVEPOINT a;
SELECT seats FROM reserve_seats(:night, '{7}');
SELECT slice(taken, 0, 8) FROM availability(:night);
ROLLBACK TO a;
SELECT slice(taken, 0, 8) FROM availability(:night);
SELECT seats FROM reserve_seats(:night, '{2}');
ROLLBACK;
SELECT version = :seen AS same, free FROM availability(:night);

-- Rows changed by other statements are read again.
UPDATE seat_block SET taken = set_seat(taken, 2), free = free - 1, version = version + 1 WHERE event_id = :night AND block_no = 0;
SELECT slice(taken, 0, 8) FROM availability(:night);
UPDATE seat_block SET taken = clear_seat(taken, 2), free = free + 1, version = version - 1 WHERE event_id = :night AND block_no = 0;
SELECT slice(taken, 0, 8) FROM availability(:night);

-- Loaded before the sale, too.
SELECT prewarm(:night);
SELECT bytes_total > 0 AS room, events > 0 AS events, loads > 0 AS loads, evictions FROM cache_status();

-- The static plan: rows with their seats as arrays.
SELECT jsonb_pretty(seat_plan(:night) - 'event_id' - 'areas');
SELECT jsonb_array_length(seat_plan(:night) -> 'areas'), seat_plan(:night) #> '{areas,5}';

-- The drawing: escaped, no colour that is none, dots by state; read as XML.
SELECT seat_map_svg(:night) AS svg \gset
SELECT :'svg'::xml IS DOCUMENT;
SELECT line FROM string_to_table(:'svg', E'\n') AS line WHERE line ~ 'class="|<title|STAGE|Trio|<polygon|<ellipse|<circle r="0"|Bar';
SELECT :'svg' ~ 'onload|onclick' AS injected;

-- What the venue gains later is not the event's until it takes it up.
SELECT add_standing_section(:hall, 'Lawn', 64, 'Lawn');
SELECT seat_plan(:night) ->> 'capacity', seat_plan(:night) #> '{standing,0,places}', capacity FROM availability(:night);
SELECT add_inventory(:night);
SELECT seat_plan(:night) ->> 'capacity', seat_plan(:night) #> '{standing,0,places}', capacity FROM availability(:night);

-- A lawn only: no plan, no seats.
SELECT create_venue('Meadow') AS meadow \gset
SELECT add_standing_section(:meadow, 'Meadow', 5, 'All');
SELECT create_event(:meadow, 'Picnic', '2030-06-01 12:00+00', '{"All": 0}', currency => 'JPY') AS picnic \gset
SELECT open_sale(:picnic);
SELECT capacity, free, taken FROM availability(:picnic);
SELECT * FROM section_availability(:picnic);
SELECT seat_plan(:picnic) - 'event_id';
SELECT seat_map_svg(:picnic)::xml IS DOCUMENT;

SELECT money_text(a, c) FROM (VALUES (12345, 'EUR'), (5, 'EUR'), (12345, 'JPY'), (12345, 'KWD'), (0, 'USD')) v (a, c);
SELECT pg_temp.refusal(s) FROM (VALUES ('SELECT tixbook.availability(0)'), ('SELECT tixbook.availability(NULL)'),
    ('SELECT * FROM tixbook.section_availability(0)'), ('SELECT tixbook.prewarm(0)'), ('SELECT tixbook.seat_plan(0)'), ('SELECT tixbook.seat_map_svg(0)')) v (s);

-- Eighteen thousand seats stay well under a megabyte.
\set arena `cat "$PG_ABS_SRCDIR"/demo/plans/arena.json`
\set beside `cat "$PG_ABS_SRCDIR"/demo/plans/arena.beside.json`
SELECT import_seating_plan(:'arena', standing => :'beside'::jsonb -> 'standing') AS arena \gset
SELECT create_event(:arena, 'Big night', '2030-07-01 20:00+00',
    '{"Floor": 7900, "Lower premium": 14900, "Lower tier": 9900, "Upper front": 6900, "Upper rear": 4900}') AS big \gset
SELECT open_sale(:big);
SELECT capacity, free, length(taken) FROM availability(:big);
SELECT length(seat_map_svg(:big)) < 300000 AS small, seat_map_svg(:big)::xml IS DOCUMENT AS xml, length(seat_plan(:big)::text) < 500000 AS compact;
SELECT count(*) FROM section_availability(:big);

-- The rows may move under the map.
SELECT seats FROM reserve(:picnic, 1);
VACUUM FULL seat_block;
SELECT seats FROM reserve(:picnic, 2);
SELECT free, taken FROM availability(:picnic);
SELECT * FROM verify();
