\set event random(:first, :last)
\set section random(0, 9)
SELECT tixbook.reserve(:event, 2, :section);
