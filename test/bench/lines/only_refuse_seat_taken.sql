\set seat random(0, 9998)
SELECT bench.refuse_seats(:event, ARRAY[:seat::integer, :seat::integer + 1]);
