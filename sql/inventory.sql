-- inventory: the seats of an event that can be sold, a row a seat block.

-- The static half of a block (where it is, its category) is venue_block.
-- Every update must find room on its page: then it stays HOT and touches no
-- index, whatever is sold. lay_out_blocks leaves more room than fillfactor
-- tells, because a page that is filled up to it is pruned at every look.
CREATE TABLE tixbook.seat_block (
    event_id integer NOT NULL REFERENCES tixbook.event,
    block_no integer NOT NULL,
    version  bigint NOT NULL DEFAULT 1,
    free     integer NOT NULL,
    taken    tixbook.seatmap NOT NULL,
    blocked  tixbook.seatmap,
    PRIMARY KEY (event_id, block_no)
) WITH (fillfactor = 85);

COMMENT ON TABLE tixbook.seat_block IS 'A seat block of an event: taken has a bit for each of its seats, set while the seat is held, sold or blocked; free counts the others; version rises by one with each change.';
COMMENT ON COLUMN tixbook.seat_block.blocked IS 'The seats kept off the sale (house seats, kills); they are set in taken too.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.seat_block', '');

-- Lays out the blocks of the venue that the event does not have yet.
CREATE FUNCTION tixbook.lay_out_blocks(event_id integer, sections text[]) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    missing text;
    laid_out integer;
    had integer;
BEGIN
    -- Two at once must not both lay the same blocks out.
    PERFORM FROM tixbook.event e WHERE e.event_id = the_event.event_id FOR NO KEY UPDATE;
    -- Blocks are only ever appended to a venue.
    SELECT count(*) INTO had FROM tixbook.seat_block sb WHERE sb.event_id = the_event.event_id;

    SELECT n INTO missing FROM unnest(sections) n
    WHERE NOT EXISTS (SELECT FROM tixbook.section s WHERE s.venue_id = the_event.venue_id AND s.name = n)
    LIMIT 1;
    IF FOUND THEN
        PERFORM tixbook.refuse('section_not_found',
            jsonb_build_object('section', missing, 'event_id', event_id), coalesce(quote_ident(missing), 'null'));
    END IF;

    SELECT c.name INTO missing
    FROM tixbook.venue_block b
    JOIN tixbook.section s USING (venue_id, section_no)
    JOIN tixbook.category c USING (venue_id, category_no)
    WHERE b.venue_id = the_event.venue_id
      AND (sections IS NULL OR s.name = ANY (sections))
      AND NOT EXISTS (SELECT FROM tixbook.price p
                      WHERE p.event_id = the_event.event_id AND p.category_no = b.category_no)
    LIMIT 1;
    IF FOUND THEN
        PERFORM tixbook.refuse('price_missing',
            jsonb_build_object('event_id', event_id, 'category', missing),
            format('category %I of event %s', missing, event_id));
    END IF;

    -- Ballast: every so many rows a wide one that is deleted at once. What it
    -- leaves on the page is room for some 30 updates between two prunings.
    INSERT INTO tixbook.seat_block (event_id, block_no, free, taken, blocked)
    SELECT the_event.event_id, r.block_no, r.free, r.taken, r.blocked
    FROM (
        SELECT b.block_no, b.block_no AS place,
               CASE WHEN on_sale THEN b.capacity ELSE 0 END AS free,
               CASE WHEN on_sale THEN none ELSE OPERATOR(tixbook.~) none END AS taken,
               CASE WHEN on_sale THEN NULL ELSE OPERATOR(tixbook.~) none END AS blocked
        FROM tixbook.venue_block b
        JOIN tixbook.section s USING (venue_id, section_no),
        LATERAL (SELECT sections IS NULL OR s.name = ANY (sections) AS on_sale,
                        tixbook.seatmap(b.capacity) AS none) x
        WHERE b.venue_id = the_event.venue_id
          AND b.block_no >= had
        UNION ALL
        SELECT -1 - b.block_no, b.block_no, 0, tixbook.seatmap(15000), NULL
        FROM tixbook.venue_block b
        WHERE b.venue_id = the_event.venue_id AND b.block_no >= had AND b.block_no % 80 = 40
    ) r
    ORDER BY r.place, r.block_no;
    DELETE FROM tixbook.seat_block sb WHERE sb.event_id = the_event.event_id AND sb.block_no < 0;
    SELECT count(*) INTO laid_out
    FROM tixbook.seat_block sb
    WHERE sb.event_id = the_event.event_id AND sb.block_no >= had;

    UPDATE tixbook.event e
    SET capacity = (SELECT coalesce(sum(b.capacity), 0) FROM tixbook.venue_block b
                    WHERE b.venue_id = the_event.venue_id)
    WHERE e.event_id = the_event.event_id;
    RETURN laid_out;
