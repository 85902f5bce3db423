-- Which seats are taken: best available, named ones, house seats.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

-- One answer a line: seats, together or not, price; or the refusal.
CREATE FUNCTION got(event_id integer, quantity integer, more text = '') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT (h).seats || '' '' || CASE WHEN (h).adjacent THEN ''together'' ELSE ''apart'' END || '' '' || (h).amount
                              FROM tixbook.reserve(%s, %s%s) h', event_id, quantity, more);
BEGIN
    RETURN replace(outcome(replace(statement, '(h).seats ||', '(h).seats::text ||')), 'done', '');
END
$$;
-- One after the other at the same event.
CREATE FUNCTION in_turn(event_id integer, VARIADIC quantities integer[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    quantity integer;
BEGIN
    FOREACH quantity IN ARRAY quantities LOOP
        RETURN NEXT quantity || ': ' || got(event_id, quantity);
    END LOOP;
END
$$;

-- Side by side, so that no single seat is left; then the nearest; the middle of a row is.
SELECT build_event(build_house('Row of 5', 'sssss'), 1);
SELECT in_turn(1, 1, 1, 1, 1, 1, 1);
SELECT build_event(build_house('Row of 6', 'ssssss'), 2);
SELECT in_turn(2, 2, 2, 2, 2);
SELECT build_event(build_house('Row of 7', 'sssssss'), 3);
SELECT in_turn(3, 3, 2, 2);
-- three of six: the middle would strand a single seat
SELECT build_event(build_house('Another row of 6', 'ssssss'), 4);
SELECT in_turn(4, 3, 3);
-- the front row first, as long as nobody is stranded there
SELECT build_event(build_house('Three rows of 4', 'ssss', 'ssss', 'ssss'), 5);
SELECT in_turn(5, 2, 2, 2);
SELECT build_event(build_house('Rows of 3 and 4', 'sss', 'ssss'), 6);
SELECT in_turn(6, 2, 1, 4, 1);
-- an aisle parts a row
SELECT build_event(build_house('Aisle', 'sss ssss'), 7);
SELECT in_turn(7, 4, 2, 1, 1);
-- equally near: the least off-centre, within a block and between blocks
SELECT tixbook.import_seating_plan(jsonb_build_object('name', 'Arc', 'size', '{"width": 100, "height": 100}'::jsonb,
    'categories', '[{"name": "standard"}]'::jsonb, 'zones', jsonb_build_array(
    jsonb_build_object('name', 'Arc', 'position', '{"x": 50, "y": 0}'::jsonb, 'rows', jsonb_build_array(jsonb_build_object('row_number', '1', 'seats',
        (SELECT jsonb_agg(jsonb_build_object('seat_guid', 'arc' || x, 'seat_number', x::text, 'category', 'standard', 'position', jsonb_build_object('x', x, 'y', y)) ORDER BY x)
         FROM (VALUES (-48, 14), (-30, 40), (0, 50), (30, 40), (48, 14)) AS at (x, y))))),
    jsonb_build_object('name', 'Single seats', 'position', '{"x": 50, "y": 0}'::jsonb, 'rows',
        (SELECT jsonb_agg(jsonb_build_object('row_number', x::text, 'seats', jsonb_build_array(
             jsonb_build_object('seat_guid', 'single' || x, 'seat_number', '1', 'category', 'standard', 'position', jsonb_build_object('x', x, 'y', y)))) ORDER BY x)
         FROM (VALUES (-30, 40), (0, 50), (30, 40)) AS at (x, y)))))) AS arc \gset
SELECT build_event(:arc, 8);
SELECT got(8, 1, ', ''Arc'''), got(8, 1, ', ''Single seats''');

-- Split: few parts, close together, nobody alone where that can be helped.
SELECT build_event(build_house('Three rows of 3', 'sss', 'sss', 'sss'), 10);
SELECT got(10, 4);
SELECT got(10, 4);
SELECT got(10, 2);
SELECT build_event(build_house('Rows of 3 again', 'sss', 'sss', 'sss'), 11);
SELECT got(11, 5);
SELECT build_event(build_house('Rows of 2', 'ss', 's', 'ss'), 12);
SELECT got(12, 3, ', together => true');
SELECT got(12, 3);
-- not over a gap of a whole row when the next row has as many
SELECT build_event(build_house('Four rows of 2', 'ss', 'ss', 'ss', 'ss'), 13);
SELECT seats FROM tixbook.reserve_seats(13, '{2,3}');
SELECT got(13, 4), got(13, 2), got(13, 1);
-- standing room comes last here too
SELECT build_house('Seats and standing', 'ss', 'ss') AS house \gset
SELECT tixbook.add_standing_section(:house, 'Left', 2, 'standard'), tixbook.add_standing_section(:house, 'Right', 2, 'standard');
SELECT build_event(:house, 14);
SELECT got(14, 4), got(14, 4);

-- Accessible seats: not for a general request, and no others for one that asks for them.
SELECT build_event(build_house('Accessible', 'wssw', 'sss'), 20);
SELECT got(20, 6), got(20, 4, ', together => true');
SELECT got(20, 1, ', accessible => true'), got(20, 2, ', accessible => true'), got(20, 1, ', accessible => true'), got(20, 1, ', accessible => true');
SELECT got(20, 3), got(20, 2), got(20, 1);
SELECT build_event(build_house('Accessible pair', 'sswws', 'ssss'), 21);
SELECT got(21, 2, ', accessible => true, together => true'), got(21, 1, ', ''Stalls'', accessible => true');
SELECT seats FROM tixbook.reserve_seats(20, '{0}');
SELECT build_event(build_house('None accessible', 'ss'), 22);
SELECT got(22, 1, ', accessible => true'), got(22, 2);
SELECT seats FROM tixbook.reserve_seats((SELECT 23 FROM build_event(build_house('Named', 'ws'), 23)), '{0,1}');

-- Categories, sections, prices.
SELECT build_house('Categories', 'ppp', 'psp', 'sss', 'ssss') AS house \gset
SELECT tixbook.add_standing_section(:house, 'Floor', 130, 'floor');
SELECT build_event(:house, 30);
SELECT got(30, 2, ', category => ''standard'''), got(30, 3, ', ''Stalls'''), got(30, 2, ', ''Floor'''), got(30, 1, ', category => ''floor''');
SELECT got(30, 1, ', ''Floor'', category => ''premium'''), got(30, 2, ', ''Stalls'', category => ''premium''');
SELECT seats, amount, currency, adjacent FROM tixbook.reserve_seats(30, '{8,4,16}');
-- seats come before standing room; standing room is always together
SELECT got(30, 2), got(30, 3);
SELECT in_turn(30, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10);
SELECT block_no, free FROM tixbook.seat_block WHERE event_id = 30 AND free > 0;
SELECT got(30, 10), got(30, 4, ', together => true'), got(30, 4);
SELECT sum(free) FROM tixbook.seat_block WHERE event_id = 30;

-- Named seats: together when side by side in one block, or in one slice of standing room.
SELECT build_house('Named seats', 'sss sss') AS house \gset
SELECT tixbook.add_standing_section(:house, 'Floor', 4, 'floor');
SELECT build_event(:house, 31);
SELECT a.* FROM (VALUES ('{1,0}'), ('{2,3}'), ('{6,9}'), ('{4,7}')) AS want (seats), 
    LATERAL (SELECT (h).seats, (h).adjacent, (h).amount FROM (SELECT tixbook.reserve_seats(31, want.seats::integer[]) AS h) x) a;
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.reserve_seats(31, '{5,8,0}')$$),
    ($$SELECT tixbook.reserve_seats(31, '{5,10}')$$),
    ($$SELECT tixbook.reserve_seats(31, '{5,-1,2147483647}')$$),
    ($$SELECT tixbook.reserve_seats(31, '{5,5}')$$),
    ($$SELECT tixbook.reserve_seats(31, '{5,NULL}')$$),
    ($$SELECT tixbook.reserve_seats(31, '{{5},{8}}')$$),
    ($$SELECT tixbook.reserve_seats(31, NULL)$$),
    ($$SELECT tixbook.reserve_seats(31, ARRAY(SELECT generate_series(0, 20000)))$$),
    ($$SELECT (tixbook.reserve_seats(31, '[7:8]={5,8}')).seats$$)) AS call (statement), attempt(statement) a;

