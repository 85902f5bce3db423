-- Houses and events to measure on.
CREATE SCHEMA bench;

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
                                           '{"Standard": 5000}', hold_ttl => interval '24 hours',
                                           max_per_booking => 1000);
BEGIN
    PERFORM tixbook.open_sale(new_id);
    RETURN new_id;
END
$$;

-- Holds every seat below before that is free still.
CREATE FUNCTION bench.hold_rest(the_event integer, before integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    party integer[];
BEGIN
    LOOP
        SELECT array_agg(seat) INTO party
        FROM (SELECT seat
              FROM tixbook.availability(the_event) a,
                   tixbook.unnest(OPERATOR(tixbook.~) a.taken) AS seat
              WHERE seat < before LIMIT 1000) s;
        EXIT WHEN party IS NULL;
        PERFORM tixbook.reserve_seats(the_event, party);
    END LOOP;
END
$$;

-- In each of those events, holds of up to a thousand seats take what is taken in the pattern.
CREATE FUNCTION bench.sell_like(pattern integer, first_event integer, last_event integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    parties text[];
BEGIN
    SELECT array_agg(party) INTO parties
    FROM (SELECT array_agg(seat ORDER BY seat)::text AS party
          FROM tixbook.availability(pattern) a, tixbook.unnest(a.taken) WITH ORDINALITY AS t(seat, n)
          GROUP BY (n - 1) / 1000) p;
    FOR e IN first_event .. last_event LOOP
        PERFORM tixbook.reserve_seats(e, p::integer[]) FROM unnest(parties) p;
    END LOOP;
END
$$;
