-- http: what the functions of tixbook_api share: the request, and the answer's status and headers.

CREATE FUNCTION tixbook.begin_http_request() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_begin_http_request';
COMMENT ON FUNCTION tixbook.begin_http_request() IS
'PostgREST''s db-pre-request, which it calls as the role of the request. Makes refusals HTTP answers until the transaction ends, and counts the request against tixbook.address_limits and tixbook.customer_limits. Refuses: rate_limited, authentication_required.';

CREATE FUNCTION tixbook.rate_limits(OUT scope text, OUT "group" text, OUT per_second double precision, OUT burst integer)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'tixbook_rate_limits';
COMMENT ON FUNCTION tixbook.rate_limits() IS
'The limits on requests over HTTP, a row each: for an address or a customer (scope), by group of functions (browse, account, booking, change, webhook): per_second tokens come in, burst of them are in a full bucket. What stands in no row is not limited. Refuses: preload_required (without shared_preload_libraries nothing is limited).';

-- PostgREST's db-pre-config: all that it must know stands in the database, the secrets of tokens
-- too, which so never stand anywhere else.
CREATE FUNCTION tixbook.postgrest_config() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT set_config('pgrst.db_schemas', 'tixbook_api', true),
           set_config('pgrst.db_anon_role', 'tixbook_anonymous', true),
           set_config('pgrst.db_pre_request', 'tixbook.begin_http_request', true),
           set_config('pgrst.db_extra_search_path', '', true),
           set_config('pgrst.openapi_mode', 'follow-privileges', true),
           set_config('pgrst.jwt_secret', coalesce((
               SELECT jsonb_build_object('keys', jsonb_agg(jsonb_build_object(
                          'kty', 'oct', 'alg', 'HS256', 'use', 'sig', 'kid', k.key_id,
                          'k', tixbook.base64url(k.secret)) ORDER BY k.made_at DESC))::text
               FROM tixbook.token_key k WHERE k.retired_at IS NULL OR k.retired_at > now()
               HAVING count(*) > 0), ''), true);
$$;
COMMENT ON FUNCTION tixbook.postgrest_config() IS
'Internal: PostgREST''s db-pre-config: the schema it serves, the role without a token, the function before each request, and the secrets of tokens.';

CREATE FUNCTION tixbook.request_header(name text) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_request_header';
COMMENT ON FUNCTION tixbook.request_header(text) IS
'Internal: the header name, in lower case, of the HTTP request; null without it.';

CREATE FUNCTION tixbook.request_address() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_request_address';
COMMENT ON FUNCTION tixbook.request_address() IS
'Internal: the network that the HTTP request comes from; null where no edge vouches for it.';

CREATE FUNCTION tixbook.answer_with(status integer, headers jsonb = '{}') RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_answer_with';
COMMENT ON FUNCTION tixbook.answer_with(integer, jsonb) IS
'Internal: status and headers of the HTTP answer; no cache keeps it unless headers has Cache-Control.';

