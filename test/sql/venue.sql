-- Venues: standing sections and their slices, accessible seats, the focal point, labels.
SET search_path = tixbook, public;
\set VERBOSITY terse

-- What a statement is refused with: SQLSTATE, message and DETAIL.
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

SELECT create_venue('  Old Mill ', ' Graz ') AS mill \gset
SELECT name, city, width, focal_x, capacity FROM venue WHERE venue_id = :mill;
SELECT pg_temp.refusal(s) FROM (VALUES ('SELECT tixbook.create_venue(NULL)'), ('SELECT tixbook.create_venue('' '')'),
    (format('SELECT tixbook.create_venue(%L)', repeat('x', 201)))) v (s);

-- Slices: at least 64 places each where there are as many, 64 at most, none bigger by two than another.
SELECT capacity, pg_temp.refusal(format('SELECT tixbook.add_standing_section(%s, %L, %s, ''Standing'')',
    :mill, 'Floor ' || capacity, capacity))
FROM (VALUES (1), (63), (64), (127), (128), (4000), (100000)) v (capacity);
SELECT s.name, count(*) AS slices, min(b.capacity), max(b.capacity), sum(b.capacity)
FROM section s JOIN venue_block b USING (venue_id, section_no)
WHERE s.venue_id = :mill GROUP BY s.section_no, s.name ORDER BY s.section_no;

-- More of a section is appended; blocks tile the venue without gaps.
SELECT add_standing_section(:mill, 'Floor 64', 200, 'Standing', '{"x": 10, "y": 20, "width": 300, "height": 100}');
SELECT v.capacity, sum(b.capacity), max(b.first_seat + b.capacity), count(*) - 1 = max(b.block_no) AS numbered,
       bool_and(b.score IS NULL AND b.off_centre IS NULL AND b.accessible IS NULL AND b.row_no IS NULL) AS plain
FROM venue v JOIN venue_block b USING (venue_id) WHERE venue_id = :mill GROUP BY v.capacity;
SELECT count(*) FROM (
    SELECT first_seat <> coalesce(lag(first_seat + capacity) OVER (ORDER BY block_no), 0) AS gap
    FROM venue_block WHERE venue_id = :mill) b WHERE gap;
SELECT a.area_no, s.name, a.x, a.y, a.definition FROM area a JOIN section s USING (venue_id, section_no)
WHERE a.venue_id = :mill;

SELECT pg_temp.refusal(format(s, :mill)) FROM (VALUES
    ('SELECT tixbook.add_standing_section(0, ''A'', 10, ''B'')'),
    ('SELECT tixbook.add_standing_section(NULL, ''A'', 10, ''B'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 0, ''B'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', NULL, ''B'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 1000000, ''B'')'),
    ('SELECT tixbook.add_standing_section(%s, '' '', 10, ''B'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 10, NULL)'),
    ('SELECT tixbook.add_standing_section(%s, ''Floor 64'', 10, ''Other'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 10, ''B'', ''[1]'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 10, ''B'', ''{"x": 1, "y": 1, "width": "9", "height": 1}'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 10, ''B'', ''{"x": 1, "y": 1, "width": 0, "height": 1}'')'),
    ('SELECT tixbook.add_standing_section(%s, ''A'', 10, ''B'', ''{"x": 1e400, "y": 1, "width": 1, "height": 1}'')')
) v (s);
SELECT name FROM category WHERE venue_id = :mill;

-- Two rows of five, ten apart, before a focal point in the middle of the top.
SELECT import_seating_plan(jsonb_build_object('name', 'Hall', 'size', '{"width": 40, "height": 60}'::jsonb,
    'categories', '[{"name": "A"}]'::jsonb, 'zones', jsonb_build_array(jsonb_build_object(
        'name', 'Stalls', 'position', '{"x": 0, "y": 30}'::jsonb, 'rows', (
        SELECT jsonb_agg(jsonb_build_object('row_number', chr(65 + r), 'position', jsonb_build_object('x', 0, 'y', 10 * r),
            'seats', (SELECT jsonb_agg(jsonb_build_object('seat_guid', chr(65 + r) || s, 'seat_number', s::text,
                'category', 'A', 'position', jsonb_build_object('x', 10 * (s - 1), 'y', 0))) FROM generate_series(1, 5) s)))
        FROM generate_series(0, 1) r))))) AS hall \gset
SELECT focal_x, focal_y, capacity FROM venue WHERE venue_id = :hall;
SELECT block_no, row_no, row_label, first_seat, capacity, score, off_centre FROM venue_block
WHERE venue_id = :hall ORDER BY block_no;

-- A focal point at the side tilts the centre line; amid the seats it is each section's own.
SELECT set_focal_point(:hall, 0, 35);
SELECT block_no, score, off_centre FROM venue_block WHERE venue_id = :hall ORDER BY block_no;
SELECT set_focal_point(:hall, 20, 35);
SELECT block_no, score, off_centre FROM venue_block WHERE venue_id = :hall ORDER BY block_no;
SELECT pg_temp.refusal(format(s, :hall)) FROM (VALUES ('SELECT tixbook.set_focal_point(0, 1, 1)'),
    ('SELECT tixbook.set_focal_point(%s, NULL, 1)'), ('SELECT tixbook.set_focal_point(%s, ''NaN'', 1)'),
    ('SELECT tixbook.set_focal_point(%s, ''-Infinity'', 1)')) v (s);

SELECT set_accessible(:hall, '{0,4,4,7}');
SELECT set_accessible(:hall, seat_guids => '{A2,B1}');
SELECT block_no, accessible FROM venue_block WHERE venue_id = :hall ORDER BY block_no;
SELECT set_accessible(:hall, '{0,1,4}', false);
SELECT set_accessible(:hall, '{}');
SELECT block_no, accessible FROM venue_block WHERE venue_id = :hall ORDER BY block_no;
SELECT array_agg(seat_index ORDER BY seat_index) FROM seat WHERE venue_id = :hall AND accessible;
SELECT pg_temp.refusal(format(s, :hall)) FROM (VALUES ('SELECT tixbook.set_accessible(%s, ''{3,10,-1}'')'),
    ('SELECT tixbook.set_accessible(%s, seat_guids => ''{A1,Z9}'')'), ('SELECT tixbook.set_accessible(%s, ''{NULL}'')'),
    ('SELECT tixbook.set_accessible(0, ''{1}'')'), ('SELECT tixbook.set_accessible(%s, ''{1}'', NULL)')) v (s);

SELECT add_standing_section(:hall, 'Foyer', 100, 'Standing');
SELECT pg_temp.refusal(format('SELECT tixbook.add_standing_section(%s, ''Stalls'', 10, ''A'')', :hall));
SELECT * FROM seat_labels(:hall, '{9,0,10,110,-1,109,NULL}');
SELECT seat_label(:hall, 3), seat_label(:hall, 50), seat_label(:hall, 500), seat_label(0, 0);
SELECT seat_text('Boxes', 'seated', 'Box 3', '2'), seat_text('Hall', 'seated', 'Table 5', 'Place 8'),
       seat_text('Hall', 'seated', '', '7'), seat_text('Hall', 'seated', NULL, NULL);

DELETE FROM venue WHERE venue_id IN (:mill, :hall);
SELECT count(*) FROM venue_block WHERE venue_id IN (:mill, :hall);
