-- Search: events found by words, typed as people type them.

-- One row for each event that buyers may see; drafts have none. words is what spelling mistakes
-- are compared with; city and starts_at are here so that a page is found without a join. Derived,
-- so never dumped.
CREATE TABLE tixbook.event_search (
    event_id  integer PRIMARY KEY REFERENCES tixbook.event ON DELETE CASCADE,
    document  tsvector NOT NULL,
    words     text NOT NULL,
    city      text,
    starts_at timestamptz NOT NULL
);
CREATE INDEX event_search_document_idx ON tixbook.event_search USING gin (document);
CREATE INDEX event_search_city_idx ON tixbook.event_search (city, starts_at, event_id);
CREATE INDEX event_search_starts_at_idx ON tixbook.event_search (starts_at, event_id);
COMMENT ON TABLE tixbook.event_search IS
'What search_events searches, kept by triggers on event and venue; rebuild_search makes it anew.';

-- pg_trgm and unaccent may live in any schema. Bodies of the SQL standard's form are bound to
-- their objects now, so it does not matter if these move later.
DO $do$
DECLARE
    trgm name;
    unaccent name;
BEGIN
    SELECT n.nspname INTO STRICT trgm FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pg_trgm';
    SELECT n.nspname INTO STRICT unaccent FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'unaccent';

    -- Small letters without accents, and spaces for all punctuation.
    EXECUTE format($f$
        CREATE FUNCTION tixbook.search_text(value text) RETURNS text
        LANGUAGE sql STABLE PARALLEL SAFE
        RETURN pg_catalog.btrim(pg_catalog.regexp_replace(
            pg_catalog.lower(%1$I.unaccent('%1$I.unaccent'::pg_catalog.regdictionary, value)),
            '[\s!-/:-@\[-`{-~\u00a0-\u00bf\u2010-\u205e\u3000-\u303f]+', ' ', 'g'))
        $f$, unaccent);

    EXECUTE format($f$
        CREATE INDEX event_search_words_idx ON tixbook.event_search USING gin (words %1$I.gin_trgm_ops)
        $f$, trgm);

    -- 0.4 of the trigrams of what was typed: a slip in a word of six letters, or two in a longer one.
    EXECUTE format($f$
        CREATE FUNCTION tixbook.search_similar(typed text) RETURNS TABLE (event_id integer, rank real)
        LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp
        SET pg_trgm.word_similarity_threshold = 0.4
        BEGIN ATOMIC
            SELECT s.event_id, %1$I.word_similarity(typed, s.words)
            FROM tixbook.event_search s WHERE s.words OPERATOR(%1$I.%%>) typed;
        END
        $f$, trgm);
END
$do$;

