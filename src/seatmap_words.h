/*
 * Seat maps read and written 64 seats at a time; seat 0 is the lowest bit.
 *
 * The bits of a map are four-byte aligned at best and their last word may be
 * short, hence memcpy. Bits past the end of the map read as zero.
 */
#ifndef TIXBOOK_SEATMAP_WORDS_H
#define TIXBOOK_SEATMAP_WORDS_H

#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "seatmap.h"

#ifdef WORDS_BIGENDIAN
#define SEATMAP_WORD_ORDER(word) pg_bswap64(word)
#else
#define SEATMAP_WORD_ORDER(word) (word)
#endif

#define SEATMAP_WORDS(capacity) (((capacity) + 63) / 64)

/* How much of the eight bytes from here belongs to the map. */
static inline Size
seatmap_bytes_left(const Seatmap *map, Size byte)
{
	Size		bytes = SEATMAP_BYTES(map->capacity);

	return byte >= bytes ? 0 : Min(bytes - byte, sizeof(uint64));
}

/* The 64 seats from the first of this byte. */
static inline uint64
seatmap_load_bytes(const Seatmap *map, Size byte)
{
	Size		left = seatmap_bytes_left(map, byte);
	uint64		word = 0;

	if (likely(left == sizeof(uint64)))
		memcpy(&word, map->bits + byte, sizeof(uint64));
	else if (left > 0)
		memcpy(&word, map->bits + byte, left);
	return SEATMAP_WORD_ORDER(word);
}

/* Seats 64 * index and the 63 that follow. */
static inline uint64
seatmap_load(const Seatmap *map, int32 index)
{
	return seatmap_load_bytes(map, (Size) index * sizeof(uint64));
}

/* The caller keeps the bits past the capacity zero. */
static inline void
seatmap_store(Seatmap *map, int32 index, uint64 word)
{
	Size		byte = (Size) index * sizeof(uint64);

	word = SEATMAP_WORD_ORDER(word);
	memcpy(map->bits + byte, &word, seatmap_bytes_left(map, byte));
}

/* The 64 seats from any seat on. */
static inline uint64
seatmap_load_at(const Seatmap *map, int32 seat)
{
	Size		byte = (Size) seat / 8;
	int			shift = seat % 8;
	uint64		word = seatmap_load_bytes(map, byte);

	if (shift == 0)
		return word;
	return (word >> shift) | (seatmap_load_bytes(map, byte + 8) << (64 - shift));
}

/* A word with its lowest count bits set; count is 0 to 64. */
static inline uint64
seatmap_low_bits(int count)
{
	return count >= 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << count) - 1;
}

#endif
