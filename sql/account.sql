-- account: who customers are, and the tokens that say so.

CREATE TABLE tixbook.account (
    account_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text COLLATE "C" NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text,
    role          text COLLATE "C" NOT NULL DEFAULT 'tixbook_customer',
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tixbook.account IS 'Who can log in. account_id is the customer of bookings, role what the token allows; password_hash is bcrypt of the SHA-256 of the password.';

-- A row for whoever failed to log in lately, whether there is such an account or not.
CREATE TABLE tixbook.log_in_failure (
    email        text COLLATE "C" PRIMARY KEY,
    failures     integer NOT NULL,
    failed_at    timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX log_in_failure_failed_at_idx ON tixbook.log_in_failure (failed_at);
COMMENT ON TABLE tixbook.log_in_failure IS 'Failed attempts to log in, by e-mail address, known or not; forgotten after a day.';

CREATE TABLE tixbook.token_key (
    key_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    secret     bytea NOT NULL CHECK (length(secret) >= 32),
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at timestamptz
);
COMMENT ON TABLE tixbook.token_key IS 'Secrets that tokens are signed with, the newest; the others are accepted until they are retired. No role may read them.';

SELECT pg_catalog.pg_extension_config_dump('tixbook.account', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.log_in_failure', '');
SELECT pg_catalog.pg_extension_config_dump('tixbook.token_key', '');

-- pgcrypto may live in any schema. Bodies of the SQL standard's form are bound to their objects now.
-- The SHA-256 before bcrypt, since that looks at 72 bytes and no more.
DO $do$
DECLARE
    pgcrypto name;
BEGIN
    SELECT n.nspname INTO STRICT pgcrypto FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pgcrypto';

    EXECUTE format($f$
        CREATE FUNCTION tixbook.random_bytes(count integer) RETURNS bytea
        LANGUAGE sql VOLATILE
        RETURN %1$I.gen_random_bytes(count)
        $f$, pgcrypto);
    EXECUTE format($f$
        CREATE FUNCTION tixbook.hmac_sha256(data bytea, key bytea) RETURNS bytea
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN %1$I.hmac(data, key, 'sha256')
        $f$, pgcrypto);
    EXECUTE format($f$
        CREATE FUNCTION tixbook.hash_password(password text) RETURNS text
        LANGUAGE sql VOLATILE
        RETURN %1$I.crypt(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(password, 'UTF8')), 'base64'),
            %1$I.gen_salt('bf', pg_catalog.current_setting('tixbook.password_cost')::integer))
        $f$, pgcrypto);
    EXECUTE format($f$
        CREATE FUNCTION tixbook.password_matches(password text, password_hash text) RETURNS boolean
        LANGUAGE sql IMMUTABLE
        RETURN password_hash OPERATOR(pg_catalog.=)
            %1$I.crypt(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(password, 'UTF8')), 'base64'), password_hash)
        $f$, pgcrypto);
END
$do$;


-- Tokens

