-- Seating plans: the pretix format, every fault at once with its place, aisles, repairs.
SET search_path = tixbook, public;
\set VERBOSITY terse

-- What an import is refused with.
CREATE FUNCTION pg_temp.refusal(plan jsonb, VARIADIC options text[] = '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    EXECUTE format('SELECT tixbook.import_seating_plan(%s)', concat_ws(', ', '$1', nullif(array_to_string(options, ', '), '')))
    USING plan;
    RETURN 'none';
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, left(told, 300));
END
$$;

-- A plan of one zone with these rows; a row is a list of x, ten units apart from the next.
CREATE FUNCTION pg_temp.plan(x_rows jsonb, category text = 'A') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('name', 'Hall', 'size', '{"width": 200, "height": 100}'::jsonb,
        'categories', '[{"name": "A", "color": "#ff0000"}]'::jsonb,
        'zones', jsonb_build_array(jsonb_build_object('name', 'Stalls', 'position', '{"x": 0, "y": 0}'::jsonb, 'rows', (
            SELECT jsonb_agg(jsonb_build_object('row_number', r.no::text, 'seats', (
                SELECT jsonb_agg(jsonb_build_object('seat_guid', r.no || '-' || s.no, 'seat_number', s.no::text,
                    'category', $2, 'position', jsonb_build_object('x', s.x, 'y', 10 * r.no)) ORDER BY s.no)
                FROM jsonb_array_elements(r.xs) WITH ORDINALITY AS s (x, no))) ORDER BY r.no)
            FROM jsonb_array_elements($1) WITH ORDINALITY AS r (xs, no)))))
$$;

-- Not a plan at all.
SELECT p, f.* FROM (VALUES (NULL::jsonb), ('null'), ('1'), ('"x"'), ('[]'), ('{}')) v (p), seating_plan_faults(p) f;
SELECT pg_temp.refusal(p) FROM (VALUES (NULL::jsonb), ('[[[[1]]]]')) v (p);

-- Every fault at once, each with its place.
SELECT * FROM seating_plan_faults('{"name": 5, "size": {"width": 0, "depth": 1}, "extra": true,
    "categories": [{"name": "A"}, {"name": "A", "colour": "red"}, {"name": " "}, 7],
    "zones": [
        {"position": {"x": 1e7, "y": "0"}, "rows": [
            {"row_number": 1, "row_number_position": "middle", "row_label": null, "seats": [
                {"seat_guid": "a", "seat_number": "1", "category": "A", "position": {"x": 0, "y": 0}, "start_direction": "<>"},
                {"seat_guid": "a", "seat_number": "2", "category": "B", "position": {"x": 0}, "radius": -1},
                {"seat_guid": "", "seat_number": "3", "category": "", "position": [0, 0], "start_direction": "^"},
                {"seat_guid": "a", "category": null},
                "seat"]},
            {"seats": {}}, null]},
        {"position": {"x": 0, "y": 0}, "rows": [], "areas": [
            {"shape": "star", "polygon": {"points": [{"x": 1, "y": 2}, {"x": 1}]}, "rotation": "9"},
            {"shape": "circle", "circle": {"radius": -3}, "text": {"text": "Bar"}}]}]}');

-- What the format allows is not a fault: no row position, decoration alone, null labels, fractions.
SELECT * FROM seating_plan_faults(pg_temp.plan('[[0, 10.5]]') || '{"size": {"width": 12.5, "height": 1e3}}');
SELECT * FROM seating_plan_faults('{"name": "Lawn", "size": {"width": 9, "height": 9}, "categories": [{"name": "A"}], "zones": []}');
SELECT * FROM seating_plan_faults('{"name": "Lawn", "size": {"width": 9, "height": 9}, "categories": [{"name": "A"}],
    "zones": [{"position": {"x": 0, "y": 0}, "rows": []}]}');
SELECT * FROM seating_plan_faults('{"name": "Lawn", "size": {"width": 9, "height": 9}, "categories": [{"name": "A"}],
    "zones": []}', seats_required => false);

