/*
 * secret.c: random bytes from the server's strong source.
 *
 * They are drawn many at a time: a draw costs as much as finding a seat.
 */
#include "postgres.h"

#include "secret.h"

static uint8 pool[512];
static Size left = 0;

/* Fills in length bytes, at most as many as the pool holds; raises where the source fails. */
void
secret_bytes(void *bytes, Size length)
{
	Assert(length <= sizeof(pool));
	if (left < length)
	{
		left = 0;
		if (!pg_strong_random(pool, sizeof(pool)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random bytes")));
		left = sizeof(pool);
	}
	left -= length;
	memcpy(bytes, pool + left, length);
	/* What was handed out must not be found here. */
	memset(pool + left, 0, length);
}
