-- Seating plans: reads the seating-plan JSON that pretix publishes and its editor writes.

-- The format, key by key: what an object of each kind may hold, of which JSON types, and the
-- kind of what stands in it. Unknown keys are faults, so this is all there is.
CREATE FUNCTION tixbook.seating_plan_format()
RETURNS TABLE (kind text, key text, required boolean, types text[], child text, allowed text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 70 SET search_path = pg_catalog, pg_temp AS $$
    VALUES
    ('plan', 'name', true, '{string}'::text[], NULL, NULL::text[]),
    ('plan', 'size', true, '{object}', 'size', NULL),
    ('plan', 'categories', true, '{array}', 'category', NULL),
    ('plan', 'zones', true, '{array}', 'zone', NULL),
    ('size', 'width', true, '{number}', NULL, NULL),
    ('size', 'height', true, '{number}', NULL, NULL),
    ('category', 'name', true, '{string}', NULL, NULL),
    ('category', 'color', false, '{string}', NULL, NULL),
    ('zone', 'name', false, '{string}', NULL, NULL),
    ('zone', 'zone_id', false, '{string}', NULL, NULL),
    ('zone', 'uuid', false, '{string}', NULL, NULL),
    ('zone', 'position', true, '{object}', 'position', NULL),
    ('zone', 'rows', true, '{array}', 'row', NULL),
    ('zone', 'areas', false, '{array}', 'area', NULL),
    ('row', 'row_number', true, '{string}', NULL, NULL),
    ('row', 'row_label', false, '{string,null}', NULL, NULL),
    ('row', 'seat_label', false, '{string,null}', NULL, NULL),
    ('row', 'row_number_position', false, '{string,null}', NULL, '{start,end,both}'),
    ('row', 'uuid', false, '{string}', NULL, NULL),
    ('row', 'position', false, '{object}', 'position', NULL),
    ('row', 'seats', true, '{array}', 'seat', NULL),
    ('seat', 'seat_guid', true, '{string}', NULL, NULL),
    ('seat', 'seat_number', true, '{string}', NULL, NULL),
    ('seat', 'position', true, '{object}', 'position', NULL),
    ('seat', 'category', true, '{string}', NULL, NULL),
    ('seat', 'radius', false, '{number}', NULL, NULL),
    ('seat', 'start_direction', false, '{string,null}', NULL, '{<,>,<>,""}'),
    ('seat', 'uuid', false, '{string}', NULL, NULL),
    ('area', 'shape', false, '{string}', NULL, '{polygon,rectangle,ellipse,circle,text}'),
    ('area', 'color', false, '{string}', NULL, NULL),
    ('area', 'border_color', false, '{string}', NULL, NULL),
    ('area', 'rotation', false, '{number}', NULL, NULL),
    ('area', 'position', false, '{object}', 'position', NULL),
    ('area', 'uuid', false, '{string}', NULL, NULL),
    ('area', 'polygon', false, '{object}', 'polygon', NULL),
    ('area', 'rectangle', false, '{object}', 'rectangle', NULL),
    ('area', 'ellipse', false, '{object}', 'ellipse', NULL),
    ('area', 'circle', false, '{object}', 'circle', NULL),
    ('area', 'text', false, '{object}', 'text', NULL),
    ('polygon', 'points', true, '{array}', 'position', NULL),
    ('rectangle', 'width', true, '{number}', NULL, NULL),
    ('rectangle', 'height', true, '{number}', NULL, NULL),
    ('ellipse', 'radius', true, '{object}', 'position', NULL),
    ('circle', 'radius', true, '{number}', NULL, NULL),
    ('text', 'text', true, '{string}', NULL, NULL),
    ('text', 'position', true, '{object}', 'position', NULL),
    ('text', 'color', false, '{string}', NULL, NULL),
    ('text', 'size', false, '{number}', NULL, NULL),
    ('position', 'x', true, '{number}', NULL, NULL),
    ('position', 'y', true, '{number}', NULL, NULL)
$$;

-- Every element of a plan, well formed or not, with its kind, its place as a person writes it,
-- and its path as numbers, which sorts.
CREATE FUNCTION tixbook.seating_plan_elements(plan jsonb)
RETURNS TABLE (kind text, place text, path integer[], value jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE format AS MATERIALIZED (
        SELECT f.*, f.place AS key_no
        FROM tixbook.seating_plan_format()
            WITH ORDINALITY AS f (kind, key, required, types, child, allowed, place)
        WHERE f.child IS NOT NULL
    ), element AS (
        SELECT 'plan' AS kind, '' AS place, '{}'::integer[] AS path, coalesce(plan, 'null') AS value
        UNION ALL
        SELECT f.child,
               CASE e.place WHEN '' THEN '' ELSE e.place || '.' END || f.key || coalesce(c.subscript, ''),
               e.path || f.key_no::integer || c.number, c.value
        FROM element e
        JOIN format f ON f.kind = e.kind
        CROSS JOIN LATERAL (
            SELECT NULL::text AS subscript, 0 AS number, e.value -> f.key AS value
            WHERE jsonb_typeof(e.value) = 'object' AND f.types = '{object}' AND e.value ? f.key
            UNION ALL
            SELECT '[' || a.place - 1 || ']', a.place::integer, a.value
            FROM jsonb_array_elements(
                CASE WHEN f.types = '{array}' AND jsonb_typeof(e.value -> f.key) = 'array'
                     THEN e.value -> f.key ELSE '[]' END) WITH ORDINALITY AS a (value, place)
        ) AS c
    )
    SELECT * FROM element
$$;

-- What is wrong with a value of the right type, or NULL. Bounds keep every number a real and
-- every name short enough for an index. No SET: this is inlined.
CREATE FUNCTION tixbook.seating_plan_value_fault(kind text, key text, value jsonb, allowed text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE pg_catalog.jsonb_typeof(value)
        WHEN 'number' THEN CASE
            WHEN pg_catalog.abs(value::numeric) > 1000000 THEN 'is beyond 1000000'
            WHEN value::numeric <= 0 AND kind = 'size' THEN 'must be greater than 0'
            WHEN value::numeric < 0 AND key IN ('width', 'height', 'radius') THEN 'must not be negative'
            END
        WHEN 'string' THEN CASE
            WHEN pg_catalog.length(value #>> '{}') > CASE kind WHEN 'text' THEN 2000 ELSE 200 END
            THEN 'is too long'
            WHEN (value #>> '{}') <> ALL (allowed)
            THEN 'is none of ' || pg_catalog.array_to_string(allowed, ', ')
            WHEN pg_catalog.btrim(value #>> '{}') = ''
                 AND (key = 'seat_guid' OR kind = 'category' AND key = 'name')
            THEN 'must not be empty'
            END
        END
$$;

-- Faults against the format, whatever the plan means.
CREATE FUNCTION tixbook.seating_plan_format_faults(plan jsonb)
RETURNS TABLE (path integer[], place text, fault text, explanation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH element AS MATERIALIZED (
        SELECT e.*, CASE e.place WHEN '' THEN '' ELSE e.place || '.' END AS prefix
        FROM tixbook.seating_plan_elements(plan) AS e
    ), format AS MATERIALIZED (
        SELECT * FROM tixbook.seating_plan_format()
    ), entry AS (
        SELECT e.path, e.prefix || f.key AS place, f.required, f.types, e.value -> f.key AS value,
               tixbook.seating_plan_value_fault(f.kind, f.key, e.value -> f.key, f.allowed) AS bad
        FROM element e JOIN format f USING (kind)
        WHERE jsonb_typeof(e.value) = 'object'
    )
    SELECT path, coalesce(nullif(place, ''), 'plan'), 'wrong_type',
           format('must be object, is %s', jsonb_typeof(value))
    FROM element WHERE jsonb_typeof(value) <> 'object' AND (place = '' OR place LIKE '%]')
    UNION ALL
    SELECT e.path, left(e.prefix || k.key, 300), 'unknown_key',
           format('is no key of the format (%s)', e.kind)
    FROM element e
    CROSS JOIN LATERAL jsonb_object_keys(
        CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE '{}' END) AS k (key)
    WHERE (e.kind, k.key) NOT IN (SELECT f.kind, f.key FROM format f)
    UNION ALL
    SELECT path, place,
           CASE WHEN value IS NULL THEN 'missing_key'
                WHEN jsonb_typeof(value) <> ALL (types) THEN 'wrong_type'
                ELSE 'bad_value' END,
           CASE WHEN value IS NULL THEN 'is required'
                WHEN jsonb_typeof(value) <> ALL (types)
                THEN format('must be %s, is %s', array_to_string(types, ' or '), jsonb_typeof(value))
                ELSE bad END
    FROM entry
    WHERE (value IS NULL AND required) OR jsonb_typeof(value) <> ALL (types) OR bad IS NOT NULL
$$;

-- The guid that a seat is imported under: its own, or when told to, a new one for a repeated one.
CREATE FUNCTION tixbook.seating_plan_guid(guid text, occurrence bigint, rename boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT guid || CASE WHEN rename AND occurrence > 1 THEN '#' || occurrence::text ELSE '' END
$$;

-- Faults of meaning: what the format allows and no house can have.
CREATE FUNCTION tixbook.seating_plan_meaning_faults(plan jsonb, default_category text,
    unlisted_categories text, rename_duplicate_guids boolean, seats_required boolean)
RETURNS TABLE (path integer[], place text, fault text, explanation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH element AS MATERIALIZED (
        SELECT e.kind, e.path, e.place, e.value
        FROM tixbook.seating_plan_elements(plan) AS e
        WHERE e.kind IN ('plan', 'category', 'zone', 'seat') AND jsonb_typeof(e.value) = 'object'
    ), category AS (
        SELECT path, place, value ->> 'name' AS name,
               first_value(place) OVER (PARTITION BY value ->> 'name' ORDER BY path) AS first_place
        FROM element WHERE kind = 'category'
    ), numbered AS (
        SELECT path, place, value ->> 'category' AS category, tixbook.seating_plan_guid(
            value ->> 'seat_guid',
            row_number() OVER (PARTITION BY value ->> 'seat_guid' ORDER BY path),
            rename_duplicate_guids) AS guid
        FROM element WHERE kind = 'seat'
    ), seat AS (
        SELECT *, first_value(place) OVER (PARTITION BY guid ORDER BY path) AS first_place
        FROM numbered
    )
    SELECT path, 'categories', 'empty_list', 'the plan lists no category'
    FROM element WHERE kind = 'plan' AND value -> 'categories' = '[]'
        AND default_category IS NULL AND unlisted_categories IS DISTINCT FROM 'create'
    UNION ALL
    SELECT path, place || '.name', 'duplicate_category', format('%s has this name already', first_place)
    FROM category WHERE place <> first_place AND name IS NOT NULL
    UNION ALL
    SELECT path, place || '.category', 'unlisted_category',
           CASE category WHEN '' THEN 'the seat has no category'
                ELSE format('"%s" is not in the list of categories', left(category, 50)) END
    FROM seat
    WHERE CASE category WHEN '' THEN default_category IS NULL ELSE unlisted_categories IS NULL END
        AND category NOT IN (SELECT c.name FROM category c WHERE c.name IS NOT NULL)
    UNION ALL
    SELECT path, place || '.seat_guid', 'duplicate_seat_guid',
           format('%s has "%s" already', first_place, left(guid, 50))
    FROM seat WHERE place <> first_place AND guid IS NOT NULL
    UNION ALL
    SELECT path, 'zones', CASE value -> 'zones' WHEN '[]' THEN 'empty_list' ELSE 'no_seats' END,
           'the plan has no seat'
    FROM element WHERE kind = 'plan' AND jsonb_typeof(value -> 'zones') = 'array'
        AND seats_required AND NOT EXISTS (SELECT FROM seat)
    UNION ALL
    SELECT '{}', CASE kind WHEN 'seat' THEN 'zones' WHEN 'zone' THEN 'zones' ELSE 'categories' END,
           'too_many', format('the plan has %s, the most is %s', count(*),
                              CASE kind WHEN 'seat' THEN 1000000 ELSE 1000 END)
    FROM element GROUP BY kind
    HAVING count(*) > CASE kind WHEN 'seat' THEN 1000000 ELSE 1000 END
$$;

-- The planner takes 100 for the length of every JSON list; compiling for that costs more than it runs.
CREATE FUNCTION tixbook.seating_plan_faults(plan jsonb, default_category text = NULL,
    unlisted_categories text = NULL, rename_duplicate_guids boolean = false,
    seats_required boolean = true)
RETURNS TABLE (place text, fault text, explanation text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off AS $$
    SELECT f.place, f.fault, f.explanation FROM (
        SELECT * FROM tixbook.seating_plan_format_faults(plan)
        UNION ALL
        SELECT * FROM tixbook.seating_plan_meaning_faults(
            plan, default_category, unlisted_categories, rename_duplicate_guids, seats_required)
    ) AS f
    ORDER BY f.path, f.place, f.fault
$$;
COMMENT ON FUNCTION tixbook.seating_plan_faults(jsonb, text, text, boolean, boolean) IS
'Every fault of a seating plan at once, in its order, none when it can be imported; the repairs are those of import_seating_plan.
seats_required: false allows a plan of decoration only, for a house of standing room.
Each fault has its place, as zones[0].rows[3].seats[7].seat_guid, an explanation, and its kind: missing_key, unknown_key, wrong_type, bad_value, empty_list, duplicate_category, unlisted_category, duplicate_seat_guid, no_seats, too_many.
Makes no refusal.';


-- The seats of a faultless plan, with repairs made, each standing at zone + row + seat offsets.
CREATE FUNCTION tixbook.seating_plan_seats(plan jsonb, default_category text,
    unlisted_categories text, rename_duplicate_guids boolean)
RETURNS TABLE (zone_no integer, row_no integer, seat_no integer, seat_guid text, row_label text,
               seat_label text, category text, x double precision, y double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
    -- Materialized: else each seat would be sorted with all of its zone.
    WITH placed AS MATERIALIZED (
        SELECT z.no AS zone_no, r.no AS row_no, s.no AS seat_no, s.it AS seat,
               r.it - 'seats' AS plan_row, s.it ->> 'category' AS category,
               (z.it #>> '{position,x}')::float8 + coalesce((r.it #>> '{position,x}')::float8, 0)
               + (s.it #>> '{position,x}')::float8 AS x,
               (z.it #>> '{position,y}')::float8 + coalesce((r.it #>> '{position,y}')::float8, 0)
               + (s.it #>> '{position,y}')::float8 AS y
        FROM jsonb_array_elements(plan -> 'zones') WITH ORDINALITY AS z (it, no)
        CROSS JOIN LATERAL jsonb_array_elements(z.it -> 'rows') WITH ORDINALITY AS r (it, no)
        CROSS JOIN LATERAL jsonb_array_elements(r.it -> 'seats') WITH ORDINALITY AS s (it, no)
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY seat ->> 'seat_guid'
                                     ORDER BY zone_no, row_no, seat_no) AS occurrence
        FROM placed
    )
    SELECT zone_no, row_no, seat_no,
           tixbook.seating_plan_guid(seat ->> 'seat_guid', occurrence, rename_duplicate_guids),
           replace(coalesce(nullif(plan_row ->> 'row_label', ''), '%s'), '%s', plan_row ->> 'row_number'),
           replace(coalesce(nullif(plan_row ->> 'seat_label', ''), '%s'), '%s', seat ->> 'seat_number'),
           CASE WHEN category = '' THEN coalesce(default_category, category)
                WHEN unlisted_categories = 'default'
                     AND NOT plan -> 'categories' @> jsonb_build_array(jsonb_build_object('name', category))
                THEN default_category
                ELSE category END,
           x, y
    FROM numbered
$$;

-- The seats of each row in the order in which they stand side by side, with the gap to the one
-- before. Plans list them so, as a rule; where walking them along the row's longer extent is
-- shorter than the plan's own order, the plan has shuffled them.
CREATE FUNCTION tixbook.seating_plan_rows(plan jsonb, default_category text,
    unlisted_categories text, rename_duplicate_guids boolean)
RETURNS TABLE (zone_no integer, row_no integer, place integer, gap double precision, seat_guid text,
               row_label text, seat_label text, category text, x double precision, y double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
    WITH spread AS (
        SELECT s.*, max(s.x) OVER line - min(s.x) OVER line >= max(s.y) OVER line - min(s.y) OVER line AS wide
        FROM tixbook.seating_plan_seats(
            plan, default_category, unlisted_categories, rename_duplicate_guids) AS s
        WINDOW line AS (PARTITION BY s.zone_no, s.row_no)
    ), lined AS (
        SELECT *, row_number() OVER (
            PARTITION BY zone_no, row_no
            ORDER BY CASE WHEN wide THEN x ELSE y END, CASE WHEN wide THEN y ELSE x END, seat_no) AS line_no
        FROM spread
    ), stepped AS (
        SELECT *, sqrt((x - lag(x) OVER listed) ^ 2 + (y - lag(y) OVER listed) ^ 2) AS plan_step,
               sqrt((x - lag(x) OVER lined) ^ 2 + (y - lag(y) OVER lined) ^ 2) AS line_step
        FROM lined
        WINDOW listed AS (PARTITION BY zone_no, row_no ORDER BY seat_no),
               lined AS (PARTITION BY zone_no, row_no ORDER BY line_no)
    ), judged AS (
        SELECT *, sum(plan_step) OVER line > 1.001 * sum(line_step) OVER line AS shuffled
        FROM stepped
        WINDOW line AS (PARTITION BY zone_no, row_no)
    )
    SELECT zone_no, row_no, CASE WHEN shuffled THEN line_no ELSE seat_no END,
           CASE WHEN shuffled THEN line_step ELSE plan_step END,
           seat_guid, row_label, seat_label, category, x, y
    FROM judged
$$;

-- Every seat with its block and index. An aisle is a gap wider than 1.6 times the median gap of
-- the row; a row of four seats or fewer says little, so there the zone's median counts when it is
-- smaller. Rows go as in the plan, backwards where that leads away from the focal point.
CREATE FUNCTION tixbook.seating_plan_layout(plan jsonb, default_category text,
    unlisted_categories text, rename_duplicate_guids boolean, focal_x real, focal_y real)
RETURNS TABLE (zone_no integer, row_no integer, block_no integer, seat_index integer, seat_guid text,
               row_label text, seat_label text, category text, x double precision, y double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
    WITH seat AS MATERIALIZED (
        SELECT * FROM tixbook.seating_plan_rows(
            plan, default_category, unlisted_categories, rename_duplicate_guids)
    ), zone AS (
        SELECT zone_no, percentile_disc(0.5) WITHIN GROUP (ORDER BY gap) FILTER (WHERE gap > 0) AS spacing,
               coalesce(regr_slope(sqrt((x - focal_x) ^ 2 + (y - focal_y) ^ 2), row_no) < 0, false) AS backwards
        FROM seat GROUP BY zone_no
    ), row_spacing AS (
        SELECT s.zone_no, s.row_no, CASE
            WHEN count(*) < 4
            THEN least(percentile_disc(0.5) WITHIN GROUP (ORDER BY s.gap), min(z.spacing))
            ELSE percentile_disc(0.5) WITHIN GROUP (ORDER BY s.gap) END AS spacing
        FROM seat s JOIN zone z USING (zone_no)
        WHERE s.gap > 0 GROUP BY s.zone_no, s.row_no
    ), run AS (
        SELECT s.*, CASE WHEN z.backwards THEN -s.row_no ELSE s.row_no END AS row_place,
               (s.gap <= 1.6 * r.spacing
                AND s.category = lag(s.category) OVER (PARTITION BY s.zone_no, s.row_no ORDER BY s.place)
               ) IS NOT TRUE AS starts
        FROM seat s JOIN zone z USING (zone_no) LEFT JOIN row_spacing r USING (zone_no, row_no)
    )
    SELECT zone_no, (dense_rank() OVER (PARTITION BY zone_no ORDER BY row_place) - 1)::integer,
           (count(*) FILTER (WHERE starts) OVER house - 1)::integer,
           (row_number() OVER house - 1)::integer,
           seat_guid, row_label, seat_label, category, x, y
    FROM run
    WINDOW house AS (ORDER BY zone_no, row_place, place)
$$;


-- One section for each zone that has seats, named like it; the answer maps zone to section_no.
CREATE FUNCTION tixbook.add_seated_sections(venue_id integer, plan jsonb) RETURNS smallint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone record;
    title text;
    copy integer;
    number smallint := 0;
    sections smallint[] := '{}';
BEGIN
    FOR zone IN
        SELECT z.no, coalesce(nullif(btrim(z.it ->> 'name'), ''), 'Zone ' || z.no) AS name
        FROM jsonb_array_elements(plan -> 'zones') WITH ORDINALITY AS z (it, no)
        WHERE jsonb_path_exists(z.it, '$.rows[*].seats[0]') ORDER BY z.no
    LOOP
        title := zone.name;
        copy := 1;
        WHILE EXISTS (SELECT FROM tixbook.section s
                      WHERE s.venue_id = add_seated_sections.venue_id AND s.name = title) LOOP
            copy := copy + 1;
            title := format('%s (%s)', zone.name, copy);
        END LOOP;
        INSERT INTO tixbook.section (venue_id, section_no, name, kind)
        VALUES (add_seated_sections.venue_id, number, title, 'seated');
        sections[zone.no] := number;
        number := number + 1;
    END LOOP;
    RETURN sections;
END
$$;

-- The plan's categories in its order, then those that the repairs make.
CREATE FUNCTION tixbook.add_plan_categories(venue_id integer, plan jsonb, default_category text,
                                            unlisted_categories text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tixbook.category (venue_id, category_no, name, color)
    SELECT add_plan_categories.venue_id, row_number() OVER (ORDER BY place, name) - 1, name, color
    FROM (
        SELECT DISTINCT ON (name) place, name, color FROM (
            SELECT c.no AS place, c.it ->> 'name' AS name, nullif(c.it ->> 'color', '') AS color
            FROM jsonb_array_elements(plan -> 'categories') WITH ORDINALITY AS c (it, no)
            UNION ALL
            SELECT 1000000, default_category, NULL WHERE default_category IS NOT NULL
            UNION ALL
            SELECT DISTINCT 1000001, c.name #>> '{}', NULL
            FROM jsonb_path_query(plan, '$.zones[*].rows[*].seats[*].category') AS c (name)
            WHERE unlisted_categories = 'create' AND c.name <> '""'
        ) AS named ORDER BY name, place
    ) AS once;
$$;

CREATE FUNCTION tixbook.add_plan_areas(venue_id integer, plan jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tixbook.area (venue_id, area_no, x, y, definition)
    SELECT add_plan_areas.venue_id, row_number() OVER (ORDER BY z.no, a.no) - 1,
           (z.it #>> '{position,x}')::float8 + coalesce((a.it #>> '{position,x}')::float8, 0),
           (z.it #>> '{position,y}')::float8 + coalesce((a.it #>> '{position,y}')::float8, 0),
           a.it - '{position,uuid}'::text[]
    FROM jsonb_array_elements(plan -> 'zones') WITH ORDINALITY AS z (it, no)
    CROSS JOIN LATERAL jsonb_array_elements(z.it -> 'areas') WITH ORDINALITY AS a (it, no);
$$;

-- Blocks and seats in one statement: the layout is computed once.
CREATE FUNCTION tixbook.add_plan_seats(venue_id integer, plan jsonb, sections smallint[],
    default_category text, unlisted_categories text, rename_duplicate_guids boolean)
RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH laid AS MATERIALIZED (
        SELECT l.*, c.category_no
        FROM tixbook.venue v
        CROSS JOIN LATERAL tixbook.seating_plan_layout(plan, default_category, unlisted_categories,
            rename_duplicate_guids, v.focal_x, v.focal_y) AS l
        JOIN tixbook.category c ON c.venue_id = v.venue_id AND c.name = l.category
        WHERE v.venue_id = add_plan_seats.venue_id
    ), blocks AS (
        INSERT INTO tixbook.venue_block (venue_id, block_no, section_no, category_no, row_label,
                                         first_seat, capacity, row_no)
        SELECT add_plan_seats.venue_id, block_no, sections[min(zone_no)], min(category_no),
               min(row_label), min(seat_index), count(*), min(row_no)
        FROM laid GROUP BY block_no ORDER BY block_no
    ), seats AS (
        INSERT INTO tixbook.seat (venue_id, seat_index, block_no, row_label, seat_label, seat_guid, x, y)
        SELECT add_plan_seats.venue_id, seat_index, block_no, row_label, seat_label, seat_guid, x, y
        FROM laid ORDER BY seat_index
    )
    UPDATE tixbook.venue v SET capacity = (SELECT count(*) FROM laid)
    WHERE v.venue_id = add_plan_seats.venue_id;
$$;

-- Standing sections given beside a plan, each as add_standing_section takes it.
CREATE FUNCTION tixbook.add_standing_sections(venue_id integer, standing jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    element jsonb;
    places numeric;
BEGIN
    IF jsonb_typeof(standing) <> 'array' THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', 'standing',
            'expected', 'an array of {"section", "capacity", "category", "area"}'), 'standing');
    END IF;
    FOR element IN SELECT e FROM jsonb_array_elements(standing) AS e LOOP
        places := CASE jsonb_typeof(element -> 'capacity')
                  WHEN 'number' THEN (element ->> 'capacity')::numeric ELSE 0 END;
        PERFORM tixbook.add_standing_section(venue_id, element ->> 'section',
            least(greatest(places, 0), 1000001)::integer, element ->> 'category', element -> 'area');
    END LOOP;
END
$$;


CREATE FUNCTION tixbook.require_faultless_plan(plan jsonb, default_category text,
    unlisted_categories text, rename_duplicate_guids boolean, seats_required boolean)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    report jsonb;
BEGIN
    WITH found AS MATERIALIZED (
        SELECT row_number() OVER () AS place_no, f.*
        FROM tixbook.seating_plan_faults(plan, default_category, unlisted_categories,
            rename_duplicate_guids, seats_required) AS f)
    SELECT jsonb_build_object(
        'fault_count', (SELECT count(*) FROM found),
        'by_kind', (SELECT jsonb_object_agg(fault, n)
                    FROM (SELECT fault, count(*) AS n FROM found GROUP BY fault) AS kinds),
        'faults', (SELECT jsonb_agg(jsonb_build_object('place', place, 'fault', fault,
                                                       'explanation', explanation) ORDER BY place_no)
                   FROM found WHERE place_no <= 100))
    INTO report;
    IF report ->> 'fault_count' <> '0' THEN
        PERFORM tixbook.refuse('seating_plan_invalid', report, format('%s, the first at %s',
            report ->> 'fault_count', report #>> '{faults,0,place}'));
    END IF;
END
$$;

CREATE FUNCTION tixbook.import_seating_plan(plan jsonb, name text = NULL, city text = NULL,
    default_category text = NULL, unlisted_categories text = NULL,
    rename_duplicate_guids boolean = false, focal_x real = NULL, focal_y real = NULL,
    accessible text[] = NULL, standing jsonb = NULL)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off AS $$
DECLARE
    repair_category text := CASE WHEN default_category IS NOT NULL
        THEN tixbook.require_name(default_category, 'default_category') END;
    house integer;
    sections smallint[];
BEGIN
    IF unlisted_categories NOT IN ('create', 'default')
       OR unlisted_categories = 'default' AND default_category IS NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', 'unlisted_categories',
            'expected', 'create, or default together with default_category'), 'unlisted_categories');
    END IF;
    IF (abs(coalesce(focal_x, 0)) <= 1000000 AND abs(coalesce(focal_y, 0)) <= 1000000) IS NOT TRUE THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', 'focal_x, focal_y',
            'expected', 'numbers from -1000000 to 1000000'), 'focal point');
    END IF;
    PERFORM tixbook.require_faultless_plan(plan, repair_category, unlisted_categories,
        rename_duplicate_guids, standing IS NULL);

    house := tixbook.create_venue(coalesce(name, plan ->> 'name'), city);
    UPDATE tixbook.venue v
    SET width = size.w, height = size.h,
        focal_x = coalesce(import_seating_plan.focal_x, size.w / 2),
        focal_y = coalesce(import_seating_plan.focal_y, 0)
    FROM (SELECT (plan #>> '{size,width}')::real AS w, (plan #>> '{size,height}')::real AS h) AS size
    WHERE v.venue_id = house;
    PERFORM tixbook.add_plan_categories(house, plan, repair_category, unlisted_categories);
    sections := tixbook.add_seated_sections(house, plan);
    PERFORM tixbook.add_plan_areas(house, plan);
    PERFORM tixbook.add_plan_seats(house, plan, sections, repair_category, unlisted_categories,
        rename_duplicate_guids);
    PERFORM tixbook.score_venue(house);
    IF accessible IS NOT NULL THEN
        PERFORM tixbook.set_accessible(house, seat_guids => accessible);
    END IF;
    IF standing IS NOT NULL THEN
        PERFORM tixbook.add_standing_sections(house, standing);
    END IF;
    RETURN house;
END
$$;
COMMENT ON FUNCTION tixbook.import_seating_plan(jsonb, text, text, text, text, boolean, real, real, text[], jsonb) IS
'Makes a venue of a seating plan in the JSON format of pretix; returns its venue_id. All or nothing.
plan: the plan. name: of the venue, the plan''s when NULL. city: where it stands.
A plan with faults is refused with all of them, unless a repair is asked for:
default_category: the category of seats that have none; it also makes up for an empty list of categories.
unlisted_categories: ''create'' makes the categories that seats name and the plan does not list, ''default'' puts such seats into default_category.
rename_duplicate_guids: true imports the second seat of guid G as G#2.
focal_x, focal_y: the point that the best seats are nearest to, in plan units; by default the middle of the plan''s top edge.
accessible: guids of the accessible seats. standing: [{"section": ..., "capacity": ..., "category": ..., "area": {"x", "y", "width", "height"}}, ...], as add_standing_section takes them.
Each zone with seats becomes a section. A block is a run of one row and one category without an aisle; an aisle is a gap wider than 1.6 times the median gap of its row. Sections, rows and seats are numbered in the plan''s order; the rows of a section backwards where the plan starts at the back, and seats along the row where the plan has them shuffled.
Refuses: seating_plan_invalid (DETAIL: fault_count, by_kind and the first 100 faults; seating_plan_faults gives all), invalid_parameter, seat_not_found (accessible names an unknown guid), standing_section.';
