-- What the benchmark compares with.

-- The limit to chase: one durable row with one index.
CREATE TABLE bench.booking (
    booking_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id   integer NOT NULL,
    section    text,
    customer   text,
    status     text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    amount     bigint NOT NULL,
    currency   text NOT NULL
);

-- The textbook way: a row a seat, the free ones in a partial index, and bookings
-- that a sweeper can find when their holds end.
CREATE TABLE bench.hold (
    LIKE bench.booking INCLUDING ALL
);
CREATE INDEX hold_due_idx ON bench.hold (expires_at) WHERE status = 'held';

CREATE TABLE bench.seat (
    event_id   integer NOT NULL,
    section    smallint NOT NULL,
    seat_no    integer NOT NULL,
    status     text NOT NULL DEFAULT 'free' CHECK (status IN ('free', 'held', 'sold')),
    booking_id bigint,
    PRIMARY KEY (event_id, section, seat_no)
);
CREATE INDEX seat_free_idx ON bench.seat (event_id, section, seat_no) WHERE status = 'free';
CREATE INDEX seat_booking_idx ON bench.seat (booking_id) WHERE booking_id IS NOT NULL;

CREATE FUNCTION bench.reserve(the_event integer, quantity integer, the_section smallint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    the_seats integer[];
    new_id bigint;
BEGIN
    SELECT array_agg(s.seat_no) INTO the_seats
    FROM (SELECT seat_no FROM bench.seat
          WHERE event_id = the_event AND section = the_section AND status = 'free'
          ORDER BY seat_no LIMIT quantity FOR UPDATE SKIP LOCKED) s;
    IF coalesce(cardinality(the_seats), 0) < quantity THEN
        RAISE EXCEPTION 'sold out';
    END IF;
    INSERT INTO bench.hold (event_id, section, status, created_at, expires_at, amount, currency)
    VALUES (the_event, the_section, 'held', now(), now() + interval '10 min', 5000 * quantity, 'EUR')
    RETURNING booking_id INTO new_id;
    UPDATE bench.seat SET status = 'held', booking_id = new_id
    WHERE event_id = the_event AND section = the_section AND seat_no = ANY (the_seats);
    RETURN new_id;
END
$$;

-- The bookings of who locks seats elsewhere; the key of the tickets shows a seat that is sold twice.
CREATE TABLE bench.sale (
    LIKE bench.booking INCLUDING ALL
);

CREATE TABLE bench.ticket (
    event_id   integer NOT NULL,
    section    smallint NOT NULL,
    seat_no    integer NOT NULL,
    booking_id bigint NOT NULL,
    secret     uuid NOT NULL,
    PRIMARY KEY (event_id, section, seat_no)
);
