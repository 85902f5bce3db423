\set event batch(:first, :last, :calls)
SELECT tixbook.reserve(:event, 2);
