-- expiry: holds whose time is over give their seats back.

CREATE FUNCTION tixbook.sweep(batch integer = 1000) RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tixbook_sweep';
COMMENT ON FUNCTION tixbook.sweep(integer) IS
'Ends up to batch holds (1 to 100000) that are due, gives their seats back and returns how many it ended; holds that somebody else is deciding on are left for the next time. Also purges up to batch idempotency keys. For pg_cron, or by hand; the expiry worker runs the same code. Refuses: invalid_parameter.';
