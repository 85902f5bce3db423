\set fan random(1, 9223372036854775807)
SELECT entry FROM tixbook.join_waiting_room(:event, :fan);
