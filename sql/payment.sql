-- payment: what a booking costs is taken by a provider, who may answer later.

CREATE TYPE tixbook.payment_state AS ENUM ('pending', 'captured', 'declined', 'refunded');
COMMENT ON TYPE tixbook.payment_state IS 'The states of a payment: pending (the provider has not answered), captured, declined, refunded.';

CREATE TABLE tixbook.payment (
    event_id           integer NOT NULL REFERENCES tixbook.event,
    payment_id         uuid NOT NULL,
    booking_id         uuid NOT NULL,
    customer           text COLLATE "C",
    provider           text COLLATE "C" NOT NULL,
    payment_token      text COLLATE "C" NOT NULL,
    amount             bigint NOT NULL,
    currency           text NOT NULL,
    state              tixbook.payment_state NOT NULL DEFAULT 'pending',
    provider_reference text COLLATE "C",
    decline_reason     text,
    rebooked_as        uuid,
    hold_expires_at    timestamptz NOT NULL,
    made_at            timestamptz NOT NULL,
    settled_at         timestamptz,
    PRIMARY KEY (event_id, payment_id),
    CHECK (tixbook.event_of(payment_id) = event_id),
    CHECK (tixbook.event_of(booking_id) = event_id),
    CHECK ((state = 'pending') = (settled_at IS NULL)),
    CHECK (state NOT IN ('captured', 'refunded') OR provider_reference IS NOT NULL)
);
CREATE UNIQUE INDEX payment_reference_idx ON tixbook.payment (event_id, provider, provider_reference)
    WHERE provider_reference IS NOT NULL;
-- A booking has one payment under way.
CREATE UNIQUE INDEX payment_pending_idx ON tixbook.payment (event_id, booking_id) WHERE state = 'pending';
CREATE INDEX payment_id_idx ON tixbook.payment (payment_id);
CREATE INDEX payment_booking_idx ON tixbook.payment (booking_id, made_at);
CREATE INDEX payment_captured_idx ON tixbook.payment (settled_at) WHERE state = 'captured';
COMMENT ON TABLE tixbook.payment IS 'An attempt to pay a booking: amount in minor units of currency; provider_reference is the provider''s own id, unique for ever within the event; hold_expires_at is when the hold ends should the payment be declined; rebooked_as is the booking that took the seats again when the money came after the hold had ended.';

CREATE TABLE tixbook.webhook_secret (
    provider text COLLATE "C" PRIMARY KEY,
    secret   text NOT NULL CHECK (length(secret) >= 32)
);
COMMENT ON TABLE tixbook.webhook_secret IS 'What a provider signs its webhooks with. No role may read it.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.payment', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.webhook_secret', '');

-- What changes of a booking while it is paid; see src/payment.c.
CREATE FUNCTION tixbook.begin_payment(booking_id uuid) RETURNS tixbook.booking
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_begin_payment';
COMMENT ON FUNCTION tixbook.begin_payment(uuid) IS
'Internal: held becomes paying, and keeps its seats for tixbook.payment_window at least. Refuses: booking_not_found, hold_expired, illegal_transition, busy.';

