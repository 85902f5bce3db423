\connection each
\protocol simple
\set section random(0, 9)
SELECT booking_id, seats, amount, expires_at FROM tixbook.reserve(:event, 2, ':section');
