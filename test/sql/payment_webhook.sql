-- Webhooks of payment providers: whose they are, and what each makes of payment, booking and refund, in whatever order.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

SET tixbook.payment_provider = 'stripe';
SELECT build_house('House', 'ssssssssss') AS house \gset
SELECT build_event(:house, 1);
SELECT tixbook.allow_destination('stripe', 'https://api.stripe.com', headers => '{"Authorization": "Bearer sk_test"}');
\set secret 'whsec_of_the_test_and_of_nobody_else'

CREATE FUNCTION paying(customer text, seat integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tixbook.reserve_seats(1, ARRAY[seat], customer);
    RETURN (tixbook.pay(booking_of(customer), 'pm_card')).state;
END
$$;
-- The intent is there and to be confirmed, as far as the payment knows.
CREATE FUNCTION created(of_customer text) RETURNS void LANGUAGE sql AS $$
    UPDATE tixbook.payment SET provider_reference = 'pi_' || customer, provider_status = 'requires_confirmation' WHERE customer = of_customer
$$;
CREATE FUNCTION signed(body text, secret text, at interval = '0') RETURNS text LANGUAGE sql AS $$
    SELECT format('t=%s,v1=%s', t, encode(tixbook.hmac_sha256(convert_to(t || '.' || body, 'UTF8'), convert_to(secret, 'UTF8')), 'hex'))
    FROM floor(extract(epoch FROM clock_timestamp() + at)) AS t
$$;
-- What a webhook comes to: its result and the payment's state, or the reason of the refusal and its detail.
CREATE FUNCTION hook(body text, signature text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', coalesce((SELECT r.reason FROM tixbook.refusals() r WHERE r.sqlstate = a.state), nullif(a.state, 'done')), a.answer, a.detail)
    FROM (SELECT state, CASE WHEN state = 'done' THEN answer END AS answer, detail
          FROM attempt(format('SELECT concat_ws('', '', result, reason, state) FROM tixbook.payment_webhook(%L, %L)', body, signature))) AS a
$$;
CREATE FUNCTION event(id text, type text, object jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'event', 'id', id, 'type', type, 'data', jsonb_build_object('object', object))::text
$$;
CREATE FUNCTION tell(id text, type text, object jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT hook(event(id, type, object), signed(event(id, type, object), 'whsec_of_the_test_and_of_nobody_else'))
$$;
CREATE FUNCTION intent(customer text, status text, more jsonb = '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'payment_intent', 'id', 'pi_' || customer, 'status', status, 'amount_received', 1000, 'currency', 'eur',
        'metadata', jsonb_build_object('payment_id', p.payment_id)) || more
    FROM tixbook.payment p WHERE p.customer = intent.customer
$$;
CREATE FUNCTION refund(id text, customer text, amount integer, status text, more jsonb = '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'refund', 'id', id, 'payment_intent', 'pi_' || customer, 'amount', amount, 'status', status, 'metadata', '{}') || more
$$;
CREATE VIEW now_so AS
SELECT p.customer, p.state, p.provider_reference AS reference, p.decline_reason, b.status AS booking, r.state AS refund, r.amount, r.reason
FROM tixbook.payment p JOIN tixbook.booking b ON b.booking_id = coalesce(p.rebooked_as, p.booking_id)
LEFT JOIN tixbook.refund r ON r.event_id = p.event_id AND r.payment_id = p.payment_id ORDER BY p.made_at, r.made_at;

-- Whose they are
SELECT paying('ann', 0), created('ann');
SELECT tell('evt_0', 'payment_intent.succeeded', intent('ann', 'succeeded'));
SELECT outcome('SELECT tixbook.set_webhook_secret(''stripe'', ''short'')'), outcome('SELECT tixbook.set_webhook_secret(''paypal'', repeat(''x'', 40))'),
    outcome('SELECT tixbook.set_webhook_secret(''stripe'', repeat(''x'', 40), ''1 year'')');
SELECT tixbook.set_webhook_secret('stripe', :'secret');
SELECT event('evt_1', 'payment_intent.succeeded', intent('ann', 'succeeded')) AS body \gset
SELECT hook(:'body', signed(:'body', :'secret', '-6 min')) AS old, hook(:'body', signed(:'body', :'secret', '6 min')) AS early;
SELECT hook(:'body', signed(:'body', 'whsec_of_somebody_else_altogether')) AS other_secret, hook(:'body' || ' ', signed(:'body', :'secret')) AS changed;
SELECT hook(:'body', 'v1=abc'), hook(:'body', NULL), hook(:'body', ''), hook(:'body', repeat('v1=,', 1000));
SELECT hook('{"object": "event"', signed('{"object": "event"', :'secret')), hook('[]', signed('[]', :'secret')), hook(NULL, 't=1');
SELECT hook('{"object": "event"}', signed('{"object": "event"}', :'secret'));
SELECT hook(repeat('x', 10000000), signed('x', :'secret'));
SELECT * FROM now_so;
SELECT count(*) FROM tixbook.payment_event;

-- A secret that is replaced is good for a while; the signature may be by several.
SELECT tixbook.set_webhook_secret('stripe', 'whsec_the_next_one_of_this_very_test', keep_old => '1 hour');
SELECT hook(:'body', signed(:'body', 'whsec_of_somebody_else_altogether') || replace(signed(:'body', :'secret'), 't=', ',v0=00,t=') || ',v1=zz');
SELECT * FROM now_so;
UPDATE tixbook.webhook_secret SET retires_at = clock_timestamp() WHERE retires_at IS NOT NULL;
SELECT hook(:'body', signed(:'body', :'secret')), hook(:'body', signed(:'body', 'whsec_the_next_one_of_this_very_test'));
SELECT tixbook.set_webhook_secret('stripe', :'secret');
SELECT hook(:'body', signed(:'body', 'whsec_the_next_one_of_this_very_test')), hook(:'body', signed(:'body', :'secret'));

-- Nothing to do with us, or not known
SELECT tell('evt_2', 'customer.created', '{}'), tell('evt_2', 'customer.created', '{}');
SELECT tell('evt_3', 'payment_intent.succeeded', '{"object": "payment_intent", "id": "pi_nobody"}'),
    plain(tell('evt_3', 'payment_intent.succeeded', '{"object": "payment_intent", "id": "pi_x", "metadata": {"payment_id": "00000001-0000-8000-8000-000000000000"}}'));
SELECT tell('evt_4', 'payment_intent.canceled', intent('ann', 'canceled', '{"id": "pi_of_before"}'));
SELECT event FROM tixbook.payment_event ORDER BY 1;

-- Before the answer to the call that made it, and in any order
SELECT paying('bob', 1);
SELECT tell('evt_5', 'payment_intent.processing', intent('bob', 'processing')), tell('evt_6', 'payment_intent.succeeded', intent('bob', 'succeeded')),
    tell('evt_7', 'payment_intent.payment_failed', intent('bob', 'requires_payment_method')), tell('evt_8', 'payment_intent.canceled', intent('bob', 'canceled'));
SELECT * FROM now_so WHERE customer = 'bob';
SELECT paying('cat', 2), created('cat');
SELECT tell('evt_9', 'payment_intent.payment_failed', intent('cat', 'requires_payment_method', '{"last_payment_error": {"code": "card_declined", "decline_code": "lost_card"}}'));
SELECT * FROM now_so WHERE customer = 'cat';
SELECT tell('evt_10', 'payment_intent.succeeded', intent('cat', 'succeeded'));
SELECT * FROM now_so WHERE customer = 'cat';

-- The money of a hold that is over buys the seat again, or is given back.
SELECT paying('dan', 3), created('dan'), paying('eve', 4), created('eve');
UPDATE tixbook.booking SET expires_at = clock_timestamp() WHERE customer IN ('dan', 'eve');
SELECT seats FROM tixbook.reserve_seats(1, '{4}', 'gus');
SELECT tell('evt_11', 'payment_intent.succeeded', intent('dan', 'succeeded')), tell('evt_12', 'payment_intent.succeeded', intent('eve', 'succeeded'));
SELECT * FROM now_so WHERE customer IN ('dan', 'eve');

-- Refunds: of ours, failed after all, and made by somebody at the provider
SELECT tell('evt_13', 'refund.updated', refund('re_eve', 'eve', 1000, 'succeeded', jsonb_build_object('metadata', jsonb_build_object('refund_id', r.refund_id)))),
    tell('evt_14', 'refund.created', refund('re_eve', 'eve', 1000, 'pending', jsonb_build_object('metadata', jsonb_build_object('refund_id', r.refund_id))))
FROM tixbook.refund r;
SELECT * FROM now_so WHERE customer = 'eve';
SET client_min_messages = error;
SELECT tell('evt_15', 'refund.failed', refund('re_eve', 'eve', 1000, 'failed', '{"failure_reason": "lost_or_stolen_card"}'));
RESET client_min_messages;
SELECT * FROM now_so WHERE customer = 'eve';
SELECT customer, refund_state, failure_reason FROM tixbook.due_refund;
SELECT tell('evt_151', 'refund.updated', refund('re_eve', 'eve', 1000, 'succeeded')), customer, refund_state FROM tixbook.due_refund;
SELECT outcome(format('SELECT state FROM tixbook.settle_refund(%L, %L, %L)', refund_id, outcome, 'by bank transfer'))
FROM tixbook.due_refund, unnest('{maybe,sent,succeeded,succeeded}'::text[]) AS outcome;
SELECT * FROM now_so WHERE customer = 'eve';
SELECT tell('evt_16', 'refund.created', refund('re_bob1', 'bob', 400, 'succeeded')), tell('evt_17', 'charge.refund.updated', refund('re_bob1', 'bob', 400, 'succeeded'));
SELECT (tixbook.cancel(booking_of('bob'))).status;
SELECT * FROM now_so WHERE customer = 'bob';
SELECT outcome(format('SELECT state FROM tixbook.settle_refund(%L, %L)', refund_id, 'succeeded')) FROM tixbook.due_refund WHERE customer = 'bob';
SELECT count(*) FROM tixbook.dispatch WHERE kind = 'stripe_list_refunds';
SELECT tell('evt_18', 'charge.refunded', '{"object": "charge", "payment_intent": "pi_cat", "amount_refunded": 300}'),
    tell('evt_19', 'charge.refunded', jsonb_build_object('object', 'charge', 'payment_intent', 'pi_dan', 'amount_refunded', 300,
        'refunds', jsonb_build_object('data', jsonb_build_array(refund('re_dan', 'dan', 300, 'succeeded')))));
SELECT count(*) FROM tixbook.dispatch WHERE kind = 'stripe_list_refunds';
SELECT * FROM now_so WHERE customer IN ('cat', 'dan');
-- All of it given back, without a word to us: its booking must go too.
SELECT tell('evt_20', 'refund.created', refund('re_dan2', 'dan', 700, 'succeeded'));
SELECT law FROM tixbook.verify_payments();
SELECT (tixbook.cancel(b.booking_id)).status FROM tixbook.booking b WHERE customer = 'dan' AND status = 'confirmed';
SELECT * FROM now_so WHERE customer = 'dan';

-- The test provider has a secret, and a form, of its own.
SELECT tixbook.set_webhook_secret('test', 'the secret of the test provider, long enough');
SELECT format('{"payment_id": "%s", "outcome": "captured", "provider_reference": "x"}', payment_id) AS body FROM tixbook.payment WHERE customer = 'eve' \gset
SELECT hook(:'body', signed(:'body', :'secret')), plain(hook(:'body', signed(:'body', 'the secret of the test provider, long enough')));

-- They are kept for a month.
UPDATE tixbook.payment_event SET received_at = received_at - interval '30 days';
SELECT tell('evt_21', 'customer.created', '{}'), count(*) FROM tixbook.payment_event;
SELECT tixbook.settle_payments();
SELECT count(*) FROM tixbook.payment_event;
SELECT * FROM tixbook.verify();
SELECT * FROM tixbook.verify_payments();
