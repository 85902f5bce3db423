-- Aggregates: or, and, collecting seats, joining the maps of blocks.
SET search_path = tixbook, public;

SELECT seatmap_or(m), seatmap_and(m)
FROM (VALUES ('10:{0-4}'::seatmap), ('10:{3-6}'), (NULL), ('10:{4,9}')) v (m);
SELECT seatmap_or(m), seatmap_and(m) FROM (SELECT '10:{1}'::seatmap WHERE false) v (m);
SELECT seatmap_or(m), seatmap_and(m) FROM (VALUES (NULL::seatmap), (NULL)) v (m);
SELECT seatmap_or(m) FROM (VALUES ('10:{}'::seatmap), ('11:{}')) v (m);
SELECT seatmap_and(m) FROM (VALUES ('10:{}'::seatmap), ('11:{}')) v (m);

SELECT seatmap_agg(seat, 20) FROM (VALUES (17), (0), (3), (NULL), (2), (1), (3)) v (seat);
SELECT seatmap_agg(seat, 20) FROM (VALUES (NULL::int)) v (seat);
SELECT seatmap_agg(1, 20) WHERE false;
SELECT seatmap_agg(seat, 20) FROM (VALUES (1), (20)) v (seat);
SELECT seatmap_agg(-1, 20);
SELECT seatmap_agg(1, NULL);
SELECT seatmap_agg(1, -1);
SELECT seatmap_agg(1, 1000001);
SELECT seatmap_agg(1, capacity) FROM (VALUES (20), (21)) v (capacity);

-- blocks in any order; at every offset within a byte and a word
SELECT seatmap_join(map, first, 30)
FROM (VALUES ('5:{0,4}'::seatmap, 25), ('10:{0-9}', 0), ('0:{}', 30), (NULL, 10), ('15:{3}', 10)) v (map, first);
SELECT bool_and(joined = set_seats(set_seat(seatmap(300), first), first + 2, first + 130)) AS shifted
FROM (SELECT first, seatmap_join('131:{0,2-130}', first, 300) AS joined FROM generate_series(0, 169) first GROUP BY first) x;
SELECT seatmap_join(map, first, 10) AS overlapping FROM (VALUES ('5:{0-4}'::seatmap, 0), ('5:{0,4}', 3)) v (map, first);
SELECT seatmap_join(NULL, 0, 10), seatmap_join(NULL, NULL, 10);
SELECT seatmap_join(seatmap(3), 0, 10) WHERE false;
SELECT seatmap_join(seatmap(3), 8, 10);
SELECT seatmap_join(seatmap(3), -1, 10);
SELECT seatmap_join(seatmap(3), 2147483647, 10);
SELECT seatmap_join(seatmap(3), NULL, 10);
SELECT seatmap_join(seatmap(3), 0, NULL);
SELECT seatmap_join(seatmap(3), 0, capacity) FROM (VALUES (20), (21)) v (capacity);

-- what a join puts together, slices take apart
WITH block AS (SELECT n, seatmap_agg(hashint4(n * 1000 + i) & 63, 64 + n) AS map, (63 + n) * n + n - n * (n - 1) / 2 AS first
               FROM generate_series(0, 40) n, generate_series(1, 20) i GROUP BY n),
     house AS (SELECT seatmap_join(map, first, 10000) AS map FROM block)
SELECT count(*), bool_and(slice(house.map, first, length(block.map)) = block.map) AS same,
       sum(cardinality(block.map)) = max(cardinality(house.map)) AS complete
FROM block, house;

-- state is the aggregate's own: rows and running results stay as they were
CREATE TEMP TABLE part (n int, map seatmap);
INSERT INTO part SELECT n, seatmap(2000, ARRAY[n, n + 1000]) FROM generate_series(0, 4) n;
SELECT n, seatmap_or(map) OVER (ORDER BY n) AS so_far, seatmap_agg(n, 5) OVER (ORDER BY n DESC) AS down,
       seatmap_or(map) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS two
FROM part ORDER BY n;
SELECT n, map FROM part ORDER BY n;
SELECT n % 2 AS half, seatmap_or(map), seatmap_or(map) FILTER (WHERE n > 1) AS above_1
FROM part GROUP BY ROLLUP (n % 2) ORDER BY half;

-- toasted and compressed maps as first and later state
CREATE TEMP TABLE big (n int, map seatmap);
ALTER TABLE big ALTER map SET STORAGE EXTERNAL;
INSERT INTO big SELECT n, set_seats(seatmap(500000), n * 1000, n * 1000 + 999) FROM generate_series(0, 99) n;
SELECT seatmap_or(map) FROM big;
SELECT seatmap_or(map) FROM (SELECT map FROM big ORDER BY n DESC) x;
SELECT seatmap_and(map) FROM big WHERE n = 7;
SELECT seatmap_and(~map) FROM big;

-- outside an aggregate the transition functions change a copy
CREATE TEMP TABLE kept AS SELECT '2000:{1-5}'::seatmap AS map;
SELECT seatmap_or_accum(map, seatmap(2000, '{7}')), seatmap_and_accum(map, seatmap(2000, '{4}')),
       seatmap_agg_accum(map, 8, 2000), seatmap_join_accum(map, '3:{0,2}', 20, 2000) FROM kept;
SELECT map FROM kept;

-- partial aggregates
CREATE TABLE public.seatmap_parallel AS SELECT n AS seat FROM generate_series(0, 19999) n WHERE n % 7 <> 0;
ALTER TABLE public.seatmap_parallel SET (parallel_workers = 2);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT seatmap_agg(seat, 20000) FROM public.seatmap_parallel;
SELECT cardinality(seatmap_agg(seat, 20000)), seatmap_agg(seat, 20000) = (SELECT ~seatmap_agg(n, 20000) FROM generate_series(0, 19999, 7) n) AS right_ones
FROM public.seatmap_parallel;
SELECT seatmap_join('1:{0}', seat, 20000) = seatmap_agg(seat, 20000) AS joined,
       seatmap_or(seatmap(20000, ARRAY[seat])) = seatmap_agg(seat, 20000) AS united,
       seatmap_and(~seatmap(20000, ARRAY[seat])) = ~seatmap_agg(seat, 20000) AS intersected
FROM public.seatmap_parallel WHERE seat < 3000;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DROP TABLE public.seatmap_parallel;
