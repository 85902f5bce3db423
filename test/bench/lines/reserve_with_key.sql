\set section random(0, 9)
\set customer random(1, 1000000)
\set key random(1, 9223372036854775807)
SELECT tixbook.reserve(:event, 2, :section, customer => :customer, idempotency_key => :key);
