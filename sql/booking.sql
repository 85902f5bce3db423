-- booking: the record that starts as a hold, and its tickets and history.

CREATE TYPE tixbook.booking_status AS ENUM
    ('held', 'paying', 'confirmed', 'released', 'expired', 'cancelled');

COMMENT ON TYPE tixbook.booking_status IS 'The states of a booking: held, paying, confirmed, released, expired, cancelled.';

CREATE FUNCTION tixbook.event_of(booking_id uuid) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_event_of';
COMMENT ON FUNCTION tixbook.event_of(uuid) IS
'The event_id that a booking_id carries in its first four bytes; says nothing of whether that booking exists. Refuses: booking_not_found (not a booking reference).';

-- Of ids that carry an event in their first four bytes: what no id of this event is less than, nor any of one before it as much.
CREATE FUNCTION tixbook.least_id(event_id bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rpad(lpad(to_hex(event_id), 8, '0'), 32, '0')::uuid
$$;
COMMENT ON FUNCTION tixbook.least_id(bigint) IS
'Internal: where the ids of event event_id begin.';

-- The seats stand in the row: they never change, are few, and a second table
-- would cost each reservation one more row and one more index entry.
CREATE TABLE tixbook.booking (
    booking_id        uuid PRIMARY KEY,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    amount            bigint NOT NULL,
    event_id          integer NOT NULL REFERENCES tixbook.event,
    status            tixbook.booking_status NOT NULL,
    adjacent          boolean NOT NULL,
    seats             integer[] NOT NULL,
    currency          text NOT NULL,
    customer          text COLLATE "C",
    payment_reference text COLLATE "C",
    confirmed_at      timestamptz,
    CHECK (tixbook.event_of(booking_id) = event_id),
    CHECK (payment_reference IS NOT NULL OR status NOT IN ('confirmed', 'cancelled'))
);
CREATE INDEX booking_due_idx ON tixbook.booking (expires_at, event_id)
    WHERE status IN ('held', 'paying');
CREATE INDEX booking_ended_idx ON tixbook.booking (expires_at)
    WHERE status IN ('released', 'expired');
CREATE INDEX booking_customer_idx ON tixbook.booking (customer, event_id)
    WHERE customer IS NOT NULL;
CREATE UNIQUE INDEX booking_payment_idx ON tixbook.booking (event_id, payment_reference)
    WHERE payment_reference IS NOT NULL;

COMMENT ON TABLE tixbook.booking IS 'A booking: a hold until expires_at, then confirmed, expired, released or cancelled. seats are positions in the event''s seat map, ascending; amount is in minor units of currency; confirmed_at stays when it is cancelled.';

CREATE TABLE tixbook.ticket (
    event_id   integer NOT NULL REFERENCES tixbook.event,
    seat_index integer NOT NULL,
    booking_id uuid NOT NULL,
    secret     uuid NOT NULL,
    PRIMARY KEY (event_id, seat_index)
);
COMMENT ON TABLE tixbook.ticket IS 'A seat of a confirmed booking, with the secret that lets its holder in. Its key is the last guard of the law that a seat is sold once.';

CREATE TABLE tixbook.ticket_void (
    event_id   integer NOT NULL,
    seat_index integer NOT NULL,
    booking_id uuid NOT NULL,
    secret     uuid NOT NULL,
    voided_at  timestamptz NOT NULL,
    PRIMARY KEY (event_id, booking_id, seat_index)
);
COMMENT ON TABLE tixbook.ticket_void IS 'The tickets of cancelled bookings: a gate can tell them from forged ones.';

CREATE TABLE tixbook.booking_history (
    event_id    integer NOT NULL,
    booking_id  uuid NOT NULL,
    changed_at  timestamptz NOT NULL,
    from_status tixbook.booking_status NOT NULL,
    to_status   tixbook.booking_status NOT NULL,
    reason      text
);
CREATE INDEX booking_history_booking_idx ON tixbook.booking_history (event_id, booking_id, changed_at);
COMMENT ON TABLE tixbook.booking_history IS 'The transitions of bookings, but for those that the booking itself tells: its beginning (created_at), its sale (confirmed_at) and its expiry (expires_at). history(booking_id) has them all.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.booking', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.ticket', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.ticket_void', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.booking_history', '');

CREATE TYPE tixbook.hold AS (
    booking_id uuid,
    event_id   integer,
    seats      integer[],
    amount     bigint,
    currency   text,
    expires_at timestamptz,
    adjacent   boolean
);
COMMENT ON TYPE tixbook.hold IS 'The answer of reserve and reserve_seats: the booking, its seats by seat_index, what it costs in minor units, until when it is held, and whether the party sits side by side.';

CREATE FUNCTION tixbook.reserve(
    event_id integer, quantity integer, section text = NULL, customer text = NULL,
    hold_for interval = NULL, idempotency_key text = NULL,
    category text = NULL, accessible boolean = false, together boolean = false, admission text = NULL)
RETURNS tixbook.hold
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_reserve';
COMMENT ON FUNCTION tixbook.reserve(integer, integer, text, text, interval, text, text, boolean, boolean, text) IS
'Holds the best free seats of event event_id for a party of quantity, in one section and price category if named: side by side in one block where that is possible, else split over blocks as near as may be, unless together forbids it. accessible asks for accessible seats, which no other request gets. hold_for is how long the hold lasts (null: the event''s hold_ttl, else tixbook.hold_ttl; at most tixbook.max_hold). The same idempotency_key with the same parameters gives the same answer for tixbook.idempotency_ttl. admission is the token that queue_status gave the customer, where the event has a waiting room. Returns the hold. Refuses: event_not_found, event_not_on_sale, admission_required, admission_invalid, section_not_found, category_not_found, invalid_parameter, limit_exceeded, sold_out, not_enough_seats, no_adjacent_seats, busy, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook.reserve_seats(
    event_id integer, seats integer[], customer text = NULL,
    hold_for interval = NULL, idempotency_key text = NULL, admission text = NULL)
