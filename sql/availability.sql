-- Availability: what is free, as numbers, as a map, and drawn.

CREATE TYPE tixbook.block_change AS (
    first_seat integer,
    taken      tixbook.seatmap
);
COMMENT ON TYPE tixbook.block_change IS 'A run of seats as it is now: seat first_seat + i of the event is taken where bit i of taken is set.';

CREATE TYPE tixbook.event_availability AS (
    event_id integer,
    version  bigint,
    capacity integer,
    free     integer,
    taken    tixbook.seatmap,
    changes  tixbook.block_change[]
);
COMMENT ON TYPE tixbook.event_availability IS 'The answer of availability: what is free at an event, and since when.';

CREATE FUNCTION tixbook.availability(event_id integer, since bigint = NULL)
RETURNS tixbook.event_availability
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_availability';
COMMENT ON FUNCTION tixbook.availability(integer, bigint) IS
'What is free at event event_id now: one row of event_id, version, capacity and free (seats), and taken, the seat map with a bit set for each seat that is held, sold or kept off the sale.
version is another number after every change, below 2^53; compare it for equality only. since: the version that the caller has. While nothing has changed, taken and changes are NULL; where little has, taken is NULL and changes has the runs of seats in which something did; else taken is everything again.
Answered from shared memory, a moment after each commit; from the rows on a standby, without shared_preload_libraries, and in a transaction that has itself changed seats.
Refuses: event_not_found.';

CREATE FUNCTION tixbook.section_availability(event_id integer)
RETURNS TABLE (section text, category text, capacity integer, free integer, price bigint, currency text)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'tixbook_section_availability';
COMMENT ON FUNCTION tixbook.section_availability(integer) IS
'What is free at event event_id by section and price category, in the order of the seating plan: capacity and free in seats, price a seat in minor units of currency. No rows before the sale was opened first. Answered from where availability is.
Refuses: event_not_found.';

CREATE FUNCTION tixbook.prewarm(event_id integer) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_prewarm';
COMMENT ON FUNCTION tixbook.prewarm(integer) IS
'Loads the seat map of event event_id into shared memory, as the first who asks for it would do, and, where the event has a waiting room that is not closed, where its entries stand, for who asks for his place (12 bytes an entry, at most half of tixbook.cache_size; a third of a second for a million); call it before an on-sale, and again when many more have joined. Returns whether all of it is there now: false where tixbook.cache_size has no room, or while seats are changed in bulk. Refuses: event_not_found, preload_required.';

CREATE FUNCTION tixbook.cache_status(OUT bytes_total bigint, OUT bytes_used bigint, OUT events integer,
    OUT loads bigint, OUT evictions bigint)
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tixbook_cache_status';
COMMENT ON FUNCTION tixbook.cache_status() IS
'The seat-map cache of the server: its size (tixbook.cache_size) and use in bytes, how many events of all databases it has, how many maps were loaded, and how many evicted for want of room, since the server started. Evictions that keep rising mean that it is too small. All null where there is none. Makes no refusal.';

-- The functions of a sale tell the maps what they change. Whoever changes rows
-- by other statements (new inventory, a restore, an administrator) has them
-- loaded again.
CREATE FUNCTION tixbook.seats_changed() RETURNS trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'tixbook_seats_changed';
COMMENT ON FUNCTION tixbook.seats_changed() IS
'Trigger: has the seat maps in shared memory loaded again from the rows, of the event that a row belongs to or of all. Makes no refusal.';

CREATE TRIGGER seats_changed AFTER INSERT OR UPDATE OR DELETE ON tixbook.seat_block
    FOR EACH ROW EXECUTE FUNCTION tixbook.seats_changed();
CREATE TRIGGER seats_truncated AFTER TRUNCATE ON tixbook.seat_block
    FOR EACH STATEMENT EXECUTE FUNCTION tixbook.seats_changed();
CREATE TRIGGER holds_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tixbook.booking
    FOR EACH STATEMENT EXECUTE FUNCTION tixbook.seats_changed();

