\set section random(0, 9)
SELECT tixbook.submit_request(:event, 2, :section);
