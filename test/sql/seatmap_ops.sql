-- Set algebra, membership, editing, order and hashing.
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

SELECT a | b AS union, a & b AS both, a # b AS either, a - b AS left_only, b - a AS right_only, ~a AS complement
FROM (VALUES ('10:{0-4,9}'::seatmap, '10:{3-6}'::seatmap), ('0:{}', '0:{}'), ('70:{63-64}', '70:{64-69}')) v (a, b);

-- the complement leaves the bits past the capacity clear
SELECT to_bytea(~seatmap(11)), ~ ~'11:{3}'::seatmap = '11:{3}' AS twice;

SELECT a && b AS overlap, a @> b AS contains, a <@ b AS contained
FROM (VALUES ('10:{0-4}'::seatmap, '10:{4-6}'::seatmap), ('10:{0-4}', '10:{5-6}'), ('10:{0-4}', '10:{0,4}'),
             ('10:{0-4}', '10:{0-4}'), ('10:{}', '10:{}'), ('10:{1}', '10:{}'), ('100:{99}', '100:{0,99}')) v (a, b);

SELECT seat, '10:{0,9}'::seatmap @> seat AS has, seat <@ '10:{0,9}'::seatmap AS within, contains('10:{0,9}', seat)
FROM (VALUES (-2147483648), (-1), (0), (1), (9), (10), (2147483647)) v (seat);

SELECT op, pg_temp.refusal(format('SELECT seatmap(8) %s seatmap(9)', op))
FROM unnest('{|,&,#,-,&&,@>,<@,=,<>,<,<=,>,>=,||}'::text[]) op;

-- joined and taken apart
SELECT '3:{0}'::seatmap || '5:{0,4}' AS joined, '0:{}'::seatmap || '3:{2}' AS onto_none, '3:{2}'::seatmap || '0:{}' AS none_onto;
SELECT '64:{63}'::seatmap || '64:{0}' || '1:{0}' AS words, length(seatmap(500000) || seatmap(500000));
SELECT pg_temp.refusal('SELECT seatmap(500000) || seatmap(500001)');
SELECT slice('20:{0-3,17}', 2, 16), slice('20:{0-3,17}', 0, 20), slice('20:{0-3,17}', 17, 1), slice('20:{}', 20, 0);
SELECT first, capacity, pg_temp.refusal(format('SELECT slice(seatmap(20), %s, %s)', first, capacity))
FROM (VALUES (-1, 2), (0, 21), (20, 1), (5, -1), (21, 0), (2147483647, 2147483647)) v (first, capacity);

-- set and clear
SELECT set_seat('8:{1}', 3), set_seat('8:{1}', 1), clear_seat('8:{1}', 1), clear_seat('8:{1}', 2);
SELECT set_seats('12:{1}', '{11,0,0}'::int[]), set_seats('12:{1}', '{}'::int[]), clear_seats('12:{0-11}', '{11,0,0}'::int[]);
SELECT set_seats('20:{}', 3, 3), set_seats('20:{}', 3, 17), set_seats('20:{}', 0, 19), set_seats('20:{}', 8, 15),
       clear_seats('20:{0-19}', 3, 3), clear_seats('20:{0-19}', 3, 17), clear_seats('20:{0-19}', 0, 19), clear_seats('20:{0-19}', 8, 15);
SELECT call, pg_temp.refusal('SELECT ' || call)
FROM unnest(ARRAY['set_seat(seatmap(8), 8)', 'set_seat(seatmap(8), -1)', 'clear_seat(seatmap(8), 8)', 'clear_seat(seatmap(0), 0)',
                  $$set_seats(seatmap(8), '{1,8}'::int[])$$, $$clear_seats(seatmap(8), '{1,-1}'::int[])$$,
                  $$set_seats(seatmap(8), '{1,null}'::int[])$$, $$clear_seats(seatmap(8), '{{1},{2}}'::int[])$$,
                  'set_seats(seatmap(8), 0, 8)', 'set_seats(seatmap(8), -1, 2)', 'set_seats(seatmap(8), 5, 4)',
                  'clear_seats(seatmap(8), 2, 2147483647)', 'clear_seats(seatmap(8), 5, 4)']) call;

