-- api_grants: who may call what over HTTP.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tixbook_api FROM PUBLIC;

GRANT USAGE ON SCHEMA tixbook_api TO tixbook_anonymous, tixbook_customer, tixbook_gate, tixbook_organiser,
    tixbook_payment, tixbook_administrator, tixbook_authenticator;

-- Everybody looks around, and shows who he is.
GRANT EXECUTE ON FUNCTION
    tixbook_api.search_events,
    tixbook_api.find_event,
    tixbook_api.availability,
    tixbook_api.availability_map,
    tixbook_api.section_availability,
    tixbook_api.seat_plan,
    tixbook_api.seat_map_svg,
    tixbook_api.queue_progress,
    tixbook_api.find_waiting_room,
    tixbook_api.sign_up,
    tixbook_api.log_in
TO tixbook_anonymous, tixbook_customer, tixbook_gate, tixbook_organiser, tixbook_payment, tixbook_administrator;

-- Customers, and guests by the booking reference. Revoke these from tixbook_anonymous where
-- nobody is to buy without an account.
GRANT EXECUTE ON FUNCTION
    tixbook_api.reserve,
    tixbook_api.reserve_seats,
    tixbook_api.submit_request,
    tixbook_api.pay,
    tixbook_api.release
TO tixbook_anonymous, tixbook_customer;
GRANT EXECUTE ON FUNCTION
    tixbook_api.find_booking,
    tixbook_api.booking_tickets,
    tixbook_api.history,
    tixbook_api.request_status,
    tixbook_api.cancel_request,
    tixbook_api.cancel
TO tixbook_anonymous, tixbook_customer, tixbook_administrator;

GRANT EXECUTE ON FUNCTION
    tixbook_api.join_waiting_room,
    tixbook_api.queue_status,
    tixbook_api.leave_waiting_room
TO tixbook_customer;
GRANT EXECUTE ON FUNCTION tixbook_api.my_bookings, tixbook_api.my_tickets TO tixbook_customer;
GRANT EXECUTE ON FUNCTION tixbook_api.my_account
TO tixbook_customer, tixbook_gate, tixbook_organiser, tixbook_payment, tixbook_administrator;

GRANT EXECUTE ON FUNCTION tixbook_api.check_ticket TO tixbook_gate, tixbook_administrator;
GRANT EXECUTE ON FUNCTION tixbook_api.event_sales TO tixbook_organiser, tixbook_administrator;
GRANT EXECUTE ON FUNCTION tixbook_api.settlement TO tixbook_organiser, tixbook_payment, tixbook_administrator;
GRANT EXECUTE ON FUNCTION tixbook_api.settle_payment TO tixbook_payment, tixbook_administrator;
-- Who sends a webhook shows a signature, no token.
GRANT EXECUTE ON FUNCTION tixbook_api.payment_webhook TO tixbook_anonymous, tixbook_payment;

-- PostgREST: its configuration, and what runs before each request.
GRANT EXECUTE ON FUNCTION tixbook.postgrest_config() TO tixbook_authenticator;
GRANT EXECUTE ON FUNCTION tixbook.begin_http_request() TO tixbook_anonymous, tixbook_customer, tixbook_gate,
    tixbook_organiser, tixbook_payment, tixbook_administrator;

-- What my_bookings and my_tickets, and row-level security, call in the customer's name.
GRANT EXECUTE ON FUNCTION
    tixbook.current_customer(),
    tixbook.require_customer(),
    tixbook.require_page(integer, integer),
    tixbook.refuse(text, jsonb, text),
    tixbook.page_of(text, jsonb, integer, integer),
    tixbook.describe_booking(tixbook.booking),
    tixbook.describe_ticket(tixbook.ticket)
TO tixbook_customer;
