-- Prints docs/reference.md from the catalog of a database that has the
-- extension:  psql -XAtq -f docs/reference.sql > docs/reference.md
-- A test compares the two.
SET search_path = pg_catalog;

CREATE TEMPORARY VIEW public_function AS
SELECT p.proname AS name, p.oid,
       p.provolatile = 'i' AND 'tixbook.seatmap'::regtype = ANY (p.proargtypes::oid[] || p.prorettype) AS on_maps,
       p.prokind = 'a' AS aggregate,
       regexp_replace(pg_get_function_arguments(p.oid), 'DEFAULT (NULL|''([^'']*)'')::[a-z ]+(\[\])?', 'DEFAULT \1', 'g') AS arguments,
       pg_get_function_result(p.oid) AS result,
       obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p
WHERE p.pronamespace = 'tixbook'::regnamespace
  AND (p.prokind = 'a' OR p.proname !~ '^seatmap_')
  AND obj_description(p.oid, 'pg_proc') !~ '^(Internal|Trigger)';

CREATE TEMPORARY VIEW entry AS
SELECT f.on_maps OR f.aggregate AS on_maps, f.name,
       format(E'### %s\n\n```\ntixbook.%s(%s)\n    → %s\n```\n\n%s\n', f.name, f.name,
              replace(f.arguments, ', ', E',\n        '), replace(f.result, ', ', E',\n      '),
              regexp_replace(f.comment, '\n', E'\n\n', 'g')) AS text
FROM public_function f;

SELECT E'# SQL reference\n\nMade from the comments in the database; `\\df+ tixbook.*` in psql shows the same.\n'
       || E'The words are explained in [concepts](concepts.md), each refusal in the [table](#refusals) below.\n';

SELECT E'## Functions\n';
SELECT text FROM entry WHERE NOT on_maps ORDER BY name, text;

SELECT E'## Seat maps\n\nThe type itself is described in [seatmap](seatmap.md).\n';
SELECT text FROM entry WHERE on_maps ORDER BY name, text;

SELECT E'### Operators\n\n| operator | | result |\n| --- | --- | --- |';
SELECT format('| `%s %s %s` | %s | %s |',
              coalesce(nullif(o.oprleft, 0)::regtype::text, ''),
              replace(o.oprname, '|', '\|'), o.oprright::regtype,
              coalesce(obj_description(o.oid, 'pg_operator'), ''), o.oprresult::regtype)
FROM pg_operator o WHERE o.oprnamespace = 'tixbook'::regnamespace
ORDER BY o.oprname COLLATE "C", o.oprleft::regtype::text COLLATE "C";

SELECT E'\n## Refusals\n\nA refusal is an error with its own SQLSTATE; DETAIL is a JSON object. `%s` is the event, seat or booking in question.\n\n'
       || E'| reason | SQLSTATE | HTTP | message | hint |\n| --- | --- | --- | --- | --- |';
SELECT format('| `%s` | %s | %s | %s | %s |', reason, sqlstate, http_status, message, hint)
FROM tixbook.refusals();

SELECT E'\n## Tables\n\nNo role may write them; `tixbook_administrator` may read them, but for those of secrets.\n\n| table | |\n| --- | --- |';
SELECT format('| `%s` | %s |', c.relname, obj_description(c.oid, 'pg_class'))
FROM pg_class c
WHERE c.relnamespace = 'tixbook'::regnamespace AND c.relkind IN ('r', 'v')
ORDER BY c.relname;

SELECT E'\n## Settings\n\n| setting | default | range | changed | |\n| --- | --- | --- | --- | --- |';
SELECT format('| `%s` | %s | %s | %s | %s |', name,
              CASE WHEN boot_val = '' THEN '' ELSE boot_val || coalesce(' ' || unit, '') END,
              CASE WHEN min_val IS NULL THEN '' ELSE format('%s … %s', min_val, max_val) END,
              CASE context WHEN 'postmaster' THEN 'at server start' WHEN 'sighup' THEN 'by reload'
                           WHEN 'superuser' THEN 'by a superuser' ELSE 'by anybody' END,
              concat_ws(' ', short_desc, extra_desc))
FROM pg_settings WHERE name LIKE 'tixbook.%' ORDER BY name;
