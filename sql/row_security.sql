-- row_security: what a customer owns is seen by him alone, whatever the query.

-- Functions that run as the owner, and the C core, are not bound by it: they check for themselves
-- whom they serve. Whoever else reads these tables is.
ALTER TABLE tixbook.booking ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.booking_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.ticket ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.ticket_void ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.payment ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.refund ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.waiting_room_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.waiting_room_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.request ENABLE ROW LEVEL SECURITY;
ALTER TABLE tixbook.idempotency_key ENABLE ROW LEVEL SECURITY;

GRANT SELECT ON tixbook.booking, tixbook.booking_history, tixbook.ticket, tixbook.ticket_void, tixbook.payment,
    tixbook.waiting_room_entry, tixbook.waiting_room_session, tixbook.request
    TO tixbook_customer;

CREATE POLICY own ON tixbook.booking FOR SELECT TO tixbook_customer
    USING (customer = (SELECT tixbook.current_customer()));
CREATE POLICY own ON tixbook.payment FOR SELECT TO tixbook_customer
    USING (customer = (SELECT tixbook.current_customer()));
CREATE POLICY own ON tixbook.waiting_room_entry FOR SELECT TO tixbook_customer
    USING (customer = (SELECT tixbook.current_customer()));
CREATE POLICY own ON tixbook.waiting_room_session FOR SELECT TO tixbook_customer
    USING (customer = (SELECT tixbook.current_customer()));
CREATE POLICY own ON tixbook.request FOR SELECT TO tixbook_customer
    USING (customer = (SELECT tixbook.current_customer()));
-- These ask the table of bookings, which shows only one's own.
CREATE POLICY own ON tixbook.booking_history FOR SELECT TO tixbook_customer
    USING (EXISTS (SELECT FROM tixbook.booking b WHERE b.booking_id = booking_history.booking_id));
CREATE POLICY own ON tixbook.ticket FOR SELECT TO tixbook_customer
    USING (EXISTS (SELECT FROM tixbook.booking b WHERE b.booking_id = ticket.booking_id));
CREATE POLICY own ON tixbook.ticket_void FOR SELECT TO tixbook_customer
    USING (EXISTS (SELECT FROM tixbook.booking b WHERE b.booking_id = ticket_void.booking_id));

CREATE POLICY every_row ON tixbook.booking FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.booking_history FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.ticket FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.ticket_void FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.payment FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.refund FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.request FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.idempotency_key FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.waiting_room_entry FOR SELECT TO tixbook_administrator USING (true);
CREATE POLICY every_row ON tixbook.waiting_room_session FOR SELECT TO tixbook_administrator USING (true);
