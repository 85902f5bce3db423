-- refund_stripe: refunds by Stripe. One that may have been made is looked for before it is asked for again
-- under another key.

CREATE FUNCTION tixbook.count_refund_call(refund tixbook.refund) RETURNS tixbook.refund
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tixbook.refund r SET calls = r.calls + 1
    WHERE r.event_id = refund.event_id AND r.refund_id = refund.refund_id
    RETURNING r.*
$$;

-- Where Stripe is not allowed just now the refund stays due, and settle_payments sends it later.
CREATE FUNCTION tixbook.send_stripe_refund(payment tixbook.payment, refund tixbook.refund, pause interval = '0') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tixbook.destination d WHERE d.destination = 'stripe' AND d.allowed) THEN
        RETURN;
    END IF;
    refund := tixbook.count_refund_call(refund);
    PERFORM tixbook.call_stripe('stripe_refund', refund.refund_id, refund.calls, payment.booking_id, '/v1/refunds',
        jsonb_build_object('payment_intent', payment.provider_reference, 'amount', refund.amount,
            'metadata[refund_id]', refund.refund_id, 'metadata[payment_id]', payment.payment_id,
            'metadata[event_id]', payment.event_id),
        -- Stripe remembers the key for a day.
        clock_timestamp() + pause, NULL, clock_timestamp() + pause + interval '12 hours');
END
$$;

CREATE FUNCTION tixbook.list_stripe_refunds(payment tixbook.payment, pause interval = '0') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    payment := tixbook.count_call(payment);
    PERFORM tixbook.call_stripe('stripe_list_refunds', payment.payment_id, payment.calls, payment.booking_id,
        '/v1/refunds?limit=20&payment_intent=' || payment.provider_reference, NULL,
        clock_timestamp() + pause, NULL, clock_timestamp() + pause + interval '5 min');
END
$$;

CREATE FUNCTION tixbook.retrieve_stripe_refund(payment tixbook.payment, refund tixbook.refund) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pause interval := least(interval '10 min' * power(2, least(refund.calls, 10)), interval '1 day');
BEGIN
    refund := tixbook.count_refund_call(refund);
    PERFORM tixbook.call_stripe('stripe_retrieve_refund', refund.refund_id, refund.calls, payment.booking_id,
        '/v1/refunds/' || refund.provider_reference, NULL,
        clock_timestamp() + pause, NULL, clock_timestamp() + pause + interval '5 min');
END
$$;

-- What Stripe says of a refund of the payment, which is locked: the one that was asked about, another one of
-- ours, or one that somebody made there.
CREATE FUNCTION tixbook.take_stripe_refund(payment tixbook.payment, said jsonb, asked_about uuid = NULL) RETURNS tixbook.refund
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := tixbook.stripe_id(said ->> 'id');
    outcome text := CASE said ->> 'status' WHEN 'succeeded' THEN 'succeeded' WHEN 'failed' THEN 'failed'
                                           WHEN 'canceled' THEN 'failed' ELSE 'sent' END;
    refund tixbook.refund;
