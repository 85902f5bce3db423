-- api_booking: holding, paying and giving back over HTTP. Who the customer is says the token.

CREATE FUNCTION tixbook_api.reserve(event_id integer, quantity integer, section text = NULL,
    category text = NULL, accessible boolean = false, together boolean = false, admission text = NULL)
RETURNS tixbook.hold
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    customer text := tixbook.current_customer();
    key text := tixbook.request_key(customer);
    hold tixbook.hold;
BEGIN
    hold := tixbook.reserve(event_id, quantity, section, customer, NULL, key, category, accessible, together,
        coalesce(tixbook.request_header('admission-token'), admission));
    PERFORM tixbook.answer_with(201, tixbook.replay_headers(key));
    RETURN hold;
END
$$;
COMMENT ON FUNCTION tixbook_api.reserve(integer, integer, text, text, boolean, boolean, text) IS
'Hold the best seats

Holds quantity seats of the event, the best that are free, side by side where that is possible (together refuses otherwise), in one section and category if named; accessible asks for accessible seats. Answers 201 with the hold: booking_id, seats by seat_index, amount in minor units of currency, expires_at, and whether the party sits side by side (adjacent). Send an Idempotency-Key, and the same one when you repeat the request: the answer is the same, with Idempotency-Replayed. Without a token the booking belongs to whoever has its booking_id. Where the event has a waiting room, send what queue_status gave as Admission-Token, or as admission. Refuses: event_not_found, event_not_on_sale, admission_required, admission_invalid, section_not_found, category_not_found, invalid_parameter, limit_exceeded, sold_out, not_enough_seats, no_adjacent_seats, busy, idempotency_key_missing, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook_api.reserve_seats(event_id integer, seats integer[], admission text = NULL) RETURNS tixbook.hold
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    customer text := tixbook.current_customer();
    key text := tixbook.request_key(customer);
    hold tixbook.hold;
BEGIN
    hold := tixbook.reserve_seats(event_id, seats, customer, NULL, key,
        coalesce(tixbook.request_header('admission-token'), admission));
    PERFORM tixbook.answer_with(201, tixbook.replay_headers(key));
    RETURN hold;
END
$$;
COMMENT ON FUNCTION tixbook_api.reserve_seats(integer, integer[], text) IS
'Hold the seats I name

All of seats (by seat_index) or none; seat_taken names those that are gone. Answer, Idempotency-Key and Admission-Token as in reserve. Refuses: event_not_found, event_not_on_sale, admission_required, admission_invalid, seat_not_found, seat_taken, invalid_parameter, limit_exceeded, busy, idempotency_key_missing, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook_api.find_booking(booking_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT tixbook.describe_booking(tixbook.require_own_booking(booking_id))
            || jsonb_build_object('payment_provider', tixbook.describe_provider()));
END
$$;
COMMENT ON FUNCTION tixbook_api.find_booking(uuid) IS
'Look at a booking

Its event, seats with their labels, amount, status (held, paying, confirmed, released, expired, cancelled), expires_at, and its last payment. One''s own, or one made without a token. Refuses: booking_not_found.';

CREATE FUNCTION tixbook_api.booking_tickets(booking_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(tixbook.describe_ticket(t) ORDER BY t.seat_index), '[]')
        FROM tixbook.require_own_booking(booking_tickets.booking_id) AS b
        JOIN tixbook.ticket t ON t.event_id = b.event_id AND t.seat_index = ANY (b.seats) AND t.booking_id = b.booking_id);
END
$$;
COMMENT ON FUNCTION tixbook_api.booking_tickets(uuid) IS
'Get the tickets of a booking

An array, one a seat: event, place in words, and code, which is what the QR code shows. Empty while the booking is not confirmed. Refuses: booking_not_found.';

CREATE FUNCTION tixbook_api.history(booking_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(to_jsonb(h)), '[]')
        FROM tixbook.require_own_booking(history.booking_id) AS b, tixbook.history(b.booking_id) AS h);
END
$$;
COMMENT ON FUNCTION tixbook_api.history(uuid) IS
'See what happened to a booking

An array of {changed_at, from_status, to_status, reason}, oldest first. Refuses: booking_not_found.';

-- These two run as the caller: row-level security says which bookings there are for him.
CREATE FUNCTION tixbook_api.my_bookings(page integer = 1, page_size integer = 20) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_customer(), tixbook.require_page(page, page_size);
    RETURN tixbook.page_of('bookings', (
        SELECT jsonb_agg(tixbook.describe_booking(b.booking) ORDER BY b.place)
        FROM (SELECT booking, row_number() OVER () AS place
              FROM (SELECT b AS booking FROM tixbook.booking b
                    ORDER BY b.created_at DESC, b.booking_id
                    OFFSET (page - 1)::bigint * page_size LIMIT page_size + 1) AS one) AS b), page, page_size);
