\results binary
SELECT version, free, taken FROM tixbook.availability(:event);
