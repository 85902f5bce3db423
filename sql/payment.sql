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
    provider_status    text,
    decline_reason     text,
    fee                bigint,
    fee_currency       text,
    rebooked_as        uuid,
    hold_expires_at    timestamptz NOT NULL,
    made_at            timestamptz NOT NULL,
    settled_at         timestamptz,
    calls              integer NOT NULL DEFAULT 0,
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
CREATE INDEX payment_provider_idx ON tixbook.payment (provider_reference) WHERE provider_reference IS NOT NULL;
CREATE INDEX payment_id_idx ON tixbook.payment (payment_id);
CREATE INDEX payment_booking_idx ON tixbook.payment (booking_id, made_at);
CREATE INDEX payment_captured_idx ON tixbook.payment (settled_at) WHERE state = 'captured';
COMMENT ON TABLE tixbook.payment IS 'An attempt to pay a booking: amount in minor units of currency; provider_reference is the provider''s own id, unique for ever within the event, and provider_status what the provider last said; fee is what the provider keeps, in minor units of fee_currency; hold_expires_at is when the hold ends should the payment be declined; settled_at is when it was captured or declined; rebooked_as is the booking that took seats when the money came after the hold had ended; calls counts the calls to the provider.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.payment', '');

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
