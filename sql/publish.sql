-- publish: the fan-out server that changes are published to, and what has been.

-- Its destination as the publish worker calls it; no row: it is not allowed. An open breaker that
-- has been open for long enough is half open from here on.
CREATE FUNCTION tixbook.begin_publishing(OUT url text, OUT headers text[], OUT timeout_ms integer,
    OUT connect_timeout_ms integer, OUT certificate_authority text, OUT plaintext boolean,
    OUT pause_ms integer, OUT room integer, OUT closed_until timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE tixbook.destination_health h SET breaker = 'half_open'
    WHERE h.destination = 'realtime' AND h.breaker = 'open' AND h.open_until <= clock_timestamp();
    RETURN QUERY
    SELECT d.url, '{"Content-Type: application/json"}' || tixbook.header_lines(s.headers),
           (extract(epoch FROM d.timeout) * 1000)::integer, (extract(epoch FROM d.connect_timeout) * 1000)::integer,
           d.certificate_authority, d.plaintext, least(extract(epoch FROM d.first_pause) * 1000, 60000)::integer,
           r.room, r.closed_until
    FROM tixbook.destination_room r
    JOIN tixbook.destination d ON d.destination = r.destination
    JOIN tixbook.destination_secret s ON s.destination = r.destination
    WHERE r.destination = 'realtime';
END
$$;
COMMENT ON FUNCTION tixbook.begin_publishing() IS
'Internal: how the publish worker is to call the destination realtime, and how many calls at a time (room; none before closed_until).';

CREATE FUNCTION tixbook.publish_status(
    OUT publish text, OUT published bigint, OUT notified bigint, OUT failed bigint, OUT dropped bigint)
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tixbook_publish_status';
COMMENT ON FUNCTION tixbook.publish_status() IS
'What the publish worker of this database has done since the server started: publish is the setting tixbook.publish (off, notify, realtime, on); published counts calls that the fan-out server took, notified the NOTIFYs on availability.update, failed the calls that came to nothing, dropped the bookings that nobody was told of and changes that were too many to note. tixbook.dispatch_status has the breaker of the destination realtime. Refuses: preload_required.';