-- Nothing of a refused plan stays, and the refusal names the first hundred faults.
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10], [0, 10]]', 'B'));
SELECT count(*) FROM venue WHERE name = 'Hall';

-- Tables of eight with no category at all: a plan met in the wild.
CREATE FUNCTION pg_temp.benches() RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('name', 'Beer hall', 'size', '{"width": 1300, "height": 2000}'::jsonb, 'categories', '[]'::jsonb,
        'zones', jsonb_build_array(jsonb_build_object('name', 'Main', 'position', '{"x": 0, "y": 0}'::jsonb, 'rows', (
            SELECT jsonb_agg(jsonb_build_object('row_number', t::text,
                'position', jsonb_build_object('x', 50 + 150 * (t % 8), 'y', 50 + 125 * (t / 8)), 'seats', (
                    SELECT jsonb_agg(jsonb_build_object('seat_guid', format('T%s P%s', t, s + 1), 'seat_number', (s + 1)::text,
                        'category', '', 'radius', 10, 'position', jsonb_build_object('x', 60 * (s % 2), 'y', 25 * (s / 2))) ORDER BY s)
                    FROM generate_series(0, 7) s)) ORDER BY t)
            FROM generate_series(0, 119) t))))
$$;
SELECT fault, count(*), (array_agg(place))[1], (array_agg(explanation))[1]
FROM seating_plan_faults(pg_temp.benches()) GROUP BY fault ORDER BY fault;
SELECT pg_temp.refusal(pg_temp.benches());
SELECT import_seating_plan(pg_temp.benches(), city => 'Munich', default_category => 'Standard') AS benches \gset
SELECT name, city, width, height, focal_x, focal_y, capacity FROM venue WHERE venue_id = :benches;
SELECT count(*), min(capacity), max(capacity), count(DISTINCT row_label), count(DISTINCT row_no) FROM venue_block WHERE venue_id = :benches;
SELECT name, color FROM category WHERE venue_id = :benches;

-- Repairs, each only when told to.
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]', 'B'), 'default_category => ''A''');
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]', 'B'), 'unlisted_categories => ''keep''');
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]', 'B'), 'unlisted_categories => ''default''');
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]', 'B'), 'default_category => '' ''');
SELECT import_seating_plan(pg_temp.plan('[[0, 10]]', 'B'), unlisted_categories => 'create') AS made \gset
SELECT import_seating_plan(pg_temp.plan('[[0, 10]]', 'B'), default_category => 'C', unlisted_categories => 'default') AS put \gset
SELECT venue_id = :made AS made, c.category_no, c.name, c.color, count(b) AS blocks
FROM category c LEFT JOIN venue_block b USING (venue_id, category_no)
WHERE venue_id IN (:made, :put) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2;

SELECT jsonb_set(jsonb_set(pg_temp.plan('[[0, 10, 20, 30]]'), '{zones,0,rows,0,seats,1,seat_guid}', '"1-1"'),
                 '{zones,0,rows,0,seats,3,seat_guid}', '"1-1"') AS twins \gset
SELECT * FROM seating_plan_faults(:'twins');
SELECT * FROM seating_plan_faults(:'twins', rename_duplicate_guids => true);
SELECT * FROM seating_plan_faults(jsonb_set(:'twins', '{zones,0,rows,0,seats,2,seat_guid}', '"1-1#2"'), rename_duplicate_guids => true);
SELECT import_seating_plan(:'twins', 'Twins', rename_duplicate_guids => true) AS twins_id \gset
SELECT seat_index, seat_guid FROM seat WHERE venue_id = :twins_id ORDER BY seat_index;

