\set ECHO none
-- What the tests of the booking core share. Quiet: only its use is in the output.
SET client_min_messages = warning;

-- A text without what differs from run to run.
CREATE FUNCTION plain(said text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(regexp_replace(said,
               '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<uuid>', 'g'),
               '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( ?[A-Z]+|[-+]\d\d)?', '<time>', 'g')
$$;

-- Runs a statement: its one value, or the refusal with its SQLSTATE and DETAIL.
CREATE FUNCTION attempt(statement text)
RETURNS TABLE (state text, answer text, detail text)
LANGUAGE plpgsql AS $$
DECLARE
    said text;
    more text;
BEGIN
    EXECUTE statement INTO said;
    RETURN QUERY SELECT 'done', plain(said), NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL;
    RETURN QUERY SELECT SQLSTATE, plain(said), plain(nullif(more, ''));
END
$$;

-- The same, said in one word: the reason of the refusal.
CREATE FUNCTION outcome(statement text) RETURNS text
LANGUAGE sql AS $$
    SELECT coalesce((SELECT r.reason FROM tixbook.refusals() r WHERE r.sqlstate = a.state),
                    nullif(a.state, 'done') || ' ' || a.answer, a.answer, 'null')
    FROM attempt(statement) a
$$;

-- A seated house, drawn as seen from above: a line is a row, the stage is above the first. The
-- letters name the category: s standard, p premium; w is an accessible seat, standard; a blank
-- is an aisle. Seats are 10 apart, the focal point is 10 before the middle of the first row.
CREATE FUNCTION build_house(title text, VARIADIC lines text[]) RETURNS integer
LANGUAGE sql AS $$
    WITH seat AS (
        SELECT row_no, place, letter, 'seat ' || row_no || '/' || place AS guid
        FROM unnest(lines) WITH ORDINALITY AS l (line, row_no),
             regexp_split_to_table(line, '') WITH ORDINALITY AS s (letter, place)
        WHERE letter <> ' '
    ), house_row AS (
        SELECT row_no, jsonb_build_object('row_number', row_no::text, 'seats', jsonb_agg(jsonb_build_object(
                   'seat_guid', guid, 'seat_number', place::text,
                   'category', CASE letter WHEN 'p' THEN 'premium' ELSE 'standard' END,
                   'position', jsonb_build_object('x', 10 * (place - 1), 'y', 10 * row_no)) ORDER BY place)) AS plan
        FROM seat GROUP BY row_no
    ), middle AS (
        SELECT (5 * (max(length(line)) - 1))::real AS x FROM unnest(lines) AS l (line)
    )
    SELECT tixbook.import_seating_plan(
        jsonb_build_object('name', title, 'size', jsonb_build_object('width', 1000, 'height', 1000),
            'categories', '[{"name": "standard"}, {"name": "premium"}]'::jsonb,
            'zones', jsonb_build_array(jsonb_build_object('name', 'Stalls', 'position', '{"x": 0, "y": 0}'::jsonb,
                'rows', (SELECT jsonb_agg(plan ORDER BY row_no) FROM house_row)))),
        focal_x => (SELECT x FROM middle), focal_y => 0,
        accessible => (SELECT array_agg(guid) FROM seat WHERE letter = 'w'))
$$;

-- An event there that is on sale, at 1000 for standard and 2500 for premium.
CREATE FUNCTION build_event(venue_id integer, event_id integer) RETURNS void
LANGUAGE sql AS $$
    SELECT tixbook.create_event(venue_id, 'Show ' || event_id, now() + '1 day',
               (SELECT jsonb_object_agg(c.name, CASE c.name WHEN 'premium' THEN 2500 ELSE 1000 END)
                FROM tixbook.category c WHERE c.venue_id = build_event.venue_id),
               event_id => event_id);
    SELECT tixbook.open_sale(event_id);
$$;

-- The customer's booking.
CREATE FUNCTION booking_of(customer text) RETURNS uuid
LANGUAGE sql STABLE AS $$ SELECT b.booking_id FROM tixbook.booking b WHERE b.customer = booking_of.customer $$;
RESET client_min_messages;
\set ECHO all
