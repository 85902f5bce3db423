-- pay: a hold is paid through a provider: it becomes paying, and the provider is told.

-- Providers: what the test provider says of a payment now. Stripe is told by a dispatch: see payment_stripe.

CREATE FUNCTION tixbook.test_provider(payment_token text, asked_after interval,
    OUT state tixbook.payment_state, OUT decline_reason text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT CASE WHEN asked_after < t.answers_after THEN 'pending' ELSE t.outcome END,
           CASE WHEN asked_after >= t.answers_after THEN t.reason END
    INTO state, decline_reason
    FROM (VALUES
        ('tok_test_success',            interval '0',   'captured', NULL),
        ('tok_test_declined',           interval '0',   'declined', 'card_declined'),
        ('tok_test_insufficient_funds', interval '0',   'declined', 'insufficient_funds'),
        ('tok_test_twice',              interval '0',   'captured', NULL),
        ('tok_test_slow',               interval '3 s', 'captured', NULL),
        ('tok_test_slow_declined',      interval '3 s', 'declined', 'card_declined'),
        ('tok_test_silent',             interval '0',   'pending',  NULL)
    ) AS t (token, answers_after, outcome, reason)
    WHERE t.token = payment_token;
END
$$;

-- The provider that is set; refuses a token that it cannot know.
CREATE FUNCTION tixbook.require_provider(payment_token text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    provider text := current_setting('tixbook.payment_provider');
BEGIN
    IF provider = 'none' OR provider = 'stripe' AND NOT EXISTS (
        SELECT FROM tixbook.destination d WHERE d.destination = 'stripe' AND d.allowed) THEN
        PERFORM tixbook.refuse('no_payment_provider', NULL, 'this database');
    END IF;
    IF provider = 'stripe' AND (payment_token ~ '^[A-Za-z0-9_]{1,255}$') IS NOT TRUE OR provider = 'test'
       AND (SELECT t.state FROM tixbook.test_provider(payment_token, interval '0') AS t) IS NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "payment_token"}',
                               'payment_token is not one of the provider ' || provider);
    END IF;
    RETURN provider;
END
$$;

