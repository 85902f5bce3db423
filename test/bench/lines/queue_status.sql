\set fan random(0, :last)
SELECT state, position, ahead, estimate FROM tixbook.queue_status(:event, :fan);
