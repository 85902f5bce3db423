/*
 * The seat-bitfield type tixbook.seatmap: one bit a seat, seat 0 first.
 *
 * Bit i is byte i/8, mask 1 << (i % 8); the bits past the capacity are always
 * zero, so equal maps are equal bytes.
 */
#ifndef TIXBOOK_SEATMAP_H
#define TIXBOOK_SEATMAP_H

#include "fmgr.h"
#include "compat.h"

#define SEATMAP_MAX_CAPACITY 1000000

typedef struct Seatmap
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int32		capacity;		/* seats */
	uint8		bits[FLEXIBLE_ARRAY_MEMBER];
} Seatmap;

#define SEATMAP_BYTES(capacity)	(((Size) (capacity) + 7) / 8)
#define SEATMAP_SIZE(capacity)	(offsetof(Seatmap, bits) + SEATMAP_BYTES(capacity))

#define DatumGetSeatmap(d)		((Seatmap *) PG_DETOAST_DATUM(d))
#define PG_GETARG_SEATMAP(n)	DatumGetSeatmap(PG_GETARG_DATUM(n))
#define PG_GETARG_SEATMAP_COPY(n) ((Seatmap *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(n)))
#define PG_RETURN_SEATMAP(m)	PG_RETURN_POINTER(m)

static inline bool
seatmap_get(const Seatmap *map, int32 seat)
{
	return (map->bits[seat >> 3] >> (seat & 7)) & 1;
}

static inline void
seatmap_set(Seatmap *map, int32 seat)
{
	map->bits[seat >> 3] |= (uint8) (1 << (seat & 7));
}

static inline void
seatmap_clear(Seatmap *map, int32 seat)
{
	map->bits[seat >> 3] &= (uint8) ~(1 << (seat & 7));
}

extern Seatmap *seatmap_new(int32 capacity);	/* all clear; the caller has checked the bounds */
extern Seatmap *seatmap_copy(const Seatmap *map);
extern void seatmap_set_range(Seatmap *map, int32 from, int32 to);	/* [from, to) */
extern void seatmap_clear_range(Seatmap *map, int32 from, int32 to);
extern int32 seatmap_cardinality(const Seatmap *map);
extern int32 seatmap_next_set(const Seatmap *map, int32 from);	/* -1: none */
extern int32 seatmap_next_clear(const Seatmap *map, int32 from);	/* -1: none */

/* Runs are of clear bits: seats that are free where a set bit means taken. */
extern int32 seatmap_next_run(const Seatmap *map, int32 from, int32 length);	/* its first seat, or -1 */
extern int32 seatmap_longest_run(const Seatmap *map);

/* Of all runs of this length, the first seat of the one centred nearest to point; or -1. */
extern int32 seatmap_best_run(const Seatmap *map, int32 length, double point);

/* Sets in [at, at + count) what is set in [from, from + count) of another map. */
extern void seatmap_or_bits(Seatmap *into, int32 at, const Seatmap *map, int32 from, int32 count);

/* Both of one capacity: what stays set in the first. */
typedef enum SeatmapOp
{
	SEATMAP_OR,
	SEATMAP_AND,
	SEATMAP_XOR,
	SEATMAP_AND_NOT
} SeatmapOp;

extern void seatmap_merge(Seatmap *into, const Seatmap *other, SeatmapOp op);
extern bool seatmap_any(const Seatmap *a, const Seatmap *b, SeatmapOp op);	/* would anything stay? */

#endif
