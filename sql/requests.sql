-- requests: wishes for a hold that are acknowledged at once and worked off later.

CREATE TYPE tixbook.request_state AS ENUM ('waiting', 'held', 'refused', 'cancelled', 'dead');
COMMENT ON TYPE tixbook.request_state IS 'The states of a request: waiting, held (it has become a booking), refused, cancelled, dead (tried in vain too often).';

-- waiting_since gives a request its place, and is null when it does not wait: so the index over
-- those that wait is as small as the backlog.
CREATE TABLE tixbook.request (
    request_id    uuid PRIMARY KEY,
    submitted_at  timestamptz NOT NULL,
    waiting_since timestamptz,
    not_before    timestamptz,
    ended_at      timestamptz,
    event_id      integer NOT NULL REFERENCES tixbook.event,
    status        tixbook.request_state NOT NULL,
    quantity      integer NOT NULL,
    attempts      integer NOT NULL,
    accessible    boolean NOT NULL,
    together      boolean NOT NULL,
    hold_for      interval,
    booking_id    uuid,
    section       text,
    category      text,
    seats         integer[],
    customer      text COLLATE "C",
    reason        text COLLATE "C",
    subject       text,
    detail        json,
    CHECK (tixbook.event_of(request_id) = event_id),
    CHECK ((status = 'waiting') = (waiting_since IS NOT NULL)),
    CHECK ((status = 'waiting') = (ended_at IS NULL)),
    CHECK ((status = 'held') = (booking_id IS NOT NULL))
);
CREATE INDEX request_waiting_idx ON tixbook.request (event_id, waiting_since)
    WHERE waiting_since IS NOT NULL;
CREATE INDEX request_ended_idx ON tixbook.request (ended_at)
    WHERE ended_at IS NOT NULL;
CREATE INDEX request_dead_idx ON tixbook.request (event_id, ended_at)
    WHERE status = ANY ('{dead}'::tixbook.request_state[]);
COMMENT ON TABLE tixbook.request IS 'A request: a wish for quantity seats, or for those named in seats, that waits from waiting_since until a batch has decided on it. booking_id is the hold that it has become; reason, subject and detail tell how it was refused, or what its last attempt failed for; not_before is when it is tried again.';

-- One row an event, written once a batch.
CREATE TABLE tixbook.request_pace (
    next_at    timestamptz NOT NULL DEFAULT '-infinity',
    per_second double precision CHECK (per_second >= 0),
    event_id   integer PRIMARY KEY REFERENCES tixbook.event
) WITH (fillfactor = 25);
COMMENT ON TABLE tixbook.request_pace IS 'How fast the requests of an event are worked off: per_second, where the event has a rate of its own, and next_at, up to when the time has been spent.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.request', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.request_pace', '');

CREATE FUNCTION tixbook.submit_request(
    event_id integer, quantity integer = NULL, section text = NULL, seats integer[] = NULL,
    customer text = NULL, idempotency_key text = NULL, hold_for interval = NULL,
    category text = NULL, accessible boolean = false, together boolean = false,
    admission text = NULL) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_submit_request';
COMMENT ON FUNCTION tixbook.submit_request(integer, integer, text, integer[], text, text, interval, text, boolean, boolean, text) IS
'Asks for a hold at event event_id that need not be made at once: for the best seats for a party of quantity, as reserve does, or for the seats that are named. What can be seen at a glance is refused at once; the rest waits, in the order of arrival, for tixbook.work_requests or the workers. hold_for counts from when the hold is made; admission is the token of the waiting room, where the event has one, which must be valid now; the same idempotency_key with the same parameters gives the same answer for tixbook.idempotency_ttl. Returns the request_id, of which request_status tells what becomes of it. Refuses: event_not_found, event_not_on_sale, section_not_found, category_not_found, seat_not_found, invalid_parameter, limit_exceeded, admission_required, admission_invalid, sold_out, not_enough_seats, no_adjacent_seats, seat_taken, backlog_full (tixbook.max_backlog requests of the event wait), idempotency_key_invalid, idempotency_key_reused, request_in_progress.';

CREATE TYPE tixbook.request_report AS (
    request_id      uuid,
    event_id        integer,
    status          tixbook.request_state,
    submitted_at    timestamptz,
    ended_at        timestamptz,
    attempts        integer,
    next_attempt_at timestamptz,
    booking_id      uuid,
    hold            tixbook.hold,
    reason          text,
    message         text,
    detail          jsonb
);
COMMENT ON TYPE tixbook.request_report IS 'The answer of request_status: hold is what the request has become, as long as its booking is there; reason, message and detail tell why it was refused, is dead, or was put off until next_attempt_at.';

CREATE FUNCTION tixbook.require_request(request_id uuid) RETURNS tixbook.request
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_request tixbook.request;
BEGIN
    SELECT r.* INTO found_request FROM tixbook.request r WHERE r.request_id = require_request.request_id;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('request_not_found', jsonb_build_object('request_id', request_id),
                               coalesce(request_id::text, 'null'));
    END IF;
    RETURN found_request;
END
$$;

CREATE FUNCTION tixbook.report_of_request(request tixbook.request) RETURNS tixbook.request_report
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ROW(request.request_id, request.event_id, request.status, request.submitted_at,
        request.ended_at, request.attempts, request.not_before, request.booking_id,
        (SELECT ROW(b.booking_id, b.event_id, b.seats, b.amount, b.currency, b.expires_at, b.adjacent)::tixbook.hold
         FROM tixbook.booking b WHERE b.booking_id = request.booking_id),
        request.reason,
        (SELECT replace(m.message, '%s', request.subject) FROM tixbook.refusals() AS m
         WHERE m.reason = request.reason),
        request.detail::jsonb)::tixbook.request_report;
