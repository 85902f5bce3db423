-- api_account: signing up and logging in over HTTP.

CREATE FUNCTION tixbook_api.sign_up(email text, password text, name text = NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account jsonb := tixbook.sign_up(email, password, name);
BEGIN
    PERFORM tixbook.answer_with(201);
    RETURN account;
END
$$;
COMMENT ON FUNCTION tixbook_api.sign_up(text, text, text) IS
'Sign up

Makes an account: email, password of 8 to 200 characters, name if you like. Answers 201 with {token, token_type, expires_in, customer, email, name}; send the token as Authorization: Bearer. Refuses: invalid_parameter, name_taken.';

CREATE FUNCTION tixbook_api.log_in(email text, password text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    outcome record := tixbook.log_in(email, password);
BEGIN
    IF outcome.refusal IS NOT NULL THEN
        RETURN tixbook.refused_answer(outcome.refusal, outcome.detail, coalesce(left(email, 254), 'nobody'));
    END IF;
    RETURN outcome.account;
END
$$;
COMMENT ON FUNCTION tixbook_api.log_in(text, text) IS
'Log in

Answers with a fresh token, as sign_up does. The wrong password and the unknown address are the same wrong_credentials; after ten failures for an address, known or not, too_many_attempts says how long to wait, also with the right password. Refuses: wrong_credentials, too_many_attempts, busy.';

CREATE FUNCTION tixbook_api.my_account() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    customer text := tixbook.require_customer();
BEGIN
    RETURN coalesce(
        (SELECT jsonb_build_object('customer', a.account_id, 'email', a.email, 'name', a.name, 'created_at', a.created_at)
         FROM tixbook.account a
         WHERE a.account_id = CASE WHEN tixbook.is_uuid(customer) THEN customer::uuid END AND a.account_id::text = customer),
        -- Accounts may live elsewhere.
        jsonb_build_object('customer', customer, 'email', NULL, 'name', NULL, 'created_at', NULL));
END
$$;
COMMENT ON FUNCTION tixbook_api.my_account() IS
'See who I am

{customer, email, name, created_at} of the account that the token stands for. Refuses: authentication_required.';
