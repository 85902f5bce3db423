-- role: who there is. What each of them may do stands in grants and api_grants.

-- Roles belong to the whole server: they may be there already, and they stay when the extension
-- goes. Nobody logs in as one of them until an administrator allows it.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tixbook_application', 'tixbook_administrator', 'tixbook_anonymous',
        'tixbook_customer', 'tixbook_gate', 'tixbook_index', 'tixbook_organiser', 'tixbook_payment'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    -- PostgREST logs in as this one. It has no right of its own but to become one of the others.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'tixbook_authenticator') THEN
        CREATE ROLE tixbook_authenticator NOINHERIT NOLOGIN;
    END IF;
END
$$;
GRANT tixbook_anonymous, tixbook_customer, tixbook_gate, tixbook_organiser, tixbook_payment,
    tixbook_administrator TO tixbook_authenticator;
