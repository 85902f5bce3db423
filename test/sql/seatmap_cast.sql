-- Constructors and casts: integer[], bit varying, bytea; the seats as rows.
SET search_path = tixbook, public;

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN others THEN
    RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;

SELECT seatmap(0), seatmap(20), length(seatmap(1000000)), cardinality(seatmap(1000000));
SELECT seatmap(20, '{17,0,3,1,2,2}'), seatmap(20, '{}'), seatmap(0, '{}');
SELECT '{17,0,3,1,2,2}'::int[]::seatmap, '{}'::int[]::seatmap, '[5:6]={4,5}'::int[]::seatmap;
SELECT '20:{0-3,17}'::seatmap::int[], '20:{}'::seatmap::int[], seats('9:{8}');
SELECT array_dims('20:{0-3,17}'::seatmap::int[]), array_length('20:{}'::seatmap::int[], 1), (array_agg('20:{0-3,17}'::seatmap::int[]))[1][5];

SELECT '12:{0,2-3,11}'::seatmap::varbit, '0:{}'::seatmap::varbit = '' AS none, '70:{0,69}'::seatmap::varbit;
SELECT B'101100000001'::seatmap, B''::seatmap, '101'::varbit::seatmap, ('1' || repeat('0', 68) || '1')::varbit::seatmap, seatmap(B'01');
SELECT '12:{0,2-3,11}'::seatmap::bytea, '8:{7}'::seatmap::bytea, '0:{}'::seatmap::bytea;
SELECT '\x0d08'::bytea::seatmap, '\x'::bytea::seatmap, seatmap('\x0d08'::bytea, 12), seatmap('\x'::bytea, 0);

-- bit strings convert on assignment, what loses the capacity only when asked to
CREATE TEMP TABLE assigned (map seatmap, bits bit varying, seats int[], bytes bytea);
INSERT INTO assigned (map, bits) VALUES ('011'::varbit, '4:{3}'::seatmap) RETURNING map, bits;
INSERT INTO assigned (seats) VALUES ('4:{3}'::seatmap);
INSERT INTO assigned (bytes) VALUES ('4:{3}'::seatmap);
INSERT INTO assigned (map) VALUES ('{1}'::int[]);

SELECT call, pg_temp.refusal('SELECT ' || call)
FROM unnest(ARRAY['seatmap(-1)', 'seatmap(1000001)', 'seatmap(-2147483648)', 'seatmap(2147483647)',
                  $$seatmap(8, '{8}')$$, $$seatmap(8, '{-1}')$$, $$seatmap(8, '{1,null}')$$, $$seatmap(8, '{{1,2},{3,4}}')$$,
                  $$seatmap(-1, '{}')$$, $$seatmap(1000001, '{}')$$,
                  $$'{999999}'::int[]::seatmap$$, $$'{1000000}'::int[]::seatmap$$, $$'{2147483647}'::int[]::seatmap$$,
                  $$'{5,-1}'::int[]::seatmap$$, $$'{-2147483648}'::int[]::seatmap$$,
                  $$'{null}'::int[]::seatmap$$, $$'{{1}}'::int[]::seatmap$$,
                  $$repeat('1', 1000001)::varbit::seatmap$$,
                  $$convert_to(repeat('x', 125001), 'UTF8')::seatmap$$,
                  $$seatmap('\x00'::bytea, 9)$$, $$seatmap('\x0000'::bytea, 8)$$, $$seatmap('\x00'::bytea, 0)$$,
                  $$seatmap('\x10'::bytea, 4)$$, $$seatmap('\xff80'::bytea, 15)$$,
                  $$seatmap('\x'::bytea, -1)$$, $$seatmap('\x'::bytea, 1000001)$$]) call;

-- as rows
SELECT unnest('20:{0-3,17}'::seatmap);
SELECT seat, n FROM unnest('200:{0,63-64,199}'::seatmap) WITH ORDINALITY AS u (seat, n);
SELECT * FROM unnest('20:{}'::seatmap);
SELECT * FROM unnest(NULL::seatmap);
SELECT m, seat FROM (VALUES ('4:{1,3}'::seatmap), ('4:{}'), ('5:{4}')) v (m) LEFT JOIN LATERAL unnest(m) seat ON true;
SELECT count(*), min(seat), max(seat), sum(seat) FROM unnest(~seatmap(1000000)) seat;

-- the planner counts the seats of a known map, and takes 100 for another
CREATE FUNCTION pg_temp.planned_rows(query text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$;
SELECT pg_temp.planned_rows($$SELECT * FROM tixbook.unnest('2000:{0-999}'::tixbook.seatmap)$$) AS known,
       pg_temp.planned_rows($$SELECT tixbook.unnest('2000:{0-41}'::tixbook.seatmap)$$) AS in_target_list,
       pg_temp.planned_rows($$SELECT s FROM (VALUES ('8:{1}'), ('8:{2}')) v (t), tixbook.unnest(t::tixbook.seatmap) s$$) AS two_unknown;
