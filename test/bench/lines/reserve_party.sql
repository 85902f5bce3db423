-- Parties of one to four, to prepare an event.
\set party random(1, 4)
\set section random(:first, :last)
SELECT tixbook.reserve(:event, :party, :section);