-- Aisles: gaps wider than 1.6 times the row's median; in a row of four or fewer the zone's, if smaller.
SELECT import_seating_plan(pg_temp.plan('[[0, 10, 20, 45, 55, 65], [0, 15, 31, 46], [0, 10, 20, 30, 46, 56, 66], [0, 10, 20, 30, 47, 57, 67],
    [0, 30, 40, 70], [5], [60, 0, 50, 10, 40, 20], [7, 7, 17]]'), 'Aisles') AS aisles \gset
SELECT b.row_label, b.block_no, b.first_seat, b.capacity, array_agg(s.x ORDER BY s.seat_index) AS x, array_agg(s.seat_label ORDER BY s.seat_index) AS seats
FROM venue_block b JOIN seat s USING (venue_id, block_no) WHERE venue_id = :aisles GROUP BY 1, 2, 3, 4 ORDER BY 2;

-- A horseshoe in its order is one run, though its ends are near each other; a shuffled vertical row is walked along y.
SELECT import_seating_plan(jsonb_build_object('name', 'Shapes', 'size', '{"width": 200, "height": 200}'::jsonb,
    'categories', '[{"name": "A"}, {"name": "B"}]'::jsonb, 'zones', jsonb_build_array(
        jsonb_build_object('name', 'Shoe', 'position', '{"x": 100, "y": 100}'::jsonb, 'rows', jsonb_build_array(
            jsonb_build_object('row_number', '1', 'row_label', 'Row %s', 'seat_label', 'No. %s', 'seats', (
                SELECT jsonb_agg(jsonb_build_object('seat_guid', 'h' || s, 'seat_number', s::text, 'category', 'A',
                    'position', jsonb_build_object('x', round(50 * sin(s * 0.3)::numeric, 2), 'y', round(-50 * cos(s * 0.3)::numeric, 2))) ORDER BY s)
                FROM generate_series(1, 20) s)))),
        jsonb_build_object('name', 'Shoe', 'position', '{"x": 5, "y": 5}'::jsonb, 'rows', jsonb_build_array(
            jsonb_build_object('row_number', '2', 'position', '{"x": 100, "y": 0}'::jsonb, 'seats', (
                SELECT jsonb_agg(jsonb_build_object('seat_guid', 'v' || s, 'seat_number', s::text,
                    'category', CASE WHEN s > 4 THEN 'B' ELSE 'A' END,
                    'position', jsonb_build_object('x', 0, 'y', 10 * s)) ORDER BY s * 5 % 7)
                FROM generate_series(1, 6) s)))),
        '{"position": {"x": 10, "y": 20}, "rows": [], "areas": [{"shape": "circle", "circle": {"radius": 9}, "color": "#eeeeee",
          "position": {"x": 1, "y": 2}, "uuid": "u", "text": {"text": "Bar", "position": {"x": 0, "y": 0}}}]}'::jsonb))) AS shapes \gset
SELECT p.name, p.kind, c.name AS category, b.block_no, b.row_label, array_agg(s.seat_label ORDER BY s.seat_index) AS seats, min(s.x), min(s.y)
FROM venue_block b JOIN section p USING (venue_id, section_no) JOIN category c USING (venue_id, category_no) JOIN seat s USING (venue_id, block_no)
WHERE venue_id = :shapes GROUP BY 1, 2, 3, 4, 5 ORDER BY 4;
SELECT seat_label(:shapes, 0), seat_label(:shapes, 20);
SELECT area_no, section_no, x, y, definition FROM area WHERE venue_id = :shapes;

-- Rows are numbered from the front, wherever the front is.
SELECT import_seating_plan(pg_temp.plan('[[0, 10], [0, 10], [0, 10]]'), 'Front', focal_x => 5, focal_y => 60) AS front \gset
SELECT block_no, row_no, row_label, score, off_centre FROM venue_block WHERE venue_id = :front ORDER BY block_no;

-- What is given beside a plan.
SELECT import_seating_plan(pg_temp.plan('[[0, 10]]'), 'Beside', accessible => '{1-2}',
    standing => '[{"section": "Floor", "capacity": 130, "category": "Floor", "area": {"x": 0, "y": 20, "width": 50, "height": 30}},
                  {"section": "Lawn", "capacity": 5, "category": "A"}]') AS beside \gset
SELECT block_no, section_no, category_no, first_seat, capacity, accessible FROM venue_block WHERE venue_id = :beside ORDER BY block_no;
SELECT import_seating_plan('{"name": "Lawn", "size": {"width": 9, "height": 9}, "categories": [{"name": "A"}], "zones": []}',
    standing => '[{"section": "Lawn", "capacity": 10, "category": "A"}]') AS lawn \gset
SELECT capacity FROM venue WHERE venue_id = :lawn;
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]'), 'accessible => ''{1-1,x}''');
SELECT pg_temp.refusal(pg_temp.plan('[[0, 10]]'), s) FROM (VALUES ('standing => ''{}'''), ('standing => ''[7]'''),
    ('standing => ''[{"section": "F", "capacity": "9", "category": "A"}]'''), ('standing => ''[{"section": "F", "capacity": 1e30, "category": "A"}]'''),
    ('standing => ''[{"section": "Stalls", "capacity": 9, "category": "A"}]'''), ('focal_x => ''NaN'''), ('name => '' ''')) v (s);

