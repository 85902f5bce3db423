-- api_staff: what gate, organiser and payment provider do over HTTP.

CREATE FUNCTION tixbook_api.check_ticket(code text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text[] := regexp_match(code, '^(\d{1,10})\.(\d{1,7})\.([0-9a-f]{32})$');
    ticket tixbook.ticket;
BEGIN
    SELECT t.* INTO ticket FROM tixbook.ticket t
    WHERE t.event_id = part[1]::bigint AND t.seat_index = part[2]::integer AND t.secret = part[3]::uuid;
    IF FOUND THEN
        RETURN jsonb_build_object('state', 'valid') || (tixbook.describe_ticket(ticket) - 'code');
    END IF;
    IF EXISTS (SELECT FROM tixbook.ticket_void v
               WHERE v.event_id = part[1]::bigint AND v.seat_index = part[2]::integer AND v.secret = part[3]::uuid) THEN
        RETURN jsonb_build_object('state', 'void');
    END IF;
    RETURN jsonb_build_object('state', 'unknown');
END
$$;
COMMENT ON FUNCTION tixbook_api.check_ticket(text) IS
'Check a ticket at the gate

code is what the QR code shows. state is valid, with event and place; void, when the booking was cancelled; or unknown: no such ticket was ever issued. Makes no refusal.';

CREATE FUNCTION tixbook_api.event_sales(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
BEGIN
    RETURN (
        SELECT jsonb_build_object('event_id', the_event.event_id, 'event', the_event.name, 'status', the_event.status,
            'capacity', a.capacity, 'free', a.free,
            'held', coalesce(sum(cardinality(b.seats)) FILTER (WHERE b.status <> 'confirmed'), 0),
            'sold', coalesce(sum(cardinality(b.seats)) FILTER (WHERE b.status = 'confirmed'), 0),
            'bookings', count(*) FILTER (WHERE b.status = 'confirmed'),
            'revenue', coalesce(sum(b.amount) FILTER (WHERE b.status = 'confirmed'), 0),
            'currency', the_event.currency)
        FROM tixbook.availability(the_event.event_id, 0) AS a
        LEFT JOIN tixbook.booking b ON b.booking_id >= tixbook.least_id(the_event.event_id)
            AND b.booking_id < tixbook.least_id(the_event.event_id + 1::bigint)
            AND b.status IN ('held', 'paying', 'confirmed')
        GROUP BY a.capacity, a.free);
END
$$;
COMMENT ON FUNCTION tixbook_api.event_sales(integer) IS
'See how an event sells

capacity, free, held and sold in seats; confirmed bookings, and their revenue in minor units of currency. Refuses: event_not_found.';

CREATE FUNCTION tixbook_api.settle_payment(payment_id uuid, outcome text, provider_reference text = NULL,
                                           decline_reason text = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment := tixbook.settle_payment(payment_id, outcome, provider_reference, decline_reason);
BEGIN
    RETURN jsonb_build_object('payment_id', payment.payment_id, 'state', payment.state);
END
$$;
COMMENT ON FUNCTION tixbook_api.settle_payment(uuid, text, text, text) IS
'Say what became of a payment

For the program that speaks to the payment provider: outcome is captured, with the provider''s own id as provider_reference, or declined, with decline_reason. May be repeated. Answers {payment_id, state}. Refuses: payment_not_found, payment_reference_used, invalid_parameter, busy.';

CREATE FUNCTION tixbook_api.settlement(event_id integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.month, s.currency), '[]') FROM tixbook.settlement(event_id) AS s
$$;
COMMENT ON FUNCTION tixbook_api.settlement(integer) IS
'See what an event has brought in

An array, one a month (of UTC, by its first day) and currency: payments and gross, fees that the payment provider kept, refunds and refunded, and net, in minor units. Refuses: event_not_found.';

-- A parameter without a name is the whole body, and json keeps it letter by letter: the signature
-- is over what was sent.
CREATE FUNCTION tixbook_api.payment_webhook(json) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_stripe text := tixbook.request_header('stripe-signature');
    said tixbook.webhook_result := tixbook.payment_webhook($1::text,
        coalesce(of_stripe, tixbook.request_header('tixbook-signature')), CASE WHEN of_stripe IS NOT NULL THEN 'stripe' END);
BEGIN
    RETURN jsonb_strip_nulls(to_jsonb(said));
END
$$;
COMMENT ON FUNCTION tixbook_api.payment_webhook(json) IS
'Hear from the payment provider

Stripe sends its events here, with its header Stripe-Signature. For the test provider the body is {"provider", "payment_id", "outcome": "captured" or "declined", "provider_reference", "decline_reason"}, and the header Tixbook-Signature is "t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over t, a full stop and the body>", at most five minutes old. May be repeated. Answers {result: handled or ignored, reason, payment_id, state, refund_id}. Refuses: too_large, signature_invalid, payment_not_found, payment_reference_used, invalid_parameter, busy.';