-- arguments are never changed in place, not even where they need no detoasting
CREATE TEMP TABLE kept AS SELECT '2000:{1-5}'::seatmap AS map;
SELECT set_seat(map, 9), clear_seat(map, 1), set_seats(map, 6, 19), clear_seats(map, 0, 3), map FROM kept;
SELECT set_seats(map, '{30}'), clear_seats(map, '{1}'), map | seatmap(2000, '{31}'), map - map AS none, ~map AS complement FROM kept;
SELECT map FROM kept;

-- nulls
SELECT seatmap(8) | NULL AS union, seatmap(NULL::int) AS empty, seatmap(8) @> NULL::int AS has, length(NULL::seatmap) AS length;

-- one total order: capacity, then the lowest seat that differs; the same as by bit string
CREATE TEMP TABLE maps (map seatmap);
INSERT INTO maps VALUES ('4:{}'), ('3:{0-2}'), ('4:{0}'), ('4:{3}'), ('4:{0,3}'), ('4:{1-3}'), ('4:{0-3}'), ('0:{}'), ('5:{}'),
    ('80:{70}'), ('80:{69}'), ('80:{0}'), ('4:{0}');
SELECT map FROM maps ORDER BY map;
SELECT count(*) AS agree FROM (SELECT row_number() OVER (ORDER BY map) = row_number() OVER (ORDER BY length(map), map::varbit) AS same FROM maps) x WHERE same;
SELECT bool_and((a.map < b.map) = (seatmap_cmp(a.map, b.map) < 0) AND (a.map <= b.map) = (seatmap_cmp(a.map, b.map) <= 0)
        AND (a.map > b.map) = (seatmap_cmp(a.map, b.map) > 0) AND (a.map >= b.map) = (seatmap_cmp(a.map, b.map) >= 0)
        AND (a.map = b.map) = (seatmap_cmp(a.map, b.map) = 0) AND (a.map <> b.map) = (seatmap_cmp(a.map, b.map) <> 0)
        AND (a.map = b.map) = (a.map::text = b.map::text)
        AND seatmap_cmp(a.map, b.map) = -seatmap_cmp(b.map, a.map)
        AND (a.map <> b.map OR seatmap_hash(a.map) = seatmap_hash(b.map))) AS consistent
FROM maps a, maps b;

-- equal bits, other capacity: not the same map
SELECT '8:{1}'::seatmap = '9:{1}'::seatmap AS equal, seatmap_hash('8:{1}') = seatmap_hash('9:{1}') AS hash;
SELECT seatmap_hash_extended('8:{1}', 0)::bit(32) = seatmap_hash('8:{1}')::bit(32) AS low_half,
       seatmap_hash_extended('8:{1}', 1) = seatmap_hash_extended('8:{1}', 0) AS seed_ignored;

-- sort, hash, merge and index, all of them
SELECT count(*), count(DISTINCT map) FROM maps;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT map FROM maps GROUP BY map;
SELECT count(*) FROM (SELECT map FROM maps GROUP BY map) x;
RESET enable_sort;
SET enable_nestloop = off; SET enable_mergejoin = off;
EXPLAIN (COSTS off) SELECT count(*) FROM maps a JOIN maps b USING (map);
SELECT count(*) FROM maps a JOIN maps b USING (map);
RESET enable_mergejoin; SET enable_hashjoin = off;
EXPLAIN (COSTS off) SELECT count(*) FROM maps a JOIN maps b USING (map);
SELECT count(*) FROM maps a JOIN maps b USING (map);
RESET enable_nestloop; RESET enable_hashjoin;

CREATE INDEX maps_hash ON maps USING hash (map);
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT * FROM maps WHERE map = '4:{0}';
SELECT * FROM maps WHERE map = '4:{0}';
CREATE INDEX maps_btree ON maps (map);
EXPLAIN (COSTS off) SELECT * FROM maps WHERE map >= '4:{1-3}' AND map < '80:{}' ORDER BY map;
SELECT * FROM maps WHERE map >= '4:{1-3}' AND map < '80:{}' ORDER BY map;
RESET enable_seqscan; RESET enable_bitmapscan;
