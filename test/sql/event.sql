-- Events: made, priced, put on sale, paused, closed; inventory added later.
\getenv here PG_ABS_SRCDIR
\set house :here /sql/include/house.sql
\i :house

-- Stalls: seats 0-3 standard, 4-7 premium. Floor: standing, 8-17, category "floor".
SELECT build_house('House', 'ssss', 'pppp') AS house \gset
SELECT tixbook.add_standing_section(:house, 'Floor', 10, 'floor');
SELECT set_config('test.house', :'house', false) = :'house' AS house;
CREATE FUNCTION make_event(more text = '', name text = '''Show''', starts text = 'now()', prices text = '''{"standard": 1000}''', venue text = NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT tixbook.create_event(%s, %s, %s, %s%s)',
                  coalesce(venue, current_setting('test.house')), name, starts, prices, more)
$$;

-- refusals, each by what it names
SELECT what, a.* FROM (VALUES
    ('no venue', make_event(venue => '0')),
    ('null venue', make_event(venue => 'NULL')),
    ('no name', make_event(name => '''''')),
    ('null name', make_event(name => 'NULL')),
    ('no start', make_event(starts => 'NULL')),
    ('null prices', make_event(prices => 'NULL')),
    ('prices no object', make_event(prices => '''[1000]''')),
    ('unknown category', make_event(prices => '''{"gold": 1}''')),
    ('price below 0', make_event(prices => '''{"standard": -1}''')),
    ('price in halves', make_event(prices => '''{"standard": 10.5}''')),
    ('price in words', make_event(prices => '''{"standard": "10"}''')),
    ('price null', make_event(prices => '''{"standard": null}''')),
    ('price too high', make_event(prices => '''{"standard": 1e13}''')),
    ('currency', make_event(', currency => ''euro''')),
    ('null currency', make_event(', currency => NULL')),
    ('max_per_booking 0', make_event(', max_per_booking => 0')),
    ('max_per_booking 1001', make_event(', max_per_booking => 1001')),
    ('max_per_booking null', make_event(', max_per_booking => NULL')),
    ('max_per_customer 0', make_event(', max_per_customer => 0')),
    ('hold_ttl 0', make_event(', hold_ttl => ''0''')),
    ('hold_ttl below 0', make_event(', hold_ttl => ''-1 minute''')),
    ('event_id 0', make_event(', event_id => 0')),
    ('event_id below 0', make_event(', event_id => -5'))
) AS wrong (what, statement), attempt(statement) a;
SELECT count(*) AS made FROM tixbook.event;

-- made as a draft, with an id of one's own or the next one
SELECT tixbook.create_event(:house, 'Chosen', '2031-05-01 20:00+00', '{"standard": 1000, "premium": 2500}', 'CHF',
    'Anna', 'All of it', 6, 12, '5 minutes', 1000000);
SELECT event_id, name, performer, description, city, currency, status, max_per_booking, max_per_customer, hold_ttl, capacity
FROM tixbook.event;
SELECT category_no, amount FROM tixbook.price ORDER BY category_no;
SELECT tixbook.create_event(:house, 'Next', now(), '{}') < 1000000 AS next_id;
SELECT * FROM attempt(make_event(', event_id => 1000000'));

-- prices: what is left out stays
SELECT tixbook.set_prices(1000000, '{"premium": 0}');
SELECT category_no, amount FROM tixbook.price WHERE event_id = 1000000 ORDER BY category_no;
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.set_prices(NULL, '{}')$$),
    ($$SELECT tixbook.set_prices(77, '{}')$$),
    ($$SELECT tixbook.set_prices(1000000, NULL)$$),
    ($$SELECT tixbook.set_prices(1000000, '{"standard": 1, "gold": 1}')$$)) AS call (statement), attempt(statement) a;
SELECT amount FROM tixbook.price WHERE event_id = 1000000 AND category_no = 0;

-- on sale: needs a price for each category that is on sale, and a window that is one
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.open_sale(1000000)$$),
    ($$SELECT tixbook.open_sale(1000000, '{Stalls,Gallery}')$$),
    ($$SELECT tixbook.open_sale(1000000, '{Stalls,NULL}')$$),
    ($$SELECT tixbook.open_sale(NULL)$$),
    ($$SELECT tixbook.open_sale(1000000, sale_starts_at => now(), sale_ends_at => now())$$),
    ($$SELECT tixbook.open_sale(1000000, sale_ends_at => '-infinity')$$),
    ($$SELECT tixbook.add_inventory(1000000)$$),
    ($$SELECT tixbook.add_inventory(NULL)$$),
    ($$SELECT tixbook.pause_sale(1000000)$$),
    ($$SELECT tixbook.pause_sale(NULL)$$),
    ($$SELECT tixbook.close_sale(1000000)$$)) AS call (statement), attempt(statement) a;