-- Documents of these events: the name counts most, then who plays, then where, then the rest.
CREATE FUNCTION tixbook.index_events(events integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tixbook.event_search AS s (event_id, document, words, city, starts_at)
    SELECT e.event_id,
           setweight(to_tsvector('simple', tixbook.search_text(e.name)), 'A')
           || setweight(to_tsvector('simple', coalesce(tixbook.search_text(e.performer), '')), 'B')
           || setweight(to_tsvector('simple', tixbook.search_text(concat_ws(' ', v.name, e.city))), 'C')
           || setweight(to_tsvector('simple', coalesce(tixbook.search_text(left(e.description, 20000)), '')), 'D'),
           tixbook.search_text(concat_ws(' ', e.name, e.performer, v.name, e.city)),
           tixbook.search_text(e.city), e.starts_at
    FROM unnest(events) AS changed (event_id)
    JOIN tixbook.event e USING (event_id)
    JOIN tixbook.venue v USING (venue_id)
    WHERE e.status <> 'draft'
    ON CONFLICT ON CONSTRAINT event_search_pkey
    DO UPDATE SET document = excluded.document, words = excluded.words, city = excluded.city,
                  starts_at = excluded.starts_at;
END
$$;

CREATE FUNCTION tixbook.events_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.index_events((SELECT array_agg(n.event_id) FROM new_event n));
    RETURN NULL;
END
$$;

CREATE FUNCTION tixbook.event_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.status = 'draft' THEN
        DELETE FROM tixbook.event_search s WHERE s.event_id = NEW.event_id;
    ELSE
        PERFORM tixbook.index_events(ARRAY[NEW.event_id]);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION tixbook.venue_renamed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.index_events(ARRAY(
        SELECT e.event_id FROM tixbook.event e WHERE e.venue_id = NEW.venue_id));
    RETURN NULL;
END
$$;

CREATE TRIGGER index_new_events AFTER INSERT ON tixbook.event
    REFERENCING NEW TABLE AS new_event
    FOR EACH STATEMENT EXECUTE FUNCTION tixbook.events_made();
CREATE TRIGGER index_changed_event
    AFTER UPDATE OF name, performer, description, city, venue_id, starts_at, status ON tixbook.event
    FOR EACH ROW WHEN (
        (OLD.name, OLD.performer, OLD.description, OLD.city, OLD.venue_id, OLD.starts_at, OLD.status = 'draft')
        IS DISTINCT FROM
        (NEW.name, NEW.performer, NEW.description, NEW.city, NEW.venue_id, NEW.starts_at, NEW.status = 'draft'))
    EXECUTE FUNCTION tixbook.event_changed();
CREATE TRIGGER index_renamed_venue AFTER UPDATE OF name ON tixbook.venue
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION tixbook.venue_renamed();

CREATE FUNCTION tixbook.rebuild_search() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM tixbook.event_search;
    PERFORM tixbook.index_events(ARRAY(SELECT e.event_id FROM tixbook.event e));
    RETURN (SELECT count(*) FROM tixbook.event_search);
END
$$;
COMMENT ON FUNCTION tixbook.rebuild_search() IS
'Makes the search index of all events anew, as after loading events with triggers disabled; returns how many events can be found. Makes no refusal.';


-- The words of a query, all of them needed, the last one perhaps unfinished; NULL without words.
CREATE FUNCTION tixbook.search_query(typed text) RETURNS tsquery
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_tsquery('simple', string_agg(quote_literal(w.word), ' & ' ORDER BY w.no) || ':*')
    FROM string_to_table(typed, ' ') WITH ORDINALITY AS w (word, no)
    WHERE w.word <> '' AND w.no <= 16
$$;

-- Events that have the words, ranked above 1; when these are few, also those that have words
-- spelled alike, ranked by likeness, below 1. city is as event_search has it.
CREATE FUNCTION tixbook.search_matches(typed text, wanted tsquery, city text,
    starts_from timestamptz, starts_before timestamptz)
RETURNS TABLE (event_id integer, rank real, starts_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    few bigint;
BEGIN
    RETURN QUERY
    SELECT s.event_id, (1 + ts_rank(s.document, wanted))::real, s.starts_at
    FROM tixbook.event_search s
    WHERE s.document @@ wanted
      AND (search_matches.city IS NULL OR s.city = search_matches.city)
      AND (starts_from IS NULL OR s.starts_at >= starts_from)
      AND (starts_before IS NULL OR s.starts_at < starts_before);
    -- Few at all, that is, not just few in this city or on these days. Where there are some, the
    -- words are spelled well, and what is only half alike would be noise.
    SELECT count(*) INTO few
    FROM (SELECT FROM tixbook.event_search s WHERE s.document @@ wanted LIMIT 5) AS first_few;
    IF few < 5 THEN
        RETURN QUERY
        SELECT l.event_id, l.rank, s.starts_at
        FROM tixbook.search_similar(typed) AS l
        JOIN tixbook.event_search s ON s.event_id = l.event_id
        WHERE NOT s.document @@ wanted AND (few = 0 OR l.rank >= 0.6)
          AND (search_matches.city IS NULL OR s.city = search_matches.city)
          AND (starts_from IS NULL OR s.starts_at >= starts_from)
          AND (starts_before IS NULL OR s.starts_at < starts_before);
    END IF;
END
$$;

-- Inlined, so that it is looked up for as many events as a page needs.
CREATE FUNCTION tixbook.on_sale_with_seats(event_id integer) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tixbook.event e
                   WHERE e.event_id = on_sale_with_seats.event_id AND e.status = 'on_sale'
                     AND EXISTS (SELECT FROM tixbook.seat_block sb
                                 WHERE sb.event_id = e.event_id AND sb.free > 0))
$$;

-- A page of the events with the words, or without words of all, in their order. OFFSET 0 keeps
-- the order and the search for free seats apart: that ends when the page is full.
CREATE FUNCTION tixbook.search_page(typed text, city text, starts_from timestamptz,
    starts_before timestamptz, available_only boolean, skip bigint, take integer)
RETURNS TABLE (event_id integer, rank real)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    wanted tsquery := tixbook.search_query(typed);
BEGIN
    IF wanted IS NULL THEN
        RETURN QUERY
        SELECT a.event_id, 0::real FROM (
            SELECT s.event_id FROM tixbook.event_search s
            WHERE (search_page.city IS NULL OR s.city = search_page.city)
              AND (starts_from IS NULL OR s.starts_at >= starts_from)
              AND (starts_before IS NULL OR s.starts_at < starts_before)
            ORDER BY s.starts_at < now(), s.starts_at, s.event_id OFFSET 0) AS a
        WHERE NOT available_only OR tixbook.on_sale_with_seats(a.event_id)
        OFFSET skip LIMIT take;
    ELSE
        RETURN QUERY
        SELECT a.event_id, a.rank FROM (
            SELECT m.event_id, m.rank
            FROM tixbook.search_matches(typed, wanted, city, starts_from, starts_before) AS m
            ORDER BY m.rank DESC, m.starts_at < now(), m.starts_at, m.event_id OFFSET 0) AS a
        WHERE NOT available_only OR tixbook.on_sale_with_seats(a.event_id)
        OFFSET skip LIMIT take;
    END IF;
END
$$;

CREATE FUNCTION tixbook.require_page(page integer, page_size integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF page IS NULL OR page < 1 THEN
        PERFORM tixbook.refuse('invalid_parameter',
            jsonb_build_object('parameter', 'page', 'value', page, 'minimum', 1), 'page');
    END IF;
    IF page_size IS NULL OR page_size NOT BETWEEN 1 AND 100 THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', 'page_size',
            'value', page_size, 'minimum', 1, 'maximum', 100), 'page_size');
    END IF;