END
$$;
COMMENT ON FUNCTION tixbook_api.my_bookings(integer, integer) IS
'List my bookings

{bookings, page, page_size, next_page}: the newest first, each as find_booking shows it, but for payment_provider; page counts from 1, page_size is 1 to 100. Refuses: authentication_required, invalid_parameter.';

CREATE FUNCTION tixbook_api.my_tickets(page integer = 1, page_size integer = 20) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_customer(), tixbook.require_page(page, page_size);
    RETURN tixbook.page_of('tickets', (
        SELECT jsonb_agg(t.described ORDER BY t.place)
        FROM (SELECT d.described,
                     row_number() OVER (ORDER BY w.ahead < 0, abs(w.ahead), t.event_id, t.seat_index) AS place
              FROM tixbook.booking b
              JOIN tixbook.ticket t ON t.event_id = b.event_id AND t.seat_index = ANY (b.seats)
                                   AND t.booking_id = b.booking_id,
              tixbook.describe_ticket(t) AS d (described),
              -- An event is over a day after it began.
              extract(epoch FROM (d.described ->> 'starts_at')::timestamptz - now() + interval '1 day') AS w (ahead)
              WHERE b.status = 'confirmed'
              ORDER BY place
              OFFSET (page - 1)::bigint * page_size LIMIT page_size + 1) AS t), page, page_size);
END
$$;
COMMENT ON FUNCTION tixbook_api.my_tickets(integer, integer) IS
'List my tickets

{tickets, page, page_size, next_page}: those of all my confirmed bookings, the next event first and those that are over last, each as booking_tickets shows it. Refuses: authentication_required, invalid_parameter.';

CREATE FUNCTION tixbook_api.release(booking_id uuid = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.require_own_booking(booking_id);
BEGIN
    RETURN tixbook.describe_booking(tixbook.release(booking.booking_id));
END
$$;
COMMENT ON FUNCTION tixbook_api.release(uuid) IS
'Give a hold up

Its seats are free at once. May be repeated. Answers with the booking. Refuses: booking_not_found, hold_expired, illegal_transition, busy.';

CREATE FUNCTION tixbook_api.cancel(booking_id uuid = NULL, reason text = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.require_own_booking(booking_id);
    the_event tixbook.event := tixbook.require_event(booking.event_id);
BEGIN
    IF length(reason) > 500 THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "reason"}', 'reason must have at most 500 characters');
    END IF;
    IF booking.status = 'confirmed' AND the_event.starts_at <= now()
       AND current_setting('role') <> 'tixbook_administrator' THEN
        PERFORM tixbook.refuse('too_late', jsonb_build_object('booking_id', booking.booking_id,
            'starts_at', the_event.starts_at), booking.booking_id::text);
    END IF;
    booking := tixbook.cancel(booking.booking_id, reason);
    PERFORM tixbook.pay_test_refunds(ARRAY(
        SELECT p.payment_id FROM tixbook.payment p
        WHERE p.event_id = booking.event_id AND booking.payment_reference = p.provider || ':' || p.provider_reference));
    RETURN tixbook.describe_booking(booking);
END
$$;
COMMENT ON FUNCTION tixbook_api.cancel(uuid, text) IS
'Cancel a confirmed booking

Its tickets are void, its seats free, and its refund is on its way: payment tells how far. Only before the event begins. reason (at most 500 characters) is kept in its history. May be repeated. Answers with the booking. Refuses: booking_not_found, illegal_transition, too_late, invalid_parameter, busy.';

CREATE FUNCTION tixbook_api.pay(payment_token text, booking_id uuid = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.require_own_booking(booking_id);
    key text := tixbook.request_key(booking.customer);
    payment tixbook.payment;
BEGIN
    payment := tixbook.pay(booking.booking_id, payment_token, key);
    RETURN tixbook.answer_payment(payment, tixbook.replay_headers(key));
END
$$;
COMMENT ON FUNCTION tixbook_api.pay(text, uuid) IS
'Pay a hold

payment_token is what the payment provider''s form gave for the card. 200: paid, the booking is confirmed. 202: the provider has not answered yet; repeat the same request with the same Idempotency-Key after Retry-After. 402 payment_declined: the hold has what is left of its time, and can be paid with another card under a new key. 410 hold_expired: where the money came too late, details has the refund. 503 payment_provider_down: nothing was changed; pay again after Retry-After. Refuses: booking_not_found, hold_expired, illegal_transition, payment_declined, payment_in_progress, invalid_parameter, no_payment_provider, payment_provider_down, idempotency_key_missing, idempotency_key_invalid, idempotency_key_reused, request_in_progress, payment_reference_used, busy.';