-- House seats.
SELECT build_house('House seats', 'ssss', 'ssss') AS house \gset
SELECT build_event(:house, 40);
SELECT seats FROM tixbook.reserve_seats(40, '{0}', 'ann');
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.block_seats(40, '{1,2}')$$),
    ($$SELECT tixbook.block_seats(40, '{2,3}')$$),
    ($$SELECT tixbook.block_seats(40, '{0,4}')$$),
    ($$SELECT tixbook.block_seats(40, '{8}')$$),
    ($$SELECT tixbook.block_seats(40, '{4,4}')$$),
    ($$SELECT tixbook.block_seats(40, NULL)$$),
    ($$SELECT tixbook.block_seats(40, '{}')$$),
    ($$SELECT tixbook.block_seats(NULL, '{1}')$$),
    ($$SELECT tixbook.block_seats(99, '{1}')$$),
    ($$SELECT tixbook.reserve_seats(40, '{1}')$$),
    ($$SELECT tixbook.unblock_seats(40, '{0,1,5}')$$),
    ($$SELECT (tixbook.reserve_seats(40, '{1}')).seats$$),
    ($$SELECT tixbook.unblock_seats(40, '{1}')$$),
    ($$SELECT tixbook.unblock_seats(40, '{-1}')$$),
    ($$SELECT tixbook.unblock_seats(40, NULL)$$),
    ($$SELECT tixbook.unblock_seats(NULL, '{1}')$$),
    ($$SELECT tixbook.unblock_seats(40, '{}')$$)) AS call (statement), attempt(statement) a;
SELECT block_no, free, taken, blocked FROM tixbook.seat_block WHERE event_id = 40 ORDER BY block_no;
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.block_section(40, 'Stalls')$$),
    ($$SELECT tixbook.reserve(40, 1)$$),
    ($$SELECT tixbook.block_section(40, 'Stalls')$$),
    ($$SELECT (tixbook.release(booking_of('ann'))).status$$),
    ($$SELECT (tixbook.reserve(40, 1)).seats$$),
    ($$SELECT tixbook.unblock_section(40, 'Stalls')$$),
    ($$SELECT tixbook.unblock_section(40, 'Stalls')$$),
    ($$SELECT tixbook.block_section(40, 'Gallery')$$),
    ($$SELECT tixbook.block_section(40, NULL)$$),
    ($$SELECT tixbook.block_section(99, 'Stalls')$$),
    ($$SELECT tixbook.block_section(NULL, 'Stalls')$$),
    ($$SELECT tixbook.unblock_section(40, 'Gallery')$$)) AS call (statement), attempt(statement) a;
SELECT block_no, free, taken, blocked FROM tixbook.seat_block WHERE event_id = 40 ORDER BY block_no;

SELECT * FROM tixbook.verify();
