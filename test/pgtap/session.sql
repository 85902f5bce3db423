-- session: one session outlives the extension: dropped and made again, it works at once, whatever was remembered.
-- This file commits; it leaves the database with a new extension, as it found it.
\set QUIET 1
SET client_min_messages = warning;
SELECT plan(29);

-- A house of a size of its own, sold in every way that remembers something; says what it saw.
CREATE FUNCTION pg_temp.sell(places integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    event integer;
    booking uuid;
    said text;
    violations bigint;
BEGIN
    event := tixbook.create_venue('House');
    PERFORM tixbook.add_standing_section(event, 'Floor', places, 'All');
    event := tixbook.create_event(event, 'Concert', now() + interval '1 day', jsonb_build_object('All', places));
    PERFORM tixbook.open_sale(event);
    SELECT h.booking_id, h.amount || ' for ' || h.seats::text INTO booking, said FROM tixbook.reserve(event, 2, idempotency_key => 'k') AS h;
    said := concat_ws(', ', said, (tixbook.confirm(booking, 'pay')).status);
    PERFORM tixbook.cancel(booking);
    PERFORM tixbook.release((tixbook.reserve_seats(event, ARRAY[places - 1])).booking_id);
    PERFORM tixbook.block_seats(event, ARRAY[0]);
    PERFORM tixbook.reserve(event, 1, hold_for => '1 ms');
    PERFORM pg_sleep(0.01);
    said := concat_ws(', ', said, tixbook.sweep() || ' swept');
    SELECT count(*) INTO violations FROM tixbook.verify();
    RETURN (SELECT format('event %s: %s, %s of %s free as %s, %s found, %s violations',
        event, said, a.free, a.capacity, a.taken, (SELECT count(*) FROM tixbook.search_events('concert')), violations)
        FROM tixbook.availability(event) AS a);
END
$$;
CREATE FUNCTION pg_temp.sold(event integer, places integer) RETURNS text
LANGUAGE sql AS $$
    SELECT format('event %s: %s for {0,1}, confirmed, 1 swept, %s of %s free as %s:{0}, 1 found, 0 violations',
        event, 2 * places, places - 1, places, places)
$$;

-- Numbers begin at 1.
DROP EXTENSION tixbook;
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(10), pg_temp.sold(1, 10), 'a session sells a house');
PREPARE reserve_one AS SELECT cardinality(seats) AS prepared FROM tixbook.reserve(1, 1);
EXECUTE reserve_one \gset
SELECT is(:prepared, 1, 'also by a prepared statement');

-- Twice, with houses of other sizes under the same numbers.
DROP EXTENSION tixbook;
SELECT hasnt_table('tixbook', 'booking', 'the extension is gone');
SELECT is_empty($$ SELECT proname FROM pg_proc WHERE pronamespace = 'tixbook'::regnamespace $$, 'and all its functions');
SELECT is_empty($$ SELECT typname FROM pg_type WHERE typnamespace = 'tixbook'::regnamespace $$, 'and its types');
SELECT throws_ok('EXECUTE reserve_one', '42883', NULL, 'a statement prepared before says so');
SELECT throws_ok('SELECT pg_temp.sell(5)', '42883', NULL, 'and so does a function');
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(7), pg_temp.sold(1, 7), 'made again, it sells at once another house of the same number');
EXECUTE reserve_one \gset
SELECT is(:prepared, 1, 'by the statement prepared before, too');
SELECT is(format('%s of %s', free, capacity), '5 of 7', 'of the new house') FROM tixbook.availability(1);

DROP EXTENSION tixbook;
CREATE EXTENSION tixbook;
SELECT is((SELECT sum(rows) FROM (SELECT (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', oid::regclass),
                                        false, true, '')))[1]::text::bigint AS rows
                                  FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind = 'r' AND relname <> 'token_key') AS counted), 0::numeric,
    'a new extension has no rows of its own but its first secret');
SELECT throws_ok('EXECUTE reserve_one', 'TB005', NULL, 'and knows no event that a former one had');
SELECT is(pg_temp.sell(300), pg_temp.sold(1, 300), 'a second time, a larger house');
EXECUTE reserve_one \gset
SELECT is(:prepared, 1, 'and by the prepared statement');
SELECT is_empty('SELECT * FROM tixbook.verify()', 'all is sound');

-- In a transaction that is rolled back: what was there is there again, in the memory of the session too.
BEGIN;
DROP EXTENSION tixbook;
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(4), pg_temp.sold(1, 4), 'in one transaction, dropped, made and used');
SAVEPOINT inner_one;
DROP EXTENSION tixbook;
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(20), pg_temp.sold(1, 20), 'and again within');
ROLLBACK TO inner_one;
SELECT is(capacity, 4, 'the inner one is undone') FROM tixbook.availability(1);
SELECT is((SELECT array_agg(s ORDER BY s) FROM unnest((tixbook.reserve(1, 3)).seats) AS s), '{1,2,3}', 'it sells the house before');
ROLLBACK;
SELECT is(capacity, 300, 'all is undone') FROM tixbook.availability(1);
SELECT is((tixbook.reserve_seats(1, '{299}')).seats, '{299}', 'it sells the house from before all that');
SELECT is_empty('SELECT * FROM tixbook.verify()', 'and all is sound');

-- A transaction that made it and failed leaves nothing to trip over.
DROP EXTENSION tixbook;
BEGIN;
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(6), pg_temp.sold(1, 6), 'made and used in a transaction');
ROLLBACK;
SELECT throws_ok('SELECT pg_temp.sell(6)', '42883', NULL, 'that is rolled back: there is none');
CREATE EXTENSION tixbook;
SELECT is(pg_temp.sell(8), pg_temp.sold(1, 8), 'there is one again');

-- Others use it as before: the roles outlive it, and it grants them the same.
SELECT has_role(role, 'there is the role ' || role) FROM unnest('{tixbook_application,tixbook_administrator}'::name[]) AS role;
SELECT function_privs_are('tixbook', 'confirm', '{uuid,text}'::text[], 'tixbook_application', '{EXECUTE}'::text[],
    'with the same rights');
SELECT schema_privs_are('tixbook', 'tixbook_application', '{USAGE}'::text[], 'on the schema too');

DROP EXTENSION tixbook;
CREATE EXTENSION tixbook;
SELECT * FROM finish();
