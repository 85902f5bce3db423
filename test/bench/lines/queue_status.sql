\set fan random(:first, :last)
SELECT state, position, ahead, estimate FROM tixbook.queue_status(:event, :fan);
