-- waitingroom: where fans gather before a sale, are drawn a place, and are let in at a pace.

-- What the operator set, and what the draw made public. Backends keep it in their memory; it
-- changes seldom. What moves with every tick stands in waiting_room_pointer.
CREATE TABLE tixbook.waiting_room (
    event_id            integer PRIMARY KEY REFERENCES tixbook.event,
    starts_at           timestamptz NOT NULL,
    admit_per_second    double precision NOT NULL CHECK (admit_per_second > 0),
    max_active          integer NOT NULL CHECK (max_active > 0),
    session             interval NOT NULL CHECK (session > interval '0'),
    no_show             interval NOT NULL CHECK (no_show > interval '0'),
    proof_of_work       integer NOT NULL CHECK (proof_of_work BETWEEN 0 AND 32),
    entries_per_address integer CHECK (entries_per_address > 0),
    opened_at           timestamptz NOT NULL,
    paused              boolean NOT NULL DEFAULT false,
    closed_at           timestamptz,
    purged_at           timestamptz,
    seed_hash           bytea NOT NULL CHECK (length(seed_hash) = 32),
    beacon              text,
    drawn               bigint CHECK (drawn >= 0),
    drawn_at            timestamptz,
    secret              bytea,
    beacon_value        text,
    seed                bytea CHECK (length(seed) = 32),
    CHECK (seed IS NULL OR drawn IS NOT NULL AND sha256(secret) = seed_hash)
);
COMMENT ON TABLE tixbook.waiting_room IS 'The waiting room of an event. drawn entries, 0 to drawn - 1, took part in the draw at drawn_at; seed is its key: secret itself, or sha256(secret || beacon_value) where a beacon was named. seed_hash = sha256(secret) is public from the first moment. purged_at: since when its entries are gone.';
CREATE INDEX waiting_room_closed_idx ON tixbook.waiting_room (closed_at) WHERE closed_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE tixbook.waiting_room_secret (
    event_id  integer PRIMARY KEY,
    secret    bytea NOT NULL CHECK (length(secret) = 32),
    token_key bytea NOT NULL CHECK (length(token_key) = 32)
);
COMMENT ON TABLE tixbook.waiting_room_secret IS 'The secret of the draw until the start, and the key that sessions are signed with. No role may read it.';

CREATE TABLE tixbook.waiting_room_entry (
    event_id  integer NOT NULL,
    entry     bigint NOT NULL,
    joined_at timestamptz NOT NULL,
    address   bigint,
    customer  text COLLATE "C" NOT NULL,
    PRIMARY KEY (event_id, customer),
    UNIQUE (event_id, entry)
);
CREATE INDEX waiting_room_entry_address_idx ON tixbook.waiting_room_entry (event_id, address)
    WHERE address IS NOT NULL;
COMMENT ON TABLE tixbook.waiting_room_entry IS 'A fan in the waiting room: entry counts from 0 in the order of joining, with a gap where somebody left; address is a keyed hash of where he joined from, where that is limited.';

CREATE TABLE tixbook.waiting_room_session (
    event_id     integer NOT NULL,
    entry        bigint NOT NULL,
    place        bigint NOT NULL,
    started_at   timestamptz NOT NULL,
    session_ends timestamptz NOT NULL,
    customer     text COLLATE "C" NOT NULL,
    PRIMARY KEY (event_id, entry)
);
CREATE INDEX waiting_room_session_ends_idx ON tixbook.waiting_room_session (event_id, session_ends);
CREATE INDEX waiting_room_session_place_idx ON tixbook.waiting_room_session (event_id, place);
COMMENT ON TABLE tixbook.waiting_room_session IS 'An admitted fan who came: from his first look until session_ends he may book. place is his position in the queue.';

-- The one row that a tick writes; no indexed column of it ever changes.
CREATE TABLE tixbook.waiting_room_pointer (
    event_id      integer PRIMARY KEY,
    state         text COLLATE "C" NOT NULL CHECK (state IN ('admitting', 'paused', 'sold_out')),
    ticked_at     timestamptz NOT NULL,
    admitted      bigint NOT NULL,
    fans          bigint NOT NULL,
    lapsed        bigint NOT NULL,
    lapsed_fans   bigint NOT NULL,
    joined        bigint NOT NULL,
    active        integer NOT NULL,
    credit        double precision NOT NULL,
    per_second    double precision NOT NULL,
    deviation     double precision NOT NULL,
    history_at    timestamptz[] NOT NULL,
    history_place bigint[] NOT NULL,
    history_fans  bigint[] NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE tixbook.waiting_room_pointer IS 'How far the queue has moved: places below admitted are let in, those below lapsed who did not come are out. fans and lapsed_fans count those who stood there; joined is how many entries had been handed out; active is how many may book now; per_second and deviation tell how fast the pointer moves, for estimates; the history is where it was during the last no_show.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.waiting_room', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.waiting_room_secret', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.waiting_room_entry', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.waiting_room_session', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.waiting_room_pointer', '');

