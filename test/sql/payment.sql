-- Payments: what each outcome makes of the booking, and who is told when a hold ends at another time.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SET tixbook.payment_provider = 'test';
SELECT build_house('House', 'ssss') AS house \gset
SELECT build_house('Chair', 's') AS chair \gset
SELECT build_event(:house, 1), build_event(:chair, 2);
CREATE VIEW booking AS SELECT customer, status, seats, expires_at - created_at AS held_for, payment_reference IS NOT NULL AS paid
FROM tixbook.booking ORDER BY created_at;
CREATE VIEW payment AS SELECT customer, payment_token, amount, state, decline_reason FROM tixbook.payment ORDER BY made_at;
CREATE FUNCTION pay(customer text, token text) RETURNS text LANGUAGE sql AS $$
    SELECT outcome(format('SELECT state FROM tixbook.pay(%L, %L)', booking_of(customer), token))
$$;
CREATE FUNCTION settle(customer text, decided text) RETURNS text LANGUAGE sql AS $$
    SELECT outcome(format('SELECT state FROM tixbook.settle_payment(%L, %L, %L)', p.payment_id, decided, 'ch_' || customer))
    FROM tixbook.payment p WHERE p.customer = settle.customer ORDER BY p.made_at DESC LIMIT 1
$$;
CREATE FUNCTION past(customer text) RETURNS TABLE (from_status tixbook.booking_status, to_status tixbook.booking_status, reason text)
LANGUAGE sql AS $$ SELECT h.from_status, h.to_status, h.reason FROM tixbook.history(booking_of(customer)) h $$;

-- Captured, declined and then paid with another card, both and all in one transaction.
BEGIN;
SELECT seats FROM tixbook.reserve_seats(1, '{0}', 'ann');
SELECT pay('ann', 'tok_test_declined'), pay('ann', 'tok_test_insufficient_funds'), pay('ann', 'tok_test_success'), pay('ann', 'tok_test_success');
SELECT * FROM booking;
SELECT * FROM payment;
SELECT * FROM past('ann');
SELECT count(*) FROM tixbook.booking_tickets(booking_of('ann'));
SELECT (tixbook.cancel(booking_of('ann'), 'ill')).status;
SELECT customer, amount FROM tixbook.due_refund;
SELECT tixbook.settle_payments();
SELECT customer, amount FROM tixbook.due_refund;
SELECT * FROM past('ann');
SELECT * FROM tixbook.verify();
SELECT * FROM tixbook.verify_payments();
ROLLBACK;

-- Payments of which the provider does not say anything do not stand before those of which it does.
BEGIN;
SELECT count(tixbook.reserve(1, 1, customer => name)) FROM unnest('{gus,hal}'::text[]) name;
SELECT pay('gus', 'tok_test_silent'), pay('hal', 'tok_test_slow');
UPDATE tixbook.payment SET made_at = made_at - interval '4 seconds';
SELECT tixbook.settle_payments(1);
SELECT customer, state FROM payment ORDER BY customer;
ROLLBACK;

-- While the provider is silent the seats are kept for the payment window; declined, the hold ends when it was to end.
SELECT seats FROM tixbook.reserve_seats(1, '{1}', 'bob', '1 minute');
SELECT pay('bob', 'tok_test_silent'), pay('bob', 'tok_test_success'), outcome(format('SELECT tixbook.release(%L)', booking_of('bob')));
SELECT status, expires_at > now() + interval '4 minutes' AS put_off FROM tixbook.booking WHERE customer = 'bob';
SELECT settle('bob', 'declined'), settle('bob', 'declined');
SELECT * FROM booking;
SELECT settle('bob', 'captured');
SELECT * FROM booking;
SELECT * FROM past('bob');

-- Declined when nothing is left of its time, the hold is over, and its seat free.
SELECT seats FROM tixbook.reserve_seats(1, '{2}', 'eve', '1 minute');
SELECT pay('eve', 'tok_test_silent');
UPDATE tixbook.payment SET hold_expires_at = clock_timestamp() WHERE customer = 'eve';
SELECT settle('eve', 'declined');
SELECT status, expires_at <= now() AS over FROM tixbook.booking WHERE customer = 'eve';
SELECT * FROM past('eve');
SELECT seats FROM tixbook.reserve_seats(1, '{2}', 'dan');

-- Captured when the seat has gone to another: the money is due back.
SELECT settle('eve', 'captured');
SELECT customer, provider_reference FROM tixbook.due_refund;

-- Who has learnt that nothing is due before the end of the payment learns that the hold ends earlier after all.
SELECT seats FROM tixbook.reserve_seats(2, '{0}', 'fay', '10 minutes');
SELECT pay('fay', 'tok_test_silent');
SELECT outcome('SELECT tixbook.reserve(2, 1)'), outcome('SELECT tixbook.reserve_seats(2, ''{0}'')');
SELECT outcome('SELECT tixbook.reserve(2, 1)'), outcome('SELECT tixbook.reserve_seats(2, ''{0}'')');
UPDATE tixbook.payment SET hold_expires_at = clock_timestamp() + interval '2 seconds' WHERE customer = 'fay';
SELECT settle('fay', 'declined');
SELECT status FROM tixbook.booking WHERE customer = 'fay';
SELECT pg_sleep(2.1);
SELECT seats FROM tixbook.reserve(2, 1, customer => 'gus');
SELECT * FROM past('fay');

-- A hold that is long over goes with all that was written of it; money that comes for it then is due back.
SELECT seats FROM tixbook.reserve_seats(1, '{3}', 'hal', '1 minute');
SELECT pay('hal', 'tok_test_declined'), pay('hal', 'tok_test_silent');
UPDATE tixbook.payment SET hold_expires_at = clock_timestamp() WHERE customer = 'hal';
SELECT settle('hal', 'declined');
SET tixbook.ended_hold_ttl = 0;
SELECT tixbook.purge_ended_holds();
SELECT customer, status FROM tixbook.booking WHERE customer IN ('eve', 'fay', 'hal');
SELECT count(*) FROM tixbook.booking_history h WHERE NOT EXISTS (SELECT FROM tixbook.booking b WHERE b.booking_id = h.booking_id);
SELECT settle('hal', 'declined'), settle('hal', 'captured');
SELECT customer, provider_reference FROM tixbook.due_refund ORDER BY 1;

SELECT * FROM tixbook.verify();
SELECT * FROM tixbook.verify_payments();
