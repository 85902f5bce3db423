-- api_requests: holds that need not be made at once, over HTTP.

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

The same wish as reserve (quantity, section, category, accessible, together) or reserve_seats (seats), but it is queued: answers 202 at once with request_id and status waiting; look at request_status after the seconds of Retry-After. Requests are served in the order in which they came. Send an Idempotency-Key, and the same one when you repeat the request. Without a token it belongs to whoever has its request_id. Refuses: event_not_found, event_not_on_sale, section_not_found, category_not_found, seat_not_found, invalid_parameter, limit_exceeded, admission_required, admission_invalid, sold_out, not_enough_seats, no_adjacent_seats, seat_taken, backlog_full, idempotency_key_missing, idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE FUNCTION tixbook_api.request_status(request_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tixbook.answer_request(tixbook.require_own_request(request_id), 200);
END
$$;
COMMENT ON FUNCTION tixbook_api.request_status(uuid) IS
'See what has become of a request

status: waiting (lag tells how late the queue is, in seconds; look again after Retry-After), held (hold and booking_id are what reserve would have answered), refused or dead (code, message and details tell why, as a refusal of reserve would), cancelled. One''s own, or one made without a token. Refuses: request_not_found.';

CREATE FUNCTION tixbook_api.cancel_request(request_id uuid = NULL) RETURNS jsonb
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

As long as it waits; may be repeated. Answers with the request. What was decided before has ended: give its hold up with release. Refuses: request_not_found, request_ended, busy.';