CREATE FUNCTION tixbook.base64url(value bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT translate(encode(value, 'base64'), E'+/=\n', '-_')
$$;

CREATE FUNCTION tixbook.rotate_token_key(retire_after interval = NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM tixbook.token_key k WHERE k.retired_at <= now();
    UPDATE tixbook.token_key k
    SET retired_at = now() + coalesce(retire_after, current_setting('tixbook.token_ttl')::interval + interval '1 minute')
    WHERE k.retired_at IS NULL;
    INSERT INTO tixbook.token_key (secret) VALUES (tixbook.random_bytes(32));
    SELECT pg_notify('pgrst', 'reload config');
$$;
COMMENT ON FUNCTION tixbook.rotate_token_key(interval) IS
'Makes a new secret to sign tokens with, or the first one, and tells every PostgREST; after ten seconds, when they all know it, it is used. Tokens signed with the one before are accepted for retire_after more (null: as long as any of them is valid, so that nobody is logged out; ''0'': everybody is, at once). Where a secret is only to be gone later, make PostgREST load its configuration again then (NOTIFY pgrst, ''reload config''). Makes no refusal.';

-- Where nobody has made a key, the first token makes it, and PostgREST is told. One at a time, so
-- that nobody signs with a key that is not the only one.
CREATE FUNCTION tixbook.ensure_token_key() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tixbook.token_key k WHERE k.retired_at IS NULL) THEN
        LOCK TABLE tixbook.token_key IN SHARE ROW EXCLUSIVE MODE;
        IF NOT EXISTS (SELECT FROM tixbook.token_key k WHERE k.retired_at IS NULL) THEN
            PERFORM tixbook.rotate_token_key();
        END IF;
    END IF;
END
$$;

CREATE FUNCTION tixbook.sign_token(claims jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key tixbook.token_key;
    signed text;
BEGIN
    PERFORM tixbook.ensure_token_key();
    SELECT k.* INTO STRICT key FROM tixbook.token_key k
    WHERE k.retired_at IS NULL OR k.retired_at > clock_timestamp()
    ORDER BY k.made_at <= clock_timestamp() - interval '10 seconds' DESC, k.made_at DESC LIMIT 1;
    signed := tixbook.base64url(convert_to(json_build_object(
                  'alg', 'HS256', 'typ', 'JWT', 'kid', key.key_id)::text, 'UTF8'))
              || '.' || tixbook.base64url(convert_to(claims::text, 'UTF8'));
    RETURN signed || '.' || tixbook.base64url(tixbook.hmac_sha256(convert_to(signed, 'UTF8'), key.secret));
END
$$;

CREATE FUNCTION tixbook.issue_token(role text, subject text, lifetime interval = NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_api_role(role);
    IF coalesce(subject, '') = '' OR length(subject) > 255 THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "subject"}',
                               'subject must have 1 to 255 characters');
    END IF;
    RETURN tixbook.sign_token(jsonb_build_object('role', role, 'sub', subject,
        'iat', trunc(extract(epoch FROM now())),
        'exp', trunc(extract(epoch FROM now()
                             + coalesce(lifetime, current_setting('tixbook.token_ttl')::interval)))));
END
$$;
COMMENT ON FUNCTION tixbook.issue_token(text, text, interval) IS
'A token (JWT, HS256) for a program that calls the HTTP API: role is tixbook_customer, tixbook_gate, tixbook_organiser, tixbook_payment or tixbook_administrator, subject whom it stands for (1 to 255 characters; the customer of bookings), lifetime how long it is valid (null: tixbook.token_ttl). It cannot be taken back but by rotate_token_key. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.require_api_role(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (role = ANY ('{tixbook_customer,tixbook_gate,tixbook_organiser,tixbook_payment,tixbook_administrator}'::text[]))
       IS NOT TRUE THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "role"}',
            'role must be tixbook_customer, tixbook_gate, tixbook_organiser, tixbook_payment or tixbook_administrator');
    END IF;
END
$$;

CREATE FUNCTION tixbook.current_customer() RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tixbook_current_customer';
COMMENT ON FUNCTION tixbook.current_customer() IS
'Internal: the subject of the token that came with the HTTP request, null without one.';


-- Accounts

CREATE FUNCTION tixbook.account_email(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lower(btrim(email))
    WHERE length(email) <= 254 AND btrim(email) ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'
$$;

-- What whoever has just shown who he is gets.
CREATE FUNCTION tixbook.logged_in(account tixbook.account) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'token', tixbook.issue_token(account.role, account.account_id::text),
        'token_type', 'Bearer',
        'expires_in', extract(epoch FROM current_setting('tixbook.token_ttl')::interval)::integer,
        'customer', account.account_id, 'email', account.email, 'name', account.name)
$$;