SELECT status, capacity FROM tixbook.event WHERE event_id = 1000000;
SELECT count(*) AS laid_out FROM tixbook.seat_block;

-- only the stalls: the floor is blocked until it has a price
SELECT tixbook.open_sale(1000000, '{Stalls}');
SELECT status, capacity FROM tixbook.event WHERE event_id = 1000000;
SELECT block_no, version, free, taken, blocked FROM tixbook.seat_block ORDER BY block_no;
SELECT a.* FROM (VALUES
    ($$SELECT (tixbook.reserve(1000000, 1, 'Floor')).seats$$),
    ($$SELECT (tixbook.reserve_seats(1000000, '{8}')).seats$$),
    ($$SELECT tixbook.unblock_section(1000000, 'Floor')$$),
    ($$SELECT (tixbook.reserve(1000000, 1, 'Floor')).seats$$),
    ($$SELECT (tixbook.reserve_seats(1000000, '{8}')).seats$$),
    ($$SELECT tixbook.set_prices(1000000, '{"floor": 700}')$$),
    ($$SELECT (tixbook.reserve(1000000, 2, 'Floor')).amount$$),
    ($$SELECT (tixbook.reserve_seats(1000000, '{17}')).amount$$)) AS call (statement), attempt(statement) a;
SELECT * FROM tixbook.verify();

-- the window of the sale
SELECT tixbook.open_sale(1000000, sale_starts_at => '2031-01-01 10:00+00');
SELECT * FROM attempt('SELECT tixbook.reserve(1000000, 1)');
SELECT tixbook.open_sale(1000000, sale_ends_at => '2021-01-01 10:00+00');
SELECT * FROM attempt('SELECT tixbook.reserve(1000000, 1)');
SELECT * FROM attempt('SELECT tixbook.reserve_seats(1000000, ''{0}'')');
SELECT tixbook.open_sale(1000000, sale_starts_at => '2021-01-01 10:00+00', sale_ends_at => '2031-01-01 10:00+00');
SELECT * FROM attempt('SELECT (tixbook.reserve_seats(1000000, ''{0}'')).seats');

-- paused, opened again with what is taken still taken, closed for good
SELECT tixbook.pause_sale(1000000);
SELECT tixbook.pause_sale(1000000);
SELECT a.* FROM (VALUES
    ($$SELECT tixbook.reserve(1000000, 1)$$),
    ($$SELECT tixbook.open_sale(1000000)$$),
    ($$SELECT (tixbook.reserve_seats(1000000, '{0}')).seats$$),
    ($$SELECT (tixbook.reserve_seats(1000000, '{1}', 'last')).seats$$),
    ($$SELECT tixbook.close_sale(1000000)$$),
    ($$SELECT tixbook.reserve(1000000, 1)$$),
    ($$SELECT (tixbook.confirm(booking_of('last'), 'payment')).status$$),
    ($$SELECT tixbook.open_sale(1000000)$$),
    ($$SELECT tixbook.pause_sale(1000000)$$),
    ($$SELECT tixbook.close_sale(1000000)$$)) AS call (statement), attempt(statement) a;

-- what the venue gains during the sale
SELECT build_event(:house, 2);
SELECT tixbook.add_inventory(2);
SELECT tixbook.add_standing_section(:house, 'Floor', 5, 'floor'), tixbook.add_standing_section(:house, 'Lawn', 3, 'lawn');
SELECT a.* FROM (VALUES
    ($$SELECT (tixbook.reserve(2, 1, 'Lawn')).seats$$),
    ($$SELECT (tixbook.reserve_seats(2, '{18}')).seats$$),
    ($$SELECT tixbook.add_inventory(2)$$),
    ($$SELECT tixbook.set_prices(2, '{"lawn": 300}')$$),
    ($$SELECT tixbook.add_inventory(2)$$),
    ($$SELECT tixbook.add_inventory(2)$$),
    ($$SELECT (tixbook.reserve(2, 3, 'Lawn')).seats$$),
    ($$SELECT (tixbook.reserve_seats(2, '{18}')).seats$$)) AS call (statement), attempt(statement) a;
SELECT capacity FROM tixbook.event WHERE event_id = 2;
SELECT * FROM tixbook.verify();

-- A new session knows the event by its indexes, whatever the statistics say of the tables.
ANALYZE;
\c
BEGIN;
SELECT (tixbook.reserve(2, 1)).seats;
SELECT pg_stat_get_xact_numscans(t::regclass) AS whole_reads, t FROM unnest('{tixbook.event,tixbook.price,tixbook.venue,tixbook.section,
    tixbook.category,tixbook.venue_block,tixbook.seat_block}'::text[]) t;
COMMIT;
