\set section random(0, 9)
CALL reserve_two(:event, :section);