RETURNS tixbook.hold
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_reserve_seats';
COMMENT ON FUNCTION tixbook.reserve_seats(integer, integer[], text, interval, text, text) IS
'Holds exactly the named seats (by seat_index) of event event_id, all or none. hold_for, idempotency_key and admission as in reserve. Returns the hold. Refuses: event_not_found, event_not_on_sale, admission_required, admission_invalid, seat_not_found, seat_taken (the detail names the seats that are gone), invalid_parameter, limit_exceeded, busy, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook.rebook_seats(event_id integer, seats integer[], customer text) RETURNS tixbook.hold
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_rebook_seats';
COMMENT ON FUNCTION tixbook.rebook_seats(integer, integer[], text) IS
'Internal: reserve_seats for a customer who has paid, and so needs no admission. Refuses: as reserve_seats.';

CREATE FUNCTION tixbook.rebook_best(event_id integer, quantity integer, section text, category text,
    accessible boolean, together boolean, customer text)
RETURNS tixbook.hold
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_rebook_best';
COMMENT ON FUNCTION tixbook.rebook_best(integer, integer, text, text, boolean, boolean, text) IS
'Internal: reserve for a customer who has paid, and so needs no admission. Refuses: as reserve.';

CREATE FUNCTION tixbook.confirm(booking_id uuid, payment_reference text) RETURNS tixbook.booking
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_confirm';
COMMENT ON FUNCTION tixbook.confirm(uuid, text) IS
'Makes the hold booking_id a sale that was paid under payment_reference (1 to 255 characters, unique for ever within the event), and issues its tickets. Repeating it with the same reference gives the same booking. Returns the booking. Refuses: booking_not_found, hold_expired, illegal_transition, payment_reference_used, invalid_parameter, busy.';

CREATE FUNCTION tixbook.release(booking_id uuid) RETURNS tixbook.booking
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_release';
COMMENT ON FUNCTION tixbook.release(uuid) IS
'Gives the hold booking_id up; its seats are free at once. Repeating it changes nothing. Returns the booking. Refuses: booking_not_found, hold_expired, illegal_transition, busy.';