BEGIN
    SELECT r.* INTO refund FROM tixbook.refund r
    WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id
      AND (r.provider_reference = id OR r.provider_reference IS NULL
           AND r.refund_id::text IN (said #>> '{metadata,refund_id}', asked_about::text))
    ORDER BY r.provider_reference IS NULL LIMIT 1;
    IF NOT FOUND THEN
        INSERT INTO tixbook.refund AS r (event_id, refund_id, payment_id, provider, amount, currency, reason, provider_reference)
        VALUES (payment.event_id, tixbook.new_payment_id(payment.event_id), payment.payment_id, payment.provider,
                (said ->> 'amount')::bigint, payment.currency, 'by the provider', id)
        RETURNING r.* INTO refund;
    END IF;
    RETURN tixbook.take_refund(refund, outcome, id, CASE WHEN outcome = 'failed'
        THEN left(coalesce(said ->> 'failure_reason', said ->> 'status'), 200) END);
END
$$;

-- For handle_dispatch(): a call about one refund has ended.
CREATE FUNCTION tixbook.handle_stripe_refund(answered tixbook.dispatch) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refund tixbook.refund := tixbook.lock_refund(answered.about);
    payment tixbook.payment := tixbook.lock_payment(refund.payment_id);
    said jsonb := CASE WHEN answered.outcome <> 'gave_up' THEN tixbook.json_or_null(answered.answer) END;
    code text := said #>> '{error,code}';
BEGIN
    IF said ->> 'object' = 'refund' THEN
        refund := tixbook.take_stripe_refund(payment, said, refund.refund_id);
    ELSIF answered.kind = 'stripe_refund' AND refund.state = 'due' THEN
        IF answered.outcome = 'refused' AND answered.http_status NOT IN (401, 403) AND code IS DISTINCT FROM 'charge_already_refunded'
           AND said #>> '{error,type}' IS DISTINCT FROM 'idempotency_error' THEN
            PERFORM tixbook.take_refund(refund, 'failed', NULL, left(coalesce(code, said #>> '{error,type}', 'refused'), 200));
        ELSE
            IF answered.outcome = 'refused' THEN
                PERFORM tixbook.alarm_of_stripe(refund.refund_id, answered, said -> 'error');
            END IF;
            PERFORM tixbook.list_stripe_refunds(payment, tixbook.stripe_pause(refund.calls + 2));
        END IF;
        RETURN;
    END IF;
    IF refund.state = 'sent' AND refund.provider_reference IS NOT NULL THEN
        PERFORM tixbook.retrieve_stripe_refund(payment, refund);
    END IF;
END
$$;

-- For handle_dispatch(): all refunds of a payment. Those of ours that are not among them have not been made.
CREATE FUNCTION tixbook.handle_stripe_refunds(answered tixbook.dispatch) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment := tixbook.lock_payment(answered.about);
    said jsonb := CASE WHEN answered.outcome = 'delivered' THEN tixbook.json_or_null(answered.answer) END;
    refund tixbook.refund;
BEGIN
    IF said ->> 'object' IS DISTINCT FROM 'list' THEN
        IF answered.outcome = 'refused' THEN
            PERFORM tixbook.alarm_of_stripe(payment.payment_id, answered, said -> 'error');
        END IF;
        PERFORM tixbook.list_stripe_refunds(payment, tixbook.stripe_pause(payment.calls));
        RETURN;
    END IF;
    PERFORM tixbook.take_stripe_refund(payment, r) FROM jsonb_array_elements(said -> 'data') AS r;
    FOR refund IN
        SELECT r.* FROM tixbook.refund r
        WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id AND r.state IN ('due', 'sent')
          AND NOT tixbook.is_being_asked(r.refund_id)
    LOOP
        IF refund.state = 'sent' AND refund.provider_reference IS NOT NULL THEN
            PERFORM tixbook.retrieve_stripe_refund(payment, refund);
        ELSIF refund.state = 'due' AND tixbook.unrefunded(payment) < 0 THEN
            PERFORM tixbook.take_refund(refund, 'failed', NULL, 'given back at the provider already');
        ELSIF refund.state = 'due' THEN
            PERFORM tixbook.send_stripe_refund(payment, refund, tixbook.stripe_pause(refund.calls + 2));
        END IF;
    END LOOP;
END
$$;

-- For settle_payments(): calls that got lost, which only who deletes them can bring about.
CREATE FUNCTION tixbook.revive_stripe(batch integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
    refund tixbook.refund;
    revived integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM tixbook.destination d WHERE d.destination = 'stripe' AND d.allowed) THEN
        RETURN 0;
    END IF;
    FOR payment IN
        SELECT p.* FROM tixbook.payment p
        WHERE p.state = 'pending' AND p.provider = 'stripe' AND NOT tixbook.is_being_asked(p.payment_id)
        ORDER BY p.made_at LIMIT batch FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM tixbook.ask_stripe(payment);
        revived := revived + 1;
    END LOOP;
    FOR payment IN
        SELECT p.* FROM tixbook.payment p JOIN tixbook.refund r USING (event_id, payment_id)
        WHERE r.state IN ('due', 'sent') AND r.provider = 'stripe' AND NOT tixbook.is_being_asked(r.refund_id)
          AND NOT tixbook.is_being_asked(p.payment_id)
        ORDER BY r.made_at LIMIT batch FOR UPDATE OF p SKIP LOCKED
    LOOP
        PERFORM tixbook.list_stripe_refunds(payment);
        revived := revived + 1;
    END LOOP;
    RETURN revived;
END
$$;
