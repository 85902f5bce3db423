-- verify: the laws, proved on live data in one snapshot.

-- Each check is one query over one event's rows; verify() joins them into a
-- single statement, so that they all see the same snapshot, also during a sale.
-- Without JIT: making code for so large a query takes about as long as the query.
CREATE FUNCTION tixbook.verify(event_id integer = NULL)
RETURNS TABLE (event_id integer, law text, detail jsonb)
LANGUAGE sql STABLE ROWS 1
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    WITH
    events AS (
        SELECT e.event_id, e.venue_id, e.capacity FROM tixbook.event e
        WHERE verify.event_id IS NULL OR e.event_id = verify.event_id
    ),
    live AS (
        SELECT b.event_id, b.booking_id, b.status, seat
        FROM tixbook.booking b JOIN events USING (event_id), unnest(b.seats) seat
        WHERE b.status IN ('held', 'paying', 'confirmed')
    ),
    blocks AS (
        SELECT sb.event_id, sb.block_no, sb.free, sb.taken, sb.blocked, vb.first_seat, vb.capacity
        FROM tixbook.seat_block sb
        JOIN events e USING (event_id)
        LEFT JOIN tixbook.venue_block vb ON vb.venue_id = e.venue_id AND vb.block_no = sb.block_no
    ),
    taken AS (
        SELECT b.event_id, b.block_no, b.first_seat + seat AS seat
        FROM blocks b, tixbook.unnest(b.taken) seat
    ),
    blocked AS (
        SELECT b.event_id, b.first_seat + seat AS seat
        FROM blocks b, tixbook.unnest(b.blocked) seat
    ),
    owned AS (
        SELECT l.event_id, l.seat FROM live l
        UNION ALL
        SELECT b.event_id, b.seat FROM blocked b
    ),
    tickets AS (
        SELECT t.event_id, t.seat_index, t.booking_id FROM tixbook.ticket t JOIN events USING (event_id)
    ),
    keys AS (
        SELECT k.event_id, k.operation, k.key, (k.response ->> 'booking_id')::uuid AS booking_id,
               coalesce((k.response ->> 'expires_at')::timestamptz, 'infinity') AS kept_until
        FROM tixbook.idempotency_key k JOIN events USING (event_id)
        WHERE k.response ? 'booking_id'
    )
    -- Law 1: a seat belongs to at most one live booking.
    SELECT o.event_id, 'a seat belongs to at most one live booking',
           jsonb_build_object('seat', o.seat, 'owners', count(*))
    FROM owned o GROUP BY o.event_id, o.seat HAVING count(*) > 1
    UNION ALL
    SELECT o.event_id, 'a seat that is held, sold or blocked is taken in its block',
           jsonb_build_object('seat', o.seat)
    FROM owned o LEFT JOIN taken t ON t.event_id = o.event_id AND t.seat = o.seat
    WHERE t.seat IS NULL
    UNION ALL
    SELECT t.event_id, 'a seat that is taken in its block is held, sold or blocked',
           jsonb_build_object('seat', t.seat, 'block_no', t.block_no)
    FROM taken t LEFT JOIN owned o ON o.event_id = t.event_id AND o.seat = t.seat
    WHERE o.seat IS NULL
    UNION ALL
    SELECT b.event_id, 'a block is as large as in its venue, and counts its free seats',
           jsonb_build_object('block_no', b.block_no, 'free', b.free,
                              'counted', tixbook.length(b.taken) - tixbook.cardinality(b.taken))
    FROM blocks b
    WHERE b.capacity IS NULL OR tixbook.length(b.taken) <> b.capacity
       OR b.free <> b.capacity - tixbook.cardinality(b.taken)
    UNION ALL
    SELECT e.event_id, 'every block of the venue, as far as the event reaches, is there',
           jsonb_build_object('block_no', vb.block_no)
    FROM events e
    JOIN tixbook.venue_block vb ON vb.venue_id = e.venue_id AND vb.first_seat < e.capacity
    LEFT JOIN blocks b ON b.event_id = e.event_id AND b.block_no = vb.block_no
    WHERE b.block_no IS NULL
    UNION ALL
    SELECT l.event_id, 'every seat of a confirmed booking has its ticket',
           jsonb_build_object('seat', l.seat, 'booking_id', l.booking_id)
    FROM live l
    LEFT JOIN tickets t ON t.event_id = l.event_id AND t.seat_index = l.seat AND t.booking_id = l.booking_id
    WHERE l.status = 'confirmed' AND t.seat_index IS NULL
    UNION ALL
    SELECT t.event_id, 'every ticket belongs to a confirmed booking',
           jsonb_build_object('seat', t.seat_index, 'booking_id', t.booking_id)
    FROM tickets t
    LEFT JOIN live l ON l.event_id = t.event_id AND l.seat = t.seat_index AND l.booking_id = t.booking_id
                     AND l.status = 'confirmed'
    WHERE l.seat IS NULL
    UNION ALL
    -- Law 5: an effect and its idempotency key commit together. A key may outlive a hold that has ended.
    SELECT k.event_id, 'an idempotency key stands for an effect that exists',
           jsonb_build_object('operation', k.operation, 'key', k.key, 'booking_id', k.booking_id)
    FROM keys k LEFT JOIN tixbook.booking b ON b.booking_id = k.booking_id
    WHERE b.booking_id IS NULL AND k.kept_until > clock_timestamp()
    UNION ALL
    SELECT k.event_id, 'an effect has one idempotency key',
           jsonb_build_object('booking_id', k.booking_id, 'keys', count(*))
    FROM keys k GROUP BY k.event_id, k.booking_id HAVING count(*) > 1
    UNION ALL
    -- Law 6: money is never lost.
    SELECT b.event_id, 'a confirmed booking names its payment, and no other booking does',
           jsonb_build_object('booking_id', b.booking_id, 'payment_reference', b.payment_reference)
    FROM tixbook.booking b JOIN events USING (event_id)
    WHERE (b.status = 'confirmed' AND b.payment_reference IS NULL)
       OR (b.payment_reference IS NOT NULL AND b.status NOT IN ('confirmed', 'cancelled'))
       OR EXISTS (SELECT FROM tixbook.booking other
                  WHERE other.event_id = b.event_id AND other.payment_reference = b.payment_reference
                    AND other.booking_id <> b.booking_id)
    UNION ALL
    SELECT p.event_id, p.law, p.detail FROM tixbook.verify_payments(verify.event_id) AS p
$$;
COMMENT ON FUNCTION tixbook.verify(integer) IS
'Proves on live data, in one snapshot, that no seat has two owners and none is lost, that tickets and bookings agree, that idempotency keys have their effects, and that money and tickets agree (see verify_payments); for event event_id, or all (null). Returns a row a violation (event_id, the law broken, what breaks it), none when all is sound. Can run during a sale. Makes no refusal.';
