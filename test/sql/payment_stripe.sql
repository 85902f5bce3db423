-- Stripe: what is sent, and what each answer and webhook makes of payment, booking and refund. Nothing is really
-- sent: the test begins the calls and says how they end.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SET tixbook.payment_provider = 'stripe';
SELECT build_house('House', 'ssssssssss', 'ssssssssss') AS house \gset
SELECT build_event(:house, 1);

CREATE FUNCTION pay(customer text, token text = 'pm_card') RETURNS text LANGUAGE sql AS $$
    SELECT outcome(format('SELECT state FROM tixbook.pay(%L, %L)', b.booking_id, token))
    FROM tixbook.booking b WHERE b.customer = pay.customer ORDER BY b.created_at DESC LIMIT 1
$$;
CREATE FUNCTION hold(customer text, VARIADIC seats integer[]) RETURNS integer[] LANGUAGE sql AS $$
    SELECT seats FROM tixbook.reserve_seats(1, seats, customer)
$$;
-- The call that is due now.
CREATE FUNCTION call() RETURNS TABLE (kind text, state tixbook.dispatch_state, method text, path text, body text, key text) LANGUAGE sql AS $$
    SELECT m.kind, m.state, m.method, m.path, plain(m.body), plain(m.idempotency_key)
    FROM tixbook.dispatch m WHERE m.state IN ('waiting', 'behind') ORDER BY m.dispatch_id
