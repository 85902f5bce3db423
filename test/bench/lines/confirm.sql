SELECT tixbook.confirm(p.booking_id, p.n::text)
FROM bench.pending p WHERE p.n = (SELECT nextval('bench.pending_next'));
