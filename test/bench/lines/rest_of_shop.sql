\set section random(0, 9)
SELECT free FROM tixbook.availability(:event);
SELECT tixbook.reserve(:event, 2, :section);
