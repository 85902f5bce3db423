-- Search: full text with prefixes, spelling mistakes, filters, pages; the index and its upkeep.
SET search_path = tixbook, public;
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

-- A house of ten places in each city, and events in them.
CREATE TABLE house AS
SELECT city, create_venue(name, city) AS venue_id
FROM (VALUES ('Großes Festspielhaus', 'Salzburg'), ('Rudolfinum', 'Praha'), ('Grand Hall', 'Zürich'), ('Большой театр', 'Москва')) v (name, city);
SELECT count(add_standing_section(venue_id, 'Parterre', 10, 'All')) FROM house;
CREATE FUNCTION pg_temp.announce(name text, performer text, city text, starts timestamptz, opened boolean = true, description text = NULL)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    made integer := tixbook.create_event((SELECT venue_id FROM house h WHERE h.city = announce.city), name, starts, '{"All": 2500}',
        performer => performer, description => description);
BEGIN
    IF opened THEN
        PERFORM tixbook.open_sale(made);
    END IF;
    RETURN made;
END
$$;
CREATE TABLE made AS
SELECT name, pg_temp.announce(name, performer, city, '2090-01-01 19:00+00'::timestamptz + days * interval '1 day', opened, description) AS event_id
FROM (VALUES
    ('La Bohème', 'Wiener Staatsoper', 'Salzburg', 3, true, 'Oper in vier Bildern'), ('La Bohème', 'Národní divadlo', 'Praha', 1, true, NULL),
    ('Hamlet', 'The Globe Company', 'Zürich', 2, true, 'Shakespeare''s tragedy'), ('Hamlet in Moscow', 'Малый театр', 'Москва', 5, true, NULL),
    ('Symphony No. 9', 'Berliner Philharmoniker', 'Salzburg', 4, true, 'Beethoven'), ('Rock''n''Roll Night', 'The Hamlets', 'Praha', 6, true, NULL),
    ('Secret Gala', 'Hamlet Trio', 'Praha', 7, false, NULL), ('Лебединое озеро', 'Большой балет', 'Москва', 8, true, NULL),
    ('Old Hamlet', 'Past Players', 'Praha', -40000, true, NULL)) v (name, performer, city, days, opened, description);
CREATE FUNCTION pg_temp.names(query text = NULL, page integer = 1, page_size integer = 20, city text = NULL, starts_from timestamptz = NULL,
    starts_before timestamptz = NULL, available_only boolean = false) RETURNS text
