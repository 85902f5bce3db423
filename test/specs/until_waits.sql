-- Loaded into the database of each spec.
-- Returns when the other session of this spec waits for somebody: another spec, on the same server, has an s2 too.
CREATE PROCEDURE until_waits(session text) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3000 LOOP
		PERFORM pg_stat_clear_snapshot();
		IF EXISTS (SELECT FROM pg_stat_activity
		           WHERE datname = current_database()
		             AND application_name LIKE '%/' || session AND wait_event_type = 'Lock') THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.005);
	END LOOP;
	RAISE 'session % does not wait', session;
END
$$;
