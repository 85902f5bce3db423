\set section random(0, 4)
SELECT bench.refuse(:event, 2, :section);
