-- payment_settle: what a provider has decided becomes a confirmed booking, a hold again, or a refund.

-- What is refused for good when seats are to be booked again, and not only for being busy, in either form.
CREATE FUNCTION tixbook.is_final_refusal(state text, message text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT state LIKE 'TB%' AND state <> 'TB107' OR state = 'PGRST' AND message NOT LIKE '{"code": "busy"%'
$$;

-- Confirms a hold for money that came late, which must be as much as it costs.
CREATE FUNCTION tixbook.confirm_rebooked(payment tixbook.payment, hold tixbook.hold, payment_reference text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF hold.amount <> payment.amount OR hold.currency <> payment.currency THEN
        RAISE EXCEPTION USING ERRCODE = 'TB000', MESSAGE = 'the price has changed';
    END IF;
    PERFORM tixbook.confirm(hold.booking_id, payment_reference);
    RETURN hold.booking_id;
END
$$;

-- The same seats again, for the same price; null: they are not to be had.
CREATE FUNCTION tixbook.rebook_same(payment tixbook.payment, seats integer[], payment_reference text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tixbook.confirm_rebooked(payment, tixbook.rebook_seats(payment.event_id, seats, payment.customer), payment_reference);
EXCEPTION WHEN OTHERS THEN
    IF tixbook.is_final_refusal(SQLSTATE, SQLERRM) THEN
        RETURN NULL;
    END IF;
    RAISE;
END
$$;

-- How many seats of each section, category and kind a booking has.
CREATE FUNCTION tixbook.parts_of_booking(booking tixbook.booking)
RETURNS TABLE (section text, category text, accessible boolean, quantity integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.name, c.name, coalesce(s.accessible, false), count(*)::integer
    FROM unnest(booking.seats) AS taken (seat_index)
    JOIN tixbook.event e ON e.event_id = booking.event_id
    JOIN LATERAL (SELECT vb.* FROM tixbook.venue_block vb
                  WHERE vb.venue_id = e.venue_id AND vb.first_seat <= taken.seat_index
                  ORDER BY vb.first_seat DESC LIMIT 1) AS b ON true
    JOIN tixbook.section n ON n.venue_id = e.venue_id AND n.section_no = b.section_no
    JOIN tixbook.category c ON c.venue_id = e.venue_id AND c.category_no = b.category_no
    LEFT JOIN tixbook.seat s ON s.venue_id = e.venue_id AND s.seat_index = taken.seat_index
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
$$;

-- A hold on seats of several parts of the house: they are found part by part, and then held together.
-- What that took to find them leaves nothing behind.
CREATE FUNCTION tixbook.rebook_parts(event_id integer, booking tixbook.booking, customer text) RETURNS tixbook.hold
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
    found_part tixbook.hold;
    probes uuid[] := '{}';
    seats integer[] := '{}';
    hold tixbook.hold;
BEGIN
    FOR part IN SELECT * FROM tixbook.parts_of_booking(booking) LOOP
        found_part := tixbook.rebook_best(event_id, part.quantity, part.section, part.category, part.accessible, false, customer);
        seats := seats || found_part.seats;
        probes := probes || found_part.booking_id;
    END LOOP;
    PERFORM tixbook.release(probe) FROM unnest(probes) AS probe;
    hold := tixbook.rebook_seats(event_id, ARRAY(SELECT s FROM unnest(seats) AS s ORDER BY s), customer);
    DELETE FROM tixbook.booking_history h WHERE h.event_id = rebook_parts.event_id AND h.booking_id = ANY (probes);
    DELETE FROM tixbook.dispatch m WHERE m.kind = 'webhook' AND m.ordering_key = ANY (probes::text[]);
    DELETE FROM tixbook.booking b WHERE b.booking_id = ANY (probes);
    RETURN hold;
END
$$;

-- As many seats of the same section and category, side by side if they were; null: there are none.
CREATE FUNCTION tixbook.rebook_equivalent(payment tixbook.payment, booking tixbook.booking, payment_reference text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts integer := (SELECT count(*) FROM tixbook.parts_of_booking(booking));
    part record;
    hold tixbook.hold;
BEGIN
    IF parts = 1 THEN
        SELECT p.* INTO part FROM tixbook.parts_of_booking(booking) AS p;
        hold := tixbook.rebook_best(payment.event_id, part.quantity, part.section, part.category, part.accessible,
                                    booking.adjacent, payment.customer);
    ELSE
        hold := tixbook.rebook_parts(payment.event_id, booking, payment.customer);
    END IF;
    IF booking.adjacent AND NOT hold.adjacent THEN
        RAISE EXCEPTION USING ERRCODE = 'TB000', MESSAGE = 'the party would be split';
    END IF;
    RETURN tixbook.confirm_rebooked(payment, hold, payment_reference);
EXCEPTION WHEN OTHERS THEN
    IF tixbook.is_final_refusal(SQLSTATE, SQLERRM) THEN
        RETURN NULL;
    END IF;
    RAISE;
END
$$;

-- The money came after the hold had ended: what tixbook.late_payment allows for it; null: nothing. Who
-- has given the hold up, or has paid it already, wants no other seats.
CREATE FUNCTION tixbook.rebook(payment tixbook.payment, payment_reference text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy text := current_setting('tixbook.late_payment');
    booking tixbook.booking;
    rebooked uuid;
BEGIN
    SELECT b.* INTO booking FROM tixbook.booking b WHERE b.booking_id = payment.booking_id;
    IF policy = 'refund' OR (booking.status IN ('expired', 'held', 'paying')) IS NOT TRUE THEN
        RETURN NULL;
    END IF;
    rebooked := tixbook.rebook_same(payment, booking.seats, payment_reference);
    IF rebooked IS NULL AND policy = 'equivalent' THEN
        rebooked := tixbook.rebook_equivalent(payment, booking, payment_reference);
    END IF;
    RETURN rebooked;
END
$$;

CREATE FUNCTION tixbook.capture(payment tixbook.payment, provider_reference text) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking_reference text := payment.provider || ':' || provider_reference;
    late boolean;
BEGIN
    IF EXISTS (SELECT FROM tixbook.payment p
               WHERE p.event_id = payment.event_id AND p.provider = payment.provider
                 AND p.provider_reference = capture.provider_reference AND p.payment_id <> payment.payment_id) THEN
        PERFORM tixbook.refuse('payment_reference_used',
            jsonb_build_object('event_id', payment.event_id, 'payment_reference', provider_reference), provider_reference);
    END IF;
    late := NOT tixbook.end_payment(payment.booking_id, booking_reference, payment.hold_expires_at, NULL);
    IF late THEN
        payment.rebooked_as := tixbook.rebook(payment, booking_reference);
    END IF;
    UPDATE tixbook.payment p
    SET state = 'captured', provider_reference = capture.provider_reference, decline_reason = NULL,
        rebooked_as = payment.rebooked_as, settled_at = clock_timestamp()
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id
    RETURNING p.* INTO payment;
    IF late AND payment.rebooked_as IS NULL THEN
        RETURN tixbook.queue_refund(payment, CASE WHEN EXISTS (
            SELECT FROM tixbook.booking b WHERE b.booking_id = payment.booking_id AND b.status IN ('confirmed', 'cancelled'))
            THEN 'paid twice' ELSE 'late' END);
    END IF;
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
    IF provider_reference <> payment.provider_reference THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "provider_reference"}',
                               'provider_reference is not the one that the provider has given this payment');
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
'What a provider has decided on payment payment_id: outcome is captured, with the provider''s own id provider_reference (1 to 200 characters, unique for ever), or declined, for decline_reason. Captured money confirms the booking; where the hold has ended meanwhile it buys, for the same price, what tixbook.late_payment allows: the same seats, or equivalent ones (rebooked_as), else its refund becomes due. All that is one transaction. Declined gives the hold back what is left of its time. A settled payment stays as it is, but that one declined may yet turn out to be captured. Returns the payment. Refuses: payment_not_found, payment_reference_used, invalid_parameter, busy.';
