-- payment_stripe: Stripe, by its own protocol. Each call is a dispatch; what comes of it leads to the next.
--
-- An intent is created without being confirmed: to do that twice harms nobody. It is confirmed under its
-- id, as long as the booking is being paid. What came of that is asked for until it is known. So while a
-- payment is pending, there is always one call about it in the outbox; a webhook only makes it sooner.

-- application/x-www-form-urlencoded
CREATE FUNCTION tixbook.percent_encoded(said text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN said ~ '^[A-Za-z0-9._~-]*$' THEN said ELSE (
        SELECT string_agg(CASE WHEN letter ~ '^[A-Za-z0-9._~-]$' THEN letter
            ELSE regexp_replace(upper(encode(convert_to(letter, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY place)
        FROM regexp_split_to_table(said, '') WITH ORDINALITY AS l (letter, place)) END;
END
$$;

CREATE FUNCTION tixbook.form_encoded(fields jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(tixbook.percent_encoded(f.key) || '=' || tixbook.percent_encoded(f.value), '&' ORDER BY f.key)
            FROM jsonb_each_text(fields) AS f);
END
$$;

CREATE FUNCTION tixbook.json_or_null(said text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN said::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

-- An id of Stripe's that can stand in a path.
CREATE FUNCTION tixbook.stripe_id(said text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN substring(said FROM '^[A-Za-z0-9_]{1,200}$');
END
$$;

-- What cannot go on by itself, for whoever watches the server's log.
CREATE FUNCTION tixbook.alarm_of_stripe(about uuid, answered tixbook.dispatch, error jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE WARNING 'Stripe refused % of %: HTTP status %, %', answered.kind, about, answered.http_status,
        left(coalesce(error ->> 'message', error ->> 'code', answered.answer, answered.last_error, 'no reason given'), 300);
END
$$;


-- Calls

-- How long to wait before the next call, after so many.
CREATE FUNCTION tixbook.stripe_pause(calls integer) RETURNS interval
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN least(interval '1 s' * power(2, greatest(least(calls, 20) - 2, 0)), interval '5 min');
END
$$;

-- Each has a key of its own, which the dispatch keeps over its attempts. What only looks need not wait its turn.
CREATE FUNCTION tixbook.call_stripe(kind text, about uuid, number integer, booking_id uuid, path text, fields jsonb,
    next_at timestamptz = NULL, not_after timestamptz = NULL, give_up_at timestamptz = NULL)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    looks boolean := fields IS NULL;
BEGIN
    IF tixbook.write_dispatch(kind, 'stripe', CASE WHEN looks THEN 'GET' ELSE 'POST' END, path,
           CASE WHEN looks THEN '{}' ELSE '{"Content-Type": "application/x-www-form-urlencoded"}'::jsonb END
               || '{"Stripe-Version": "2024-06-20"}',
           tixbook.form_encoded(fields), CASE WHEN NOT looks THEN booking_id::text END,
           format('%s-%s-%s', replace(kind, '_', '-'), about, number), about, next_at, not_after, give_up_at) IS NULL THEN
        RAISE EXCEPTION 'the destination stripe is not allowed'
            USING HINT = 'An administrator must allow it again, by allow_destination.';
    END IF;
    PERFORM tixbook.wake_dispatch();
END
$$;

CREATE FUNCTION tixbook.count_call(payment tixbook.payment) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tixbook.payment p SET calls = p.calls + 1
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id
    RETURNING p.* INTO payment;
    RETURN payment;
END
$$;

-- Until when the booking is being paid; null: it is not any more.
CREATE FUNCTION tixbook.paying_until(payment tixbook.payment) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT b.expires_at FROM tixbook.booking b
            WHERE b.booking_id = payment.booking_id AND b.status = 'paying' AND b.expires_at > clock_timestamp());
END
$$;

CREATE FUNCTION tixbook.create_stripe_intent(payment tixbook.payment, pause interval = '0') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends timestamptz := tixbook.paying_until(payment);
BEGIN
    payment := tixbook.count_call(payment);
    PERFORM tixbook.call_stripe('stripe_create', payment.payment_id, payment.calls, payment.booking_id, '/v1/payment_intents',
        jsonb_build_object('amount', payment.amount, 'currency', lower(payment.currency), 'payment_method_types[]', 'card',
            'metadata[payment_id]', payment.payment_id, 'metadata[booking_id]', payment.booking_id,
            'metadata[event_id]', payment.event_id)
        || CASE WHEN payment.payment_token LIKE 'tok\_%'
           THEN jsonb_build_object('payment_method_data[type]', 'card', 'payment_method_data[card][token]', payment.payment_token)
           ELSE jsonb_build_object('payment_method', payment.payment_token) END,
        clock_timestamp() + pause, ends, ends);
END
$$;

-- The one call that takes money. It does not begin when the seats may be gone before it is answered.
CREATE FUNCTION tixbook.confirm_stripe_intent(payment tixbook.payment, ends timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    timeout interval := (SELECT d.timeout FROM tixbook.destination d WHERE d.destination = 'stripe');
    left_over interval := ends - clock_timestamp();
BEGIN
    payment := tixbook.count_call(payment);
    PERFORM tixbook.call_stripe('stripe_confirm', payment.payment_id, payment.calls, payment.booking_id,
        '/v1/payment_intents/' || payment.provider_reference || '/confirm',
        '{"error_on_requires_action": "true", "expand[]": "latest_charge.balance_transaction"}',
        NULL, ends - least(timeout, left_over / 2), ends);
END
$$;

CREATE FUNCTION tixbook.retrieve_stripe_intent(payment tixbook.payment, pause interval) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    payment := tixbook.count_call(payment);
    PERFORM tixbook.call_stripe('stripe_retrieve', payment.payment_id, payment.calls, payment.booking_id,
        '/v1/payment_intents/' || payment.provider_reference || '?expand%5B%5D=latest_charge.balance_transaction', NULL,
        clock_timestamp() + pause, NULL, clock_timestamp() + pause + interval '5 min');
END
$$;

-- What is not wanted any more, or cannot be confirmed: reason is what its payment is then declined for.
CREATE FUNCTION tixbook.cancel_stripe_intent(payment tixbook.payment, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tixbook.payment p SET decline_reason = coalesce(p.decline_reason, left(reason, 200))
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id;
    payment := tixbook.count_call(payment);
    PERFORM tixbook.call_stripe('stripe_cancel', payment.payment_id, payment.calls, payment.booking_id,
        '/v1/payment_intents/' || payment.provider_reference || '/cancel', '{"cancellation_reason": "abandoned"}',
        clock_timestamp() + tixbook.stripe_pause(payment.calls - 1), NULL, clock_timestamp() + interval '5 min');
END
$$;

-- Whether something about it is in the outbox, but for the dispatch that is being handled.
CREATE FUNCTION tixbook.is_being_asked(about uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM tixbook.dispatch m
                   WHERE m.about = is_being_asked.about AND m.state IN ('waiting', 'behind', 'sending', 'answered'));
END
$$;


-- Answers

-- What Stripe says of an intent, in an answer or by webhook, is taken over into its payment, which is locked.
CREATE FUNCTION tixbook.take_stripe_intent(payment tixbook.payment, intent jsonb) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := tixbook.stripe_id(intent ->> 'id');
    status text := intent ->> 'status';
    error jsonb := intent -> 'last_payment_error';
    paid jsonb := intent #> '{latest_charge,balance_transaction}';
BEGIN
    IF id IS NULL OR id <> payment.provider_reference THEN
        RAISE WARNING 'payment % is %, but Stripe says % of %', payment.payment_id, payment.provider_reference, status, id;
        RETURN payment;
    END IF;
    UPDATE tixbook.payment p
    SET provider_reference = id, provider_status = status, fee = coalesce((paid ->> 'fee')::bigint, p.fee),
        fee_currency = coalesce(upper(paid ->> 'currency'), p.fee_currency)
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id
    RETURNING p.* INTO payment;
    IF status = 'succeeded' THEN
        IF (intent ->> 'amount_received')::bigint <> payment.amount OR upper(intent ->> 'currency') <> payment.currency THEN
            RAISE WARNING 'payment % is of % %, but Stripe has taken % %', payment.payment_id, payment.amount, payment.currency,
                intent ->> 'amount_received', intent ->> 'currency';
        END IF;
        RETURN tixbook.settle_payment(payment.payment_id, 'captured', id);
    ELSIF payment.state = 'pending' AND (status = 'canceled' OR status = 'requires_payment_method') THEN
        RETURN tixbook.settle_payment(payment.payment_id, 'declined', NULL, left(coalesce(payment.decline_reason,
            -- The bank wants to ask its customer, which nobody does here.
            CASE WHEN error ->> 'decline_code' = 'authentication_not_handled' THEN 'authentication_required' END,
            error ->> 'decline_code', error ->> 'code', intent ->> 'cancellation_reason', status), 200));
    END IF;
    RETURN payment;
END
$$;

-- Declines a payment that Stripe will not hear of.
CREATE FUNCTION tixbook.decline_at_stripe(payment tixbook.payment, error jsonb, reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tixbook.settle_payment(payment.payment_id, 'declined', NULL,
        left(coalesce(payment.decline_reason, error ->> 'decline_code', error ->> 'code', reason), 200))
$$;

-- The next call for a payment of which all that is known is what stands in its row.
CREATE FUNCTION tixbook.ask_stripe(payment tixbook.payment) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pause interval := tixbook.stripe_pause(payment.calls);
BEGIN
    IF payment.provider_reference IS NOT NULL THEN
        PERFORM tixbook.retrieve_stripe_intent(payment, pause);
    ELSIF tixbook.paying_until(payment) > clock_timestamp() + pause THEN
        PERFORM tixbook.create_stripe_intent(payment, pause);
    ELSE
        -- Nothing was ever confirmed, so nothing can be taken.
        PERFORM tixbook.decline_at_stripe(payment, NULL, 'provider_unreachable');
    END IF;
END
$$;

-- A refusal that says nothing of the intent.
CREATE FUNCTION tixbook.take_stripe_refusal(payment tixbook.payment, answered tixbook.dispatch, error jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF error ->> 'type' = 'card_error' THEN
        PERFORM tixbook.decline_at_stripe(payment, error, 'card_declined');
        RETURN;
    END IF;
    PERFORM tixbook.alarm_of_stripe(payment.payment_id, answered, error);
    IF answered.http_status IN (401, 403) OR error ->> 'type' = 'idempotency_error' THEN
        PERFORM tixbook.ask_stripe(payment);
    ELSIF answered.kind = 'stripe_create' OR answered.kind = 'stripe_retrieve' AND answered.http_status = 404 THEN
        PERFORM tixbook.decline_at_stripe(payment, error, 'provider_refused');
    ELSIF answered.kind = 'stripe_confirm' AND answered.http_status <> 404 THEN
        PERFORM tixbook.cancel_stripe_intent(payment, coalesce(error ->> 'code', 'provider_refused'));
    ELSE
        PERFORM tixbook.ask_stripe(payment);
    END IF;
END
$$;

-- What is to follow while the payment is still pending.
CREATE FUNCTION tixbook.follow_stripe_intent(payment tixbook.payment) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ends timestamptz := tixbook.paying_until(payment);
BEGIN
    CASE payment.provider_status
        WHEN 'requires_confirmation' THEN
            IF ends IS NOT NULL AND payment.decline_reason IS NULL THEN
                PERFORM tixbook.confirm_stripe_intent(payment, ends);
            ELSE
                PERFORM tixbook.cancel_stripe_intent(payment, 'hold_expired');
            END IF;
        WHEN 'requires_action', 'requires_capture' THEN
            PERFORM tixbook.cancel_stripe_intent(payment, 'authentication_required');
        WHEN 'processing' THEN
            PERFORM tixbook.retrieve_stripe_intent(payment, least(10 * tixbook.stripe_pause(payment.calls), interval '30 min'));
        ELSE
            PERFORM tixbook.ask_stripe(payment);
    END CASE;
END
$$;

-- For handle_dispatch(): one of the calls about a payment has ended.
CREATE FUNCTION tixbook.handle_stripe_payment(answered tixbook.dispatch) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment := tixbook.lock_payment(answered.about);
    said jsonb := CASE WHEN answered.outcome <> 'gave_up' THEN tixbook.json_or_null(answered.answer) END;
    error jsonb := said -> 'error';
    intent jsonb := CASE WHEN said ->> 'object' = 'payment_intent' THEN said ELSE error -> 'payment_intent' END;
BEGIN
    IF intent IS NOT NULL THEN
        payment := tixbook.take_stripe_intent(payment, intent);
    END IF;
    IF payment.state IN ('captured', 'refunded') AND payment.fee IS NULL AND payment.calls < 12 THEN
        PERFORM tixbook.retrieve_stripe_intent(payment, greatest(tixbook.stripe_pause(payment.calls), interval '10 s'));
    ELSIF payment.state <> 'pending' THEN
        NULL;
    ELSIF intent IS NOT NULL THEN
        PERFORM tixbook.follow_stripe_intent(payment);
    ELSIF answered.outcome = 'refused' THEN
        PERFORM tixbook.take_stripe_refusal(payment, answered, error);
    ELSE
        PERFORM tixbook.ask_stripe(payment);
    END IF;
END
$$;
