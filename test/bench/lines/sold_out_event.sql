SELECT tixbook.reserve(:event, 2);
