-- Gives so many holds up, whichever, to prepare an event.
\list booking SELECT booking_id FROM tixbook.booking WHERE event_id = :event ORDER BY random() LIMIT :most
SELECT tixbook.release(:booking);