-- The rows of a venue with their seats as arrays, and its standing sections with their places.
CREATE FUNCTION tixbook.seat_plan_rows(venue_id integer, capacity integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'section', section_no, 'row', row_label, 'first_seat', first_seat, 'seats', seats,
            'x', xs, 'y', ys, 'categories', categories, 'accessible', accessible)) ORDER BY first_seat)
    FROM (
        SELECT b.section_no, min(b.row_label) AS row_label, min(s.seat_index) AS first_seat,
               jsonb_agg(s.seat_label ORDER BY s.seat_index) AS seats,
               jsonb_agg(s.x ORDER BY s.seat_index) AS xs, jsonb_agg(s.y ORDER BY s.seat_index) AS ys,
               CASE WHEN min(b.category_no) = max(b.category_no) THEN to_jsonb(min(b.category_no))
                    ELSE jsonb_agg(b.category_no ORDER BY s.seat_index) END AS categories,
               jsonb_agg(s.seat_index ORDER BY s.seat_index) FILTER (WHERE s.accessible) AS accessible
        FROM tixbook.venue_block b
        JOIN tixbook.seat s ON s.venue_id = b.venue_id AND s.block_no = b.block_no
        WHERE b.venue_id = seat_plan_rows.venue_id AND b.first_seat < seat_plan_rows.capacity
        GROUP BY b.section_no, b.row_no
    ) AS plan_row
$$;

CREATE FUNCTION tixbook.seat_plan_standing(venue_id integer, capacity integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'section', b.section_no, 'category', b.category_no, 'places', b.places,
            'x', a.x, 'y', a.y, 'width', a.definition #> '{rectangle,width}',
            'height', a.definition #> '{rectangle,height}')) ORDER BY b.section_no)
    FROM (
        SELECT b.venue_id, b.section_no, b.category_no,
               jsonb_agg(jsonb_build_array(b.first_seat, b.capacity) ORDER BY b.block_no) AS places
        FROM tixbook.venue_block b JOIN tixbook.section s USING (venue_id, section_no)
        WHERE b.venue_id = seat_plan_standing.venue_id AND s.kind = 'standing'
          AND b.first_seat < seat_plan_standing.capacity
        GROUP BY b.venue_id, b.section_no, b.category_no
    ) AS b
    LEFT JOIN tixbook.area a ON a.venue_id = b.venue_id AND a.section_no = b.section_no
$$;

CREATE FUNCTION tixbook.seat_plan(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    the_venue tixbook.venue;
    seats integer;
BEGIN
    SELECT v.* INTO the_venue FROM tixbook.venue v WHERE v.venue_id = the_event.venue_id;
    seats := coalesce(nullif(the_event.capacity, 0), the_venue.capacity);
    RETURN jsonb_build_object(
        'event_id', the_event.event_id, 'event', the_event.name, 'venue', the_venue.name,
        'starts_at', the_event.starts_at, 'currency', the_event.currency,
        'capacity', seats,
        'width', the_venue.width, 'height', the_venue.height,
        'categories', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('category', c.category_no, 'name', c.name,
                    'color', tixbook.svg_category_color(c.color, c.category_no), 'price', p.amount)
                    ORDER BY c.category_no), '[]')
            FROM tixbook.category c
            LEFT JOIN tixbook.price p ON p.event_id = the_event.event_id AND p.category_no = c.category_no
            WHERE c.venue_id = the_venue.venue_id),
        'sections', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('section', s.section_no, 'name', s.name, 'kind', s.kind)
                    ORDER BY s.section_no), '[]')
            FROM tixbook.section s WHERE s.venue_id = the_venue.venue_id),
        'rows', coalesce(tixbook.seat_plan_rows(the_venue.venue_id, seats), '[]'),
        'standing', coalesce(tixbook.seat_plan_standing(the_venue.venue_id, seats), '[]'),
        'areas', (
            SELECT coalesce(jsonb_agg(a.definition || jsonb_build_object('x', a.x, 'y', a.y)
                    ORDER BY a.area_no), '[]')
            FROM tixbook.area a WHERE a.venue_id = the_venue.venue_id AND a.section_no IS NULL));
END
$$;
COMMENT ON FUNCTION tixbook.seat_plan(integer) IS
'All that a browser needs to draw the house of event event_id, and that does not change while it sells:
categories [{category, name, color, price in minor units}], sections [{section, name, kind}],
rows [{section, row, first_seat, seats [label, ...], x [...], y [...], categories, accessible [seat_index, ...]}]: seat i of a row has seat_index first_seat + i, categories is one number or one a seat,
standing [{section, category, places [[first_seat, count], ...], x, y, width, height}], areas (decoration, as in the seating plan, at x, y),
width, height and all coordinates in plan units, y downwards. Bit seat_index of availability().taken tells whether a seat is gone.
Refuses: event_not_found.';