$$;
-- Begins the calls, however long they are to wait, and ends the newest of them: with a status and what is said, or with an error.
CREATE FUNCTION answer(status integer, said jsonb, error text = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m tixbook.dispatch;
BEGIN
    UPDATE tixbook.dispatch d SET next_at = clock_timestamp() WHERE d.state = 'waiting';
    PERFORM tixbook.begin_dispatches(100);
    PERFORM tixbook.tidy_dispatches('1 day');
    SELECT d.* INTO m FROM tixbook.dispatch d WHERE d.state = 'sending' ORDER BY d.dispatch_id DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 'nothing was begun';
    END IF;
    PERFORM tixbook.end_dispatch(m.dispatch_id, status, said::text, error, NULL);
    SELECT d.* INTO m FROM tixbook.dispatch d WHERE d.dispatch_id = m.dispatch_id;
    RETURN concat_ws(', ', m.kind, m.state, m.outcome, CASE WHEN m.state = 'answered' THEN m.last_error END);
END
$$;
CREATE FUNCTION intent(id text, status text, more jsonb = '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'payment_intent', 'id', id, 'status', status, 'amount_received', 1000, 'currency', 'eur') || more
$$;
CREATE FUNCTION paid() RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"latest_charge": {"id": "ch_1", "balance_transaction": {"fee": 40, "currency": "eur"}}}'::jsonb
$$;
CREATE FUNCTION wrong(type text, code text, more jsonb = '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('error', jsonb_build_object('type', type, 'code', code, 'message', 'said of ' || code) || more)
$$;
CREATE VIEW now_so AS
SELECT p.customer, p.state, p.provider_reference AS reference, p.provider_status AS status, p.decline_reason, p.fee,
       b.status AS booking, r.state AS refund, r.amount AS refund_amount, r.provider_reference AS refund_reference
FROM tixbook.payment p
LEFT JOIN tixbook.booking b ON b.booking_id = coalesce(p.rebooked_as, p.booking_id)
LEFT JOIN tixbook.refund r ON r.event_id = p.event_id AND r.payment_id = p.payment_id
ORDER BY p.made_at, r.made_at;
CREATE FUNCTION so(customer text) RETURNS SETOF now_so LANGUAGE sql AS $$ SELECT n.* FROM now_so n WHERE n.customer = so.customer $$;

-- Without a destination there is nobody to pay to.
SELECT hold('ann', 0);
SELECT pay('ann');
SELECT tixbook.allow_destination('stripe', 'https://api.stripe.com', headers => '{"Authorization": "Bearer sk_test"}', breaker_failures => 1000);
SELECT pay('ann', 'pm card');

-- Created without being confirmed, then confirmed under its id; the answer tells the fee.
SELECT pay('ann'), pay('ann'), pay('ann', 'pm_other');
SELECT * FROM call() \gx
SELECT answer(200, intent('pi_ann', 'requires_confirmation'));
SELECT * FROM call() \gx
SELECT answer(200, intent('pi_ann', 'succeeded', paid()));
SELECT * FROM so('ann');
SELECT count(*) FROM tixbook.booking_tickets(booking_of('ann'));
SELECT * FROM call();

-- Declined, and paid with another card, whose calls come after those of the first.
SELECT hold('bob', 1);
SELECT pay('bob', 'tok_of_old');
SELECT regexp_replace(body, '^.*(payment_method_data)', '\1') FROM call();
SELECT answer(200, intent('pi_bob', 'requires_confirmation'));
SELECT answer(402, wrong('card_error', 'card_declined', jsonb_build_object('decline_code', 'insufficient_funds', 'payment_intent',
    intent('pi_bob', 'requires_payment_method', '{"last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds"}}'))));
SELECT * FROM so('bob');
-- Who asks without a key is told so; with one he tries the card again.
SELECT pay('bob', 'tok_of_old'), pay('bob', 'tok_of_old'), count(*) FROM tixbook.payment WHERE customer = 'bob';
BEGIN;
SELECT state FROM tixbook.pay(booking_of('bob'), 'tok_of_old', 'a key');
ROLLBACK;
SELECT pay('bob');
SELECT answer(200, intent('pi_bob2', 'requires_confirmation')), answer(200, intent('pi_bob2', 'succeeded', paid()));
SELECT * FROM so('bob');

-- Not known: no answer is asked for with the same key; after a 500, which Stripe would repeat for ever, with another.
SELECT hold('cat', 2);
SELECT pay('cat');
SELECT answer(NULL, NULL, 'connection refused'), answer(429, wrong('invalid_request_error', 'rate_limit')), answer(409, wrong('idempotency_error', 'lock_timeout'));
SELECT kind, key FROM call();
SELECT answer(500, wrong('api_error', 'oops'));
SELECT kind, key FROM call();
SELECT answer(200, intent('pi_cat', 'requires_confirmation')), answer(500, NULL);
SELECT kind, method, path, key FROM call();
SELECT answer(200, intent('pi_cat', 'requires_confirmation'));
SELECT kind, key FROM call();
-- The answer of this one gets lost, and it was charged.
SELECT answer(502, NULL), answer(NULL, NULL, 'timeout'), answer(503, NULL), answer(200, intent('pi_cat', 'succeeded', paid()));
SELECT * FROM so('cat');
SELECT kind, outcome, count(*) FROM tixbook.dispatch WHERE about = (SELECT payment_id FROM tixbook.payment WHERE customer = 'cat') GROUP BY 1, 2 ORDER BY 1, 2;

-- What takes its time is asked for again and again; what wants its customer asked is cancelled.
SELECT hold('dan', 3), hold('eve', 4);
SELECT pay('dan'), answer(200, intent('pi_dan', 'requires_confirmation')), answer(200, intent('pi_dan', 'processing'));
SELECT kind, key FROM call();
SELECT answer(200, intent('pi_dan', 'processing')), answer(200, intent('pi_dan', 'succeeded'));
-- Captured, but the fee is not told yet.
SELECT * FROM so('dan');
SELECT answer(200, intent('pi_dan', 'succeeded', paid()));
SELECT * FROM so('dan');
SELECT pay('eve'), answer(200, intent('pi_eve', 'requires_confirmation')), answer(200, intent('pi_eve', 'requires_action'));
SELECT kind, path, body FROM call();
SELECT answer(200, intent('pi_eve', 'canceled', '{"cancellation_reason": "abandoned"}'));
SELECT * FROM so('eve');

-- Refused: a card that there is not, and what an administrator must see to.
SET client_min_messages = error;
SELECT pay('eve', 'pm_none'), answer(400, wrong('invalid_request_error', 'resource_missing'));
SELECT pay('eve', 'pm_2'), answer(401, wrong('invalid_request_error', NULL)), answer(200, intent('pi_eve2', 'requires_confirmation')),
    answer(400, wrong('invalid_request_error', 'amount_too_small'));
SELECT kind FROM call();
SELECT answer(200, intent('pi_eve2', 'canceled'));
SELECT * FROM so('eve');
RESET client_min_messages;

-- The seats are gone before the call could begin: it does not begin, and the intent is cancelled.
SELECT pay('eve', 'pm_3'), answer(200, intent('pi_eve3', 'requires_confirmation'));
UPDATE tixbook.dispatch SET not_after = clock_timestamp() WHERE state = 'waiting';
SELECT answer(NULL, NULL);
SELECT outcome, attempts, last_error FROM tixbook.dispatch WHERE kind = 'stripe_confirm' ORDER BY dispatch_id DESC LIMIT 1;
UPDATE tixbook.booking SET expires_at = clock_timestamp() WHERE customer = 'eve';
SELECT kind FROM call();
SELECT answer(200, intent('pi_eve3', 'requires_confirmation'));
SELECT kind FROM call();
SELECT answer(200, intent('pi_eve3', 'canceled'));
SELECT * FROM so('eve') ORDER BY reference;

-- Cancelled, the refund is sent by the same transaction. After a 500 it is looked for first.
SELECT (tixbook.cancel(booking_of('ann'))).status;
SELECT * FROM so('ann');
SELECT kind, path, body, key FROM call();
SELECT answer(500, NULL);
SELECT kind, method, path FROM call();
SELECT answer(200, '{"object": "list", "data": []}');
SELECT kind, key FROM call();
SELECT answer(500, NULL);
SELECT answer(200, jsonb_build_object('object', 'list', 'data', jsonb_build_array(jsonb_build_object('object', 'refund', 'id', 're_ann', 'amount', 1000,
    'status', 'pending', 'metadata', jsonb_build_object('refund_id', r.refund_id))))) FROM tixbook.refund r;
SELECT * FROM so('ann');
SELECT customer, refund_state FROM tixbook.due_refund;
SELECT kind, path FROM call();
SELECT answer(200, '{"object": "refund", "id": "re_ann", "amount": 1000, "status": "succeeded"}');
SELECT * FROM so('ann');
SELECT customer, refund_state FROM tixbook.due_refund;

-- One that fails stays due, in sight, until a person has seen to it.
SET client_min_messages = error;
SELECT (tixbook.cancel(b.booking_id)).status FROM tixbook.booking b WHERE customer = 'cat';
SELECT answer(400, wrong('invalid_request_error', 'balance_insufficient'));
SELECT customer, refund_state, failure_reason FROM tixbook.due_refund;
SELECT state FROM tixbook.retry_refund((SELECT payment_id FROM tixbook.payment WHERE customer = 'cat'));
SELECT answer(200, '{"object": "refund", "id": "re_cat", "amount": 1000, "status": "succeeded"}');
RESET client_min_messages;
SELECT * FROM so('cat');
SELECT outcome(format('SELECT tixbook.retry_refund(%L)', payment_id)) FROM tixbook.payment WHERE customer = 'cat';

-- While the breaker is open no payment begins, and the hold is as it was; one that is under way is told of.
SELECT hold('fay', 5), hold('gus', 6);
SELECT pay('fay');
UPDATE tixbook.destination_health SET breaker = 'open', open_until = clock_timestamp() + '1 min';
SELECT state, answer, regexp_replace(detail, '\d{5}', '<ms>') FROM attempt(format('SELECT state FROM tixbook.pay(%L, %L)', booking_of('gus'), 'pm_card'));
SELECT status, expires_at - created_at FROM tixbook.booking WHERE customer = 'gus';
SELECT pay('fay');
UPDATE tixbook.destination_health SET breaker = 'half_open';
SELECT pay('gus');
UPDATE tixbook.destination_health SET breaker = 'open', open_until = clock_timestamp();
SELECT pay('gus');
UPDATE tixbook.destination_health SET breaker = 'closed';

-- What goes missing from the outbox is found, and sent again.
SELECT law FROM tixbook.verify_payments();
DELETE FROM tixbook.dispatch WHERE state = 'waiting';
SELECT law FROM tixbook.verify_payments();
SELECT DISTINCT law FROM tixbook.verify();
SELECT tixbook.settle_payments();
SELECT kind FROM call();
SELECT law FROM tixbook.verify_payments();
SELECT answer(200, intent('pi_gus', 'requires_confirmation')), answer(200, intent('pi_gus', 'succeeded', paid())),
    answer(200, intent('pi_fay', 'requires_confirmation')), answer(200, intent('pi_fay', 'succeeded', paid()));
SELECT customer, state FROM tixbook.payment WHERE customer IN ('fay', 'gus') ORDER BY customer;

SELECT month = date_trunc('month', now() AT TIME ZONE 'UTC') AS this_month, currency, payments, gross, fees, refunds, refunded, net FROM tixbook.settlement(1);
SELECT outcome('SELECT tixbook.settlement(2)');
SELECT * FROM tixbook.verify();
SELECT * FROM tixbook.verify_payments();