CREATE TRIGGER layout_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tixbook.waiting_room
    FOR EACH STATEMENT EXECUTE FUNCTION tixbook.layout_changed();


-- The draw: pure functions, so that anybody can check it.

CREATE FUNCTION tixbook.draw_position(seed bytea, n bigint, entry bigint) RETURNS bigint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_draw_position';
COMMENT ON FUNCTION tixbook.draw_position(bytea, bigint, bigint) IS
'The position, from 0 to n - 1, that the draw with the key seed (32 bytes) gives to entry (0 to n - 1) of n: a one-to-one mapping that anybody can compute; docs/waitingroom.md tells how. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.draw_entry(seed bytea, n bigint, "position" bigint) RETURNS bigint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_draw_entry';
COMMENT ON FUNCTION tixbook.draw_entry(bytea, bigint, bigint) IS
'The entry that stands at position: the inverse of draw_position. Refuses: invalid_parameter.';


-- The operator

CREATE FUNCTION tixbook.make_entry_sequence(event_id integer) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_make_entry_sequence';
COMMENT ON FUNCTION tixbook.make_entry_sequence(integer) IS
'Internal: makes the sequence that entries of the room are numbered by, waiting_room_entry_<event_id>_seq.';

CREATE FUNCTION tixbook.require_waiting_room(event_id integer) RETURNS tixbook.waiting_room
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    room tixbook.waiting_room;
BEGIN
    SELECT r.* INTO room FROM tixbook.waiting_room r WHERE r.event_id = the_event.event_id;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('no_waiting_room', jsonb_build_object('event_id', event_id), event_id::text);
    END IF;
    RETURN room;
END
$$;
COMMENT ON FUNCTION tixbook.require_waiting_room(integer) IS
'Internal: the row of the waiting room of event event_id. Refuses: event_not_found, no_waiting_room.';

CREATE FUNCTION tixbook.check_waiting_room_pace(
    admit_per_second numeric, max_active integer, session interval, no_show interval) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN (admit_per_second > 0 AND admit_per_second <= 1000000) IS NOT TRUE
            THEN 'admit_per_second must be more than 0 and at most 1000000 fans a second'
        WHEN max_active IS NULL OR max_active < 1 THEN 'max_active must be 1 session or more'
        WHEN (session BETWEEN interval '1 second' AND interval '1 day') IS NOT TRUE
            THEN 'session must be from 1 second to 1 day'
        WHEN (no_show BETWEEN interval '1 second' AND interval '1 day') IS NOT TRUE
            THEN 'no_show must be from 1 second to 1 day' END;
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
    END IF;
END
$$;

CREATE FUNCTION tixbook.open_waiting_room(
    event_id integer, starts_at timestamptz, admit_per_second numeric, max_active integer,
    session interval = '10 minutes', no_show interval = '2 minutes', beacon text = NULL,
    proof_of_work integer = 0, entries_per_address integer = NULL) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    the_event tixbook.event := tixbook.require_event(event_id);
    secret bytea := tixbook.random_bytes(32);
    wrong text := CASE
        WHEN open_waiting_room.starts_at IS NULL OR NOT isfinite(open_waiting_room.starts_at)
            THEN 'starts_at must be an instant'
        WHEN (open_waiting_room.proof_of_work BETWEEN 0 AND 32) IS NOT TRUE
            THEN 'proof_of_work must be from 0 to 32 bits'
        WHEN open_waiting_room.entries_per_address < 1 THEN 'entries_per_address must be 1 or more'
        WHEN open_waiting_room.beacon = '' OR length(open_waiting_room.beacon) > 500
            THEN 'beacon must have 1 to 500 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
    END IF;
    PERFORM tixbook.check_waiting_room_pace(admit_per_second, max_active, session, no_show);
    INSERT INTO tixbook.waiting_room (event_id, starts_at, admit_per_second, max_active, session, no_show,
        proof_of_work, entries_per_address, opened_at, seed_hash, beacon)
    VALUES (the_event.event_id, open_waiting_room.starts_at, open_waiting_room.admit_per_second,
        open_waiting_room.max_active, open_waiting_room.session, open_waiting_room.no_show,
        open_waiting_room.proof_of_work, open_waiting_room.entries_per_address, clock_timestamp(),
        sha256(secret), open_waiting_room.beacon)
    ON CONFLICT ON CONSTRAINT waiting_room_pkey DO NOTHING;
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('waiting_room_exists', jsonb_build_object('event_id', event_id), event_id::text);
    END IF;
    INSERT INTO tixbook.waiting_room_secret (event_id, secret, token_key)
    VALUES (the_event.event_id, secret, tixbook.random_bytes(32));
    PERFORM tixbook.make_entry_sequence(event_id);
    RETURN sha256(secret);
