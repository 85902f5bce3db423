-- api_browse: what anybody may look at over HTTP.

CREATE SCHEMA tixbook_api;
COMMENT ON SCHEMA tixbook_api IS
'tixbook

A ticket office: events and their seats, bookings, payment, tickets. Every call is a function under /rpc/; what only reads answers to GET. Refusals have a code, details and a hint, and the HTTP status that fits them.';

-- What an answer is other than JSON.
CREATE DOMAIN tixbook_api."application/octet-stream" AS bytea;
COMMENT ON DOMAIN tixbook_api."application/octet-stream" IS 'Bytes, sent as they are.';
CREATE DOMAIN tixbook_api."image/svg+xml" AS text;
COMMENT ON DOMAIN tixbook_api."image/svg+xml" IS 'A drawing.';

CREATE FUNCTION tixbook_api.search_events(query text = NULL, page integer = 1, page_size integer = 20,
    city text = NULL, starts_from timestamptz = NULL, starts_before timestamptz = NULL,
    available_only boolean = false)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb;
    more boolean;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(f.e) - 'rank' ORDER BY f.place), '[]'), count(*) = page_size
    INTO found, more
    FROM (SELECT e, row_number() OVER () AS place
          FROM tixbook.search_events(query, page, page_size, city, starts_from, starts_before, available_only) AS e) AS f;
    PERFORM tixbook.answer_with(200, '{"Cache-Control": "public, max-age=1, stale-while-revalidate=5"}');
    RETURN jsonb_build_object('events', found, 'page', page, 'page_size', page_size,
                              'next_page', CASE WHEN more THEN page + 1 END);
END
$$;
COMMENT ON FUNCTION tixbook_api.search_events(text, integer, integer, text, timestamptz, timestamptz, boolean) IS
'Find events

The best matches first, a page at a time. query: words of the name, performer, venue, city or description; the last one may be unfinished, slips are forgiven. city, starts_from, starts_before and available_only narrow it down; page counts from 1, page_size is 1 to 100. next_page is the page that may hold more, or null. Prices are in minor units of currency. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook_api.find_event(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e tixbook.event := tixbook.require_announced_event(event_id);
BEGIN
    PERFORM tixbook.answer_with(200, '{"Cache-Control": "public, max-age=1, stale-while-revalidate=5"}');
    RETURN (SELECT jsonb_build_object('event_id', e.event_id, 'name', e.name, 'performer', e.performer,
                'description', e.description, 'venue', v.name, 'city', e.city, 'starts_at', e.starts_at,
                'status', e.status, 'sale_starts_at', e.sale_starts_at, 'sale_ends_at', e.sale_ends_at,
                'currency', e.currency, 'capacity', a.capacity, 'free', a.free,
                'max_per_booking', e.max_per_booking, 'max_per_customer', e.max_per_customer,
                'waiting_room', EXISTS (SELECT FROM tixbook.waiting_room r
                                        WHERE r.event_id = e.event_id AND r.closed_at IS NULL))
            FROM tixbook.venue v, tixbook.availability(e.event_id, 0) AS a
            WHERE v.venue_id = e.venue_id);
END
$$;
COMMENT ON FUNCTION tixbook_api.find_event(integer) IS
'Look at an event

Who plays, where and when, the state of its sale (on_sale, paused, closed), its limits, how many seats are free, and whether one must queue (waiting_room). Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.availability(event_id integer, since bigint = NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a tixbook.event_availability := tixbook.announced_availability(event_id, since);
    body jsonb := jsonb_build_object('event_id', a.event_id, 'version', a.version, 'capacity', a.capacity,
        'free', a.free, 'taken', tixbook.map_base64(a.taken));
BEGIN
    IF since IS NOT NULL THEN
        body := body || jsonb_build_object('changes', (
            SELECT jsonb_agg(jsonb_build_object('first_seat', c.first_seat, 'seats', tixbook.length(c.taken),
                                                'taken', tixbook.map_base64(c.taken)))
            FROM unnest(a.changes) AS c));
    END IF;
    IF tixbook.answer_cached(tixbook.availability_tag(a), 'public, max-age=1, stale-while-revalidate=5',
                             tixbook.length_header('application/json', octet_length(body::text))) THEN
        RETURN NULL;
    END IF;
    RETURN body;
END
$$;
COMMENT ON FUNCTION tixbook_api.availability(integer, bigint) IS
'See which seats are free

taken is the seat map in base64: bit i (byte i/8, mask 1 << (i % 8)) is set when the seat of seat_index i is held, sold or kept off the sale. version is another number after every change, and in the ETag: send that as If-None-Match, and get 304 while nothing has changed. Or send the version as since: taken and changes are null while nothing has changed; where little has, changes has the runs of seats in which something did: seats of them from first_seat on, taken in base64; else taken is everything again. May be a second old. Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.availability_map(event_id integer) RETURNS tixbook_api."application/octet-stream"
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a tixbook.event_availability := tixbook.announced_availability(event_id);
    map bytea := a.taken::bytea;
BEGIN
    PERFORM tixbook.answer_cached(tixbook.availability_tag(a), 'public, max-age=1, stale-while-revalidate=5',
        jsonb_build_object('Tixbook-Version', a.version::text, 'Tixbook-Capacity', a.capacity::text,
                           'Tixbook-Free', a.free::text)
        || tixbook.length_header('application/octet-stream', length(map)));
    RETURN map;
END
$$;
COMMENT ON FUNCTION tixbook_api.availability_map(integer) IS
'See which seats are free, as bytes

The seat map of availability as application/octet-stream, one bit a seat; the figures are in the headers Tixbook-Version, Tixbook-Capacity and Tixbook-Free. ETag and If-None-Match as there. Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.section_availability(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    PERFORM tixbook.answer_with(200, '{"Cache-Control": "public, max-age=1, stale-while-revalidate=5"}');
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(s)), '[]') FROM tixbook.section_availability(event_id) AS s);
END
$$;
COMMENT ON FUNCTION tixbook_api.section_availability(integer) IS
'See what is free by section and price category

An array of {section, category, capacity, free, price, currency}, in the order of the seating plan; price is for a seat, in minor units. May be a second old. Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.seat_plan(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    plan jsonb;
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    plan := tixbook.seat_plan(event_id);
    IF tixbook.answer_cached(format('"plan-%s"', md5(plan::text)), 'public, max-age=60, stale-while-revalidate=600') THEN
        RETURN NULL;
    END IF;
    RETURN plan;
END
$$;
COMMENT ON FUNCTION tixbook_api.seat_plan(integer) IS
'Get what it takes to draw the house

Categories with colours and prices, sections, rows with the places and labels of their seats, standing sections and decoration, in the units of the plan, y downwards: all that does not change while the event sells. Bit seat_index of the map of availability tells whether a seat is gone. ETag and If-None-Match; may be a minute old. Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.seat_map_svg(event_id integer) RETURNS tixbook_api."image/svg+xml"
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tixbook.answer_cached(tixbook.availability_tag(tixbook.announced_availability(event_id)), 'public, max-age=1, stale-while-revalidate=5') THEN
        RETURN '';
    END IF;
    RETURN tixbook.seat_map_svg(event_id);
END
$$;
COMMENT ON FUNCTION tixbook_api.seat_map_svg(integer) IS
'Get the house as it stands, drawn

An SVG picture: free seats in the colour of their category, held ones as rings, sold ones grey. May be a second old. Refuses: event_not_found.';
