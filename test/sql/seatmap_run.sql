-- Runs of clear seats.
SET search_path = tixbook, public;

-- seats 0-1, 3-5, 9 and 11-19 are free
SELECT length, next_run('20:{2,6-8,10}', length) AS next, next_run('20:{2,6-8,10}', length, 1) AS from_1, next_run('20:{2,6-8,10}', length, 12) AS from_12
FROM generate_series(1, 10) length;
SELECT from_seat, next_run('20:{2,6-8,10}', 2, from_seat) FROM generate_series(0, 20) from_seat;
SELECT longest_run('20:{2,6-8,10}'), longest_run('20:{}'), longest_run('20:{0-19}'), longest_run('0:{}'), longest_run('130:{0,129}'), longest_run('3:{1}');

-- at the ends, across words, in full and empty maps
SELECT next_run('8:{}', 8), next_run('8:{}', 9), next_run('8:{0}', 7), next_run('8:{7}', 8), next_run('8:{0-7}', 1), next_run('0:{}', 1);
SELECT next_run('200:{0-59}', 140), next_run('200:{0-59}', 141), next_run('200:{63,127}', 64), next_run('200:{63,127}', 72), next_run('200:{63,127}', 73);
SELECT next_run('9:{0-7}', 1), next_run('9:{}', 1, 9), next_run('9:{}', 1, 2147483647), next_run('9:{}', 2147483647);
SELECT next_run(~seatmap(1000000), 1), next_run(seatmap(1000000), 1000000), next_run(set_seats(seatmap(1000000), 0, 999997), 2);

-- nearest to a point; of two as near the lower
SELECT point, best_run('20:{2,6-8,10}', 1, point) AS one, best_run('20:{2,6-8,10}', 2, point) AS two, best_run('20:{2,6-8,10}', 3, point) AS three, best_run('20:{2,6-8,10}', 9, point) AS nine, best_run('20:{2,6-8,10}', 10, point) AS ten
FROM unnest('{-5,0,1.4,1.5,1.6,2,4,4.5,7,7.5,9.5,10,12,18,19,20,100}'::float8[]) point;
SELECT best_run(seatmap(20), 4, 9.5), best_run(seatmap(20), 3, 9.5), best_run(seatmap(20), 20, 0), best_run(seatmap(0), 1, 0), best_run(~seatmap(20), 1, 3);
SELECT best_run('20:{5}', 2, 'Infinity'), best_run('20:{5}', 2, '-Infinity'), best_run('20:{5}', 2, 1e300), best_run('20:{5}', 2147483647, 3);

SELECT next_run('20:{}', 0);
SELECT next_run('20:{}', -1);
SELECT next_run('20:{}', 1, -1);
SELECT best_run('20:{}', 0, 3);
SELECT best_run('20:{}', 1, 'NaN');
SELECT next_run(NULL, 1), next_run('20:{}', NULL), longest_run(NULL), best_run('20:{}', 1, NULL);

-- every length and every start, against the bit string of the map
CREATE FUNCTION pg_temp.first_run(map seatmap, length int, from_seat int) RETURNS int
LANGUAGE sql AS $$
    SELECT nullif(strpos(substr(map::varbit::text, from_seat + 1), repeat('0', length)), 0) - 1 + from_seat
$$;
SELECT count(*), count(*) FILTER (WHERE next_run(map, length, from_seat) IS NOT DISTINCT FROM pg_temp.first_run(map, length, from_seat)) AS agree
FROM (SELECT seatmap_agg(CASE WHEN hashint4(seat + 1000 * k) % 5 = 0 THEN seat END, 150) AS map FROM generate_series(0, 149) seat, generate_series(1, 3) k GROUP BY k) m,
     generate_series(1, 12) length, generate_series(0, 150) from_seat;
