\set ten batch(0, :tens, :calls)
\set one random(0, 9)
\set section random(0, 9)
SELECT tixbook.reserve(:first::integer + 10 * :ten::integer + :one::integer, 2, :section);
