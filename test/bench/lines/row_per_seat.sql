\set section random(0, 9)
SELECT bench.reserve(:event, 2, :section);
