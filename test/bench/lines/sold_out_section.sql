\set section random(0, 4)
SELECT tixbook.reserve(:event, 2, :section);
