-- What is left to do with the locks of two seats.
WITH sale AS (
    INSERT INTO bench.sale (event_id, section, status, created_at, expires_at, amount, currency)
    VALUES (:event, :section, 'confirmed', now(), now(), 10000, 'EUR')
    RETURNING booking_id
)
INSERT INTO bench.ticket (event_id, section, seat_no, booking_id, secret)
SELECT :event, :section::smallint, seat_no, booking_id, gen_random_uuid()
FROM sale, unnest(ARRAY[:seat::integer, :seat::integer + 1]) AS seat_no
RETURNING booking_id, secret;
