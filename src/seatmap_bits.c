/* Seat maps from C: making, changing, counting and scanning them. */
#include "postgres.h"

#include "seatmap.h"
#include "seatmap_words.h"

Seatmap *
seatmap_new(int32 capacity)
{
	Seatmap    *map;

	Assert(capacity >= 0 && capacity <= SEATMAP_MAX_CAPACITY);
	map = palloc0(SEATMAP_SIZE(capacity));
	SET_VARSIZE(map, SEATMAP_SIZE(capacity));
	map->capacity = capacity;
	return map;
}

Seatmap *
seatmap_copy(const Seatmap *map)
{
	Seatmap    *copy = palloc(SEATMAP_SIZE(map->capacity));

	memcpy(copy, map, SEATMAP_SIZE(map->capacity));
	return copy;
}

/* Whole bytes at once, and what sticks out at either end under a mask. */
void
seatmap_set_range(Seatmap *map, int32 from, int32 to)
{
	uint8		head = (uint8) (0xFF << (from & 7));
	uint8		tail = (uint8) ~(0xFF << (to & 7));

	Assert(from >= 0 && from <= to && to <= map->capacity);
	if (from >> 3 == to >> 3)
	{
		/* an empty range may point just past the last byte */
		if (from < to)
			map->bits[from >> 3] |= head & tail;
		return;
	}
	map->bits[from >> 3] |= head;
	memset(map->bits + (from >> 3) + 1, 0xFF, (to >> 3) - (from >> 3) - 1);
	if (tail != 0)
		map->bits[to >> 3] |= tail;
}

void
seatmap_clear_range(Seatmap *map, int32 from, int32 to)
{
	uint8		head = (uint8) (0xFF << (from & 7));
	uint8		tail = (uint8) ~(0xFF << (to & 7));

	Assert(from >= 0 && from <= to && to <= map->capacity);
	if (from >> 3 == to >> 3)
	{
		if (from < to)
			map->bits[from >> 3] &= (uint8) ~(head & tail);
		return;
	}
	map->bits[from >> 3] &= (uint8) ~head;
	memset(map->bits + (from >> 3) + 1, 0, (to >> 3) - (from >> 3) - 1);
	if (tail != 0)
		map->bits[to >> 3] &= (uint8) ~tail;
}

/*
 * pg_popcount() of PostgreSQL 15 calls a function for each word, which takes
 * longer for the map of a house than all else that is done with it.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("popcnt", "default")))
#endif
int32
seatmap_cardinality(const Seatmap *map)
{
	int32		words = SEATMAP_WORDS(map->capacity);
	int32		cardinality = 0;

	for (int32 index = 0; index < words; index++)
		cardinality += __builtin_popcountll(seatmap_load(map, index));
	return cardinality;
}

/* The first seat at or after from whose bit, xored with flip, is set. */
static inline int32
seatmap_scan(const Seatmap *map, int32 from, uint64 flip)
{
	int32		words = SEATMAP_WORDS(map->capacity);
	uint64		wanted = ~seatmap_low_bits(from & 63);

	Assert(from >= 0);
	for (int32 index = from / 64; index < words; index++)
	{
		uint64		word = (seatmap_load(map, index) ^ flip) & wanted;

		if (word != 0)
		{
			int32		seat = index * 64 + pg_rightmost_one_pos64(word);

			/* flipped, the padding looks like clear seats */
			return seat < map->capacity ? seat : -1;
		}
		wanted = ~UINT64CONST(0);
	}
	return -1;
}

int32
seatmap_next_set(const Seatmap *map, int32 from)
{
	return seatmap_scan(map, from, 0);
}

int32
seatmap_next_clear(const Seatmap *map, int32 from)
{
	return seatmap_scan(map, from, ~UINT64CONST(0));
}

void
seatmap_or_bits(Seatmap *into, int32 at, const Seatmap *map, int32 from, int32 count)
{
	int32		end = at + count;

	Assert(at >= 0 && from >= 0 && count >= 0);
	Assert(end <= into->capacity && from + count <= map->capacity);
	while (at < end)
	{
		int32		index = at / 64;
		int			shift = at % 64;
		int			step = Min(64 - shift, end - at);
		uint64		word = seatmap_load_at(map, from) & seatmap_low_bits(step);

		seatmap_store(into, index, seatmap_load(into, index) | (word << shift));
		at += step;
		from += step;
	}
}

static inline uint64
seatmap_apply(uint64 a, uint64 b, SeatmapOp op)
{
	switch (op)
	{
		case SEATMAP_OR:
			return a | b;
		case SEATMAP_AND:
			return a & b;
		case SEATMAP_XOR:
			return a ^ b;
		case SEATMAP_AND_NOT:
			return a & ~b;
	}
	pg_unreachable();
}

void
seatmap_merge(Seatmap *into, const Seatmap *other, SeatmapOp op)
{
	int32		words = SEATMAP_WORDS(into->capacity);

	Assert(into->capacity == other->capacity);
	for (int32 i = 0; i < words; i++)
		seatmap_store(into, i, seatmap_apply(seatmap_load(into, i), seatmap_load(other, i), op));
}

bool
seatmap_any(const Seatmap *a, const Seatmap *b, SeatmapOp op)
{
	int32		words = SEATMAP_WORDS(a->capacity);

	Assert(a->capacity == b->capacity);
	for (int32 i = 0; i < words; i++)
	{
		if (seatmap_apply(seatmap_load(a, i), seatmap_load(b, i), op) != 0)
			return true;
	}
	return false;
}
