/*
 * waitingroom_draw.c: who stands where, by a keyed permutation.
 *
 * A Feistel network over pairs of digits to the base a, the least number whose
 * square is n or more: x is left * a + right, and each round makes (left,
 * right) (right, left + F mod a).  F is a number of six bytes, big end first,
 * of SHA-256(seed || "round,n,right / 5"): one hash has the numbers of five
 * neighbours, in their order.  What comes out at n or above goes through once
 * more, until it is below n.
 *
 * All of that can be computed in a few lines of any language, and the numbers
 * are exact in those that have doubles only: docs/waitingroom.md.
 */
#include "postgres.h"

#include <math.h>

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "utils/memutils.h"

#include "arguments.h"
#include "waitingroom.h"

PG_FUNCTION_INFO_V1(tixbook_draw_position);
PG_FUNCTION_INFO_V1(tixbook_draw_entry);

#define ROUNDS 8
#define NUMBERS_A_HASH 5
#define NUMBER_BYTES 6

/* Values of F are remembered up to this base: a quarter of a megabyte, for 268 million entries. */
#define MAX_REMEMBERED_BASE 16384
#define UNKNOWN PG_UINT16_MAX

/* What a backend knows of draws outlives changes of events: of so many it does. */
#define REMEMBERED_DRAWS 4

struct Draw
{
	uint8		seed[DRAW_SEED_LENGTH];
	int64		n;
	uint32		base;
	uint16	   *values;			/* of F, by round and right digit, small to stay near; NULL: too many */
};

static uint32
least_base(int64 n)
{
	int64		base = (int64) sqrt((double) n);

	while (base * base < n)
		base++;
	while (base > 1 && (base - 1) * (base - 1) >= n)
		base--;
	return (uint32) Max(base, 1);
}

static Draw *
draw_make(MemoryContext context, const uint8 *seed, int64 n)
{
	Draw	   *draw = MemoryContextAlloc(context, sizeof(Draw));

	memcpy(draw->seed, seed, DRAW_SEED_LENGTH);
	draw->n = n;
	draw->base = least_base(n);
	draw->values = NULL;
	if (draw->base <= MAX_REMEMBERED_BASE)
	{
		Size		size = sizeof(uint16) * ROUNDS * draw->base;

		draw->values = MemoryContextAlloc(context, size);
		memset(draw->values, 0xFF, size);
	}
	return draw;
}

static bool
draw_is(const Draw *draw, const uint8 *seed, int64 n)
{
	return draw->n == n && memcmp(draw->seed, seed, DRAW_SEED_LENGTH) == 0;
}

static void
draw_free(Draw *draw)
{
	if (draw->values != NULL)
		pfree(draw->values);
	pfree(draw);
}

/* The values of F for a digit and its neighbours. */
static void
compute_values(const Draw *draw, int round, uint32 digit, uint32 *values)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		text[64];
	int			length;

	length = snprintf(text, sizeof(text), "%d," INT64_FORMAT ",%u", round, draw->n,
					  digit / NUMBERS_A_HASH);
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, draw->seed, DRAW_SEED_LENGTH) < 0 ||
		pg_cryptohash_update(hash, (uint8 *) text, length) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a SHA-256");
	pg_cryptohash_free(hash);
	for (int i = 0; i < NUMBERS_A_HASH; i++)
	{
		uint64		number = 0;

		for (int j = 0; j < NUMBER_BYTES; j++)
			number = number << 8 | digest[i * NUMBER_BYTES + j];
		values[i] = (uint32) (number % draw->base);
	}
}

static uint32
round_value(Draw *draw, int round, uint32 digit)
{
	uint32		values[NUMBERS_A_HASH];
	uint16	   *known = draw->values == NULL ? NULL : draw->values + (Size) round * draw->base;
	uint32		first = digit - digit % NUMBERS_A_HASH;

	if (known != NULL && known[digit] != UNKNOWN)
		return known[digit];
	compute_values(draw, round, digit, values);
	for (uint32 i = 0; known != NULL && i < NUMBERS_A_HASH && first + i < draw->base; i++)
		known[first + i] = (uint16) values[i];
	return values[digit - first];
}

static int64
permute(Draw *draw, int64 number)
{
	uint32		left = (uint32) (number / draw->base);
	uint32		right = (uint32) (number % draw->base);

	for (int round = 0; round < ROUNDS; round++)
	{
		uint32		sum = (left + round_value(draw, round, right)) % draw->base;

		left = right;
		right = sum;
	}
	return (int64) left * draw->base + right;
}

static int64
permute_back(Draw *draw, int64 number)
{
	uint32		left = (uint32) (number / draw->base);
	uint32		right = (uint32) (number % draw->base);

	for (int round = ROUNDS - 1; round >= 0; round--)
	{
		uint32		difference = (right + draw->base - round_value(draw, round, left)) % draw->base;

		right = left;
		left = difference;
	}
	return (int64) left * draw->base + right;
}

/* Where an entry, 0 to n - 1, stands. */
int64
draw_position(Draw *draw, int64 entry)
{
	do
		entry = permute(draw, entry);
	while (entry >= draw->n);
	return entry;
}

/* Who stands at a position, 0 to n - 1. */
int64
draw_entry(Draw *draw, int64 position)
{
	do
		position = permute_back(draw, position);
	while (position >= draw->n);
	return position;
}

/* The draw of n entries, 0 to DRAW_MAX_ENTRIES, under a seed; valid until the next call. */
Draw *
draw_recall(const uint8 *seed, int64 n)
{
	static Draw *draws[REMEMBERED_DRAWS];
	static int	oldest = 0;
	Draw	   *draw;

	for (int i = 0; i < REMEMBERED_DRAWS; i++)
		if (draws[i] != NULL && draw_is(draws[i], seed, n))
			return draws[i];
	draw = draw_make(TopMemoryContext, seed, n);
	if (draws[oldest] != NULL)
		draw_free(draws[oldest]);
	draws[oldest] = draw;
	oldest = (oldest + 1) % REMEMBERED_DRAWS;
	return draw;
}

/* The draw that the arguments (seed bytea, n bigint, number bigint) name. */
static Draw *
draw_of_call(FunctionCallInfo fcinfo, const char *number_name)
{
	bytea	   *seed = PG_GETARG_BYTEA_PP(0);
	int64		n = PG_GETARG_INT64(1);
	int64		number = PG_GETARG_INT64(2);
	Refusal		refusal = {REASON_NONE};

	if (VARSIZE_ANY_EXHDR(seed) != DRAW_SEED_LENGTH)
		refuse_parameter(&refusal, "seed", "must have 32 bytes");
	else if (n < 1 || n > DRAW_MAX_ENTRIES)
		refuse_parameter(&refusal, "n", "must be from 1 to 2^40");
	else if (number < 0 || number >= n)
		refuse_parameter(&refusal, number_name, "must be from 0 to n - 1");
	if (refusal.reason != REASON_NONE)
		refusal_raise(&refusal);

	return draw_recall((uint8 *) VARDATA_ANY(seed), n);
}

/* draw_position(seed bytea, n bigint, entry bigint) → bigint */
Datum
tixbook_draw_position(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(draw_position(draw_of_call(fcinfo, "entry"), PG_GETARG_INT64(2)));
}

/* draw_entry(seed bytea, n bigint, position bigint) → bigint */
Datum
tixbook_draw_entry(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(draw_entry(draw_of_call(fcinfo, "position"), PG_GETARG_INT64(2)));
}
