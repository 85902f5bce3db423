-- Holds that all end at the same instant, seconds since 1970.
\set section random(0, 9)
SELECT tixbook.reserve(:event, 2, :section, hold_for => to_timestamp(:due::float8) - now());
