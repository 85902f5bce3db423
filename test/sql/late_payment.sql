-- Money that comes after the end of its hold: what is equivalent to the seats that are gone.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SET tixbook.payment_provider = 'test';
SET tixbook.late_payment = 'equivalent';
SELECT build_house('House', 'pppp', 'ssssss', 'ssww') AS house \gset
SELECT tixbook.add_standing_section(:house, 'Floor', 10, 'standard');
SELECT build_event(:house, 1);
SELECT tixbook.allow_destination('hook', 'https://example.com', signing_secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw2v');
SELECT tixbook.subscribe_webhook('hook', '{booking.released,booking.confirmed}');

-- The customer holds the seats, pays, and the hold is over before the answer comes; meanwhile others take some seats.
CREATE FUNCTION late(customer text, seats integer[], taken integer[], change text = 'SELECT 1') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id uuid := (tixbook.reserve_seats(1, seats, customer)).booking_id;
    payment tixbook.payment := tixbook.pay(id, 'tok_test_silent');
BEGIN
    UPDATE tixbook.booking SET expires_at = clock_timestamp() WHERE booking_id = id;
    PERFORM tixbook.sweep();
    PERFORM tixbook.reserve_seats(1, taken, 'rival');
    EXECUTE change;
    payment := tixbook.settle_payment(payment.payment_id, 'captured', 'ch_' || customer);
    RETURN payment.state || coalesce(': ' || (SELECT b.seats::text || CASE WHEN b.adjacent THEN ' together' ELSE '' END
                                              FROM tixbook.booking b WHERE b.booking_id = payment.rebooked_as),
        (SELECT ': ' || r.reason || ', ' || r.state FROM tixbook.refund r WHERE r.payment_id = payment.payment_id), '');
END
$$;
CREATE FUNCTION free() RETURNS bigint LANGUAGE sql AS $$ SELECT free FROM tixbook.availability(1) $$;

-- One category: as many, side by side if they were.
BEGIN;
SELECT late('ann', '{0,1}', '{1}');
ROLLBACK;
BEGIN;
SELECT late('ann', '{4,5}', '{5,6,7}');
ROLLBACK;
-- Those that are left are apart, which is good for who was apart.
BEGIN;
SELECT late('ann', '{0,1}', '{1,2}');
ROLLBACK;
BEGIN;
SELECT late('ann', '{0,2}', '{1,2}');
ROLLBACK;
-- Several categories and kinds: as many of each, in one booking, and nothing is left of how they were found.
BEGIN;
SELECT late('ann', '{0,4,12}', '{0,1,2,4,5,6,7,8,12}', $$ SELECT tixbook.reserve_seats(1, '{10,11}', 'rival') $$);
SELECT customer, status, seats FROM tixbook.booking WHERE customer = 'ann' ORDER BY created_at, status;
SELECT h.to_status, count(*) FROM tixbook.booking_history h JOIN tixbook.booking b USING (booking_id) WHERE b.customer = 'ann' GROUP BY 1;
SELECT count(*) FROM tixbook.booking_history h WHERE NOT EXISTS (SELECT FROM tixbook.booking b WHERE b.booking_id = h.booking_id);
SELECT body::jsonb ->> 'type' AS type, count(*) FROM tixbook.dispatch GROUP BY 1;
SELECT free(), count(*) FROM tixbook.ticket;
SELECT law, detail FROM tixbook.verify();
ROLLBACK;
-- Not all of it is to be had: nothing is taken.
BEGIN;
SELECT late('ann', '{0,12}', '{0,12,13}'), free();
SELECT law, detail FROM tixbook.verify();
ROLLBACK;
-- Standing places are all alike.
BEGIN;
SELECT left(late('ann', '{14,15}', '{14}'), 10) AS captured;
ROLLBACK;
-- For another price there is nothing equivalent, nor while nothing is sold.
BEGIN;
SELECT late('ann', '{0}', '{0}', $$ SELECT tixbook.set_prices(1, '{"premium": 2600}') $$);
ROLLBACK;
BEGIN;
SELECT late('ann', '{0}', '{0}', 'SELECT tixbook.pause_sale(1)');
ROLLBACK;
-- Who gave the hold up, or has paid it already, gets his money back.
BEGIN;
SELECT (tixbook.reserve_seats(1, '{0}', 'ann')).seats;
SELECT payment_id AS one FROM tixbook.pay(booking_of('ann'), 'tok_test_declined') \gset
SELECT (tixbook.release(booking_of('ann'))).status;
SELECT state FROM tixbook.settle_payment(:'one', 'captured', 'ch_ann');
SELECT (tixbook.reserve_seats(1, '{1}', 'bob')).seats;
SELECT payment_id AS one FROM tixbook.pay(booking_of('bob'), 'tok_test_declined') \gset
SELECT state FROM tixbook.pay(booking_of('bob'), 'tok_test_twice');
SELECT state FROM tixbook.settle_payment(:'one', 'captured', 'ch_bob');
SELECT p.customer, p.state, r.reason, r.amount FROM tixbook.payment p LEFT JOIN tixbook.refund r USING (event_id, payment_id) ORDER BY p.made_at;
SELECT tixbook.settle_payments(), (SELECT count(*) FROM tixbook.due_refund);
SELECT law, detail FROM tixbook.verify();
ROLLBACK;
