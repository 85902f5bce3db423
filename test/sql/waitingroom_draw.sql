-- The draw: a keyed permutation that anybody can recompute.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

-- One to one, for all n up to 130 and some that are a square, one less and one more; the inverse undoes it.
SELECT count(*) AS draws, count(*) FILTER (WHERE positions <> n OR lowest <> 0 OR highest <> n - 1 OR undone <> n) AS wrong
FROM (SELECT n, count(DISTINCT p) AS positions, min(p) AS lowest, max(p) AS highest,
             count(*) FILTER (WHERE tixbook.draw_entry(seed, n, p) = e) AS undone
      FROM (SELECT n, e, sha256('one to one') AS seed, tixbook.draw_position(sha256('one to one'), n, e) AS p
            FROM (SELECT generate_series(1, 130) UNION VALUES (399), (400), (401), (2499), (2500), (2501)) AS sizes (n),
                 generate_series(0, n - 1) AS e) AS drawn
      GROUP BY n) AS each;

-- The same in other words: what docs/waitingroom.md tells to do, in SQL.
CREATE FUNCTION told(seed bytea, n bigint, entry bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    a bigint := ceil(sqrt(n));
    l bigint;
    r bigint;
    f bigint;
    x bigint := entry;
BEGIN
    LOOP
        l := x / a;
        r := x % a;
        FOR round IN 0..7 LOOP
            f := ('x' || encode(substr(sha256(seed || convert_to(format('%s,%s,%s', round, n, r / 5), 'UTF8')), 1 + 6 * (r % 5)::integer, 6), 'hex'))::bit(48)::bigint % a;
            SELECT r, (l + f) % a INTO l, r;
        END LOOP;
        x := l * a + r;
        EXIT WHEN x < n;
    END LOOP;
    RETURN x;
END
$$;
SELECT count(*), bool_and(told(sha256('told'), n, e) = tixbook.draw_position(sha256('told'), n, e)) AS same
FROM (VALUES (1), (2), (3), (4), (5), (50), (1000000), (14000000)) AS sizes (n),
     generate_series(0, n - 1, greatest(n / 7, 1)) AS e;
SELECT tixbook.draw_position(sha256('fixed'), 14000000, e) FROM generate_series(0, 4) e;

-- Where one entry comes to stand, over many seeds: as often at each of n places. Chi-square with n - 1
-- degrees of freedom, at odds of one in a million; the seeds are fixed, so it says the same each time.
SELECT n, chi < CASE n WHEN 2 THEN 23.9 WHEN 3 THEN 27.6 WHEN 5 THEN 33.4 WHEN 10 THEN 44.8 END AS even
FROM (SELECT n, sum((times - 2000.0 / n) ^ 2 / (2000.0 / n)) AS chi
      FROM (SELECT n, p, count(*) AS times
            FROM (VALUES (2), (3), (5), (10)) AS sizes (n), generate_series(1, 2000) AS s,
                 LATERAL (SELECT tixbook.draw_position(sha256(convert_to('seed ' || s, 'UTF8')), n, n / 2) AS p) AS drawn
            GROUP BY n, p) AS counted
      GROUP BY n) AS tested
ORDER BY n;

-- In one draw of many the first hundredth lands anywhere: chi-square over 20 stretches (19 degrees of freedom).
SELECT chi < 63 AS even
FROM (SELECT sum((times - 100.0) ^ 2 / 100.0) AS chi
      FROM (SELECT p / 10000 AS stretch, count(*) AS times
            FROM generate_series(0, 1999) e, LATERAL (SELECT tixbook.draw_position(sha256('many'), 200000, e) AS p) AS drawn
            GROUP BY 1) AS counted) AS tested;

-- Entry number and position have nothing to do with each other, nor have those of neighbours.
SELECT abs(corr(e, p)) < 0.1 AS unlinked, abs(corr(p, next)) < 0.1 AS neighbours_unlinked
FROM (SELECT e, p, lead(p) OVER (ORDER BY e) AS next
      FROM generate_series(0, 1999) e, LATERAL (SELECT tixbook.draw_position(sha256('linked'), 2000, e) AS p) AS drawn) AS pairs;
-- another seed, another order; another n, too
SELECT count(*) < 20 AS differ FROM generate_series(0, 1999) e
WHERE tixbook.draw_position(sha256('one'), 2000, e) = tixbook.draw_position(sha256('other'), 2000, e);
SELECT count(*) < 20 AS differ FROM generate_series(0, 1999) e
WHERE tixbook.draw_position(sha256('one'), 2000, e) = tixbook.draw_position(sha256('one'), 2001, e);

-- The largest there can be, and what is refused.
SELECT tixbook.draw_entry(sha256('large'), 1099511627776, tixbook.draw_position(sha256('large'), 1099511627776, 1099511627775)) = 1099511627775 AS undone;
SELECT * FROM attempt($$ SELECT tixbook.draw_position('\x00', 10, 1) $$);
SELECT * FROM attempt($$ SELECT tixbook.draw_position(sha256('a'), 0, 0) $$);
SELECT * FROM attempt($$ SELECT tixbook.draw_position(sha256('a'), 1099511627777, 0) $$);
SELECT * FROM attempt($$ SELECT tixbook.draw_position(sha256('a'), 10, 10) $$);
SELECT * FROM attempt($$ SELECT tixbook.draw_entry(sha256('a'), 10, -1) $$);
SELECT tixbook.draw_position(NULL, 10, 1);