CREATE FUNCTION tixbook.cancel(booking_id uuid, reason text = NULL) RETURNS tixbook.booking
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_cancel';
COMMENT ON FUNCTION tixbook.cancel(uuid, text) IS
'Cancels the confirmed booking booking_id: its tickets are void and its seats free at once; reason is kept in its history. Repeating it changes nothing. Returns the booking. Refuses: booking_not_found, illegal_transition (only what is confirmed can be cancelled; release gives a hold up), busy.';

CREATE FUNCTION tixbook.find_booking(booking_id uuid) RETURNS tixbook.booking
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_booking tixbook.booking;
BEGIN
    SELECT b.* INTO found_booking FROM tixbook.booking b WHERE b.booking_id = find_booking.booking_id;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('booking_not_found', jsonb_build_object('booking_id', booking_id),
                               coalesce(booking_id::text, 'null'));
    END IF;
    -- A hold ends at its instant, also before anyone has given its seats back.
    IF found_booking.status IN ('held', 'paying') AND found_booking.expires_at <= clock_timestamp() THEN
        found_booking.status := 'expired';
    END IF;
    RETURN found_booking;
END
$$;
COMMENT ON FUNCTION tixbook.find_booking(uuid) IS
'The booking booking_id as it stands now; a hold past its expires_at is shown as expired. Refuses: booking_not_found.';

CREATE FUNCTION tixbook.booking_tickets(booking_id uuid)
RETURNS TABLE (event_id integer, seat_index integer, label text, secret uuid)
LANGUAGE plpgsql STABLE ROWS 4
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT t.event_id, t.seat_index, tixbook.seat_label(e.venue_id, t.seat_index), t.secret
    FROM tixbook.booking b
    JOIN tixbook.event e USING (event_id)
    JOIN tixbook.ticket t ON t.event_id = b.event_id AND t.seat_index = ANY (b.seats)
                          AND t.booking_id = b.booking_id
    WHERE b.booking_id = booking_tickets.booking_id
    ORDER BY t.seat_index;
END
$$;
COMMENT ON FUNCTION tixbook.booking_tickets(uuid) IS
'The valid tickets of booking booking_id, a row a seat: its place in words and the secret that lets its holder in; none while it is not confirmed. Makes no refusal.';

-- A sale and an expiry write no row of their own: that would cost them as much
-- again as the booking's row.
CREATE FUNCTION tixbook.history(booking_id uuid)
RETURNS TABLE (changed_at timestamptz, from_status tixbook.booking_status,
               to_status tixbook.booking_status, reason text)
LANGUAGE plpgsql STABLE ROWS 4
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH booking AS (
        SELECT b.* FROM tixbook.booking b WHERE b.booking_id = history.booking_id
    ), written AS (
        SELECT h.changed_at, h.from_status, h.to_status, h.reason
        FROM tixbook.booking_history h
        WHERE h.event_id = tixbook.event_of(history.booking_id) AND h.booking_id = history.booking_id
    ), hold AS (
        SELECT coalesce((SELECT w.to_status FROM written w WHERE w.to_status IN ('held', 'paying')
                         ORDER BY w.changed_at DESC LIMIT 1), 'held') AS status
    )
    SELECT b.created_at, NULL, 'held', NULL FROM booking b
    UNION ALL
    (SELECT w.* FROM written w
     UNION ALL
     SELECT b.confirmed_at, h.status, 'confirmed', NULL
     FROM booking b, hold h WHERE b.confirmed_at IS NOT NULL
     UNION ALL
     SELECT b.expires_at, h.status, 'expired', NULL
     FROM booking b, hold h
     WHERE b.status = 'expired' AND NOT EXISTS (SELECT FROM written w WHERE w.to_status = 'expired')
     ORDER BY 1, 3);
END
$$;
COMMENT ON FUNCTION tixbook.history(uuid) IS
'What happened to booking booking_id, oldest first; a hold expires at its expires_at, whenever its seats were given back. Refuses: booking_not_found (not a booking reference).';
