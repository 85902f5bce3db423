-- cdc: change data capture. What a search index elsewhere follows of catalog and availability.

-- Rows of the event table that a subscriber sees are told by capacity, so the key that goes along with
-- their changes has it too.
CREATE UNIQUE INDEX event_identity_idx ON tixbook.event (event_id, capacity);
ALTER TABLE tixbook.event REPLICA IDENTITY USING INDEX event_identity_idx;

-- PostgreSQL makes no publication a part of an extension, and pg_dump leaves the tables of an extension
-- out of those it dumps: so it is made, and made whole again, by a call. Columns are listed, so that none
-- added later goes out unawares. Drafts have no capacity yet; blocks below 0 are the ballast of open_sale.
CREATE FUNCTION tixbook.create_catalog_publication() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = 'tixbook_catalog') THEN
        CREATE PUBLICATION tixbook_catalog;
    END IF;
    ALTER PUBLICATION tixbook_catalog SET TABLE
        tixbook.venue (venue_id, name, city, capacity),
        tixbook.section (venue_id, section_no, name, kind),
        tixbook.category (venue_id, category_no, name, color),
        tixbook.venue_block (venue_id, block_no, section_no, category_no, capacity),
        tixbook.event (event_id, venue_id, name, performer, description, city, starts_at, currency, status,
                       sale_starts_at, sale_ends_at, capacity) WHERE (capacity > 0),
        tixbook.price (event_id, category_no, amount),
        tixbook.seat_block (event_id, block_no, version, free) WHERE (block_no >= 0);
END
$$;
COMMENT ON FUNCTION tixbook.create_catalog_publication() IS
'Makes the publication tixbook_catalog: what a search index elsewhere follows of venues, events that are no drafts, prices and free seats, and nothing of customers, bookings and secrets. Where it is there already, as after a restore of a dump, it gets its tables and columns back. Needs wal_level = logical to be of use. Makes no refusal.';

-- What is published can be read for the first copy, and nothing else.
GRANT SELECT (venue_id, name, city, capacity) ON tixbook.venue TO tixbook_index;
GRANT SELECT (venue_id, section_no, name, kind) ON tixbook.section TO tixbook_index;
GRANT SELECT (venue_id, category_no, name, color) ON tixbook.category TO tixbook_index;
GRANT SELECT (venue_id, block_no, section_no, category_no, capacity) ON tixbook.venue_block TO tixbook_index;
GRANT SELECT (event_id, venue_id, name, performer, description, city, starts_at, currency, status,
              sale_starts_at, sale_ends_at, capacity) ON tixbook.event TO tixbook_index;
GRANT SELECT (event_id, category_no, amount) ON tixbook.price TO tixbook_index;
GRANT SELECT (event_id, block_no, version, free) ON tixbook.seat_block TO tixbook_index;

CREATE VIEW tixbook.follower AS
SELECT s.slot_name, s.plugin, s.active AS following, s.wal_status AS state,
       pg_catalog.pg_wal_lsn_diff(o.now_at, s.confirmed_flush_lsn)::bigint AS behind,
       pg_catalog.pg_wal_lsn_diff(o.now_at, s.restart_lsn)::bigint AS kept, s.safe_wal_size AS "left"
FROM pg_catalog.pg_replication_slots s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS now_at) AS o
WHERE s.slot_type = 'logical' AND s.database = pg_catalog.current_database();
COMMENT ON VIEW tixbook.follower IS 'Who follows the changes of this database, a row a slot: following tells whether he is connected; behind how many bytes of WAL he has yet to confirm, kept how many the server keeps for him, left how many more can be written before he is given up (null: he is not, or there is no limit, max_slot_wal_keep_size); state is reserved, extended (beyond max_wal_size), unreserved (about to be given up) or lost.';