-- Text in an SVG: markup escaped, and without the characters that XML cannot hold at all.
CREATE FUNCTION tixbook.xml_text(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(replace(replace(replace(regexp_replace(value,
        '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]', '', 'g'),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;')
$$;

-- A coordinate, as short as it can be.
CREATE FUNCTION tixbook.svg_number(value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.trim_scale(pg_catalog.round(value::numeric, 1))::text
$$;

-- A colour of a plan goes into an attribute only when it is one.
CREATE FUNCTION tixbook.svg_color(color text, otherwise text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN color ~* '^(#([0-9a-f]{3}|[0-9a-f]{6})|[a-z]{3,20}|rgba?\([0-9., %]{5,40}\))$'
                THEN color ELSE otherwise END
$$;

CREATE FUNCTION tixbook.svg_category_color(color text, category_no smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tixbook.svg_color(color,
        ('{#2563eb,#be123c,#15803d,#b45309,#6d28d9,#0e7490,#a21caf,#4d7c0f}'::text[])[category_no % 8 + 1])
$$;

CREATE FUNCTION tixbook.svg_text(x double precision, y double precision, size double precision,
    value text, attributes text = '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'<text x="%s" y="%s" font-size="%s" dy=".35em" %s>%s</text>\n', tixbook.svg_number(x),
        tixbook.svg_number(y), tixbook.svg_number(size), attributes, tixbook.xml_text(value))
$$;

-- A direction as a vector of length 1; down, when there is none.
CREATE FUNCTION tixbook.svg_direction(INOUT x double precision, INOUT y double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(x / length, 0), coalesce(y / length, 1) FROM nullif(sqrt(x * x + y * y), 0) AS length
$$;

-- An amount of minor units as people read it: most currencies have two digits, some none or three.
CREATE FUNCTION tixbook.money_text(amount bigint, currency text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT round(amount / 10::numeric ^ digits, digits)::text || ' ' || currency
    FROM (SELECT CASE
        WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF',
                          'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
        WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        ELSE 2 END AS digits) AS unit
$$;

-- The size of things in a drawing: dots fill most of the usual gap between neighbours, type goes
-- by the width of the whole.
CREATE FUNCTION tixbook.svg_frame(venue_id integer,
    OUT x0 double precision, OUT y0 double precision, OUT x1 double precision, OUT y1 double precision,
    OUT dot double precision, OUT unit double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH seat AS (
        -- The seat before the last one counts too: at a table the two sides may take turns.
        SELECT s.x, s.y, least(
            sqrt((s.x - lag(s.x) OVER run) ^ 2 + (s.y - lag(s.y) OVER run) ^ 2),
            sqrt((s.x - lag(s.x, 2) OVER run) ^ 2 + (s.y - lag(s.y, 2) OVER run) ^ 2)) AS gap
        FROM tixbook.seat s WHERE s.venue_id = svg_frame.venue_id
        WINDOW run AS (PARTITION BY s.block_no ORDER BY s.seat_index)
    ), extent AS (
        SELECT min(x) AS x0, min(y) AS y0, max(x) AS x1, max(y) AS y1,
               percentile_disc(0.1) WITHIN GROUP (ORDER BY gap) FILTER (WHERE gap > 0) AS gap
        FROM seat
    ), sized AS (
        SELECT least(0, e.x0 - 8 * gap) AS x0, least(0, e.y0 - 30) AS y0,
               coalesce(greatest(v.width, e.x1 + 8 * gap), 900) AS x1,
               coalesce(greatest(v.height, e.y1 + 30), 0) AS y1,
               0.8 * coalesce(e.gap, 20) AS dot
        FROM tixbook.venue v CROSS JOIN extent e WHERE v.venue_id = svg_frame.venue_id
    )
    SELECT x0, y0, x1, y1, dot, (x1 - x0) / 1000 FROM sized
$$;

CREATE FUNCTION tixbook.svg_shape(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE definition ->> 'shape'
        WHEN 'rectangle' THEN format('<rect width="%s" height="%s" rx="3"/>',
            coalesce(definition #>> '{rectangle,width}', '0'), coalesce(definition #>> '{rectangle,height}', '0'))
        WHEN 'circle' THEN format('<circle r="%s"/>', coalesce(definition #>> '{circle,radius}', '0'))
        WHEN 'ellipse' THEN format('<ellipse rx="%s" ry="%s"/>',
            coalesce(definition #>> '{ellipse,radius,x}', '0'), coalesce(definition #>> '{ellipse,radius,y}', '0'))
        WHEN 'polygon' THEN (
            SELECT format('<polygon points="%s"/>', string_agg(concat(p.it ->> 'x', ',', p.it ->> 'y'), ' ' ORDER BY p.no))
            FROM jsonb_array_elements(definition #> '{polygon,points}') WITH ORDINALITY AS p (it, no))
        ELSE '' END
$$;

CREATE FUNCTION tixbook.svg_areas(venue_id integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format(E'<g transform="translate(%s %s) rotate(%s)" fill="%s" stroke="%s">%s%s</g>\n',
        tixbook.svg_number(a.x), tixbook.svg_number(a.y), coalesce(a.definition ->> 'rotation', '0'),
        tixbook.svg_color(a.definition ->> 'color', '#e5e7eb'),
        tixbook.svg_color(a.definition ->> 'border_color', 'none'),
        tixbook.svg_shape(a.definition), label.svg), '' ORDER BY a.area_no)
    FROM tixbook.area a
    CROSS JOIN LATERAL (
        SELECT CASE WHEN a.definition #>> '{text,text}' <> '' THEN tixbook.svg_text(
            (a.definition #>> '{text,position,x}')::float8, (a.definition #>> '{text,position,y}')::float8,
            coalesce((a.definition #>> '{text,size}')::float8, 16), a.definition #>> '{text,text}',
            format('text-anchor="middle" stroke="none" fill="%s"',
                   tixbook.svg_color(a.definition #>> '{text,color}', '#374151'))) END AS svg) AS label
    WHERE a.venue_id = svg_areas.venue_id AND a.section_no IS NULL
$$;

-- The state of every named seat: free, held, sold or blocked; without inventory all are free.
CREATE FUNCTION tixbook.seat_states(event_id integer)
RETURNS TABLE (seat_index integer, x real, y real, accessible boolean, category_no smallint, state text)
LANGUAGE sql STABLE ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.seat_index, s.x, s.y, s.accessible, b.category_no,
           CASE WHEN tixbook.contains(sb.taken, s.seat_index - b.first_seat) IS NOT TRUE THEN 'free'
                WHEN tixbook.contains(sb.blocked, s.seat_index - b.first_seat) THEN 'blocked'
                WHEN t.seat_index IS NOT NULL THEN 'sold'
                ELSE 'held' END
    FROM tixbook.event e
    JOIN tixbook.venue_block b ON b.venue_id = e.venue_id
    JOIN tixbook.seat s ON s.venue_id = b.venue_id AND s.block_no = b.block_no
    LEFT JOIN tixbook.seat_block sb ON sb.event_id = e.event_id AND sb.block_no = b.block_no
    LEFT JOIN tixbook.ticket t ON t.event_id = e.event_id AND t.seat_index = s.seat_index
    WHERE e.event_id = seat_states.event_id
$$;

-- Seats as dots: one path for each state and category, a dot a zero-length line with round ends.
-- Held seats are rings of their category's colour, accessible ones have a blue rim.
CREATE FUNCTION tixbook.svg_seats(event_id integer, dot double precision) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH seat AS MATERIALIZED (
        SELECT state, accessible, CASE WHEN state IN ('free', 'held') THEN category_no END AS category_no,
               format('M%s %sh0', tixbook.svg_number(x), tixbook.svg_number(y)) AS mark, seat_index
        FROM tixbook.seat_states(svg_seats.event_id)
    ), path AS (
        SELECT state, category_no, string_agg(mark, '' ORDER BY seat_index) AS marks
        FROM seat GROUP BY state, category_no
    )
    SELECT format(E'<g fill="none" stroke-linecap="round" stroke-width="%s">\n', tixbook.svg_number(dot))
        || coalesce((SELECT format(E'<path class="accessible" stroke="#1d4ed8" stroke-width="%s" d="%s"/>\n',
                                   tixbook.svg_number(dot * 1.4), string_agg(mark, '' ORDER BY seat_index))
                     FROM seat WHERE accessible HAVING count(*) > 0), '')
        || coalesce((SELECT string_agg(CASE p.state
            WHEN 'held' THEN format(
                E'<g class="held" stroke="%2$s"><path id="held-%1$s" d="%3$s"/></g><use href="#held-%1$s" stroke="#fff" stroke-width="%4$s"/>\n',
                p.category_no, tixbook.svg_category_color(c.color, c.category_no), p.marks,
                tixbook.svg_number(dot * 0.5))
            ELSE format(E'<path class="%s" stroke="%s"%s d="%s"/>\n', p.state,
                CASE p.state WHEN 'free' THEN tixbook.svg_category_color(c.color, c.category_no)
                             WHEN 'sold' THEN '#cbd5e1' ELSE '#94a3b8' END,
                CASE p.state WHEN 'blocked' THEN format(' stroke-width="%s"', tixbook.svg_number(dot * 0.4)) END,
                p.marks) END, '' ORDER BY p.state, p.category_no)
            FROM path p
            LEFT JOIN tixbook.event e ON e.event_id = svg_seats.event_id
            LEFT JOIN tixbook.category c ON c.venue_id = e.venue_id AND c.category_no = p.category_no), '')
        || E'</g>\n'
$$;

-- Sections are named behind the middle of their last row; rows at both ends, where there are few
-- enough of them to read.
CREATE FUNCTION tixbook.svg_labels(venue_id integer, dot double precision) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH plan_row AS (
        SELECT b.section_no, b.row_no, b.row_label, array_agg(s.x ORDER BY s.seat_index) AS xs,
               array_agg(s.y ORDER BY s.seat_index) AS ys, count(*)::integer AS n
        FROM tixbook.venue_block b
        JOIN tixbook.seat s ON s.venue_id = b.venue_id AND s.block_no = b.block_no
        WHERE b.venue_id = svg_labels.venue_id
        GROUP BY b.section_no, b.row_no, b.row_label
    ), row_end AS (
        SELECT r.section_no, r.row_no, r.row_label, r.xs[e.at] AS x, r.ys[e.at] AS y,
               (d.u).x AS dx, (d.u).y AS dy
        FROM plan_row r
        CROSS JOIN LATERAL (VALUES (1, 2), (r.n, r.n - 1)) AS e (at, next)
        CROSS JOIN LATERAL (SELECT tixbook.svg_direction(
            r.xs[e.at] - r.xs[e.next], r.ys[e.at] - r.ys[e.next]) AS u) AS d
        WHERE r.n > 4 AND r.row_label <> '' AND (SELECT count(*) FROM plan_row) <= 100
    ), front AS (
        SELECT DISTINCT ON (section_no) * FROM plan_row ORDER BY section_no, row_no
    ), behind AS (
        SELECT DISTINCT ON (section_no) section_no, xs[(n + 1) / 2] AS x, ys[(n + 1) / 2] AS y,
               (xs[(n + 1) / 2] + xs[n / 2 + 1]) / 2 AS middle_x
        FROM plan_row ORDER BY section_no, row_no DESC
    ), name_place AS (
        SELECT b.section_no, b.middle_x + 1.6 * dot * (d.u).x AS x, b.y + 1.8 * dot * (d.u).y AS y,
               CASE WHEN (d.u).x < -0.4 THEN 'end' WHEN (d.u).x > 0.4 THEN 'start' ELSE 'middle' END AS anchor
        FROM behind b JOIN front f USING (section_no)
        CROSS JOIN LATERAL (SELECT tixbook.svg_direction(
            b.x - f.xs[(f.n + 1) / 2], b.y - f.ys[(f.n + 1) / 2]) AS u) AS d
        WHERE (SELECT count(*) FROM front) > 1
    )
    SELECT concat(E'<g fill="#475569">\n',
        (SELECT string_agg(tixbook.svg_text(x + 1.1 * dot * dx, y + 1.1 * dot * dy, 0.6 * dot, row_label,
                                            'text-anchor="middle"'), '' ORDER BY section_no, row_no, x)
         FROM row_end),
        (SELECT string_agg(tixbook.svg_text(n.x, n.y, 1.3 * dot, p.name,
                           format('font-weight="bold" text-anchor="%s"', n.anchor)), '' ORDER BY p.section_no)
         FROM name_place n
         JOIN tixbook.section p ON p.venue_id = svg_labels.venue_id AND p.section_no = n.section_no),
        E'</g>\n')
$$;

-- The standing sections of an event with the box that each is drawn in; those without a place of
-- their own stand side by side under the house.
CREATE FUNCTION tixbook.standing_boxes(event_id integer, x0 double precision, x1 double precision,
                                       top double precision, unit double precision)
RETURNS TABLE (section text, color text, capacity integer, free integer, own_place boolean,
               x double precision, y double precision, width double precision, height double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH standing AS (
        SELECT s.section_no, s.name, tixbook.svg_category_color(min(c.color), min(c.category_no)) AS color,
               sum(b.capacity)::integer AS capacity, sum(coalesce(sb.free, b.capacity))::integer AS free,
               min(a.x) AS x, min(a.y) AS y,
               min((a.definition #>> '{rectangle,width}')::float8) AS width,
               min((a.definition #>> '{rectangle,height}')::float8) AS height,
               row_number() OVER (PARTITION BY min(a.x) IS NULL ORDER BY s.section_no) - 1 AS place,
               count(*) OVER (PARTITION BY min(a.x) IS NULL) AS places
        FROM tixbook.event e
        JOIN tixbook.venue_block b ON b.venue_id = e.venue_id
        JOIN tixbook.section s ON s.venue_id = b.venue_id AND s.section_no = b.section_no
        JOIN tixbook.category c ON c.venue_id = b.venue_id AND c.category_no = b.category_no
        LEFT JOIN tixbook.seat_block sb ON sb.event_id = e.event_id AND sb.block_no = b.block_no
        LEFT JOIN tixbook.area a ON a.venue_id = b.venue_id AND a.section_no = b.section_no
        WHERE e.event_id = standing_boxes.event_id AND s.kind = 'standing'
          AND (sb.event_id IS NOT NULL OR e.capacity = 0)
        GROUP BY s.section_no, s.name
    )
    SELECT name, color, capacity, free, x IS NOT NULL,
           coalesce(x, x0 + 30 * unit + place * (x1 - x0 - 40 * unit) / places),
           coalesce(y, top + 10 * unit),
           coalesce(width, (x1 - x0 - 40 * unit) / places - 20 * unit),
           coalesce(height, 100 * unit)
    FROM standing
$$;

-- A standing section is a box that fills up from below as it sells.
CREATE FUNCTION tixbook.svg_standing(event_id integer, x0 double precision, x1 double precision,
                                     top double precision, unit double precision) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(concat(
        format(E'<g class="standing"><rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s" fill-opacity=".16" stroke="%6$s"/>\n',
            tixbook.svg_number(x), tixbook.svg_number(y), tixbook.svg_number(width),
            tixbook.svg_number(height), tixbook.svg_number(6 * unit), color),
        CASE WHEN free < capacity THEN format(
            E'<rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s" fill-opacity=".45"/>\n',
            tixbook.svg_number(x), tixbook.svg_number(y + height * free / capacity), tixbook.svg_number(width),
            tixbook.svg_number(height * (capacity - free) / capacity), tixbook.svg_number(6 * unit), color) END,
        '<g text-anchor="middle" fill="#0f172a">',
        tixbook.svg_text(x + width / 2, y + height / 2 - 11 * unit, 18 * unit, section, 'font-weight="bold"'),
        tixbook.svg_text(x + width / 2, y + height / 2 + 11 * unit, 13 * unit,
            format('%s of %s free', ltrim(to_char(free, '9,999,999')), ltrim(to_char(capacity, '9,999,999')))),
        E'</g></g>\n'), '' ORDER BY section)
    FROM tixbook.standing_boxes(event_id, x0, x1, top, unit)
$$;

-- What the colours and marks mean, four entries a line.
CREATE FUNCTION tixbook.svg_legend(event_id integer, x0 double precision, top double precision,
                                   unit double precision) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH category AS (
        SELECT c.category_no, concat_ws('  ', c.name, tixbook.money_text(p.amount, e.currency)) AS title,
               tixbook.svg_category_color(c.color, c.category_no) AS color
        FROM tixbook.event e
        JOIN tixbook.category c ON c.venue_id = e.venue_id
        LEFT JOIN tixbook.price p ON p.event_id = e.event_id AND p.category_no = c.category_no
        WHERE e.event_id = svg_legend.event_id
    ), entry AS (
        SELECT row_number() OVER (ORDER BY category_no) - 1 AS place, title,
               format('<circle r="%s" fill="%s"/>', tixbook.svg_number(7 * unit), color) AS mark
        FROM category
        UNION ALL
        SELECT (SELECT (count(*) + 3) / 4 * 4 FROM category) + k.place, k.title, format(k.mark,
                tixbook.svg_number(5.5 * unit), tixbook.svg_number(3 * unit), tixbook.svg_number(7 * unit))
        FROM (VALUES
            (0, 'held', '<circle r="%1$s" fill="#fff" stroke="#64748b" stroke-width="%2$s"/>'),
            (1, 'sold', '<circle r="%3$s" fill="#cbd5e1"/>'),
            (2, 'not on sale', '<circle r="%2$s" fill="#94a3b8"/>'),
            (3, 'accessible', '<circle r="%1$s" fill="#fff" stroke="#1d4ed8" stroke-width="%2$s"/>')
        ) AS k (place, title, mark)
    )
    SELECT string_agg(format('<g transform="translate(%s %s)">%s%s</g>' || E'\n',
        tixbook.svg_number(x0 + (40 + place % 4 * 240) * unit), tixbook.svg_number(top + (22 + place / 4 * 26) * unit),
        mark, tixbook.svg_text(16 * unit, 0, 14 * unit, title, 'fill="#334155"')), '' ORDER BY place)
    FROM entry
$$;

CREATE FUNCTION tixbook.seat_map_svg(event_id integer) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    the_venue tixbook.venue;
    now_free record;
    frame record;
    head double precision;
    legend double precision;
    bottom double precision;
BEGIN
    SELECT v.* INTO the_venue FROM tixbook.venue v WHERE v.venue_id = the_event.venue_id;
    SELECT a.free, a.capacity INTO now_free FROM tixbook.availability(event_id, 0) AS a;
    SELECT f.* INTO frame FROM tixbook.svg_frame(the_event.venue_id) AS f;
    head := frame.y0 - 90 * frame.unit;
    legend := frame.y1 + 10 * frame.unit;
    IF EXISTS (SELECT FROM tixbook.standing_boxes(event_id, 0, 0, 0, 1) AS b WHERE NOT b.own_place) THEN
        legend := legend + 120 * frame.unit;
    END IF;
    bottom := legend + 26 * frame.unit * (1 + (SELECT (count(*) + 3) / 4 FROM tixbook.category c
                                               WHERE c.venue_id = the_event.venue_id)) + 20 * frame.unit;
    RETURN concat(
        format(E'<svg xmlns="http://www.w3.org/2000/svg" viewBox="%s %s %s %s" font-family="Helvetica, Arial, sans-serif">\n',
            tixbook.svg_number(frame.x0), tixbook.svg_number(head),
            tixbook.svg_number(frame.x1 - frame.x0), tixbook.svg_number(bottom - head)),
        format(E'<title>%s</title>\n', tixbook.xml_text(the_event.name)),
        format(E'<rect x="%s" y="%s" width="100%%" height="100%%" fill="#fff"/>\n',
            tixbook.svg_number(frame.x0), tixbook.svg_number(head)),
        tixbook.svg_text(frame.x0 + 30 * frame.unit, head + 34 * frame.unit, 26 * frame.unit,
            the_event.name, 'font-weight="bold" fill="#0f172a"'),
        -- The dot between them as an entity, so that it comes out right in any encoding.
        replace(tixbook.svg_text(frame.x0 + 30 * frame.unit, head + 64 * frame.unit, 15 * frame.unit,
            concat_ws('  |  ', the_event.performer, concat_ws(', ', the_venue.name, the_venue.city),
                to_char(the_event.starts_at, 'FMDD Mon YYYY, HH24:MI'),
                CASE WHEN now_free.capacity > 0 THEN format('%s of %s free',
                    ltrim(to_char(now_free.free, '9,999,999')), ltrim(to_char(now_free.capacity, '9,999,999'))) END),
            'fill="#475569"'), '  |  ', '  &#183;  '),
        tixbook.svg_areas(the_event.venue_id),
        tixbook.svg_standing(event_id, frame.x0, frame.x1, frame.y1, frame.unit),
        tixbook.svg_seats(event_id, frame.dot),
        tixbook.svg_labels(the_event.venue_id, frame.dot),
        tixbook.svg_legend(event_id, frame.x0, legend, frame.unit),
        E'</svg>\n');
END
$$;
COMMENT ON FUNCTION tixbook.seat_map_svg(integer) IS
'The house of event event_id as it stands, drawn: an SVG document. Free seats are dots in the colour of their category, held ones rings, sold ones grey, those kept off the sale small; accessible seats have a blue rim; standing sections are boxes that fill up. With title and legend; the time is in the session''s time zone.
Refuses: event_not_found.';
