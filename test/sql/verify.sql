-- verify(): each law, broken on purpose and taken back.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SELECT build_event(build_house('House', 'ssss', 'ssss'), 1), build_event(build_house('Sound house', 'ss'), 2), build_event(build_house('Unsold house', 'ss', 'ss'), 3);
SELECT seats FROM tixbook.reserve_seats(1, '{0,1}', 'ann', idempotency_key => 'key');
SELECT seats FROM tixbook.reserve_seats(1, '{4}', 'bob');
SELECT seats FROM tixbook.reserve_seats(1, '{5}', 'cat');
SELECT seats FROM tixbook.reserve_seats(1, '{6}', 'dan');
SELECT (tixbook.confirm(booking_of('bob'), 'payment 1')).status, (tixbook.confirm(booking_of('cat'), 'payment 2')).status;
SELECT (tixbook.cancel(booking_of('cat'))).status, (tixbook.release(booking_of('dan'))).status, tixbook.block_seats(1, '{7}');
SELECT seats FROM tixbook.reserve(2, 1);
SELECT count(*) FROM tixbook.verify();

-- What verify() says once the statements have broken something.
CREATE FUNCTION broken(VARIADIC statements text[]) RETURNS TABLE (event_id integer, law text, detail text) LANGUAGE plpgsql AS $$
DECLARE
    statement text;
    found_rows text;
BEGIN
    BEGIN
        FOREACH statement IN ARRAY statements LOOP
            EXECUTE statement;
        END LOOP;
        SELECT string_agg(v.event_id || '|' || v.law || '|' || plain(v.detail::text), E'\n' ORDER BY v.event_id, v.law, v.detail::text)
        INTO found_rows FROM tixbook.verify() v;
        RAISE EXCEPTION USING MESSAGE = coalesce(found_rows, '|sound|'), ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        found_rows := SQLERRM;
    END;
    RETURN QUERY SELECT nullif(split_part(r, '|', 1), '')::integer, split_part(r, '|', 2), split_part(r, '|', 3)
                 FROM string_to_table(found_rows, E'\n') r;
END
$$;
-- two live bookings of a seat
SELECT * FROM broken($$UPDATE tixbook.booking SET seats = '{0}' WHERE customer = 'bob'$$);
-- a booked seat that is blocked
SELECT * FROM broken($$UPDATE tixbook.seat_block SET blocked = '4:{0,3}', taken = '4:{0,1,3}', free = 1 WHERE event_id = 1 AND block_no = 0$$);
-- a booked seat that is free
SELECT * FROM broken($$UPDATE tixbook.seat_block SET taken = '4:{1}', free = 3 WHERE event_id = 1 AND block_no = 0$$);
-- a blocked seat that is free
SELECT * FROM broken($$UPDATE tixbook.seat_block SET taken = '4:{0}', free = 3 WHERE event_id = 1 AND block_no = 1$$);
-- a taken seat that is nobody's
SELECT * FROM broken($$UPDATE tixbook.seat_block SET taken = '4:{0-2}', free = 1 WHERE event_id = 1 AND block_no = 0$$);
-- a hold that went without its seats
SELECT * FROM broken($$UPDATE tixbook.booking SET status = 'expired' WHERE customer = 'ann'$$);
-- a cancelled booking back alive
SELECT * FROM broken($$UPDATE tixbook.booking SET status = 'confirmed' WHERE customer = 'cat'$$);
-- free seats counted wrong
SELECT * FROM broken($$UPDATE tixbook.seat_block SET free = 3 WHERE event_id = 1 AND block_no = 0$$);
-- a block of the wrong size
SELECT * FROM broken($$UPDATE tixbook.seat_block SET taken = '5:{0-1}' WHERE event_id = 1 AND block_no = 0$$);
-- a block that the venue does not have
SELECT * FROM broken($$INSERT INTO tixbook.seat_block (event_id, block_no, free, taken) VALUES (2, 77, 1, '1:{}')$$);
-- a block that the event should have
SELECT * FROM broken($$DELETE FROM tixbook.seat_block WHERE event_id = 1 AND block_no = 0$$);
-- and one that nobody has booked in
SELECT * FROM broken($$DELETE FROM tixbook.seat_block WHERE event_id = 3 AND block_no = 1$$);
-- a ticket is missing
SELECT * FROM broken($$DELETE FROM tixbook.ticket$$);
-- a ticket of another booking
SELECT * FROM broken($$UPDATE tixbook.ticket SET booking_id = booking_of('ann')$$);
-- a ticket of a hold
SELECT * FROM broken($$INSERT INTO tixbook.ticket VALUES (1, 0, booking_of('ann'), gen_random_uuid())$$);
-- a ticket of nobody's seat
SELECT * FROM broken($$INSERT INTO tixbook.ticket VALUES (1, 3, booking_of('bob'), gen_random_uuid())$$);
-- a key without its booking
SELECT * FROM broken($$DELETE FROM tixbook.booking WHERE customer = 'ann'$$, $$UPDATE tixbook.seat_block SET taken = '4:{}', free = 4 WHERE event_id = 1 AND block_no = 0$$);
-- two keys for one booking
SELECT * FROM broken($$INSERT INTO tixbook.idempotency_key SELECT event_id, operation, principal, 'other key', expires_at, fingerprint, response FROM tixbook.idempotency_key$$);
-- a payment on a booking that is not paid
SELECT * FROM broken($$UPDATE tixbook.booking SET payment_reference = 'payment 3' WHERE customer = 'ann'$$);
-- a sale without a payment
SELECT * FROM broken($$ALTER TABLE tixbook.booking DROP CONSTRAINT booking_check1$$, $$UPDATE tixbook.booking SET payment_reference = NULL WHERE customer = 'bob'$$);
-- one payment for two bookings
SELECT * FROM broken($$DROP INDEX tixbook.booking_payment_idx$$, $$UPDATE tixbook.booking SET payment_reference = 'payment 1' WHERE customer = 'cat'$$);
-- nothing
SELECT * FROM broken($$SELECT 1$$);

-- and the tables themselves refuse what their keys and checks cover
SELECT state, answer FROM attempt($$INSERT INTO tixbook.ticket SELECT event_id, seat_index, booking_id, secret FROM tixbook.ticket$$);
SELECT state, answer FROM attempt($$UPDATE tixbook.booking SET event_id = 2 WHERE customer = 'ann'$$);
SELECT state, answer FROM attempt($$UPDATE tixbook.booking SET status = 'confirmed' WHERE customer = 'ann'$$);

-- one event only
BEGIN;
UPDATE tixbook.seat_block SET free = free + 1 WHERE block_no = 0;
SELECT event_id, law FROM tixbook.verify(1);
SELECT event_id, law FROM tixbook.verify(2);
SELECT event_id, law FROM tixbook.verify() ORDER BY event_id;
SELECT event_id, law FROM tixbook.verify(99);
ROLLBACK;
SELECT * FROM tixbook.verify();
