-- The type: text form, binary form, storage.
SET search_path = tixbook, public;

-- What a statement is refused with, its SQLSTATE first.
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

-- canonical already
SELECT text, text::seatmap::text = text AS canonical
FROM (VALUES ('0:{}'), ('1:{}'), ('1:{0}'), ('8:{}'), ('8:{0-7}'), ('9:{8}'), ('64:{63}'),
             ('65:{0,64}'), ('128:{63-64}'), ('20000:{0-3,17,40-59}'),
             ('1000000:{}'), ('1000000:{0-999999}'), ('1000000:{0,999999}')) AS v (text);

-- white space, order, overlap and leading zeros are forgiven
SELECT text, text::seatmap
FROM (VALUES ('8:{1,0}'), ('8:{3,3,3}'), ('8:{0,1,2}'), ('8:{4-6,5-7}'), ('8:{0-1,2-3}'), ('8:{2-2}'),
             ('008:{00,07}'), (E' \t8 : { 1 , 3 - 5 } \n'), ('8: { } ')) AS v (text);

-- malformed
SELECT text, pg_temp.refusal(format('SELECT %L::seatmap', text))
FROM (VALUES (''), (' '), ('8'), ('8:'), ('8:{'), ('8:{1'), ('8:{1,'), ('8:{1,}'), ('8:{,}'), ('8:{,1}'), ('8:{1,,2}'),
             ('8:{1 2}'), ('8:{1-}'), ('8:{-1}'), ('8:{1--2}'), ('8:{1-2-3}'), ('8:}'), ('8:{}}'), ('8:{} x'),
             ('8:{{1}}'), ('8{1}'), ('{1}'), (':{1}'), ('-8:{}'), ('+8:{}'), ('8:{+1}'), ('0x8:{}'), ('8.0:{}'),
             ('8:{1.0}'), ('8:{a}'), ('8:(1)'), ('8 8:{}'), ('8:{1;2}'), ('NULL')) AS v (text);

-- out of bounds
SELECT text, pg_temp.refusal(format('SELECT %L::seatmap', text))
FROM (VALUES ('8:{8}'), ('8:{7-8}'), ('8:{8-9}'), ('0:{0}'), ('8:{5-3}'), ('8:{99-3}'),
             ('8:{4294967296}'), ('8:{99999999999999999999}'),
             ('1000001:{}'), ('4294967304:{0}'), ('99999999999999999999:{}'),
             ('1000000:{1000000}')) AS v (text);

-- binary form: the capacity, then the bytes
SELECT map, seatmap_send(map)
FROM (VALUES ('0:{}'::seatmap), ('8:{0}'), ('9:{8}'), ('20:{0-3,17}')) AS v (map);

-- storage: short header, plain, compressed, out of line; padded to any alignment
CREATE TEMP TABLE stored (gap "char", map seatmap);
INSERT INTO stored VALUES ('a', '16:{3,5}'), ('b', '2000:{1,1999}'), ('c', '1000000:{0-999999}'), ('d', NULL);
INSERT INTO stored SELECT 'e', seatmap_agg(seat, 1000000) FROM generate_series(0, 999999) seat WHERE hashint4(seat) % 3 = 0;
SELECT gap, length(map), pg_column_size(map) < 128 AS short, pg_column_size(map) < length(map) / 8 AS compressed
FROM stored ORDER BY gap;
SELECT gap, map FROM stored WHERE gap <> 'e' ORDER BY gap;
SELECT cardinality(map) = (SELECT count(*) FROM generate_series(0, 999999) seat WHERE hashint4(seat) % 3 = 0) AS as_counted
FROM stored WHERE gap = 'e';

-- every public thing says what it is
SELECT count(*) AS without_comment
FROM (SELECT 'pg_proc'::regclass AS class, oid FROM pg_proc WHERE pronamespace = 'tixbook'::regnamespace AND probin LIKE '%tixbook' AND prosrc LIKE 'seatmap%'
      UNION ALL SELECT 'pg_proc', oid FROM pg_proc WHERE pronamespace = 'tixbook'::regnamespace AND prokind = 'a'
      UNION ALL SELECT 'pg_operator', oid FROM pg_operator WHERE oprnamespace = 'tixbook'::regnamespace
      UNION ALL SELECT 'pg_opclass', oid FROM pg_opclass WHERE opcnamespace = 'tixbook'::regnamespace
      UNION ALL SELECT 'pg_type', 'seatmap'::regtype
      UNION ALL SELECT 'pg_cast', oid FROM pg_cast WHERE 'seatmap'::regtype IN (castsource, casttarget)) x
WHERE pg_catalog.obj_description(oid, class::regclass::name) IS NULL;

-- all of it is pure
SELECT proname FROM pg_proc
WHERE pronamespace = 'tixbook'::regnamespace AND prosrc LIKE 'seatmap%'
  AND NOT (provolatile = 'i' AND proparallel = 's' AND (proisstrict OR proname IN ('seatmap_agg_accum', 'seatmap_join_accum')));

-- our own sanity checks, those of PostgreSQL's opr_sanity for one type
SELECT o.oprname FROM pg_operator o JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprnamespace = 'tixbook'::regnamespace AND n.oprnegate <> o.oid;
SELECT o.oprname FROM pg_operator o JOIN pg_operator c ON c.oid = o.oprcom
WHERE o.oprnamespace = 'tixbook'::regnamespace
  AND (c.oprcom <> o.oid OR c.oprleft <> o.oprright OR c.oprright <> o.oprleft OR c.oprrest <> CASE o.oprrest
        WHEN 'scalarltsel'::regproc THEN 'scalargtsel'::regproc WHEN 'scalargtsel'::regproc THEN 'scalarltsel'::regproc
        WHEN 'scalarlesel'::regproc THEN 'scalargesel'::regproc WHEN 'scalargesel'::regproc THEN 'scalarlesel'::regproc
        ELSE o.oprrest END);
SELECT amname, opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'seatmap'::regtype ORDER BY amname;
