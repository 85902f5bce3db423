-- grants: who may call what. Nothing but functions writes.

REVOKE ALL ON ALL TABLES IN SCHEMA tixbook FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tixbook FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tixbook FROM PUBLIC;

GRANT USAGE ON SCHEMA tixbook TO PUBLIC;

-- The type, its operators and what only computes are everybody's.
DO $$
DECLARE
    pure regprocedure;
BEGIN
    FOR pure IN
        SELECT p.oid FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'tixbook'::regnamespace
          AND p.prolang = (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname IN ('c'))
          AND p.provolatile = 'i'
           OR p.pronamespace = 'tixbook'::regnamespace AND p.prokind = 'a'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', pure);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION tixbook.refusals() TO PUBLIC;

-- What an application calls for its customers. It is trusted with who they are.
GRANT EXECUTE ON FUNCTION
    tixbook.refuse(text, jsonb, text),
    tixbook.require_event(integer),
    tixbook.search_events,
    tixbook.availability,
    tixbook.section_availability,
    tixbook.seat_plan,
    tixbook.seat_map_svg,
    tixbook.seat_label,
    tixbook.seat_labels,
    tixbook.reserve(integer, integer, text, text, interval, text, text, boolean, boolean, text),
    tixbook.reserve_seats(integer, integer[], text, interval, text, text),
    tixbook.submit_request,
    tixbook.request_status(uuid),
    tixbook.cancel_request(uuid),
    tixbook.request_lag(integer),
    tixbook.confirm(uuid, text),
    tixbook.release(uuid),
    tixbook.cancel(uuid, text),
    tixbook.find_booking(uuid),
    tixbook.booking_tickets(uuid),
    tixbook.history(uuid),
    tixbook.pay(uuid, text, text),
    tixbook.join_waiting_room(integer, text, text, text),
    tixbook.queue_status(integer, text),
    tixbook.leave_waiting_room(integer, text),
    tixbook.queue_progress(integer, bigint),
    tixbook.find_waiting_room(integer),
    tixbook.sign_up(text, text, text),
    tixbook.log_in(text, text)
TO tixbook_application, tixbook_administrator;

-- The administrator calls everything that is described for callers, and looks
-- at all rows. What has no description of its own is internal.
DO $$
DECLARE
    fn record;
BEGIN
    FOR fn IN
        SELECT p.oid::regprocedure AS signature, pg_catalog.obj_description(p.oid, 'pg_proc') AS comment
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'tixbook'::regnamespace
    LOOP
        IF fn.comment IS NULL THEN
            EXECUTE format('COMMENT ON FUNCTION %s IS %L', fn.signature, 'Internal.');
        ELSIF fn.comment !~ '^(Internal|Trigger)' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO tixbook_administrator', fn.signature);
        END IF;
    END LOOP;
END
$$;
GRANT SELECT ON ALL TABLES IN SCHEMA tixbook TO tixbook_administrator;
-- But for secrets: with them he could be anybody.
REVOKE SELECT ON tixbook.token_key, tixbook.account, tixbook.webhook_secret, tixbook.waiting_room_secret,
    tixbook.destination_secret FROM tixbook_administrator;

-- Who watches the server may see how the workers are, and that all is sound.
GRANT EXECUTE ON FUNCTION tixbook.worker_status(), tixbook.publish_status(), tixbook.request_queue(), tixbook.request_lag(integer), tixbook.verify(integer) TO pg_monitor;
