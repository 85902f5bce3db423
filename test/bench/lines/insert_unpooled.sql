\connection each
\protocol simple
\set section random(0, 9)
\set customer random(1, 1000000)
INSERT INTO bench.booking (event_id, section, customer, status, created_at, expires_at, amount, currency)
VALUES (1, :section, :customer, 'held', now(), now() + interval '10 min', 10000, 'EUR');
