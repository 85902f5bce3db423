-- payment_webhook: what a provider tells by itself, signed. It may come before the answer to the call
-- that it is about, or long after, out of order, and more than once.

CREATE TABLE tixbook.webhook_secret (
    provider   text COLLATE "C" NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    secret     text NOT NULL CHECK (length(secret) BETWEEN 32 AND 1000),
    retires_at timestamptz,
    PRIMARY KEY (provider, made_at)
);
COMMENT ON TABLE tixbook.webhook_secret IS 'What a provider signs its webhooks with; one that has been replaced is good until retires_at. No role may read it.';

CREATE TABLE tixbook.payment_event (
    provider    text COLLATE "C" NOT NULL,
    event       text COLLATE "C" NOT NULL,
    type        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, event)
);
CREATE INDEX payment_event_received_idx ON tixbook.payment_event (received_at);
COMMENT ON TABLE tixbook.payment_event IS 'The webhooks of payment providers that were handled, by the provider''s own id for each (event), for 30 days, so that one that comes again changes nothing.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.webhook_secret', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.payment_event', '');

CREATE TYPE tixbook.webhook_result AS (
    result     text,
    reason     text,
    payment_id uuid,
    state      tixbook.payment_state,
    refund_id  uuid
);
COMMENT ON TYPE tixbook.webhook_result IS 'What payment_webhook has made of a webhook: result is handled, or ignored, for reason (event_already_handled, event_type_unknown, other_intent); then the payment, its state now, and the refund that it was about.';

CREATE FUNCTION tixbook.set_webhook_secret(provider text, secret text, keep_old interval = '0') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN (provider IN ('test', 'stripe')) IS NOT TRUE THEN 'provider must be test or stripe'
        WHEN (length(secret) BETWEEN 32 AND 1000) IS NOT TRUE THEN 'secret must have 32 to 1000 characters'
        WHEN (keep_old BETWEEN '0' AND '30 days') IS NOT TRUE THEN 'keep_old must be from 0 to 30 days' END;
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
    END IF;
    DELETE FROM tixbook.webhook_secret s
    WHERE s.provider = set_webhook_secret.provider
      AND (keep_old = '0' OR s.retires_at <= clock_timestamp() OR s.secret = set_webhook_secret.secret);
    UPDATE tixbook.webhook_secret s SET retires_at = least(s.retires_at, clock_timestamp() + keep_old)
    WHERE s.provider = set_webhook_secret.provider;
    INSERT INTO tixbook.webhook_secret (provider, secret) VALUES (set_webhook_secret.provider, set_webhook_secret.secret);
END
$$;
COMMENT ON FUNCTION tixbook.set_webhook_secret(text, text, interval) IS
'The secret (32 to 1000 characters; of Stripe whsec_… as the dashboard shows it) that provider (test or stripe) signs its webhooks with. Those of before are good for keep_old more (at most 30 days; 0: they are forgotten at once). Refuses: invalid_parameter.';