END
$$;

-- A type of its own: a parameter and a column are both called city.
CREATE TYPE tixbook.found_event AS (
    event_id   integer,
    name       text,
    performer  text,
    venue      text,
    city       text,
    starts_at  timestamptz,
    status     tixbook.event_status,
    available  boolean,
    price_from bigint,
    currency   text,
    rank       real
);
COMMENT ON TYPE tixbook.found_event IS 'An event as search_events finds it.';

CREATE FUNCTION tixbook.search_events(query text = NULL, page integer = 1, page_size integer = 20,
    city text = NULL, starts_from timestamptz = NULL, starts_before timestamptz = NULL,
    available_only boolean = false)
RETURNS SETOF tixbook.found_event
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_page(page, page_size);
    RETURN QUERY
    SELECT e.event_id, e.name, e.performer, v.name, e.city, e.starts_at, e.status,
           tixbook.on_sale_with_seats(e.event_id),
           (SELECT min(p.amount) FROM tixbook.price p WHERE p.event_id = e.event_id),
           e.currency, f.rank
    FROM tixbook.search_page(
        tixbook.search_text(left(query, 200)),
        nullif(tixbook.search_text(left(search_events.city, 200)), ''),
        starts_from, starts_before, coalesce(available_only, false),
        (page - 1)::bigint * page_size, page_size) WITH ORDINALITY AS f (event_id, rank, place)
    JOIN tixbook.event e ON e.event_id = f.event_id
    JOIN tixbook.venue v ON v.venue_id = e.venue_id
    ORDER BY f.place;
END
$$;
COMMENT ON FUNCTION tixbook.search_events(text, integer, integer, text, timestamptz, timestamptz, boolean) IS
'Finds events that are announced, never drafts: a page of them, the best first, equally good ones by date with those to come before those past.
query: words of the name, performer, venue, city or description, in any case and without accents if you like; all are needed, the last may be unfinished. When fewer than five events have them, events with words spelled alike follow. NULL or no words: all events.
page: from 1. page_size: events a page, 1 to 100. city: only there. starts_from, starts_before: only those that begin then or later, and before. available_only: only those on sale with a free seat.
available tells whether it is on sale with a free seat, price_from the lowest price in minor units of currency; rank is above 1 for events with the words, below 1 for words spelled alike, 0 without a query.
Refuses: invalid_parameter (page, page_size).';
