-- expiry: holds whose time is over give their seats back.

CREATE FUNCTION tixbook.sweep(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_sweep';
COMMENT ON FUNCTION tixbook.sweep(integer) IS
'Ends up to batch holds (1 to 100000) that are due, gives their seats back and returns how many it ended; holds that somebody else is deciding on are left for the next time. Also purges up to batch each of idempotency keys, ended holds, ended requests, entries of waiting rooms that are over, and old dead letters. For pg_cron, or by hand; the expiry worker runs the same code. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.purge_ended_holds(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_purge_ended_holds';
COMMENT ON FUNCTION tixbook.purge_ended_holds(integer) IS
'Deletes up to batch bookings (1 to 100000) that were released or have expired, with their history, once tixbook.ended_hold_ttl has passed since their expires_at, and returns how many; the expiry worker and sweep do so by themselves. Refuses: invalid_parameter.';