LANGUAGE sql AS $$
    SELECT string_agg(name || ' @ ' || city, ', ' ORDER BY place)
    FROM tixbook.search_events($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS
        f (event_id, name, performer, venue, city, starts_at, status, available, price_from, currency, rank, place)
$$;

-- By date without a query, what is past at the end; drafts never.
SELECT pg_temp.names();
SELECT name, performer, venue, city, status, available, price_from, currency, rank FROM search_events() LIMIT 1;
-- Words in any case and order, without accents, in any script; the name counts more than the rest.
SELECT q, pg_temp.names(q) FROM (VALUES ('hamlet'), ('HAMLET moscow'), ('boheme'), ('Bohème, praha!'), ('praha boheme'), ('staatsoper'),
    ('shakespeare'), ('grosses festspielhaus'), ('лебединое'), ('rocknroll'), ('rock n roll'), ('rock''n''roll'), ('hamlet berlin')) v (q);
SELECT name, rank > 1 AS has_words, rank = lag(rank) OVER () AS as_good FROM search_events('hamlet');
-- The last word may be unfinished, the others not.
SELECT q, pg_temp.names(q) FROM (VALUES ('boh'), ('la boh'), ('symph'), ('bal'), ('больш бал'), ('h')) v (q);
-- Spelling mistakes.
SELECT q, pg_temp.names(q) FROM (VALUES ('hamlte'), ('symfony'), ('bohmee'), ('philharmonicer'), ('beethofen'), ('qqqq'), ('x')) v (q);
SELECT name, rank < 1 AS alike FROM search_events('bohmee');
-- No words at all is no query.
SELECT q, (SELECT count(*) FROM search_events(q)) FROM (VALUES (''), ('  '), ('!?'), ('''&|:*')) v (q);
SELECT count(*) FROM search_events(repeat('hamlet & !( ', 1000));
SELECT count(*) FROM search_events(repeat('x', 100000));

-- Filters, one by one and together.
SELECT pg_temp.names(city => 'zurich'), pg_temp.names(city => ' ZÜRICH '), pg_temp.names(city => 'Zür'), pg_temp.names(city => '') = pg_temp.names();
SELECT pg_temp.names('hamlet', city => 'Praha'), pg_temp.names('hamlte', city => 'Praha');
SELECT pg_temp.names(starts_from => '2090-01-04 19:00+00', starts_before => '2090-01-06 19:00+00');
SELECT pg_temp.names('hamlet', starts_from => '2090-01-01');

-- Only what is on sale with a free seat.
SELECT count(reserve(event_id, 10)) FROM made WHERE name = 'Hamlet';
SELECT pause_sale(event_id) FROM made WHERE name = 'Hamlet in Moscow';
SELECT name, status, available FROM search_events('hamlet') ORDER BY name;
SELECT pg_temp.names('hamlet', available_only => true), pg_temp.names('hamlet', available_only => NULL);
SELECT pg_temp.names(available_only => true, page_size => 2), pg_temp.names(available_only => true, page_size => 2, page => 2);

-- Pages: each event once, in one order; past the end none.
SELECT page, pg_temp.names(page => page, page_size => 3) FROM generate_series(1, 4) page;
SELECT pg_temp.refusal(s) FROM (VALUES ('SELECT tixbook.search_events(page => 0)'), ('SELECT tixbook.search_events(page => NULL)'),
    ('SELECT tixbook.search_events(page_size => 0)'), ('SELECT tixbook.search_events(page_size => 101)'),
    ('SELECT tixbook.search_events(page_size => NULL)')) v (s);
SELECT count(*) FROM search_events(page => 2147483647, page_size => 100);

-- The index follows its events and venues.
SELECT open_sale(event_id) FROM made WHERE name = 'Secret Gala';
SELECT pg_temp.names('secret');
UPDATE event SET name = 'Open Gala', starts_at = '2090-03-01' WHERE event_id = (SELECT event_id FROM made WHERE name = 'Secret Gala');
SELECT pg_temp.names('secret'), pg_temp.names('gala'), pg_temp.names(starts_from => '2090-02-28');
UPDATE venue SET name = 'Dvorak Hall' WHERE name = 'Rudolfinum';
SELECT pg_temp.names('dvořák'), pg_temp.names('rudolfinum');
UPDATE event SET status = 'draft' WHERE name = 'Open Gala';
SELECT pg_temp.names('gala'), count(*) FROM event_search;
SELECT rebuild_search();
SELECT pg_temp.names('boheme');

-- Twenty thousand more: answers come from the indexes.
INSERT INTO event (venue_id, name, performer, city, starts_at, currency, status, max_per_booking)
SELECT h.venue_id, format('%s %s', (ARRAY['Recital', 'Concert', 'Cabaret', 'Gala'])[1 + i % 4], md5(i::text)), 'Ensemble ' || i % 100,
    h.city, '2091-01-01 19:00+00'::timestamptz + i / 4 * interval '1 hour', 'EUR', 'on_sale', 10
FROM generate_series(1, 20000) i JOIN house h ON h.city = (ARRAY['Salzburg', 'Praha', 'Zürich', 'Москва'])[1 + i / 10 % 4];
VACUUM ANALYZE event_search;
SELECT count(*) FROM event_search;
SELECT count(*), min(rank) > 1 AS has_words FROM search_events('concert', page => 50, page_size => 100);
SELECT count(*), min(rank) > 1 AS has_words FROM search_events('concert', page => 51, page_size => 100);
SELECT count(*) FROM search_events(md5('4711'));
SELECT name = 'Gala ' || md5('4711') AS found, rank < 1 AS alike FROM search_events(overlay(md5('4711') PLACING 'zz' FROM 9)) LIMIT 1;
SELECT count(DISTINCT event_id) FROM generate_series(1, 5) page, search_events('recital salz', page => page, page_size => 100);
SELECT DISTINCT city FROM search_events('ensemble 7', city => 'praha');
CREATE FUNCTION pg_temp.index_used(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
        IF line ~ 'event_search_\w+_idx' THEN
            RETURN substring(line FROM 'event_search_\w+_idx');
        END IF;
    END LOOP;
    RETURN 'none';
END
$$;
SELECT pg_temp.index_used($$SELECT event_id FROM tixbook.event_search WHERE document @@ tixbook.search_query('recital salz')$$);
SELECT pg_temp.index_used($$SELECT event_id FROM tixbook.event_search WHERE words %> 'recitla'$$);
SELECT pg_temp.index_used($$SELECT event_id FROM tixbook.event_search WHERE city = 'praha' ORDER BY starts_at, event_id LIMIT 20$$);

-- It finds pg_trgm and unaccent where they are, also when they move.
CREATE SCHEMA elsewhere;
ALTER EXTENSION unaccent SET SCHEMA elsewhere;
ALTER EXTENSION pg_trgm SET SCHEMA elsewhere;
SELECT pg_temp.names('bohème praha'), pg_temp.names('bohmee');
