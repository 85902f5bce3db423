\set seat random(0, 9998)
SELECT tixbook.reserve_seats(:event, ARRAY[:seat::integer, :seat::integer + 1]);
