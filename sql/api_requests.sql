-- api_requests: holds that need not be made at once, over HTTP.

-- The request that the caller names, if it is his: his own, or one without an owner, of which the
-- reference is the proof. For others it does not exist.
CREATE FUNCTION tixbook.require_own_request(request_id uuid) RETURNS tixbook.request
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request tixbook.request := tixbook.require_request(request_id);
BEGIN
    IF request.customer IS NOT NULL AND request.customer IS DISTINCT FROM tixbook.current_customer()
       AND current_setting('role') <> 'tixbook_administrator' THEN
        PERFORM tixbook.refuse('request_not_found', jsonb_build_object('request_id', request.request_id),
                               request.request_id::text);
    END IF;
    RETURN request;
END
$$;

-- A request as its owner sees it. While it waits, the answer tells when to look again: the later
-- the queue is, the later.
CREATE FUNCTION tixbook.answer_request(request tixbook.request, status integer, headers jsonb = '{}') RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    report tixbook.request_report := tixbook.report_of_request(request);
    waits boolean := request.status = 'waiting';
    lag interval := CASE WHEN waits THEN tixbook.request_lag(request.event_id) END;
BEGIN
    PERFORM tixbook.answer_with(status, headers || CASE WHEN waits THEN jsonb_build_object('Retry-After',
        greatest(1, least(30, ceil(extract(epoch FROM lag) / 4)))::text) ELSE '{}' END);
    RETURN jsonb_build_object('request_id', report.request_id, 'event_id', report.event_id,
            'status', report.status, 'submitted_at', report.submitted_at, 'ended_at', report.ended_at,
            'booking_id', report.booking_id,
            'hold', CASE WHEN report.hold IS NOT NULL THEN to_jsonb(report.hold) END)
        || CASE WHEN waits THEN jsonb_build_object('lag', extract(epoch FROM lag)) ELSE '{}' END
        || CASE WHEN report.reason IS NULL OR waits THEN '{}'
                -- What went wrong inside is the administrator's to know.
                WHEN report.reason = 'request_failed' THEN jsonb_build_object('code', report.reason)
                ELSE jsonb_build_object('code', report.reason, 'message', report.message, 'details', report.detail) END;
END
$$;

CREATE FUNCTION tixbook_api.submit_request(event_id integer, quantity integer = NULL, section text = NULL,
    seats integer[] = NULL, category text = NULL, accessible boolean = false, together boolean = false,
    admission text = NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    customer text := tixbook.current_customer();
    key text := tixbook.request_key(customer);
    new_id uuid := tixbook.submit_request(event_id, quantity, section, seats, customer, key, NULL,
                                          category, accessible, together, admission);
BEGIN
    RETURN tixbook.answer_request(tixbook.require_request(new_id), 202, tixbook.replay_headers(key));
END
$$;
COMMENT ON FUNCTION tixbook_api.submit_request(integer, integer, text, integer[], text, boolean, boolean, text) IS
'Ask for seats, and look later

The same wish as reserve (quantity, section, category, accessible, together) or reserve_seats (seats), but it is queued: answers 202 at once with request_id and status waiting; look at request_status after the seconds of Retry-After. Requests are served in the order in which they came. Send an Idempotency-Key, and the same one when you repeat the request. Without a token it belongs to whoever has its request_id. Refuses: event_not_found, event_not_on_sale, section_not_found, category_not_found, seat_not_found, invalid_parameter, limit_exceeded, sold_out, seat_taken, backlog_full, idempotency_key_missing, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook_api.request_status(request_id uuid) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT tixbook.answer_request(tixbook.require_own_request(request_id), 200)
$$;
COMMENT ON FUNCTION tixbook_api.request_status(uuid) IS
'See what has become of a request

status: waiting (lag tells how late the queue is, in seconds; look again after Retry-After), held (hold and booking_id are what reserve would have answered), refused or dead (code, message and details tell why, as a refusal of reserve would), cancelled. One''s own, or one made without a token. Refuses: request_not_found.';

CREATE FUNCTION tixbook_api.cancel_request(request_id uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request tixbook.request := tixbook.require_own_request(request_id);
BEGIN
    PERFORM tixbook.cancel_request(request.request_id);
    RETURN tixbook.answer_request(tixbook.require_request(request.request_id), 200);
END
$$;
COMMENT ON FUNCTION tixbook_api.cancel_request(uuid) IS
'Take a request back

As long as it waits; may be repeated. Answers with the request. Refuses: request_not_found, request_ended (it was decided before; give the hold up with release), busy.';
