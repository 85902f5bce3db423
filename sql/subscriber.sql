-- subscriber: a database that is fed by logical replication, as in an upgrade of the server without a pause. What is
-- applied there fires only triggers that say so, and of these, but for a TRUNCATE, only those for a row.

ALTER TABLE tixbook.seat_block ENABLE ALWAYS TRIGGER seats_changed;
ALTER TABLE tixbook.seat_block ENABLE ALWAYS TRIGGER seats_truncated;
ALTER TABLE tixbook.booking ENABLE ALWAYS TRIGGER holds_changed;
ALTER TABLE tixbook.event ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.price ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.section ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.category ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.venue_block ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.waiting_room ENABLE ALWAYS TRIGGER layout_changed;
ALTER TABLE tixbook.webhook_subscription ENABLE ALWAYS TRIGGER subscriptions_changed;

CREATE TRIGGER hold_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.booking
    FOR EACH ROW EXECUTE FUNCTION tixbook.seats_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.event
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.price
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.section
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.category
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.venue_block
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER layout_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.waiting_room
    FOR EACH ROW EXECUTE FUNCTION tixbook.layout_changed();
CREATE TRIGGER subscription_applied AFTER INSERT OR UPDATE OR DELETE ON tixbook.webhook_subscription
    FOR EACH ROW EXECUTE FUNCTION tixbook.subscriptions_changed();

-- The sequence that numbers those who join a room is no row.
CREATE FUNCTION tixbook.room_applied() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tixbook.make_entry_sequence(NEW.event_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER room_applied AFTER INSERT ON tixbook.waiting_room
    FOR EACH ROW EXECUTE FUNCTION tixbook.room_applied();

ALTER TABLE tixbook.booking ENABLE REPLICA TRIGGER hold_applied;
ALTER TABLE tixbook.event ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.price ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.section ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.category ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.venue_block ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.waiting_room ENABLE REPLICA TRIGGER layout_applied;
ALTER TABLE tixbook.waiting_room ENABLE REPLICA TRIGGER room_applied;
ALTER TABLE tixbook.webhook_subscription ENABLE REPLICA TRIGGER subscription_applied;

-- It has no key, and nothing may be deleted from a published table whose rows cannot be named.
ALTER TABLE tixbook.booking_history REPLICA IDENTITY FULL;