CREATE FUNCTION tixbook.end_payment(booking_id uuid, payment_reference text, hold_expires_at timestamptz, reason text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_end_payment';
COMMENT ON FUNCTION tixbook.end_payment(uuid, text, timestamptz, text) IS
'Internal: with a payment_reference confirms the booking, without one gives the hold back what is left of its time. False: it came too late. Refuses: payment_reference_used, busy.';

CREATE FUNCTION tixbook.new_payment_id(event_id integer) RETURNS uuid
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_new_payment_id';


-- Providers: what one says of a payment now. A real one is told by a dispatch, and answers by webhook.

CREATE FUNCTION tixbook.test_provider(payment_token text, asked_after interval,
    OUT state tixbook.payment_state, OUT decline_reason text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN asked_after < t.answers_after THEN 'pending' ELSE t.outcome END::tixbook.payment_state,
           CASE WHEN asked_after >= t.answers_after THEN t.decline_reason END
    FROM (VALUES
        ('tok_test_success',            interval '0',   'captured', NULL),
        ('tok_test_declined',           interval '0',   'declined', 'card_declined'),
        ('tok_test_insufficient_funds', interval '0',   'declined', 'insufficient_funds'),
        ('tok_test_slow',               interval '3 s', 'captured', NULL),
        ('tok_test_slow_declined',      interval '3 s', 'declined', 'card_declined'),
        ('tok_test_silent',             interval '0',   'pending',  NULL)
    ) AS t (token, answers_after, outcome, decline_reason)
    WHERE t.token = payment_token
$$;

-- The provider that is set; refuses a token that it does not know.
CREATE FUNCTION tixbook.require_provider(payment_token text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    provider text := current_setting('tixbook.payment_provider');
BEGIN
    IF provider = 'none' THEN
        PERFORM tixbook.refuse('no_payment_provider', NULL, 'this database');
    END IF;
    IF (SELECT t.state FROM tixbook.test_provider(payment_token, interval '0') AS t) IS NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "payment_token"}',
                               'payment_token is not one of the test provider');
    END IF;
    RETURN provider;
END
$$;

CREATE FUNCTION tixbook.lock_payment(payment_id uuid) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_payment tixbook.payment;
BEGIN
    SELECT p.* INTO found_payment FROM tixbook.payment p
    WHERE p.payment_id = lock_payment.payment_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('payment_not_found', jsonb_build_object('payment_id', payment_id),
                               coalesce(payment_id::text, 'null'));
    END IF;
    RETURN found_payment;
END
$$;


-- Settling

-- The money came after the hold had ended: the same seats again, for the same price, if they are
-- still to be had; null: they are not.
CREATE FUNCTION tixbook.rebook(payment tixbook.payment, payment_reference text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold tixbook.hold;
BEGIN
    hold := tixbook.rebook_seats(payment.event_id,
        (SELECT b.seats FROM tixbook.booking b WHERE b.booking_id = payment.booking_id), payment.customer);
    IF hold.amount <> payment.amount OR hold.currency <> payment.currency THEN
        RAISE EXCEPTION USING ERRCODE = 'TB000', MESSAGE = 'the price has changed';
    END IF;
    PERFORM tixbook.confirm(hold.booking_id, payment_reference);
    RETURN hold.booking_id;
EXCEPTION WHEN OTHERS THEN
    -- Any refusal but busy, in either of its forms, means no.
    IF (SQLSTATE LIKE 'TB%' AND SQLSTATE <> 'TB107')
       OR (SQLSTATE = 'PGRST' AND SQLERRM NOT LIKE '{"code": "busy"%') THEN
        RETURN NULL;
    END IF;
    RAISE;
END
$$;

CREATE FUNCTION tixbook.capture(payment tixbook.payment, provider_reference text) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking_reference text := payment.provider || ':' || provider_reference;
BEGIN
    IF EXISTS (SELECT FROM tixbook.payment p
               WHERE p.event_id = payment.event_id AND p.provider = payment.provider
                 AND p.provider_reference = capture.provider_reference AND p.payment_id <> payment.payment_id) THEN
        PERFORM tixbook.refuse('payment_reference_used',
            jsonb_build_object('event_id', payment.event_id, 'payment_reference', provider_reference), provider_reference);
    END IF;
    IF NOT tixbook.end_payment(payment.booking_id, booking_reference, payment.hold_expires_at, NULL) THEN
        payment.rebooked_as := tixbook.rebook(payment, booking_reference);
    END IF;
    UPDATE tixbook.payment p
    SET state = 'captured', provider_reference = capture.provider_reference, decline_reason = NULL,
        rebooked_as = payment.rebooked_as, settled_at = clock_timestamp()
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id
    RETURNING p.* INTO payment;
    RETURN payment;
END
$$;

CREATE FUNCTION tixbook.settle_payment(payment_id uuid, outcome text, provider_reference text = NULL,
                                       decline_reason text = NULL)
RETURNS tixbook.payment
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
    wrong text := CASE
        WHEN outcome IN ('captured', 'declined') IS NOT TRUE THEN 'outcome must be captured or declined'
        WHEN outcome = 'captured' AND (length(provider_reference) BETWEEN 1 AND 200) IS NOT TRUE
            THEN 'provider_reference must have 1 to 200 characters'
        WHEN length(decline_reason) > 200 THEN 'decline_reason must have at most 200 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
    END IF;
    payment := tixbook.lock_payment(payment_id);
    IF payment.state IN ('captured', 'refunded') OR payment.state = 'declined' AND outcome = 'declined' THEN
        RETURN payment;
    END IF;
    IF outcome = 'captured' THEN
        RETURN tixbook.capture(payment, provider_reference);
    END IF;
    PERFORM tixbook.end_payment(payment.booking_id, NULL, payment.hold_expires_at,
                                'payment declined' || coalesce(': ' || decline_reason, ''));
    UPDATE tixbook.payment p
    SET state = 'declined', decline_reason = settle_payment.decline_reason, settled_at = clock_timestamp()
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id
    RETURNING p.* INTO payment;
    RETURN payment;
END
$$;
COMMENT ON FUNCTION tixbook.settle_payment(uuid, text, text, text) IS
'What a provider has decided on payment payment_id: outcome is captured, with the provider''s own id provider_reference (1 to 200 characters, unique for ever), or declined, for decline_reason. Captured money confirms the booking; where the hold has ended meanwhile, the same seats are booked again if they can be had for the same price (rebooked_as), else the payment is in due_refund. Declined gives the hold back what is left of its time. A settled payment stays as it is, but that one declined may yet turn out to be captured. Returns the payment. Refuses: payment_not_found, payment_reference_used, invalid_parameter, busy.';

-- Asks the provider about a payment that is under way.
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
    RETURN tixbook.settle_payment(payment.payment_id, said.state::text,
        CASE WHEN said.state = 'captured' THEN 'test_' || replace(payment.payment_id::text, '-', '') END,
        said.decline_reason);
END
$$;


-- Paying

-- A payment of the booking with that token that is under way or done; refuses while another one is
-- under way.
CREATE FUNCTION tixbook.earlier_payment(booking tixbook.booking, payment_token text) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    earlier tixbook.payment;
BEGIN
    SELECT p.* INTO earlier FROM tixbook.payment p
    WHERE p.booking_id = booking.booking_id AND p.state IN ('pending', 'captured')
    ORDER BY p.state = 'pending' DESC, p.made_at DESC LIMIT 1;
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
    paying tixbook.booking := tixbook.begin_payment(booking.booking_id);
    made tixbook.payment;
BEGIN
    INSERT INTO tixbook.payment AS p (event_id, payment_id, booking_id, customer, provider, payment_token,
                                      amount, currency, hold_expires_at, made_at)
    VALUES (paying.event_id, tixbook.new_payment_id(paying.event_id), paying.booking_id, paying.customer,
            provider, payment_token, paying.amount, paying.currency, booking.expires_at, clock_timestamp())
    RETURNING p.* INTO made;
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
    payment := tixbook.earlier_payment(booking, payment_token);
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
'Pays the hold booking_id with payment_token, which the provider of tixbook.payment_provider understands. The booking is paying while the provider decides, and keeps its seats for tixbook.payment_window at least; then it is confirmed, or held again for what is left of its time. Returns the payment, whose state says what became of it: pending (call again with the same parameters to ask), captured, or declined for decline_reason, which is a value and no error, so that it is remembered. The same idempotency_key with the same parameters means the same payment for tixbook.idempotency_ttl; without a key, so does the same token while its payment is under way or done. Refuses: booking_not_found, hold_expired, illegal_transition, payment_in_progress (with another token), no_payment_provider, invalid_parameter, payment_declined (over HTTP only), idempotency_key_invalid, idempotency_key_reused, request_in_progress, payment_reference_used, payment_not_found, busy.';


-- Refunds

CREATE VIEW tixbook.due_refund AS
SELECT p.* FROM tixbook.payment p
WHERE p.state = 'captured'
  AND NOT EXISTS (SELECT FROM tixbook.booking b
                  WHERE b.booking_id = coalesce(p.rebooked_as, p.booking_id) AND b.status = 'confirmed'
                    AND b.payment_reference = p.provider || ':' || p.provider_reference);
COMMENT ON VIEW tixbook.due_refund IS 'Payments that were captured and have no confirmed booking to show for it: the money is to be given back.';

-- The test provider gives back what is due of these payments; returns how many.
CREATE FUNCTION tixbook.refund(payments uuid[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refunded integer;
BEGIN
    PERFORM FROM tixbook.payment p WHERE p.payment_id = ANY (payments) ORDER BY p.payment_id FOR UPDATE;
    UPDATE tixbook.payment p SET state = 'refunded', settled_at = clock_timestamp()
    FROM tixbook.due_refund d
    WHERE p.payment_id = ANY (payments) AND p.provider = 'test'
      AND d.event_id = p.event_id AND d.payment_id = p.payment_id;
    GET DIAGNOSTICS refunded = ROW_COUNT;
    RETURN refunded;
END
$$;

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
        SELECT p.* FROM tixbook.payment p WHERE p.state = 'pending'
        ORDER BY p.made_at LIMIT batch FOR UPDATE SKIP LOCKED
    LOOP
        payment := tixbook.ask_provider(payment);
        settled := settled + (payment.state <> 'pending')::integer;
    END LOOP;
    RETURN settled + tixbook.refund(ARRAY(SELECT d.payment_id FROM tixbook.due_refund d
                                          ORDER BY d.settled_at LIMIT batch));
END
$$;
COMMENT ON FUNCTION tixbook.settle_payments(integer) IS
'Asks the provider about up to batch payments (1 to 100000) that are under way, the oldest first, and gives back what is in due_refund; returns how many it settled. For pg_cron, or by hand: a customer who repeats his payment asks for it as well. Refuses: invalid_parameter, payment_not_found, payment_reference_used, busy.';


-- Webhooks

CREATE FUNCTION tixbook.set_webhook_secret(provider text, secret text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(provider, '') = '' OR (length(secret) BETWEEN 32 AND 1000) IS NOT TRUE THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "secret"}', 'secret must have 32 to 1000 characters');
    END IF;
    INSERT INTO tixbook.webhook_secret AS s (provider, secret)
    VALUES (set_webhook_secret.provider, set_webhook_secret.secret)
    ON CONFLICT ON CONSTRAINT webhook_secret_pkey DO UPDATE SET secret = excluded.secret;
END
$$;
COMMENT ON FUNCTION tixbook.set_webhook_secret(text, text) IS
'The secret (32 to 1000 characters) that provider signs its webhooks with. Refuses: invalid_parameter.';

-- "t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over time, a full stop and the body>", not
-- older than five minutes.
CREATE FUNCTION tixbook.signature_is_valid(provider text, body text, signature text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT abs(extract(epoch FROM clock_timestamp()) - part[1]::numeric) <= 300
               -- Hashed once more, so that the time the comparison takes says nothing.
               AND sha256(decode(part[2], 'hex')) =
                   sha256(tixbook.hmac_sha256(convert_to(part[1] || '.' || body, 'UTF8'), convert_to(s.secret, 'UTF8')))
        FROM regexp_match(signature, '^t=(\d{1,12}),v1=([0-9a-f]{64})$') AS part, tixbook.webhook_secret s
        WHERE part IS NOT NULL AND s.provider = signature_is_valid.provider), false)
$$;

CREATE FUNCTION tixbook.payment_webhook(body text, signature text) RETURNS tixbook.payment
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said jsonb := body::jsonb;
    provider text := coalesce(said ->> 'provider', 'test');
    payment tixbook.payment;
BEGIN
    IF NOT tixbook.signature_is_valid(provider, body, signature) THEN
        PERFORM tixbook.refuse('signature_invalid', NULL, 'the webhook');
    END IF;
    IF ((said ->> 'payment_id') ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') IS NOT TRUE THEN
        PERFORM tixbook.refuse('payment_not_found', NULL, coalesce(said ->> 'payment_id', 'null'));
    END IF;
    payment := tixbook.lock_payment((said ->> 'payment_id')::uuid);
    IF payment.provider <> provider THEN
        PERFORM tixbook.refuse('payment_not_found', jsonb_build_object('payment_id', payment.payment_id), payment.payment_id::text);
    END IF;
    RETURN tixbook.settle_payment(payment.payment_id, said ->> 'outcome',
                                  said ->> 'provider_reference', said ->> 'decline_reason');
END
$$;
COMMENT ON FUNCTION tixbook.payment_webhook(text, text) IS
'What a provider sends when it has decided: body is JSON {"provider", "payment_id", "outcome", "provider_reference", "decline_reason"}, as sent, signature "t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over t, a full stop and the body>" with the secret of set_webhook_secret, at most five minutes old. May be repeated. The outcomes are those of settle_payment. Returns the payment. Refuses: signature_invalid, payment_not_found, payment_reference_used, invalid_parameter, busy.';


-- For verify(): money is never lost, seen from the payments.
CREATE FUNCTION tixbook.verify_payments(event_id integer = NULL)
RETURNS TABLE (event_id integer, law text, detail jsonb)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH payments AS (
        SELECT p.*, p.provider || ':' || p.provider_reference AS booking_reference FROM tixbook.payment p
        WHERE verify_payments.event_id IS NULL OR p.event_id = verify_payments.event_id
    )
    SELECT p.event_id, 'a payment is for what its booking costs',
           jsonb_build_object('payment_id', p.payment_id, 'booking_id', b.booking_id, 'paid', p.amount, 'costs', b.amount)
    FROM payments p JOIN tixbook.booking b ON b.booking_id IN (p.booking_id, p.rebooked_as)
    WHERE (p.amount, p.currency) IS DISTINCT FROM (b.amount, b.currency)
    UNION ALL
    SELECT p.event_id, 'a booking confirmed by a payment keeps its money',
           jsonb_build_object('payment_id', p.payment_id, 'booking_id', b.booking_id, 'state', p.state)
    FROM payments p
    JOIN tixbook.booking b ON b.event_id = p.event_id AND b.payment_reference = p.booking_reference
    WHERE b.status = 'confirmed' AND p.state <> 'captured'
    UNION ALL
    SELECT b.event_id, 'a booking that is paying has a payment under way',
           jsonb_build_object('booking_id', b.booking_id)
    FROM tixbook.booking b
    WHERE b.status = 'paying' AND (verify_payments.event_id IS NULL OR b.event_id = verify_payments.event_id)
      AND NOT EXISTS (SELECT FROM payments p WHERE p.booking_id = b.booking_id AND p.state = 'pending')
    UNION ALL
    SELECT p.event_id, 'a booking is paid once, and what is paid twice is given back',
           jsonb_build_object('booking_id', coalesce(p.rebooked_as, p.booking_id), 'payments', count(*))
    FROM payments p
    WHERE p.state = 'captured'
      AND NOT EXISTS (SELECT FROM tixbook.due_refund d WHERE d.event_id = p.event_id AND d.payment_id = p.payment_id)
    GROUP BY p.event_id, coalesce(p.rebooked_as, p.booking_id) HAVING count(*) > 1
$$;
COMMENT ON FUNCTION tixbook.verify_payments(integer) IS
'What verify() says of payments, for event event_id, or all (null): that each agrees with its booking, that no booking is paid twice, and that none is paying without a payment under way. Returns a row a violation. What is only to be given back yet is in due_refund. Makes no refusal.';
