-- settlement: what was taken, kept by the provider and given back; and the proof that money and tickets agree.

-- By months of UTC: money counts in the month in which it was captured, and in which it went back.
CREATE FUNCTION tixbook.settlement(event_id integer)
RETURNS TABLE (month date, currency text, payments bigint, gross numeric, fees numeric, refunds bigint, refunded numeric, net numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_event(event_id);
    RETURN QUERY
    WITH moved AS (
        SELECT p.settled_at AS at, p.currency AS in_currency, 1 AS taken, p.amount AS gross, 0 AS fee, 0 AS back, 0 AS refunded
        FROM tixbook.payment p
        WHERE p.event_id = settlement.event_id AND p.state IN ('captured', 'refunded')
        UNION ALL
        SELECT p.settled_at, coalesce(p.fee_currency, p.currency), 0, 0, p.fee, 0, 0
        FROM tixbook.payment p
        WHERE p.event_id = settlement.event_id AND p.state IN ('captured', 'refunded') AND p.fee IS NOT NULL
        UNION ALL
        SELECT r.settled_at, r.currency, 0, 0, 0, 1, r.amount
        FROM tixbook.refund r
        WHERE r.event_id = settlement.event_id AND r.state = 'succeeded'
    )
    SELECT date_trunc('month', m.at AT TIME ZONE 'UTC')::date, m.in_currency, sum(m.taken), sum(m.gross), sum(m.fee),
           sum(m.back), sum(m.refunded), sum(m.gross) - sum(m.fee) - sum(m.refunded)
    FROM moved m GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION tixbook.settlement(integer) IS
'What event event_id has brought in, a row a month (of UTC, by its first day) and currency, in minor units: gross is what payments took, in the month in which they were captured, fees what the provider kept of it, as far as it has told, refunded what went back in that month, and net what is left. A payment that was refunded stays in its own month. Refuses: event_not_found.';


-- For verify(): money is never lost, seen from the payments.
CREATE FUNCTION tixbook.verify_payments(event_id integer = NULL)
RETURNS TABLE (event_id integer, law text, detail jsonb)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
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
    WHERE b.status = 'paying' AND b.expires_at > clock_timestamp()
      AND (verify_payments.event_id IS NULL OR b.event_id = verify_payments.event_id)
      AND NOT EXISTS (SELECT FROM payments p WHERE p.booking_id = b.booking_id AND p.state = 'pending')
    UNION ALL
    SELECT p.event_id, 'a booking is paid once, and what is paid twice is given back',
           jsonb_build_object('booking_id', coalesce(p.rebooked_as, p.booking_id), 'payments', count(*))
    FROM payments p
    WHERE p.state = 'captured'
      AND NOT EXISTS (SELECT FROM tixbook.due_refund d WHERE d.event_id = p.event_id AND d.payment_id = p.payment_id)
    GROUP BY p.event_id, coalesce(p.rebooked_as, p.booking_id) HAVING count(*) > 1
    UNION ALL
    -- A failed one stays in sight until a person has seen to it.
    SELECT d.event_id, 'money that has no booking to show for it has a refund',
           jsonb_build_object('payment_id', d.payment_id)
    FROM tixbook.due_refund d
    WHERE (verify_payments.event_id IS NULL OR d.event_id = verify_payments.event_id)
      AND d.refund_id IS NULL AND d.amount > 0
    UNION ALL
    -- What is due may still be refused, where somebody has given it back at the provider meanwhile.
    SELECT p.event_id, 'no more goes back than was taken, and all of what is refunded has',
           jsonb_build_object('payment_id', p.payment_id, 'state', p.state, 'paid', p.amount, 'refunded', r.refunded, 'on_its_way', r.open)
    FROM payments p
    CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount) FILTER (WHERE r.state = 'succeeded'), 0) AS refunded,
                               coalesce(sum(r.amount) FILTER (WHERE r.state = 'sent'), 0) AS open
                        FROM tixbook.refund r WHERE r.event_id = p.event_id AND r.payment_id = p.payment_id) AS r
    WHERE r.refunded + r.open > CASE WHEN p.state IN ('captured', 'refunded') THEN p.amount ELSE 0 END
       OR p.state = 'refunded' AND r.refunded < p.amount
    UNION ALL
    -- Banks that take days say so; whatever else is not known by then is not asked for.
    SELECT p.event_id, 'what becomes of a payment is asked for until it is known',
           jsonb_build_object('payment_id', p.payment_id, 'made_at', p.made_at, 'provider_status', p.provider_status)
    FROM payments p
    WHERE p.state = 'pending'
      AND (p.provider = 'stripe' AND NOT tixbook.is_being_asked(p.payment_id)
           OR p.provider_status IS DISTINCT FROM 'processing'
              AND p.made_at < clock_timestamp() - interval '1 hour'
                              - make_interval(secs => extract(epoch FROM current_setting('tixbook.payment_window')::interval)))
$$;
COMMENT ON FUNCTION tixbook.verify_payments(integer) IS
'What verify() says of payments alone, for event event_id, or all (null): that each agrees with its booking, that no booking is paid twice, and none is paying without a payment under way; that money without a booking has a refund, and no more goes back than was taken; that nothing is pending for longer than an hour after its window, or without being asked for. Returns a row a violation. What is only to be given back yet is in due_refund. Makes no refusal.';
