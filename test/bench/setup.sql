-- What the benchmark compares with, and the houses it sells: one million seats in ten sections each.
CREATE SCHEMA bench;

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

-- A house without a plan: blocks are rows of so many seats, numbered from the front.
CREATE FUNCTION bench.make_house(capacity integer, sections integer, row_length integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    new_id integer;
BEGIN
    INSERT INTO tixbook.venue (name, capacity, focal_x, focal_y)
    VALUES (format('%s seats in rows of %s', capacity, row_length), capacity, 0, 0)
    RETURNING venue_id INTO new_id;
    INSERT INTO tixbook.category (venue_id, category_no, name) VALUES (new_id, 0, 'Standard');
    INSERT INTO tixbook.section (venue_id, section_no, name, kind)
    SELECT new_id, s, s::text, 'seated' FROM generate_series(0, sections - 1) s;
    INSERT INTO tixbook.venue_block (venue_id, block_no, section_no, category_no, row_label, row_no,
                                     first_seat, capacity, score, off_centre)
    SELECT new_id, b, b * sections / blocks, 0, row_no::text, row_no, b * row_length, row_length,
           (SELECT array_agg(sqrt(row_no ^ 2 + (i - (row_length - 1) / 2.0) ^ 2)::real ORDER BY i)
            FROM generate_series(0, row_length - 1) i),
           (SELECT array_agg(abs(i - (row_length - 1) / 2.0)::real ORDER BY i)
            FROM generate_series(0, row_length - 1) i)
    FROM (SELECT capacity / row_length AS blocks) n, generate_series(0, blocks - 1) b,
         LATERAL (SELECT b % (blocks / sections) + 1 AS row_no) r;
    RETURN new_id;
END
$$;

-- Holds last a day, so that no round's holds end in another round.
CREATE FUNCTION bench.make_event(house integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    new_id integer := tixbook.create_event(house, 'a round', now() + interval '90 days',
                                           '{"Standard": 5000}', hold_ttl => interval '1 day');
BEGIN
    PERFORM tixbook.open_sale(new_id);
    RETURN new_id;
END
$$;

-- Holds to confirm, in the order in which they were made.
CREATE SEQUENCE bench.pending_next;
CREATE TABLE bench.pending (n bigint PRIMARY KEY, booking_id uuid NOT NULL);
