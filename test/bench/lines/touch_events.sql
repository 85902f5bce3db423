-- Each client meets each event once before its calls count.
\set event walk(:first, :last)
SELECT tixbook.reserve(:event, 1);
