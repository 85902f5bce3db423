\list booking SELECT booking_id FROM tixbook.booking WHERE event_id = :event AND status = 'held' ORDER BY created_at
\set payment random(1, 9223372036854775807)
SELECT tixbook.confirm(:booking, :payment);