-- A provider whose breaker is open is told of no new payment; while it is tried whether it is back, neither.
CREATE FUNCTION tixbook.require_provider_up(provider text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    health tixbook.destination_health;
BEGIN
    SELECT h.* INTO health FROM tixbook.destination_health h WHERE h.destination = provider AND provider <> 'test';
    IF health.breaker = 'half_open' OR health.breaker = 'open' AND health.open_until > clock_timestamp() THEN
        PERFORM tixbook.refuse('payment_provider_down', jsonb_build_object('provider', provider, 'retry_after_ms',
            greatest(1000, ceil(1000 * extract(epoch FROM health.open_until - clock_timestamp())))), provider);
    END IF;
END
$$;

-- Asks the test provider about a payment that is under way; what becomes of others is asked for by dispatches.
CREATE FUNCTION tixbook.ask_provider(payment tixbook.payment) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said record;
BEGIN
    IF payment.state <> 'pending' OR payment.provider <> 'test' THEN
        RETURN payment;
    END IF;
    payment := tixbook.lock_payment(payment.payment_id);
    SELECT t.state, t.decline_reason INTO said
    FROM tixbook.test_provider(payment.payment_token, clock_timestamp() - payment.made_at) AS t;
    IF payment.state <> 'pending' OR said.state = 'pending' THEN
        RETURN payment;
    END IF;
    FOR answer IN 1 .. CASE payment.payment_token WHEN 'tok_test_twice' THEN 2 ELSE 1 END LOOP
        payment := tixbook.settle_payment(payment.payment_id, said.state::text,
            CASE WHEN said.state = 'captured' THEN 'test_' || replace(payment.payment_id::text, '-', '') END,
            said.decline_reason);
    END LOOP;
    RETURN payment;
END
$$;


-- Paying

-- A payment of the booking with that token that is under way or done; refuses while another one is
-- under way. Who has no key asks with the same call what has become of it: Stripe's decline, too, which
-- comes later.
CREATE FUNCTION tixbook.earlier_payment(booking tixbook.booking, payment_token text, has_key boolean) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    earlier tixbook.payment;
BEGIN
    SELECT p.* INTO earlier FROM tixbook.payment p
    WHERE p.booking_id = booking.booking_id
      AND (p.state IN ('pending', 'captured')
           OR p.state = 'declined' AND p.provider = 'stripe' AND NOT has_key AND p.payment_token = earlier_payment.payment_token)
    ORDER BY p.state = 'pending' DESC, p.state = 'captured' DESC, p.made_at DESC LIMIT 1;
    IF earlier.payment_token = earlier_payment.payment_token THEN
        RETURN earlier;
    END IF;
    IF earlier.state = 'pending' THEN
        PERFORM tixbook.refuse('payment_in_progress', jsonb_build_object('booking_id', booking.booking_id,
            'payment_id', earlier.payment_id, 'retry_after_ms', 1000), booking.booking_id::text);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION tixbook.make_payment(booking tixbook.booking, provider text, payment_token text) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    paying tixbook.booking;
    made tixbook.payment;
BEGIN
    PERFORM tixbook.require_provider_up(provider);
    paying := tixbook.begin_payment(booking.booking_id);
    INSERT INTO tixbook.payment AS p (event_id, payment_id, booking_id, customer, provider, payment_token,
                                      amount, currency, hold_expires_at, made_at)
    VALUES (paying.event_id, tixbook.new_payment_id(paying.event_id), paying.booking_id, paying.customer,
            provider, payment_token, paying.amount, paying.currency, booking.expires_at, clock_timestamp())
    RETURNING p.* INTO made;
    IF provider = 'stripe' AND made.amount = 0 THEN
        RETURN tixbook.settle_payment(made.payment_id, 'captured', 'free_' || replace(made.payment_id::text, '-', ''));
    ELSIF provider = 'stripe' THEN
        PERFORM tixbook.create_stripe_intent(made);
    END IF;
    RETURN made;
END
$$;

CREATE FUNCTION tixbook.pay(booking_id uuid, payment_token text, idempotency_key text = NULL) RETURNS tixbook.payment
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.find_booking(booking_id);
    provider text := tixbook.require_provider(payment_token);
    parameters text := jsonb_build_object('booking_id', booking_id, 'payment_token', payment_token)::text;
    answer jsonb;
    payment tixbook.payment;
BEGIN
    IF idempotency_key IS NOT NULL THEN
        answer := tixbook.begin_keyed_request(booking.event_id, 'pay', booking.customer, idempotency_key, parameters);
        IF answer IS NOT NULL THEN
            SELECT p.* INTO payment FROM tixbook.payment p
            WHERE p.event_id = booking.event_id AND p.payment_id = (answer ->> 'payment_id')::uuid;
            RETURN tixbook.ask_provider(payment);
        END IF;
    END IF;
    payment := tixbook.earlier_payment(booking, payment_token, idempotency_key IS NOT NULL);
    IF payment.payment_id IS NULL THEN
        payment := tixbook.make_payment(booking, provider, payment_token);
    END IF;
    IF idempotency_key IS NOT NULL THEN
        PERFORM tixbook.end_keyed_request(booking.event_id, 'pay', booking.customer, idempotency_key, parameters,
                                          jsonb_build_object('payment_id', payment.payment_id));
    END IF;
    RETURN tixbook.ask_provider(payment);
END
$$;
COMMENT ON FUNCTION tixbook.pay(uuid, text, text) IS
'Pays the hold booking_id with payment_token, which the provider of tixbook.payment_provider understands (Stripe: the id of a PaymentMethod). The booking is paying while the provider decides, and keeps its seats for tixbook.payment_window at least; then it is confirmed, or held again for what is left of its time. The provider is told once this commits. Returns the payment, whose state says what became of it: pending (call again with the same parameters to ask), captured, or declined for decline_reason, which is a value and no error, so that it is remembered. The same idempotency_key with the same parameters means the same payment for tixbook.idempotency_ttl; without a key, so does the same token while its payment is under way or done, and of Stripe also when it was declined: to try that card again takes a key. While the provider does not answer, new payments are refused (payment_provider_down, with retry_after_ms in the detail), and the hold is not changed. Refuses: booking_not_found, hold_expired, illegal_transition, payment_in_progress (with another token), no_payment_provider, payment_provider_down, invalid_parameter, payment_declined (over HTTP only), idempotency_key_invalid, idempotency_key_reused, request_in_progress, payment_reference_used, payment_not_found, busy.';


CREATE FUNCTION tixbook.settle_payments(batch integer = 100) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
    settled integer := 0;
BEGIN
    IF (batch BETWEEN 1 AND 100000) IS NOT TRUE THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "batch"}', 'batch must be from 1 to 100000');
    END IF;
    FOR payment IN
        -- Those of which it does not say anything yet must not stand before the others.
        SELECT p.* FROM tixbook.payment p, tixbook.test_provider(p.payment_token, clock_timestamp() - p.made_at) t
        WHERE p.state = 'pending' AND p.provider = 'test' AND t.state <> 'pending'
        ORDER BY p.made_at LIMIT batch FOR UPDATE OF p SKIP LOCKED
    LOOP
        payment := tixbook.ask_provider(payment);
        settled := settled + (payment.state <> 'pending')::integer;
    END LOOP;
    PERFORM tixbook.revive_stripe(batch);
    PERFORM tixbook.purge_payment_events(batch);
    RETURN settled + tixbook.pay_test_refunds(ARRAY(SELECT r.payment_id FROM tixbook.refund r
                                                    WHERE r.provider = 'test' AND r.state = 'due' ORDER BY r.made_at LIMIT batch));
END
$$;
COMMENT ON FUNCTION tixbook.settle_payments(integer) IS
'Asks the test provider about up to batch payments (1 to 100000) that are under way, the oldest first, and lets it give back what is due; returns how many it settled. Of other providers it asks about payments and refunds that nothing in the outbox is about (verify_payments names them), and it purges what is kept of webhooks. For pg_cron, or by hand: a customer who repeats his payment asks for it as well. Refuses: invalid_parameter, payment_not_found, payment_reference_used, busy.';
