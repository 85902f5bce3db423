-- worker: the background workers, started and seen from SQL.

CREATE FUNCTION tixbook.start_worker() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_start_worker';
COMMENT ON FUNCTION tixbook.start_worker() IS
'Asks, when the transaction commits, for the expiry worker of this database, also where it still waits for the session that created the extension to end; does nothing where it runs already or where the library was not loaded at server start. Makes no refusal.';

CREATE FUNCTION tixbook.worker_status(
    OUT database oid, OUT database_name text, OUT state text, OUT pid integer,
    OUT started_at timestamptz, OUT next_wake timestamptz, OUT restarts bigint,
    OUT wake_ups bigint, OUT batches bigint, OUT holds_expired bigint, OUT keys_purged bigint,
    OUT holds_purged bigint,
    OUT last_lag interval, OUT max_lag interval, OUT errors bigint, OUT last_error_at timestamptz,
    OUT job text, OUT done bigint, OUT requests_purged bigint,
    OUT entries_purged bigint, OUT dead_letters_purged bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'tixbook_worker_status';
COMMENT ON FUNCTION tixbook.worker_status() IS
'The workers of the server, a row a process that runs or is to run: job is what it does (expiry, requests, ...); state is wanted, starting, running, resting (it left because it was idle, and is started again when there is work) or excluded (tixbook.databases or the setting of the job keep it from running); next_wake is when it looks, or is started, again unasked (null: nothing is due, or it is at work); restarts counts its ends by an error or a signal; done counts what the job is there for; last_lag and max_lag tell how long after it was due: for expiry, how long after the end of a hold its seats were free again; for requests, how far the first of a batch was behind the pace of its event. holds_expired, keys_purged, holds_purged, requests_purged, entries_purged (of waiting rooms, with their sessions) and dead_letters_purged are the expiry worker''s, null for others. Counted since the server started. Refuses: preload_required.';

-- The script may run where the workers already are: one is to come here, but not amid a restore.
SELECT tixbook.start_worker();