END
$$;
COMMENT ON FUNCTION tixbook.lay_out_blocks(integer, text[]) IS
'Internal: gives event event_id the blocks of its venue that it does not have yet, on sale where sections (null: all) names their section, else blocked; returns how many. Refuses: event_not_found, section_not_found, price_missing.';

CREATE FUNCTION tixbook.create_inventory(event_id integer, sections text[]) RETURNS void
LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tixbook.lay_out_blocks(event_id, sections) $$;
COMMENT ON FUNCTION tixbook.create_inventory(integer, text[]) IS
'Internal: the first inventory of event event_id; sections (null: all) are on sale, the others blocked. Refuses: event_not_found, section_not_found, price_missing.';

CREATE FUNCTION tixbook.add_inventory(event_id integer) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
BEGIN
    IF the_event.capacity = 0 THEN
        PERFORM tixbook.refuse('event_not_on_sale',
            jsonb_build_object('event_id', event_id, 'status', the_event.status), event_id::text);
    END IF;
    RETURN tixbook.lay_out_blocks(event_id, NULL);
END
$$;
COMMENT ON FUNCTION tixbook.add_inventory(integer) IS
'Puts on sale at event event_id what its venue has gained since the sale opened (add_standing_section), also while it runs; returns the number of new seat blocks. Refuses: event_not_found, event_not_on_sale (no inventory yet), price_missing.';

CREATE FUNCTION tixbook.block_seats(event_id integer, seats integer[]) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_block_seats';
COMMENT ON FUNCTION tixbook.block_seats(integer, integer[]) IS
'Keeps seats (by seat_index) of event event_id off the sale, all or none: house seats, kills. Seats blocked already stay so. Returns how many were newly blocked. Refuses: event_not_found, seat_not_found, seat_taken, busy, invalid_parameter.';

CREATE FUNCTION tixbook.unblock_seats(event_id integer, seats integer[]) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_unblock_seats';
COMMENT ON FUNCTION tixbook.unblock_seats(integer, integer[]) IS
'Puts blocked seats (by seat_index) of event event_id on sale; seats that are not blocked are left as they are. Returns how many were released. Refuses: event_not_found, seat_not_found, busy, invalid_parameter.';

CREATE FUNCTION tixbook.block_section(event_id integer, section text) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_seats integer[] := tixbook.section_seats(event_id, section, false);
BEGIN
    RETURN tixbook.block_seats(event_id, the_seats);
END
$$;

CREATE FUNCTION tixbook.section_seats(event_id integer, section text, blocked boolean) RETURNS integer[]
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    the_seats integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM tixbook.section s
                   WHERE s.venue_id = the_event.venue_id AND s.name = section_seats.section) THEN
        PERFORM tixbook.refuse('section_not_found',
            jsonb_build_object('section', section, 'event_id', event_id), coalesce(quote_ident(section), 'null'));
    END IF;
    -- Blocked: the seats that unblocking can release; else those still free.
    SELECT array_agg(vb.first_seat + seat ORDER BY vb.first_seat + seat) INTO the_seats
    FROM tixbook.seat_block sb
    JOIN tixbook.venue_block vb ON vb.venue_id = the_event.venue_id AND vb.block_no = sb.block_no
    JOIN tixbook.section s USING (venue_id, section_no),
    LATERAL tixbook.unnest(CASE WHEN section_seats.blocked
                                THEN coalesce(sb.blocked, tixbook.seatmap(vb.capacity))
                                ELSE OPERATOR(tixbook.~) sb.taken END) AS seat
    WHERE sb.event_id = the_event.event_id AND s.name = section_seats.section;
    RETURN coalesce(the_seats, '{}');
END
$$;
COMMENT ON FUNCTION tixbook.section_seats(integer, text, boolean) IS
'The seats (by seat_index) of a section of event event_id: with blocked those kept off the sale, else those free now. Refuses: event_not_found, section_not_found.';
COMMENT ON FUNCTION tixbook.block_section(integer, text) IS
'Keeps the seats of a section of event event_id that are free now off the sale; returns how many. Refuses: event_not_found, section_not_found, seat_taken (a seat went meanwhile; call again), busy.';

CREATE FUNCTION tixbook.unblock_section(event_id integer, section text) RETURNS integer
LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tixbook.unblock_seats(event_id, tixbook.section_seats(event_id, section, true)) $$;
COMMENT ON FUNCTION tixbook.unblock_section(integer, text) IS
'Puts all blocked seats of a section of event event_id on sale; returns how many. Refuses: event_not_found, section_not_found, busy.';