END
$$;
COMMENT ON FUNCTION tixbook.open_waiting_room(integer, timestamptz, numeric, integer, interval, interval, text, integer, integer) IS
'Opens a waiting room for event event_id: from now on fans join it and reserve demands an admission. At starts_at those who have joined are drawn their places; who comes later stands behind. Then admit_per_second fans are let in, as long as fewer than max_active may book and there are seats left; each for one session, from his first look on, for which he has no_show. beacon names public randomness (a beacon and its round, 1 to 500 characters) that does not exist before the start: draw_waiting_room then needs its value. proof_of_work is how many bits of work it takes to join (0 to 32), entries_per_address how many may join from one network address (null: no limit). Returns the SHA-256 of the secret of the draw, to be made public now. Refuses: event_not_found, invalid_parameter, waiting_room_exists.';

CREATE FUNCTION tixbook.set_waiting_room_pace(
    event_id integer, admit_per_second numeric = NULL, max_active integer = NULL,
    session interval = NULL, no_show interval = NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room tixbook.waiting_room := tixbook.require_waiting_room(event_id);
BEGIN
    PERFORM tixbook.check_waiting_room_pace(
        coalesce(set_waiting_room_pace.admit_per_second, room.admit_per_second::numeric),
        coalesce(set_waiting_room_pace.max_active, room.max_active),
        coalesce(set_waiting_room_pace.session, room.session),
        coalesce(set_waiting_room_pace.no_show, room.no_show));
    UPDATE tixbook.waiting_room r
    SET admit_per_second = coalesce(set_waiting_room_pace.admit_per_second, r.admit_per_second),
        max_active = coalesce(set_waiting_room_pace.max_active, r.max_active),
        session = coalesce(set_waiting_room_pace.session, r.session),
        no_show = coalesce(set_waiting_room_pace.no_show, r.no_show)
    WHERE r.event_id = room.event_id;
END
$$;
COMMENT ON FUNCTION tixbook.set_waiting_room_pace(integer, numeric, integer, interval, interval) IS
'Changes the pace of the waiting room of event event_id while it runs, from the next tick on; null leaves a value as it is. Sessions that have begun keep their end. Refuses: event_not_found, no_waiting_room, invalid_parameter.';

-- The state that an operator puts a room in.
CREATE FUNCTION tixbook.change_waiting_room(event_id integer, paused boolean, closed boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room tixbook.waiting_room := tixbook.require_waiting_room(event_id);
BEGIN
    IF room.closed_at IS NOT NULL AND NOT closed THEN
        PERFORM tixbook.refuse('waiting_room_closed', jsonb_build_object('event_id', event_id,
            'closed_at', room.closed_at), event_id::text);
    END IF;
    UPDATE tixbook.waiting_room r
    SET paused = change_waiting_room.paused,
        closed_at = CASE WHEN closed THEN coalesce(r.closed_at, clock_timestamp()) END
    WHERE r.event_id = room.event_id;
    IF closed THEN
        PERFORM tixbook.wake_purge();
    END IF;
END
$$;

CREATE FUNCTION tixbook.pause_waiting_room(event_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tixbook.change_waiting_room(event_id, true, false) $$;
COMMENT ON FUNCTION tixbook.pause_waiting_room(integer) IS
'Lets nobody in any more from the waiting room of event event_id; who was let in goes on booking, and fans can still join. Refuses: event_not_found, no_waiting_room, waiting_room_closed.';

CREATE FUNCTION tixbook.resume_waiting_room(event_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tixbook.change_waiting_room(event_id, false, false) $$;
COMMENT ON FUNCTION tixbook.resume_waiting_room(integer) IS
'Lets fans in again after pause_waiting_room. Refuses: event_not_found, no_waiting_room, waiting_room_closed.';

CREATE FUNCTION tixbook.close_waiting_room(event_id integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tixbook.change_waiting_room(event_id, false, true) $$;
COMMENT ON FUNCTION tixbook.close_waiting_room(integer) IS
'Closes the waiting room of event event_id for good: nobody joins or waits any more, and reserve needs no admission; pause_sale or close_sale stop the sale itself. May be repeated. Refuses: event_not_found, no_waiting_room.';

CREATE FUNCTION tixbook.draw_waiting_room(event_id integer, beacon_value text) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room tixbook.waiting_room := tixbook.require_waiting_room(event_id);
    the_seed bytea;
BEGIN
    IF coalesce(draw_waiting_room.beacon_value, '') = '' OR length(draw_waiting_room.beacon_value) > 10000 THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "beacon_value"}',
                               'beacon_value must have 1 to 10000 characters');
    END IF;
    SELECT r.* INTO STRICT room FROM tixbook.waiting_room r WHERE r.event_id = room.event_id FOR UPDATE;
    IF room.beacon IS NULL OR room.drawn IS NULL OR room.seed IS NOT NULL OR room.closed_at IS NOT NULL THEN
        PERFORM tixbook.refuse('waiting_room_not_ready', jsonb_build_object('event_id', event_id,
            'state', CASE WHEN room.closed_at IS NOT NULL THEN 'closed' WHEN room.seed IS NOT NULL THEN 'drawn'
                          ELSE 'gathering' END, 'beacon', room.beacon, 'starts_at', room.starts_at), event_id::text);
    END IF;
    UPDATE tixbook.waiting_room r
    SET secret = s.secret, beacon_value = draw_waiting_room.beacon_value,
        seed = sha256(s.secret || convert_to(draw_waiting_room.beacon_value, 'UTF8'))
    FROM tixbook.waiting_room_secret s
    WHERE r.event_id = room.event_id AND s.event_id = r.event_id
    RETURNING r.seed INTO the_seed;
    RETURN the_seed;
END
$$;
COMMENT ON FUNCTION tixbook.draw_waiting_room(integer, text) IS
'Draws the places where open_waiting_room named a beacon: beacon_value (1 to 10000 characters) is what it said, as it was published. Only once the start has fixed who takes part (state drawing), so that nobody joins knowing the draw. Returns the seed, sha256(secret || beacon_value). Refuses: event_not_found, no_waiting_room, waiting_room_not_ready, invalid_parameter.';

CREATE FUNCTION tixbook.tick_waiting_rooms(at timestamptz = NULL) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_tick_waiting_rooms';
COMMENT ON FUNCTION tixbook.tick_waiting_rooms(timestamptz) IS
'Moves every waiting room on: starts those whose time has come, lets fans in, gives the places of no-shows up, and tells listeners (NOTIFY "queue.update" and "availability.update"). at is the instant to act for (null: now). Writes one row a room and returns how many it moved. The waiting room''s worker calls it; for pg_cron, or by hand. Makes no refusal.';


-- The fan

CREATE FUNCTION tixbook.join_waiting_room(
    event_id integer, customer text = NULL, proof text = NULL, address text = NULL,
    OUT entry bigint, OUT state text, OUT joined_at timestamptz, OUT starts_at timestamptz)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_join_waiting_room';
COMMENT ON FUNCTION tixbook.join_waiting_room(integer, text, text, text) IS
'Lets customer (1 to 255 characters; null: the subject of the request''s token) into the waiting room of event event_id and returns his entry, which counts from 0. Joining again gives the same entry; who missed his turn or has used his session gets a new one, at the end. proof is the proof of work, where the room demands one: a text (at most 100 characters) for which the SHA-256 of "event_id:customer:seed_hash:proof", seed_hash in hexadecimal, begins with that many zero bits. address is where he comes from (null: not known), for entries_per_address. state is as in queue_status. Refuses: event_not_found, no_waiting_room, waiting_room_closed, authentication_required, invalid_parameter, proof_of_work_required, too_many_entries, busy.';

CREATE TYPE tixbook.queue_status AS (
    state        text,
    position     bigint,
    ahead        bigint,
    estimate     interval,
    token        text,
    session_ends timestamptz,
    spread       interval,
    next_look    interval,
    entry        bigint
);
COMMENT ON TYPE tixbook.queue_status IS 'What a fan sees of the queue. state: gathering (before the start), drawing (waiting for the beacon), waiting, paused, sold_out (those who wait, while nobody is let in), admitted, missed (he did not come in time), ended (his session is over), closed.';

CREATE FUNCTION tixbook.queue_status(event_id integer, customer text = NULL) RETURNS tixbook.queue_status
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_queue_status';
COMMENT ON FUNCTION tixbook.queue_status(integer, text) IS
'Where customer (null: the subject of the request''s token) stands in the waiting room of event event_id: position counts from 0 and never changes once drawn; ahead is how many places are before his that were not let in yet; estimate is how long that will take, give or take spread; next_look is how long to wait before asking again, short enough that nobody who keeps to it misses his turn. The first look of an admitted fan starts his session: token is then the admission that reserve demands, until session_ends. Refuses: event_not_found, no_waiting_room, not_in_waiting_room, authentication_required, invalid_parameter, busy.';

CREATE FUNCTION tixbook.leave_waiting_room(event_id integer, customer text = NULL) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_leave_waiting_room';
COMMENT ON FUNCTION tixbook.leave_waiting_room(integer, text) IS
'Takes customer (null: the subject of the request''s token) out of the waiting room of event event_id: his entry is gone, his session is over and its token no longer valid; holds he has made stay. Returns whether he was in it. Refuses: event_not_found, no_waiting_room, authentication_required, invalid_parameter, busy.';

CREATE TYPE tixbook.queue_progress AS (
    state      text,
    admitted   bigint,
    joined     bigint,
    active     integer,
    per_second double precision,
    estimate   interval,
    spread     interval,
    next_look  interval,
    ticked_at  timestamptz
);
COMMENT ON TYPE tixbook.queue_progress IS 'What is the same for all in the queue: places below admitted are let in, joined is how many entries were handed out, active how many may book now, per_second how many are let in.';

CREATE FUNCTION tixbook.queue_progress(event_id integer, "position" bigint = NULL) RETURNS tixbook.queue_progress
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_queue_progress';
COMMENT ON FUNCTION tixbook.queue_progress(integer, bigint) IS
'How far the queue of event event_id has moved, the same for all who ask, so that it can be cached; with position, also how long somebody there will wait, as in queue_status. Starts no session. Refuses: event_not_found, no_waiting_room, invalid_parameter.';

CREATE FUNCTION tixbook.find_waiting_room(event_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room tixbook.waiting_room := tixbook.require_waiting_room(event_id);
    progress tixbook.queue_progress := tixbook.queue_progress(event_id);
BEGIN
    RETURN jsonb_build_object(
        'event_id', room.event_id, 'state', progress.state, 'starts_at', room.starts_at,
        'session', extract(epoch FROM room.session), 'no_show', extract(epoch FROM room.no_show),
        'proof_of_work', room.proof_of_work, 'seed_hash', encode(room.seed_hash, 'hex'),
        'beacon', room.beacon, 'drawn', room.drawn, 'drawn_at', room.drawn_at,
        'secret', encode(room.secret, 'hex'), 'beacon_value', room.beacon_value, 'seed', encode(room.seed, 'hex'),
        'admitted', progress.admitted, 'joined', progress.joined);
END
$$;
COMMENT ON FUNCTION tixbook.find_waiting_room(integer) IS
'What is public about the waiting room of event event_id: {event_id, state, starts_at, session and no_show in seconds, proof_of_work in bits, seed_hash, beacon, drawn, drawn_at, secret, beacon_value, seed, admitted, joined}; hashes and seeds in hexadecimal, null until the draw. Refuses: event_not_found, no_waiting_room.';


-- What is over goes.

-- An event on sale is not over before its sale ends, whenever it takes place.
CREATE VIEW tixbook.waiting_room_over AS
SELECT r.event_id, greatest(r.closed_at, e.ended_at) AS over_at
FROM tixbook.waiting_room r
CROSS JOIN LATERAL (
    SELECT CASE e.status WHEN 'closed' THEN r.closed_at WHEN 'on_sale' THEN e.sale_ends_at
                         ELSE least(e.sale_ends_at, e.starts_at) END AS ended_at
    FROM tixbook.event e WHERE e.event_id = r.event_id) AS e
WHERE r.closed_at IS NOT NULL AND r.purged_at IS NULL AND e.ended_at IS NOT NULL;
COMMENT ON VIEW tixbook.waiting_room_over IS 'Waiting rooms whose entries are still there but of no more use from over_at on: they are closed, and the sale of their event is closed or has ended.';

CREATE FUNCTION tixbook.wake_purge() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_wake_purge';
COMMENT ON FUNCTION tixbook.wake_purge() IS
'Internal: something is over, so the expiry worker is to look, when the transaction commits, what it has to purge.';

CREATE FUNCTION tixbook.purge_waiting_rooms(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_purge_waiting_rooms';
COMMENT ON FUNCTION tixbook.purge_waiting_rooms(integer) IS
'Deletes up to batch entries and sessions (1 to 100000) of waiting rooms that are closed and whose event is over (its sale is closed or has ended; where it was never opened or is paused, the event has begun), once tixbook.waiting_room_ttl has passed since then, and returns how many; the room itself and the proof of its draw stay. The expiry worker and sweep do so by themselves. Refuses: invalid_parameter.';