CREATE FUNCTION tixbook.sign_up(email text, password text, name text = NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    address text := tixbook.account_email(email);
    made tixbook.account;
    wrong text := CASE
        WHEN address IS NULL THEN 'email must be an address of at most 254 characters'
        WHEN (length(password) BETWEEN 8 AND 200) IS NOT TRUE THEN 'password must have 8 to 200 characters'
        WHEN length(sign_up.name) > 200 THEN 'name must have at most 200 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        PERFORM tixbook.refuse('invalid_parameter', jsonb_build_object('parameter', split_part(wrong, ' ', 1)), wrong);
    END IF;
    INSERT INTO tixbook.account AS a (email, name, password_hash)
    VALUES (address, nullif(btrim(sign_up.name), ''), tixbook.hash_password(password))
    ON CONFLICT ON CONSTRAINT account_email_key DO NOTHING
    RETURNING a.* INTO made;
    IF made.account_id IS NULL THEN
        PERFORM tixbook.refuse('name_taken', '{"parameter": "email"}', address);
    END IF;
    RETURN tixbook.logged_in(made);
END
$$;
COMMENT ON FUNCTION tixbook.sign_up(text, text, text) IS
'Makes an account for a customer: email (compared without regard to case), password of 8 to 200 characters, name (at most 200 characters). Returns {token, token_type, expires_in in seconds, customer, email, name}; token is the JWT for the HTTP API. Refuses: invalid_parameter, name_taken.';

-- Fails as long for those who have no account.
CREATE FUNCTION tixbook.find_account(address text, password text) RETURNS tixbook.account
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_account tixbook.account;
BEGIN
    SELECT a.* INTO found_account FROM tixbook.account a WHERE a.email = address;
    IF found_account.account_id IS NULL THEN
        PERFORM tixbook.hash_password(password);
    ELSIF NOT tixbook.password_matches(password, found_account.password_hash) THEN
        found_account := NULL;
    END IF;
    RETURN found_account;
END
$$;

-- Ten failures lock for a minute, each further one for twice as long, up to an hour; an hour
-- without one forgives all.
CREATE FUNCTION tixbook.count_log_in_failure(address text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tixbook.log_in_failure AS f (email, failures, failed_at)
    VALUES (address, 1, clock_timestamp())
    ON CONFLICT ON CONSTRAINT log_in_failure_pkey DO UPDATE
    SET failures = CASE WHEN f.failed_at < excluded.failed_at - interval '1 hour' THEN 1 ELSE f.failures + 1 END,
        failed_at = excluded.failed_at,
        locked_until = CASE
            WHEN f.failures >= 9 AND f.failed_at >= excluded.failed_at - interval '1 hour'
            THEN excluded.failed_at + least(interval '1 minute' * 2 ^ least(f.failures - 9, 10), interval '1 hour') END;
    DELETE FROM tixbook.log_in_failure f
    WHERE f.email IN (SELECT o.email FROM tixbook.log_in_failure o
                      WHERE o.failed_at < now() - interval '1 day' ORDER BY o.failed_at
                      LIMIT 10 FOR UPDATE SKIP LOCKED);
$$;

CREATE FUNCTION tixbook.log_in(email text, password text, OUT account jsonb, OUT refusal text, OUT detail jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What is no address may fail like one.
    address text := coalesce(tixbook.account_email(email), left(lower(email), 254), '');
    locked_until timestamptz;
    found_account tixbook.account;
BEGIN
    -- One at a time for an address, and nobody waits: guesses cannot be made side by side.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('tixbook log_in ' || address, 0)) THEN
        PERFORM tixbook.refuse('busy', '{"retry_after_ms": 1000}', 'another attempt to log in');
    END IF;
    SELECT f.locked_until INTO locked_until FROM tixbook.log_in_failure f WHERE f.email = address;
    IF locked_until > clock_timestamp() THEN
        refusal := 'too_many_attempts';
        detail := jsonb_build_object('retry_after_ms',
            ceil(extract(epoch FROM locked_until - clock_timestamp()) * 1000)::bigint);
        RETURN;
    END IF;
    found_account := tixbook.find_account(address, left(coalesce(password, ''), 1000));
    IF found_account.account_id IS NULL THEN
        PERFORM tixbook.count_log_in_failure(address);
        refusal := 'wrong_credentials';
        RETURN;
    END IF;
    DELETE FROM tixbook.log_in_failure f WHERE f.email = address;
    account := tixbook.logged_in(found_account);
END
$$;
COMMENT ON FUNCTION tixbook.log_in(text, text) IS
'Logs in: account is as sign_up returns it, with a fresh token, or null, and then refusal is the reason (wrong_credentials, too_many_attempts) with its detail. The refusal is returned, not raised, so that the failure is remembered when the transaction commits: ten failures within an hour lock the address, whether there is such an account or not, for a minute and then ever longer, up to an hour. Refuses: busy (another attempt for the address is running), wrong_credentials, too_many_attempts.';

CREATE FUNCTION tixbook.set_account_role(email text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.require_api_role(role);
    UPDATE tixbook.account a SET role = set_account_role.role
    WHERE a.email = tixbook.account_email(set_account_role.email);
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "email"}', 'email belongs to no account');
    END IF;
END
$$;
COMMENT ON FUNCTION tixbook.set_account_role(text, text) IS
'Makes the account of email staff, or a customer again: role as in issue_token; counts from the next log_in. Refuses: invalid_parameter.';

CREATE FUNCTION tixbook.set_password(email text, password text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (length(password) BETWEEN 8 AND 200) IS NOT TRUE THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "password"}', 'password must have 8 to 200 characters');
    END IF;
    UPDATE tixbook.account a SET password_hash = tixbook.hash_password(password)
    WHERE a.email = tixbook.account_email(set_password.email);
    IF NOT FOUND THEN
        PERFORM tixbook.refuse('invalid_parameter', '{"parameter": "email"}', 'email belongs to no account');
    END IF;
    DELETE FROM tixbook.log_in_failure f WHERE f.email = tixbook.account_email(set_password.email);
END
$$;
COMMENT ON FUNCTION tixbook.set_password(text, text) IS
'Gives the account of email a new password (8 to 200 characters) and forgets its failed attempts; tokens given out stay valid until they expire. For who has made sure that the customer is the one he says. Refuses: invalid_parameter.';
