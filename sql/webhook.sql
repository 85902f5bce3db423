-- webhook: organisers are told, signed, what becomes of bookings.

CREATE TABLE tixbook.webhook_subscription (
    event_id        integer NOT NULL,
    destination     text COLLATE "C" NOT NULL REFERENCES tixbook.destination,
    types           text[] NOT NULL CHECK (cardinality(types) > 0 AND types <@
        ARRAY['booking.confirmed', 'booking.cancelled', 'booking.released', 'booking.expired']),
    disabled_at     timestamptz,
    disabled_reason text,
    PRIMARY KEY (event_id, destination)
);
COMMENT ON TABLE tixbook.webhook_subscription IS 'Which destination is told of which changes of the bookings of event event_id (0: of every event). One that is disabled is told no more.';
SELECT pg_catalog.pg_extension_config_dump('tixbook.webhook_subscription', '');

CREATE FUNCTION tixbook.subscriptions_changed() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'tixbook_subscriptions_changed';
COMMENT ON FUNCTION tixbook.subscriptions_changed() IS
'Trigger: makes every backend read the subscriptions again. Makes no refusal.';
CREATE TRIGGER subscriptions_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tixbook.webhook_subscription
    FOR EACH STATEMENT EXECUTE FUNCTION tixbook.subscriptions_changed();

CREATE FUNCTION tixbook.subscribe_webhook(destination text,
    types text[] = '{booking.confirmed,booking.cancelled,booking.released,booking.expired}', event_id integer = NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tixbook.destination d WHERE d.destination = subscribe_webhook.destination AND d.allowed) THEN
        PERFORM tixbook.refuse('destination_not_allowed', jsonb_build_object('destination', destination),
                               coalesce(destination, 'null'));
    END IF;
    IF NOT EXISTS (SELECT FROM tixbook.destination_secret s
                   WHERE s.destination = subscribe_webhook.destination AND s.signing_secret IS NOT NULL) THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "destination"}', 'destination must have a signing_secret');
    END IF;
    IF event_id IS NOT NULL THEN
        PERFORM tixbook.require_event(event_id);
    END IF;
    INSERT INTO tixbook.webhook_subscription AS w (event_id, destination, types)
    VALUES (coalesce(subscribe_webhook.event_id, 0), subscribe_webhook.destination, subscribe_webhook.types)
    ON CONFLICT ON CONSTRAINT webhook_subscription_pkey DO UPDATE
    SET types = excluded.types, disabled_at = NULL, disabled_reason = NULL;
EXCEPTION WHEN check_violation OR not_null_violation THEN
    PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "types"}',
        'types must be of booking.confirmed, booking.cancelled, booking.released and booking.expired');
END
$$;
COMMENT ON FUNCTION tixbook.subscribe_webhook(text, text[], integer) IS
'Tells destination, which must be allowed and have a signing_secret, of each change of a booking of event event_id (null: of every event) whose type is among types: booking.confirmed, booking.cancelled, booking.released, booking.expired. Called again it replaces the types, and takes up again what was disabled. Refuses: destination_not_allowed, event_not_found, invalid_parameter.';

CREATE FUNCTION tixbook.unsubscribe_webhook(destination text, event_id integer = NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM tixbook.webhook_subscription w
    WHERE w.destination = unsubscribe_webhook.destination AND w.event_id = coalesce(unsubscribe_webhook.event_id, 0);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION tixbook.unsubscribe_webhook(text, integer) IS
'Tells destination no more of event event_id (null: the subscription to every event). What is in the outbox is still sent. Returns whether there was such a subscription. Makes no refusal.';

-- For handle_dispatch(): a receiver that says 410 wants no more.
CREATE FUNCTION tixbook.handle_webhook(answered tixbook.dispatch) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF answered.http_status IS DISTINCT FROM 410 OR answered.outcome <> 'refused' THEN
        RETURN;
    END IF;
    UPDATE tixbook.webhook_subscription w SET disabled_at = clock_timestamp(), disabled_reason = 'HTTP status 410'
    WHERE w.destination = answered.destination AND w.disabled_at IS NULL;
    UPDATE tixbook.dispatch m
    SET state = 'dead', outcome = 'refused', ended_at = clock_timestamp(), last_error = 'the subscription is disabled'
    WHERE m.destination = answered.destination AND m.kind = 'webhook' AND m.state IN ('waiting', 'behind');
END
$$;
