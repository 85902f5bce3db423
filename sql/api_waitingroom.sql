-- api_waitingroom: the waiting room over HTTP. Who the customer is says the token of the account.

CREATE FUNCTION tixbook_api.join_waiting_room(event_id integer, proof text = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    joined record;
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    SELECT j.* INTO joined
    FROM tixbook.join_waiting_room(event_id, tixbook.require_customer(), proof, tixbook.request_address()) AS j;
    RETURN jsonb_build_object('event_id', event_id, 'entry', joined.entry, 'state', joined.state,
        'joined_at', joined.joined_at, 'starts_at', joined.starts_at);
END
$$;
COMMENT ON FUNCTION tixbook_api.join_waiting_room(integer, text) IS
'Join the waiting room

Needs an account: one entry each. Joining again gives the same entry. Answers with event_id, entry (counts from 0), state (as queue_status), joined_at and starts_at. Where find_waiting_room tells of proof_of_work, send proof: a text for which the SHA-256 of "event_id:customer:seed_hash:proof" begins with that many zero bits. Refuses: event_not_found, no_waiting_room, waiting_room_closed, authentication_required, invalid_parameter, proof_of_work_required, too_many_entries, busy.';

CREATE FUNCTION tixbook_api.queue_status(event_id integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    status tixbook.queue_status := tixbook.queue_status(event_id, tixbook.require_customer());
BEGIN
    RETURN jsonb_build_object('event_id', event_id, 'entry', status.entry, 'state', status.state,
        'position', status.position, 'ahead', status.ahead,
        'estimate', tixbook.seconds_of(status.estimate), 'spread', tixbook.seconds_of(status.spread),
        'next_look', tixbook.seconds_of(status.next_look),
        'token', status.token, 'session_ends', status.session_ends);
END
$$;
COMMENT ON FUNCTION tixbook_api.queue_status(integer) IS
'See where I stand

state: gathering (before the start), drawing, waiting, paused, sold_out (nobody is let in for now), admitted, missed (I did not come in time), ended (my session is over; join again), closed. position counts from 0; ahead is how many places are before mine; estimate is how many seconds that will take, give or take spread; ask again after next_look seconds. The first look once it is my turn starts my session: send token as Admission-Token with reserve, until session_ends. Refuses: event_not_found, no_waiting_room, not_in_waiting_room, authentication_required.';

CREATE FUNCTION tixbook_api.leave_waiting_room(event_id integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('event_id', event_id,
        'left', tixbook.leave_waiting_room(event_id, tixbook.require_customer()));
END
$$;
COMMENT ON FUNCTION tixbook_api.leave_waiting_room(integer) IS
'Leave the waiting room

My entry is gone and my session over; holds I have made stay. left says whether I was in it. Refuses: event_not_found, no_waiting_room, authentication_required, busy.';

-- Positions are rounded up, so that one answer serves a range of them.
CREATE FUNCTION tixbook_api.queue_progress(event_id integer, "position" bigint = NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step bigint := greatest(10 ^ (length(greatest("position", 0)::text) - 2), 1)::bigint;
    until bigint := ceil("position"::numeric / step) * step;
    progress tixbook.queue_progress;
    body jsonb;
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    progress := tixbook.queue_progress(event_id, until);
    body := jsonb_build_object('event_id', event_id, 'state', progress.state, 'admitted', progress.admitted,
        'joined', progress.joined, 'per_second', progress.per_second, 'position', until,
        'estimate', tixbook.seconds_of(progress.estimate), 'spread', tixbook.seconds_of(progress.spread),
        'next_look', tixbook.seconds_of(progress.next_look), 'ticked_at', progress.ticked_at);
    IF tixbook.answer_cached(format('"queue-%s"', md5(body::text)), format('public, max-age=%s',
           greatest(1, least(floor(extract(epoch FROM progress.next_look)), 10)))) THEN
        RETURN NULL;
    END IF;
    RETURN body;
END
$$;
COMMENT ON FUNCTION tixbook_api.queue_progress(integer, bigint) IS
'See how far the queue is

The same for everybody, and caches may keep it: places below admitted are let in, joined is how many entries there are, per_second how many are let in. position is rounded up to two digits, so that one answer serves many; estimate, spread and next_look are as in queue_status. It starts no session: whose position is below admitted asks queue_status. ETag and If-None-Match. Refuses: event_not_found, no_waiting_room, invalid_parameter.';

CREATE FUNCTION tixbook_api.find_waiting_room(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_announced_event(event_id);
    PERFORM tixbook.answer_with(200, '{"Cache-Control": "public, max-age=1"}');
    RETURN tixbook.find_waiting_room(event_id);
END
$$;
COMMENT ON FUNCTION tixbook_api.find_waiting_room(integer) IS
'Look at the waiting room

When it starts, how long a session lasts (session, no_show: seconds), proof_of_work in bits, and all that is needed to check the draw: seed_hash from the first moment; drawn, secret, beacon_value and seed once it was drawn. Refuses: event_not_found, no_waiting_room.';
