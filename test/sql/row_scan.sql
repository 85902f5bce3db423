-- One row from a function in FROM: fetched without a tuplestore, and as PostgreSQL's own scan of a function gives it.
SET search_path = tixbook, public;
SET client_min_messages = warning;
\i test/sql/include/house.sql
SELECT build_event(build_house('Row scan', VARIADIC ARRAY['.......... ..........']), 7000);
\set night 7000
SELECT count(*) AS held FROM reserve_seats(:night, '{0,1}');

-- A call of reserve leaves a booking; what else is called is not ours, or not C.
CREATE FUNCTION calls() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) - 1 FROM tixbook.booking WHERE event_id = 7000';
CREATE FUNCTION public.other() RETURNS tixbook.hold LANGUAGE c VOLATILE AS '$libdir/tixbook', 'tixbook_reserve';
CREATE FUNCTION tixbook.slow() RETURNS tixbook.hold LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION tixbook.strictly(event_id integer, since bigint) RETURNS tixbook.event_availability
LANGUAGE c STRICT STABLE AS '$libdir/tixbook', 'tixbook_availability';

-- How the plan fetches it.
CREATE FUNCTION pg_temp.scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line ~ 'Scan|Function:' THEN
            RETURN NEXT ltrim(line, ' ->');
        END IF;
    END LOOP;
END
$$;
EXPLAIN (COSTS off) SELECT free FROM availability(7000);
EXPLAIN (COSTS off, VERBOSE) SELECT a.free + 1, version IS NULL FROM availability(7000, 3) AS a WHERE free > 2;
SELECT pg_temp.scans('SELECT * FROM reserve(7000, 1)');
PREPARE look(integer) AS SELECT free, capacity FROM availability($1);
PREPARE look_on(integer) AS SELECT free, capacity FROM availability($1 - 1, least($1, 5));
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE look(7000);
EXECUTE look(7000);
EXECUTE look_on(7001);
EXECUTE look(NULL);
RESET plan_cache_mode;

-- Where PostgreSQL's own is needed: a whole row, numbered rows, arguments that change, several functions, a set, another's.
SELECT pg_temp.scans('SELECT a FROM availability(7000) AS a');
SELECT pg_temp.scans('SELECT a.free FROM availability(7000) AS a WHERE a IS NOT NULL');
SELECT pg_temp.scans('SELECT * FROM availability(7000) WITH ORDINALITY');
SELECT pg_temp.scans('SELECT * FROM generate_series(1, 2) AS g, availability(g)');
SELECT pg_temp.scans('SELECT (SELECT c.free FROM availability(g) AS c) FROM generate_series(1, 2) AS g');
SELECT pg_temp.scans('SELECT * FROM availability((SELECT min(relnatts) FROM pg_class WHERE oid = 1))');
SELECT pg_temp.scans('SELECT * FROM ROWS FROM (availability(1), availability(2)) AS f');
SELECT pg_temp.scans('SELECT * FROM section_availability(7000)');
SELECT pg_temp.scans('SELECT * FROM public.other()');
SELECT pg_temp.scans('SELECT * FROM slow()');
SELECT pg_temp.scans('SELECT e.event_id FROM event AS e, availability(7000) AS a WHERE e.event_id = a.event_id FOR UPDATE OF e');

-- The columns, in any order, some of them or none; from shared memory, and as a tuple of a table's type.
SELECT event_id, capacity, free, taken, changes FROM availability(:night);
SELECT taken, free FROM availability(:night);
SELECT free, free AS again, version > 0 AS counted FROM availability(:night);
SELECT lower(currency) || amount AS said, cardinality(seats) AS seats, expires_at > now() AS later FROM reserve(:night, 1) WHERE event_id = :night;
SELECT booking_id AS paid FROM reserve(:night, 1) \gset
SELECT status, customer, payment_reference FROM confirm(:'paid', 'payment of a row') WHERE booking_id = :'paid';
SELECT count(*) FROM availability(:night);
SELECT 'there' AS here FROM availability(:night) WHERE free > 0;
SELECT 'never' AS here FROM availability(:night) WHERE free < 0;
SELECT free FROM availability(:night) WHERE current_setting('search_path') = 'no';
SELECT event_id, free FROM strictly(:night, NULL);
SELECT free, amount IS NULL AS unpriced FROM availability(:night), reserve(:night, 1);
SELECT calls();

-- It is called once however often it is read, and not before it is.
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT g, cardinality(seats) AS seats FROM generate_series(1, 3) AS g LEFT JOIN reserve(:night, 1) AS r ON r.event_id < 6999 + g ORDER BY g;
SELECT g, cardinality(seats) AS seats FROM generate_series(1, 2) AS g CROSS JOIN reserve(:night, 1) ORDER BY g;
SELECT (SELECT cardinality(r.seats) FROM reserve(:night, 1) AS r WHERE r.event_id > g) AS seats FROM generate_series(1, 3) AS g;
SELECT seats FROM reserve(:night, 1) LIMIT 0;
SELECT calls();
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- Cursors go back and forth; a query that is held outlives its transaction; a row is changed by what is found.
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT cardinality(seats) AS seats FROM reserve(:night, 1);
FETCH NEXT FROM back;
FETCH NEXT FROM back;
FETCH PRIOR FROM back;
FETCH PRIOR FROM back;
FETCH FIRST FROM back;
DECLARE kept CURSOR WITH HOLD FOR SELECT cardinality(seats) AS seats FROM reserve(:night, 1);
COMMIT;
FETCH ALL FROM kept;
CLOSE kept;
CREATE TEMP TABLE told (free integer, seats integer[]);
INSERT INTO told SELECT free, NULL FROM availability(:night), reserve(:night, 1);
UPDATE told SET seats = r.seats FROM reserve(:night, 1) AS r;
SELECT free, cardinality(seats) AS seats FROM told;
SELECT calls();
DO $$
DECLARE
    night integer := 7000;
    mine tixbook.hold;
BEGIN
    SELECT * INTO mine FROM tixbook.reserve(night, 1);
    RAISE WARNING '% seat of event %', cardinality(mine.seats), mine.event_id;
END
$$;

-- Who may not call it may not call it here; what is refused is refused; it is counted as called.
CREATE ROLE row_scan_stranger;
GRANT USAGE ON SCHEMA tixbook TO row_scan_stranger;
SET ROLE row_scan_stranger;
SELECT booking_id FROM tixbook.begin_payment(NULL);
RESET ROLE;
SELECT free FROM availability(1234567);
SET track_functions = 'all';
BEGIN;
SELECT count(seats) FROM reserve(:night, 1);
SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'reserve';
ROLLBACK;

-- A row type that changes under a plan: said, not misread.
PREPARE again(uuid) AS SELECT status, amount FROM confirm($1, 'payment of a row');
SET plan_cache_mode = force_generic_plan;
EXECUTE again(:'paid');
BEGIN;
ALTER TABLE booking ADD COLUMN seen boolean;
ALTER TABLE booking DROP COLUMN seen;
EXECUTE again(:'paid');
PREPARE later(uuid) AS SELECT status, amount FROM confirm($1, 'payment of a row');
EXECUTE later(:'paid');
ROLLBACK;
EXECUTE again(:'paid');
EXECUTE later(:'paid');
RESET plan_cache_mode;

DROP FUNCTION calls, public.other, slow, strictly;
REVOKE ALL ON SCHEMA tixbook FROM row_scan_stranger;
DROP ROLE row_scan_stranger;
