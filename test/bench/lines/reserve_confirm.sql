\set section random(0, 9)
\set payment random(1, 9223372036854775807)
SELECT (tixbook.reserve(:event, 2, :section)).booking_id \gset
SELECT tixbook.confirm(:booking_id, :payment);