END
$$;

CREATE FUNCTION tixbook.request_status(request_id uuid) RETURNS tixbook.request_report
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT s.* FROM tixbook.require_request(request_id) AS r, tixbook.report_of_request(r) AS s $$;
COMMENT ON FUNCTION tixbook.request_status(uuid) IS
'What has become of request request_id: waiting, held (hold and booking_id tell which), refused or dead (reason, message and detail tell why), or cancelled. While it waits, reason tells what its last attempt failed for, and next_attempt_at when the next one is. Refuses: request_not_found.';

CREATE FUNCTION tixbook.withdraw_request(request_id uuid) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_withdraw_request';
COMMENT ON FUNCTION tixbook.withdraw_request(uuid) IS
'Internal: ends a request that waits as cancelled. Refuses: request_not_found, request_ended, busy.';

CREATE FUNCTION tixbook.cancel_request(request_id uuid) RETURNS tixbook.request_report
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tixbook.withdraw_request(coalesce(request_id, '00000000-0000-0000-0000-000000000000'));
    RETURN tixbook.request_status(request_id);
END
$$;
COMMENT ON FUNCTION tixbook.cancel_request(uuid) IS
'Takes request request_id back while it waits; repeating it changes nothing. Returns its state. Refuses: request_not_found, request_ended (it was decided before; release gives its hold up), busy.';

CREATE FUNCTION tixbook.set_request_rate(event_id integer, per_second double precision) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM tixbook.require_event(event_id);
    IF per_second < 0 OR per_second > 1000000 OR per_second = 'NaN' THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "per_second"}',
                               'per_second must be from 0 to 1000000');
    END IF;
    INSERT INTO tixbook.request_pace (event_id, per_second)
    VALUES (set_request_rate.event_id, set_request_rate.per_second)
    ON CONFLICT ON CONSTRAINT request_pace_pkey DO UPDATE SET per_second = EXCLUDED.per_second;
    PERFORM tixbook.requests_due();
END
$$;
COMMENT ON FUNCTION tixbook.set_request_rate(integer, double precision) IS
'Sets how many requests of event event_id are worked off a second; 0: as many as may be; null: tixbook.request_rate. Refuses: event_not_found, invalid_parameter.';

CREATE FUNCTION tixbook.work_requests(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_work_requests';
COMMENT ON FUNCTION tixbook.work_requests(integer) IS
'Works off up to batch requests that are due, of all events, each at its rate and in the order of arrival, and returns how many were decided on or tried in vain; the workers do so by themselves. For pg_cron where the library is not loaded at server start. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.request_lag(event_id integer) RETURNS interval
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_request_lag';
COMMENT ON FUNCTION tixbook.request_lag(integer) IS
'How late the queue of event event_id is: how long the first request that has not been tried has been waiting; 0 when none is. Refuses: event_not_found.';

-- Wakes a worker when the transaction commits.
CREATE FUNCTION tixbook.requests_due() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_requests_due';

CREATE FUNCTION tixbook.retry_requests(event_id integer, request_id uuid = NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retried integer;
BEGIN
    PERFORM tixbook.require_event(event_id);
    UPDATE tixbook.request r
    SET status = 'waiting', waiting_since = clock_timestamp(), not_before = NULL, ended_at = NULL, attempts = 0
    WHERE r.event_id = retry_requests.event_id AND r.status = ANY ('{dead}'::tixbook.request_state[])
      AND (retry_requests.request_id IS NULL OR r.request_id = retry_requests.request_id);
    GET DIAGNOSTICS retried = ROW_COUNT;
    PERFORM tixbook.requests_due();
    RETURN retried;
END
$$;
COMMENT ON FUNCTION tixbook.retry_requests(integer, uuid) IS
'Puts the dead letters of event event_id, or the one named, back into its queue, at the end, and returns how many those are. Refuses: event_not_found.';

CREATE FUNCTION tixbook.purge_requests(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_purge_requests';
COMMENT ON FUNCTION tixbook.purge_requests(integer) IS
'Deletes up to batch requests that ended longer ago than tixbook.ended_request_ttl and returns how many; the expiry worker does so by itself. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.request_queue()
RETURNS TABLE (event_id integer, waiting bigint, retrying bigint, dead bigint, lag interval, per_second double precision)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH waiting AS (
        SELECT r.event_id, count(*) AS waiting, count(*) FILTER (WHERE r.attempts > 0) AS retrying,
               min(r.waiting_since) FILTER (WHERE r.attempts = 0) AS first_untried
        FROM tixbook.request r WHERE r.waiting_since IS NOT NULL GROUP BY r.event_id
    ), dead AS (
        SELECT r.event_id, count(*) AS dead
        FROM tixbook.request r WHERE r.status = ANY ('{dead}'::tixbook.request_state[]) GROUP BY r.event_id
    )
    SELECT event_id, coalesce(w.waiting, 0), coalesce(w.retrying, 0), coalesce(d.dead, 0),
           coalesce(clock_timestamp() - w.first_untried, '0'),
           coalesce(p.per_second, current_setting('tixbook.request_rate')::double precision)
    FROM waiting w FULL JOIN dead d USING (event_id) FULL JOIN tixbook.request_pace p USING (event_id)
    ORDER BY event_id
$$;
COMMENT ON FUNCTION tixbook.request_queue() IS
'The queues of requests, a row an event that has or had one: how many wait, how many of them have been tried before (retrying), dead letters, how late it is (lag), and how many are worked off a second (0: as many as may be). Makes no refusal.';
