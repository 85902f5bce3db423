-- Functions that do nothing but refuse, with the parameters and the result of those that have a reason to.
CREATE FUNCTION bench.refuse(event_id integer, quantity integer, section text) RETURNS tixbook.hold
LANGUAGE C AS :'refusal', 'bench_refuse';

CREATE FUNCTION bench.refuse_seats(event_id integer, seats integer[]) RETURNS tixbook.hold
LANGUAGE C AS :'refusal', 'bench_refuse';

-- What a call is refused with.
CREATE FUNCTION bench.refusal_of(call text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

-- From their next session on, the functions above refuse as that call does.
CREATE FUNCTION bench.refuse_like(call text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT r.* FROM bench.refusal_of(call) x, jsonb_each_text(to_jsonb(x)) r LOOP
        EXECUTE format('ALTER DATABASE %I SET bench.%I = %L', current_database(), part.key, part.value);
    END LOOP;
END
$$;