-- A refusal that is to be remembered: its answer, without an error that would take back what was done.
CREATE FUNCTION tixbook.refused_answer(reason text, detail jsonb, subject text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refusal record := tixbook.http_refusal(reason, detail, subject);
BEGIN
    PERFORM tixbook.answer_with((refusal.answer ->> 'status')::integer, refusal.answer -> 'headers');
    RETURN refusal.body;
END
$$;

-- An answer that caches may keep: true, and they have it already, if they named its tag.
-- nginx weakens the tag of what it compresses.
CREATE FUNCTION tixbook.answer_cached(tag text, cache_control text, more jsonb = '{}') RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known boolean := coalesce(tag = ANY (string_to_array(
        regexp_replace(tixbook.request_header('if-none-match'), '\mW/|\s', '', 'g'), ',')), false);
BEGIN
    PERFORM tixbook.answer_with(CASE WHEN known THEN 304 ELSE 200 END,
        jsonb_build_object('ETag', tag, 'Cache-Control', cache_control)
        || CASE WHEN known THEN more - 'Content-Length' ELSE more END);
    RETURN known;
END
$$;

-- The key that the client gave the request. Guests share one principal, so theirs must be long
-- enough that nobody meets another's.
CREATE FUNCTION tixbook.request_key(customer text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text := tixbook.request_header('idempotency-key');
BEGIN
    IF key IS NULL AND current_setting('tixbook.require_idempotency_key')::boolean THEN
        PERFORM tixbook.refuse('idempotency_key_missing', NULL, 'this request');
    END IF;
    IF customer IS NULL AND length(btrim(key, '"')) BETWEEN 1 AND 19 THEN
        PERFORM tixbook.refuse('idempotency_key_invalid', '{"min_length": 20}',
            'without an account it must have 20 characters or more, better a random UUID');
    END IF;
    RETURN key;
END
$$;

-- The headers that tell of the key: whether the answer is one given before.
CREATE FUNCTION tixbook.replay_headers(key text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN key IS NOT NULL AND tixbook.answer_replayed()
                THEN '{"Idempotency-Replayed": "true"}'::jsonb ELSE '{}' END;
END
$$;

-- Whom the token makes the caller; roles keep their names in functions that run as their owner.
CREATE FUNCTION tixbook.require_customer() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    customer text := tixbook.current_customer();
BEGIN
    IF customer IS NULL THEN
        PERFORM tixbook.refuse('authentication_required', NULL, 'this');
    END IF;
    RETURN customer;
END
$$;

-- An event as anybody may see it: drafts are not there.
CREATE FUNCTION tixbook.require_announced_event(event_id integer) RETURNS tixbook.event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
BEGIN
    IF the_event.status = 'draft' THEN
        PERFORM tixbook.refuse('event_not_found', jsonb_build_object('event_id', event_id), event_id::text);
    END IF;
    RETURN the_event;
END
$$;

-- The booking that the caller names, in the path or else in the body, if it is his: his own, or one
-- without an owner, of which the reference is the proof. For others it does not exist.
CREATE FUNCTION tixbook.require_own_booking(booking_id uuid) RETURNS tixbook.booking
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.find_booking(
        coalesce(tixbook.request_header('x-booking-id')::uuid, booking_id));
BEGIN
    IF booking.customer IS NOT NULL AND booking.customer IS DISTINCT FROM tixbook.current_customer()
       AND current_setting('role') <> 'tixbook_administrator' THEN
        PERFORM tixbook.refuse('booking_not_found', jsonb_build_object('booking_id', booking.booking_id),
                               booking.booking_id::text);
    END IF;
    RETURN booking;
END
$$;

-- A booking as its owner sees it. What is asked for with each request is in PL/pgSQL: that keeps its plans, where SQL
-- makes them anew with each call.
CREATE FUNCTION tixbook.describe_booking(booking tixbook.booking) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'booking_id', booking.booking_id, 'event_id', e.event_id, 'event', e.name, 'venue', v.name,
            'starts_at', e.starts_at,
            'status', CASE WHEN booking.status IN ('held', 'paying') AND booking.expires_at <= clock_timestamp()
                           THEN 'expired' ELSE booking.status END,
            'seats', booking.seats, 'labels', (
                SELECT jsonb_agg(l.label ORDER BY l.seat_index)
                FROM tixbook.seat_labels(e.venue_id, booking.seats) AS l),
            'adjacent', booking.adjacent, 'amount', booking.amount, 'currency', booking.currency,
            'created_at', booking.created_at, 'expires_at', booking.expires_at,
            'payment', (
                SELECT jsonb_build_object('payment_id', p.payment_id, 'state', p.state, 'amount', p.amount,
                    'currency', p.currency, 'made_at', p.made_at, 'settled_at', p.settled_at)
                    || CASE WHEN p.rebooked_as IS NULL THEN '{}' ELSE jsonb_build_object('rebooked_as', p.rebooked_as) END
                    || coalesce((SELECT jsonb_build_object('refund', jsonb_build_object('state', r.state, 'amount', r.amount))
                                 FROM tixbook.refund r WHERE r.event_id = p.event_id AND r.payment_id = p.payment_id
                                 ORDER BY r.made_at DESC LIMIT 1), '{}')
                FROM tixbook.payment p
                WHERE p.booking_id = booking.booking_id ORDER BY p.made_at DESC LIMIT 1))
        FROM tixbook.event e JOIN tixbook.venue v USING (venue_id)
        WHERE e.event_id = booking.event_id);
END
$$;
COMMENT ON FUNCTION tixbook.describe_booking(tixbook.booking) IS 'Internal: a booking as JSON for its owner.';

-- With whom one pays. Of a provider's key no more is told than whether it is one for tests.
CREATE FUNCTION tixbook.describe_provider() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('name', p.name, 'test', p.name = 'test' OR p.name = 'stripe' AND EXISTS (
            SELECT FROM tixbook.destination_secret s, jsonb_each_text(s.headers) AS h
            WHERE s.destination = 'stripe' AND lower(h.key) = 'authorization' AND h.value ~ '^Bearer [sr]k_test_'))
        FROM current_setting('tixbook.payment_provider') AS p (name));
END
$$;

CREATE FUNCTION tixbook.describe_ticket(ticket tixbook.ticket) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'booking_id', ticket.booking_id, 'event_id', e.event_id, 'event', e.name, 'venue', v.name,
            'starts_at', e.starts_at, 'seat_index', ticket.seat_index,
            'label', tixbook.seat_label(e.venue_id, ticket.seat_index),
            'code', concat_ws('.', e.event_id, ticket.seat_index, replace(ticket.secret::text, '-', '')))
        FROM tixbook.event e JOIN tixbook.venue v USING (venue_id)
        WHERE e.event_id = ticket.event_id);
