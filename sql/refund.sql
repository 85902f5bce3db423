-- refund: money that goes back. It becomes due with what makes it so, and stays in sight until it has gone.

CREATE TYPE tixbook.refund_state AS ENUM ('due', 'sent', 'succeeded', 'failed');
COMMENT ON TYPE tixbook.refund_state IS 'The states of a refund: due (the provider is still to be told, or to answer), sent (it has taken it up), succeeded, failed (a person must see to it: retry_refund).';

CREATE TABLE tixbook.refund (
    event_id           integer NOT NULL,
    refund_id          uuid NOT NULL,
    payment_id         uuid NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    amount             bigint NOT NULL CHECK (amount > 0),
    currency           text NOT NULL,
    reason             text NOT NULL CHECK (reason IN ('cancelled', 'late', 'paid twice', 'by the provider')),
    state              tixbook.refund_state NOT NULL DEFAULT 'due',
    provider_reference text COLLATE "C",
    failure_reason     text,
    made_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at         timestamptz,
    calls              integer NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, refund_id),
    FOREIGN KEY (event_id, payment_id) REFERENCES tixbook.payment,
    CHECK (tixbook.event_of(refund_id) = event_id),
    CHECK ((state IN ('succeeded', 'failed')) = (settled_at IS NOT NULL))
);
CREATE UNIQUE INDEX refund_reference_idx ON tixbook.refund (event_id, provider, provider_reference)
    WHERE provider_reference IS NOT NULL;
CREATE INDEX refund_payment_idx ON tixbook.refund (event_id, payment_id);
CREATE INDEX refund_id_idx ON tixbook.refund (refund_id);
CREATE INDEX refund_open_idx ON tixbook.refund (made_at) WHERE state IN ('due', 'sent');
COMMENT ON TABLE tixbook.refund IS 'Money of a payment that goes back, and why: its booking was cancelled, it came late, the booking was paid twice, or somebody gave it back at the provider. amount in minor units of currency; provider_reference is the provider''s own id, unique for ever within the event.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.refund', '');

-- What of a payment is to go back and is not on its way; a refund that failed has brought nothing.
CREATE FUNCTION tixbook.unrefunded(payment tixbook.payment) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT payment.amount - coalesce((
        SELECT sum(r.amount) FROM tixbook.refund r
        WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id AND r.state <> 'failed'), 0)::bigint
$$;

-- A payment is refunded when all of it has gone back.
CREATE FUNCTION tixbook.count_refunds(payment tixbook.payment) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tixbook.payment p
    SET state = CASE WHEN p.amount <= coalesce((
            SELECT sum(r.amount) FROM tixbook.refund r
            WHERE r.event_id = p.event_id AND r.payment_id = p.payment_id AND r.state = 'succeeded'), 0)
        THEN 'refunded' ELSE 'captured' END::tixbook.payment_state
    WHERE p.event_id = payment.event_id AND p.payment_id = payment.payment_id AND p.state IN ('captured', 'refunded')
    RETURNING p.* INTO payment;
    RETURN payment;
END
$$;

-- All of the payment, which is locked, that is not on its way back yet becomes due.
CREATE FUNCTION tixbook.queue_refund(payment tixbook.payment, reason text) RETURNS tixbook.payment
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owed bigint := tixbook.unrefunded(payment);
    made tixbook.refund;
BEGIN
    IF owed > 0 THEN
        INSERT INTO tixbook.refund AS r (event_id, refund_id, payment_id, provider, amount, currency, reason)
        VALUES (payment.event_id, tixbook.new_payment_id(payment.event_id), payment.payment_id, payment.provider,
                owed, payment.currency, queue_refund.reason)
        RETURNING r.* INTO made;
        IF payment.provider = 'stripe' THEN
            PERFORM tixbook.send_stripe_refund(payment, made);
        END IF;
    END IF;
    RETURN tixbook.count_refunds(payment);
END
$$;