-- Sizes beyond bounds are faults, and a value too deep or too long is only that.
SELECT * FROM seating_plan_faults(jsonb_set(pg_temp.plan('[[0]]'), '{name}', to_jsonb(repeat('x', 201))));
SELECT place, fault FROM seating_plan_faults(jsonb_set(pg_temp.plan('[[0]]'), '{zones,0,rows,0,seats,0,position,x}', (repeat('[', 500) || repeat(']', 500))::jsonb));
SELECT place, fault, explanation FROM seating_plan_faults(pg_temp.plan('[[0]]') || jsonb_build_object('categories',
    (SELECT jsonb_agg(jsonb_build_object('name', 'A' || nullif(i, 0))) || '{"name": "A"}' FROM generate_series(1, 1001) i)));

-- The demo's houses.
\set theatre `cat "$PG_ABS_SRCDIR"/demo/plans/theatre.json`
\set theatre_beside `cat "$PG_ABS_SRCDIR"/demo/plans/theatre.beside.json`
\set arena `cat "$PG_ABS_SRCDIR"/demo/plans/arena.json`
\set arena_beside `cat "$PG_ABS_SRCDIR"/demo/plans/arena.beside.json`
CREATE TABLE demo_venue AS
SELECT import_seating_plan(plan, city => beside ->> 'city', focal_x => (beside ->> 'focal_x')::real,
    focal_y => (beside ->> 'focal_y')::real, standing => beside -> 'standing',
    accessible => ARRAY(SELECT jsonb_array_elements_text(beside -> 'accessible'))) AS venue_id
FROM (VALUES (:'theatre'::jsonb, :'theatre_beside'::jsonb), (:'arena', :'arena_beside')) v (plan, beside);
SELECT v.name, v.city, v.capacity, count(*) AS blocks, max(b.capacity) AS largest, sum(cardinality(b.accessible)) AS accessible,
       count(*) FILTER (WHERE b.score IS NULL) AS slices, count(*) - 1 = max(b.block_no) AS numbered, sum(b.capacity) = v.capacity AS tiled
FROM demo_venue JOIN venue v USING (venue_id) JOIN venue_block b USING (venue_id) GROUP BY 1, 2, 3 ORDER BY 1;
SELECT count(*), count(DISTINCT seat_index), bool_and(s.seat_index BETWEEN b.first_seat AND b.first_seat + b.capacity - 1)
FROM demo_venue JOIN seat s USING (venue_id) JOIN venue_block b USING (venue_id, block_no) GROUP BY venue_id ORDER BY 1;
SELECT p.name, c.name, count(*), sum(b.capacity) FROM venue v JOIN venue_block b USING (venue_id)
JOIN section p USING (venue_id, section_no) JOIN category c USING (venue_id, category_no)
WHERE v.name = 'Grand Theatre' AND v.venue_id IN (SELECT venue_id FROM demo_venue)
GROUP BY p.section_no, 1, c.category_no, 2 ORDER BY p.section_no, c.category_no;

DELETE FROM venue WHERE venue_id IN (SELECT venue_id FROM demo_venue)
    OR venue_id IN (:benches, :made, :put, :twins_id, :aisles, :shapes, :front, :beside, :lawn);
DROP TABLE demo_venue;