END
$$;
COMMENT ON FUNCTION tixbook.describe_ticket(tixbook.ticket) IS 'Internal: a ticket as JSON for its owner.';

CREATE FUNCTION tixbook.seconds_of(length interval) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT round(extract(epoch FROM length), 3)
$$;

-- The request that the caller names, in the path or else in the body, if it is his: his own, or one without an owner, of which the
-- reference is the proof. For others it does not exist.
CREATE FUNCTION tixbook.require_own_request(request_id uuid) RETURNS tixbook.request
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request tixbook.request := tixbook.require_request(
        coalesce(tixbook.request_header('x-booking-id')::uuid, request_id));
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

-- One page of rows that were asked for with one more than a page holds.
CREATE FUNCTION tixbook.page_of(name text, rows jsonb, page integer, page_size integer) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    more boolean := coalesce(jsonb_array_length(rows), 0) > page_size;
BEGIN
    RETURN jsonb_build_object(name, CASE WHEN more THEN rows - page_size ELSE coalesce(rows, '[]') END,
        'page', page, 'page_size', page_size, 'next_page', CASE WHEN more THEN page + 1 END);
END
$$;

-- How long the answer is, for an edge that asks for just this kind: PostgREST does not say, and
-- nginx then sends what it keeps in chunks, at twice the cost.
CREATE FUNCTION tixbook.length_header(media_type text, bytes integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN tixbook.request_header('accept') = media_type AND bytes IS NOT NULL
                THEN jsonb_build_object('Content-Length', bytes::text) ELSE '{}' END;
END
$$;

-- What is free at an event that is announced. Who named the tag of this very version needs no map;
-- who named another one needs all of it, since there is no telling whose it was.
CREATE FUNCTION tixbook.announced_availability(event_id integer, since bigint = NULL)
RETURNS tixbook.event_availability
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tagged bigint := substring(tixbook.request_header('if-none-match')
                               FROM '"' || event_id || '-(\d{1,18})"');
    found_availability tixbook.event_availability;
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    found_availability := tixbook.availability(event_id, coalesce(tagged, since));
    IF found_availability.version <> tagged THEN
        found_availability := tixbook.availability(event_id, since);
    END IF;
    RETURN found_availability;
END
$$;

CREATE FUNCTION tixbook.availability_tag(availability tixbook.event_availability) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('"%s-%s"', availability.event_id, availability.version);
END
$$;

CREATE FUNCTION tixbook.map_base64(map tixbook.seatmap) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN translate(encode(map::bytea, 'base64'), E'\n', '');
END
$$;

-- The answer about a payment; a declined one, or one that came too late, is a refusal that stays in the books.
CREATE FUNCTION tixbook.answer_payment(payment tixbook.payment, headers jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booking tixbook.booking := tixbook.find_booking(coalesce(payment.rebooked_as, payment.booking_id));
    body jsonb;
BEGIN
    IF payment.state = 'declined' THEN
        body := tixbook.refused_answer('payment_declined', jsonb_build_object(
            'booking_id', payment.booking_id, 'payment_id', payment.payment_id,
            'decline_reason', payment.decline_reason, 'expires_at', payment.hold_expires_at), payment.booking_id::text);
        PERFORM tixbook.answer_with(402, headers);
        RETURN body;
    END IF;
    IF payment.state IN ('captured', 'refunded') AND booking.status NOT IN ('confirmed', 'cancelled') THEN
        RETURN tixbook.refused_answer('hold_expired', jsonb_build_object(
            'booking_id', payment.booking_id, 'payment_id', payment.payment_id, 'expires_at', booking.expires_at,
            'refund', (SELECT jsonb_build_object('state', r.state, 'amount', r.amount) FROM tixbook.refund r
                       WHERE r.event_id = payment.event_id AND r.payment_id = payment.payment_id
                       ORDER BY r.made_at DESC LIMIT 1)), payment.booking_id::text);
    END IF;
    PERFORM tixbook.answer_with(CASE payment.state WHEN 'pending' THEN 202 ELSE 200 END,
        headers || CASE payment.state WHEN 'pending' THEN '{"Retry-After": "1"}'::jsonb ELSE '{}' END);
    RETURN jsonb_build_object('payment_id', payment.payment_id, 'booking_id', booking.booking_id,
        'state', payment.state, 'amount', payment.amount, 'currency', payment.currency,
        'status', booking.status,
        'expires_at', CASE payment.state WHEN 'pending' THEN booking.expires_at END);
END
$$;