-- Called by cancel(), in src/refund.c; the reference is the booking's: the provider, a colon, the payment's own.
CREATE FUNCTION tixbook.refund_cancelled(event_id integer, payment_reference text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
BEGIN
    SELECT p.* INTO payment FROM tixbook.payment p
    WHERE p.event_id = refund_cancelled.event_id AND p.provider = split_part(payment_reference, ':', 1)
      AND p.provider_reference = substr(payment_reference, strpos(payment_reference, ':') + 1)
      AND p.state = 'captured'
    FOR UPDATE;
    IF FOUND THEN
        PERFORM tixbook.queue_refund(payment, 'cancelled');
    END IF;
END
$$;

-- The refund, after its payment has been locked: whoever changes one holds that.
CREATE FUNCTION tixbook.lock_refund(refund_id uuid) RETURNS tixbook.refund
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refund tixbook.refund;
BEGIN
    SELECT r.* INTO refund FROM tixbook.refund r WHERE r.refund_id = lock_refund.refund_id;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('refund_not_found', jsonb_build_object('refund_id', refund_id), coalesce(refund_id::text, 'null'));
    END IF;
    PERFORM tixbook.lock_payment(refund.payment_id);
    SELECT r.* INTO refund FROM tixbook.refund r WHERE r.refund_id = lock_refund.refund_id FOR UPDATE;
    RETURN refund;
END
$$;

-- Writes down what has become of the refund, which is locked.
CREATE FUNCTION tixbook.change_refund(refund tixbook.refund, outcome text, provider_reference text = NULL, failure_reason text = NULL)
RETURNS tixbook.refund
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment;
BEGIN
    UPDATE tixbook.refund r
    SET state = outcome::tixbook.refund_state, failure_reason = change_refund.failure_reason,
        provider_reference = coalesce(change_refund.provider_reference, r.provider_reference),
        settled_at = CASE WHEN outcome <> 'sent' THEN clock_timestamp() END
    WHERE r.event_id = refund.event_id AND r.refund_id = refund.refund_id
    RETURNING r.* INTO refund;
    SELECT p.* INTO payment FROM tixbook.payment p
    WHERE p.event_id = refund.event_id AND p.payment_id = refund.payment_id;
    PERFORM tixbook.count_refunds(payment);
    IF outcome = 'failed' THEN
        RAISE WARNING 'refund % of payment % failed: %', refund.refund_id, refund.payment_id,
            coalesce(failure_reason, 'for no reason given')
            USING HINT = 'The money is still due: see tixbook.due_refund, and retry_refund.';
    END IF;
    RETURN refund;
END
$$;

-- What the provider says of a refund, which is locked. One that succeeded may yet come back from the
-- bank; otherwise what is over is over, whatever comes late.
CREATE FUNCTION tixbook.take_refund(refund tixbook.refund, outcome text, provider_reference text = NULL, failure_reason text = NULL)
RETURNS tixbook.refund
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF refund.state = 'failed' OR refund.state = 'succeeded' AND outcome <> 'failed' THEN
        RETURN refund;
    END IF;
    RETURN tixbook.change_refund(refund, outcome, provider_reference, failure_reason);
END
$$;

CREATE FUNCTION tixbook.settle_refund(refund_id uuid, outcome text, provider_reference text = NULL, failure_reason text = NULL)
RETURNS tixbook.refund
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refund tixbook.refund;
    payment tixbook.payment;
    wrong text := CASE
        WHEN (outcome IN ('sent', 'succeeded', 'failed')) IS NOT TRUE THEN 'outcome must be sent, succeeded or failed'
        WHEN length(provider_reference) NOT BETWEEN 1 AND 200 THEN 'provider_reference must have 1 to 200 characters'
        WHEN length(failure_reason) > 200 THEN 'failure_reason must have at most 200 characters' END;
BEGIN
    IF wrong IS NULL THEN
        refund := tixbook.lock_refund(refund_id);
        payment := tixbook.lock_payment(refund.payment_id);
        IF refund.state = 'failed' AND outcome = 'succeeded' AND refund.amount <= tixbook.unrefunded(payment) THEN
            RETURN tixbook.change_refund(refund, outcome, provider_reference);
        END IF;
        IF refund.provider = 'test' OR refund.state IN ('succeeded', 'failed') THEN
            RETURN tixbook.take_refund(refund, outcome, provider_reference, failure_reason);
        END IF;
        wrong := 'outcome is for the provider to say while the refund is under way';
    END IF;
    PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
END
$$;
COMMENT ON FUNCTION tixbook.settle_refund(uuid, text, text, text) IS
'What has become of refund refund_id: of one that failed outcome may be succeeded, where a person has given the money back by other means, which provider_reference (1 to 200 characters) names. For a program that speaks to a provider in the test provider''s name outcome is sent (it has taken the refund up), succeeded or failed, for failure_reason. What is over stays so. Returns the refund. Refuses: refund_not_found, payment_not_found, invalid_parameter.';

CREATE FUNCTION tixbook.retry_refund(payment_id uuid) RETURNS tixbook.refund
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payment tixbook.payment := tixbook.lock_payment(payment_id);
    refund tixbook.refund;
BEGIN
    SELECT r.* INTO refund FROM tixbook.refund r
    WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id AND r.state = 'failed'
    ORDER BY r.made_at DESC LIMIT 1;
    IF refund.refund_id IS NULL OR payment.state <> 'captured' OR tixbook.unrefunded(payment) <= 0
       OR NOT EXISTS (SELECT FROM tixbook.due_refund d WHERE d.event_id = payment.event_id AND d.payment_id = payment.payment_id) THEN
        PERFORM tixbook.refuse('refund_not_found', jsonb_build_object('payment_id', payment_id), payment_id::text);
    END IF;
    PERFORM tixbook.queue_refund(payment, refund.reason);
    SELECT r.* INTO refund FROM tixbook.refund r
    WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id ORDER BY r.made_at DESC LIMIT 1;
    RETURN refund;
END
$$;
COMMENT ON FUNCTION tixbook.retry_refund(uuid) IS
'Makes a new refund of payment payment_id, whose last one has failed, for what is still due. Returns it. Refuses: payment_not_found, refund_not_found.';

CREATE VIEW tixbook.due_refund AS
SELECT p.*, r.refund_id, r.state AS refund_state, r.failure_reason
FROM tixbook.payment p
LEFT JOIN LATERAL (
    SELECT r.* FROM tixbook.refund r
    WHERE r.event_id = p.event_id AND r.payment_id = p.payment_id ORDER BY r.made_at DESC LIMIT 1) AS r ON true
WHERE p.state = 'captured'
  AND NOT EXISTS (SELECT FROM tixbook.booking b
                  WHERE b.booking_id = coalesce(p.rebooked_as, p.booking_id) AND b.status = 'confirmed'
                    AND b.payment_reference = p.provider || ':' || p.provider_reference);
COMMENT ON VIEW tixbook.due_refund IS 'Payments that were captured and have no confirmed booking to show for it: the money is owed until it has gone back. refund_state tells how far the last refund of it is; one that failed needs a person.';

-- The test provider gives back what is due of these payments; returns how many refunds that were.
CREATE FUNCTION tixbook.pay_test_refunds(payments uuid[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refund tixbook.refund;
    paid integer := 0;
BEGIN
    FOR refund IN
        SELECT r.* FROM tixbook.refund r JOIN tixbook.payment p USING (event_id, payment_id)
        WHERE r.payment_id = ANY (payments) AND r.provider = 'test' AND r.state = 'due'
        ORDER BY r.refund_id FOR UPDATE OF p, r SKIP LOCKED
    LOOP
        PERFORM tixbook.take_refund(refund, 'succeeded', 'test_re_' || replace(refund.refund_id::text, '-', ''));
        paid := paid + 1;
    END LOOP;
    RETURN paid;
END
$$;
