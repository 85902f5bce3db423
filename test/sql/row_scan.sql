-- One row from a function in FROM: fetched without a tuplestore, and as PostgreSQL's own scan of a function gives it.
SET search_path = tixbook, public;
SET client_min_messages = warning;
\i test/sql/include/house.sql
SELECT build_event(build_house('Row scan', VARIADIC ARRAY['....', '....']), 7000);
\set night 7000
SELECT count(*) AS held FROM reserve_seats(:night, '{0,1}');

-- A function of the extension's own that counts how often it is called.
CREATE TYPE tixbook.call AS (no bigint, label text, gone integer);
CREATE SEQUENCE public.calls;
CREATE FUNCTION tixbook.one_call(label text) RETURNS tixbook.call LANGUAGE sql VOLATILE
AS 'SELECT nextval(''public.calls''), label, NULL::integer';
CREATE FUNCTION tixbook.no_call() RETURNS tixbook.call LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION public.one_call_of_another() RETURNS tixbook.call LANGUAGE sql VOLATILE AS 'SELECT 1::bigint, ''x'', 1';

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
SELECT pg_temp.scans('SELECT * FROM one_call(''x'')');
PREPARE look(integer) AS SELECT free, capacity FROM availability($1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE look(7000);
EXECUTE look(7000);
RESET plan_cache_mode;

-- Where PostgreSQL's own is needed: a whole row, numbered rows, arguments that change, several functions, a set, another's.
SELECT pg_temp.scans('SELECT a FROM availability(7000) AS a');
SELECT pg_temp.scans('SELECT * FROM availability(7000) WITH ORDINALITY');
SELECT pg_temp.scans('SELECT * FROM generate_series(1, 2) AS g, one_call(g::text)');
SELECT pg_temp.scans('SELECT (SELECT c.no FROM one_call(g::text) AS c) FROM generate_series(1, 2) AS g');
SELECT pg_temp.scans('SELECT * FROM one_call((SELECT min(relname::text) FROM pg_class WHERE oid = 1))');
SELECT pg_temp.scans('SELECT * FROM ROWS FROM (one_call(''a''), one_call(''b'')) AS f');
SELECT pg_temp.scans('SELECT * FROM section_availability(7000)');
SELECT pg_temp.scans('SELECT * FROM public.one_call_of_another()');
SELECT pg_temp.scans('SELECT e.event_id FROM event AS e, availability(7000) AS a WHERE e.event_id = a.event_id FOR UPDATE OF e');

-- The columns, in any order, some of them or none.
SELECT * FROM one_call('all');
SELECT label, no FROM one_call('two');
SELECT upper(label) || no AS said FROM one_call('expression') WHERE no > 0;
SELECT no, no AS again FROM one_call('twice');
SELECT count(*) FROM one_call('none');
SELECT 'there' AS here FROM one_call('none') WHERE label = 'none';
SELECT 'never' AS here FROM one_call('none') WHERE gone = 1;
SELECT * FROM one_call('gated') WHERE current_setting('search_path') = 'no';
SELECT no IS NULL AS no, label IS NULL AS label FROM no_call();
SELECT event_id, capacity, free, taken, changes FROM availability(:night);
SELECT free FROM availability(:night), one_call('joined') WHERE no > 0;

-- It is called once however often it is read, and not before it is.
SELECT setval('calls', 100);
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT g, no, label FROM generate_series(1, 3) AS g LEFT JOIN one_call('once') AS c ON c.no < 100 + g ORDER BY g;
SELECT g, c.no FROM generate_series(1, 2) AS g CROSS JOIN one_call('also once') AS c ORDER BY g;
SELECT (SELECT c.no FROM one_call('once more') AS c WHERE c.no > g) AS no FROM generate_series(1, 3) AS g;
SELECT no FROM one_call('not at all') LIMIT 0;
SELECT last_value FROM calls;
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- Cursors go back and forth; a query that is held outlives its transaction; a row is changed by what is found.
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT no FROM one_call('cursor');
FETCH NEXT FROM back;
FETCH NEXT FROM back;
FETCH PRIOR FROM back;
FETCH PRIOR FROM back;
FETCH FIRST FROM back;
DECLARE kept CURSOR WITH HOLD FOR SELECT label FROM one_call('kept');
COMMIT;
FETCH ALL FROM kept;
CLOSE kept;
CREATE TEMP TABLE told (free integer, label text);
INSERT INTO told SELECT free, label FROM availability(:night), one_call('first');
UPDATE told SET label = c.label FROM one_call('second') AS c;
TABLE told;

-- What may not be called may not be called here; what goes wrong in it goes wrong.
CREATE ROLE row_scan_stranger;
GRANT USAGE ON SCHEMA tixbook TO row_scan_stranger;
REVOKE EXECUTE ON FUNCTION one_call(text) FROM PUBLIC;
SET ROLE row_scan_stranger;
SELECT no FROM tixbook.one_call('stranger');
RESET ROLE;
SELECT free FROM availability(1234567);

-- A type that changes under a plan.
PREPARE call(text) AS SELECT label, gone FROM one_call($1);
SET plan_cache_mode = force_generic_plan;
EXECUTE call('before');
ALTER TYPE tixbook.call DROP ATTRIBUTE no;
CREATE OR REPLACE FUNCTION tixbook.one_call(label text) RETURNS tixbook.call LANGUAGE sql VOLATILE AS 'SELECT label, 5';
EXECUTE call('after');
SELECT * FROM one_call('planned after');

DROP FUNCTION one_call, no_call, public.one_call_of_another;
DROP TYPE tixbook.call;
DROP SEQUENCE calls;
REVOKE ALL ON SCHEMA tixbook FROM row_scan_stranger;
DROP ROLE row_scan_stranger;