-- "t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over time, a full stop and the body>[,v1=…]", not
-- older than five minutes: null, or what is wrong with it.
CREATE FUNCTION tixbook.fault_of_signature(provider text, body text, signature text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := CASE WHEN length(signature) <= 2000 THEN string_to_array(signature, ',') END;
    at text := (SELECT substring(part FROM '^\s*t=(\d{1,12})\s*$') FROM unnest(parts) AS part WHERE part ~ '^\s*t=\d{1,12}\s*$' LIMIT 1);
    told text[] := ARRAY(SELECT substring(part FROM '^\s*v1=([0-9a-f]{64})\s*$') FROM unnest(parts) AS part
                         WHERE part ~ '^\s*v1=[0-9a-f]{64}\s*$' LIMIT 10);
    good boolean;
BEGIN
    IF at IS NULL OR cardinality(told) = 0 THEN
        RETURN 'signature_malformed';
    END IF;
    -- Hashed once more, so that the time the comparison takes says nothing.
    SELECT coalesce(bool_or(sha256(decode(v1, 'hex')) = sha256(tixbook.hmac_sha256(
               convert_to(at || '.' || body, 'UTF8'), convert_to(s.secret, 'UTF8')))), false)
    INTO good
    FROM unnest(told) AS v1, tixbook.webhook_secret s
    WHERE s.provider = fault_of_signature.provider AND (s.retires_at IS NULL OR s.retires_at > clock_timestamp());
    RETURN CASE WHEN NOT good THEN 'signature_wrong'
                WHEN abs(extract(epoch FROM clock_timestamp()) - at::numeric) > 300 THEN 'timestamp_too_old' END;
END
$$;

CREATE FUNCTION tixbook.purge_payment_events(batch integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM tixbook.payment_event e
    WHERE e.ctid = ANY (ARRAY(
        SELECT o.ctid FROM tixbook.payment_event o
        WHERE o.received_at <= clock_timestamp() - interval '30 days'
        ORDER BY o.received_at LIMIT batch FOR UPDATE SKIP LOCKED))
$$;

CREATE FUNCTION tixbook.is_uuid(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(said ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false)
$$;

-- The payment, locked, that an object of Stripe's is about: an intent, or what names one.
CREATE FUNCTION tixbook.payment_of_stripe(object jsonb) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text := object #>> '{metadata,payment_id}';
    intent text := CASE WHEN object ->> 'object' = 'payment_intent' THEN object ->> 'id' ELSE object ->> 'payment_intent' END;
    payment tixbook.payment;
    found_id uuid;
BEGIN
    SELECT p.payment_id INTO found_id FROM tixbook.payment p
    WHERE p.provider = 'stripe' AND p.provider_reference = intent ORDER BY p.made_at LIMIT 1;
    IF found_id IS NULL AND tixbook.is_uuid(said) THEN
        found_id := said::uuid;
    END IF;
    IF found_id IS NULL THEN
        PERFORM tixbook.refuse('payment_not_found', jsonb_build_object('payment_intent', intent), coalesce(intent, 'null'));
    END IF;
    payment := tixbook.lock_payment(found_id);
    IF payment.provider <> 'stripe' THEN
        PERFORM tixbook.refuse('payment_not_found', jsonb_build_object('payment_id', found_id), found_id::text);
    END IF;
    RETURN payment;
END
$$;

CREATE FUNCTION tixbook.take_stripe_charge(payment tixbook.payment, charge jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.take_stripe_refund(payment, r)
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(charge #> '{refunds,data}') = 'array' THEN charge #> '{refunds,data}' ELSE '[]' END) AS r;
    -- Newer versions of the protocol do not list them.
    IF (charge ->> 'amount_refunded')::bigint > payment.amount - tixbook.unrefunded(payment)
       AND payment.provider_reference IS NOT NULL THEN
        PERFORM tixbook.list_stripe_refunds(payment);
    END IF;
END
$$;

CREATE FUNCTION tixbook.take_stripe_event(said jsonb) RETURNS tixbook.webhook_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    object jsonb := said #> '{data,object}';
    type text := said ->> 'type';
    about_intent boolean := type IN ('payment_intent.succeeded', 'payment_intent.payment_failed', 'payment_intent.canceled',
                                     'payment_intent.processing');
    about_refund boolean := type IN ('refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated');
    result tixbook.webhook_result;
    payment tixbook.payment;
BEGIN
    IF NOT about_intent AND NOT about_refund AND type <> 'charge.refunded' THEN
        result.result := 'ignored';
        result.reason := 'event_type_unknown';
        RETURN result;
    END IF;
    payment := tixbook.payment_of_stripe(object);
    result.result := 'handled';
    result.payment_id := payment.payment_id;
    IF about_intent AND object ->> 'id' <> payment.provider_reference THEN
        result.result := 'ignored';
        result.reason := 'other_intent';
        IF type = 'payment_intent.succeeded' THEN
            RAISE WARNING 'Stripe has taken money by % for payment %, which is %: whoever confirmed it must refund it',
                object ->> 'id', payment.payment_id, payment.provider_reference;
        END IF;
    ELSIF about_intent THEN
        payment := tixbook.take_stripe_intent(payment, object);
        IF payment.state IN ('captured', 'refunded') AND payment.fee IS NULL AND NOT tixbook.is_being_asked(payment.payment_id) THEN
            PERFORM tixbook.retrieve_stripe_intent(payment, interval '10 s');
        END IF;
    ELSIF about_refund THEN
        result.refund_id := (tixbook.take_stripe_refund(payment, object)).refund_id;
    ELSE
        PERFORM tixbook.take_stripe_charge(payment, object);
    END IF;
    SELECT p.state INTO result.state FROM tixbook.payment p
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id;
    RETURN result;
END
$$;

-- An event of Stripe's, which has an id of its own, is handled once.
CREATE FUNCTION tixbook.take_stripe_webhook(said jsonb) RETURNS tixbook.webhook_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    event_id text := tixbook.stripe_id(said ->> 'id');
    result tixbook.webhook_result;
BEGIN
    IF event_id IS NULL OR said ->> 'type' IS NULL OR jsonb_typeof(said #> '{data,object}') IS DISTINCT FROM 'object' THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "body"}', 'body must be an event of Stripe');
    END IF;
    PERFORM tixbook.purge_payment_events(2);
    INSERT INTO tixbook.payment_event AS e (provider, event, type)
    VALUES ('stripe', event_id, left(said ->> 'type', 100)) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        result.result := 'ignored';
        result.reason := 'event_already_handled';
        RETURN result;
    END IF;
    RETURN tixbook.take_stripe_event(said);
END
$$;

-- What the test provider sends, or a program that speaks to another one in its name.
CREATE FUNCTION tixbook.take_test_webhook(said jsonb) RETURNS tixbook.webhook_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
BEGIN
    IF NOT tixbook.is_uuid(said ->> 'payment_id') THEN
        PERFORM tixbook.refuse('payment_not_found', NULL, coalesce(said ->> 'payment_id', 'null'));
    END IF;
    payment := tixbook.lock_payment((said ->> 'payment_id')::uuid);
    IF payment.provider <> 'test' THEN
        PERFORM tixbook.refuse('payment_not_found', jsonb_build_object('payment_id', payment.payment_id), payment.payment_id::text);
    END IF;
    payment := tixbook.settle_payment(payment.payment_id, said ->> 'outcome', said ->> 'provider_reference', said ->> 'decline_reason');
    RETURN ('handled', NULL, payment.payment_id, payment.state, NULL)::tixbook.webhook_result;
END
$$;

CREATE FUNCTION tixbook.payment_webhook(body text, signature text, provider text = NULL) RETURNS tixbook.webhook_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most_bytes CONSTANT integer := 262144;
    said jsonb;
    sender text;
    fault text;
BEGIN
    IF octet_length(body) > most_bytes THEN
        PERFORM tixbook.refuse('too_large', jsonb_build_object('bytes', octet_length(body), 'max', most_bytes), 'the webhook');
    END IF;
    said := tixbook.json_or_null(body);
    sender := coalesce(provider, CASE WHEN said ->> 'object' = 'event' THEN 'stripe' END, said ->> 'provider', 'test');
    fault := tixbook.fault_of_signature(sender, body, signature);
    IF fault IS NOT NULL THEN
        PERFORM tixbook.refuse('signature_invalid', jsonb_build_object('fault', fault), 'the webhook');
    END IF;
    IF jsonb_typeof(said) IS DISTINCT FROM 'object' THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "body"}', 'body must be a JSON object');
    END IF;
    RETURN CASE sender WHEN 'stripe' THEN tixbook.take_stripe_webhook(said) ELSE tixbook.take_test_webhook(said) END;
END
$$;
COMMENT ON FUNCTION tixbook.payment_webhook(text, text, text) IS
'What a provider sends: body as sent (at most 256 kB), and signature "t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over t, a full stop and the body>", of which v1 may stand there several times, with a secret of set_webhook_secret, at most five minutes old; the detail of signature_invalid names the fault. provider is stripe, whose body is an event (its header is Stripe-Signature), or test, whose body is {"provider", "payment_id", "outcome", "provider_reference", "decline_reason"}, with the outcomes of settle_payment; null: the body tells. Webhooks may come again and in any order: an event that was handled already, or is of a type that means nothing here, is ignored, and the result says why. Returns what was made of it. Refuses: too_large, signature_invalid, payment_not_found, payment_reference_used, invalid_parameter, busy.';
