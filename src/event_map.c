/*
 * event_map.c: what stands in a seat map in shared memory.
 *
 * Nothing here may fail or allocate: it runs in the callback of a commit.
 */
#include "postgres.h"

#include "access/transam.h"
#include "storage/s_lock.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "seatmap_words.h"

/* changed_at while the version of a change is being drawn: newer than any. */
#define CHANGING	PG_UINT64_MAX

Size
event_map_size(const MapShape *shape)
{
	Size		size = offsetof(EventMap, sections);

	size = MAXALIGN(add_size(size, mul_size(shape->nsections, sizeof(MapSection))));
	size = add_size(size, mul_size(shape->nblocks, sizeof(MapBlock)));
	return add_size(size, mul_size(SEATMAP_WORDS(shape->capacity) + 1, sizeof(uint64)));
}

/*
 * Begins a map, of which no block is known.  Its version starts at the clock's microseconds: changes come
 * more slowly than those, so no version is ever told twice, whatever was told
 * of this event before an eviction or a crash.
 */
void
event_map_init(CacheObject *object, const void *with)
{
	EventMap   *map = (EventMap *) object;
	const MapShape *shape = with;

	map->capacity = shape->capacity;
	map->nblocks = shape->nblocks;
	map->nsections = shape->nsections;
	map->rows_file = shape->rows_file;
	map->blocks_offset = MAXALIGN(offsetof(EventMap, sections) +
								  shape->nsections * sizeof(MapSection));
	map->words_offset = map->blocks_offset + shape->nblocks * sizeof(MapBlock);
	memcpy(map_blocks(map), shape->blocks, shape->nblocks * sizeof(MapBlock));
	pg_atomic_init_u64(&map->version, (uint64) GetCurrentTimestamp());
	pg_atomic_init_u64(&map->next_due, 0);
	pg_atomic_init_u64(&map->due_before, 0);
	map->next_xid = XidFromFullTransactionId(ReadNextFullTransactionId());
}

/* Writes some of the 64 seats of a word, and leaves those of its other block alone. */
static void
write_word(pg_atomic_uint64 *word, uint64 bits, uint64 mask)
{
	uint64		old = pg_atomic_read_u64(word);

	bits = SEATMAP_WORD_ORDER(bits);
	mask = SEATMAP_WORD_ORDER(mask);
	while (!pg_atomic_compare_exchange_u64(word, &old, (old & ~mask) | (bits & mask)))
		;
}

static void
write_bits(EventMap *map, int32 first_seat, const Seatmap *taken)
{
	pg_atomic_uint64 *words = map_words(map);
	int32		seat = first_seat;
	int32		end = first_seat + taken->capacity;

	while (seat < end)
	{
		int			shift = seat % 64;
		int			count = Min(64 - shift, end - seat);

		write_word(&words[seat / 64],
				   seatmap_load_at(taken, seat - first_seat) << shift,
				   seatmap_low_bits(count) << shift);
		seat += count;
	}
}

/* The 64 seats from any seat on; the words reach one further than the seats. */
static uint64
read_word_at(const EventMap *map, int32 seat)
{
	pg_atomic_uint64 *words = map_words(map) + seat / 64;
	int			shift = seat % 64;
	uint64		low = SEATMAP_WORD_ORDER(pg_atomic_read_u64(&words[0]));

	if (shift == 0)
		return low;
	return (low >> shift) | (SEATMAP_WORD_ORDER(pg_atomic_read_u64(&words[1])) << (64 - shift));
}

/* All seats of the event, into a map of its capacity. */
void
event_map_copy_bits(const EventMap *map, Seatmap *into)
{
	memcpy(into->bits, map_words(map), SEATMAP_BYTES(map->capacity));
}

/* The seats of a block, into a map of its capacity. */
void
event_map_copy_block(const EventMap *map, int32 block_no, Seatmap *into)
{
	int32		first_seat = map_blocks(map)[block_no].first_seat;

	for (int32 seat = 0; seat < into->capacity; seat += 64)
		seatmap_store(into, seat / 64, read_word_at(map, first_seat + seat) &
					  seatmap_low_bits(Min(64, into->capacity - seat)));
}

static uint64
place_as_number(const ItemPointerData *place)
{
	return ((uint64) ItemPointerGetBlockNumberNoCheck(place) << 16) |
		ItemPointerGetOffsetNumberNoCheck(place);
}

/* Where the row stood when it was last published; false: not known. */
bool
event_map_place(EventMap *map, int32 block_no, ItemPointer place)
{
	uint64		number = pg_atomic_read_u64(&map_blocks(map)[block_no].place);

	ItemPointerSet(place, (BlockNumber) (number >> 16), (OffsetNumber) (number & 0xffff));
	return number != 0;
}

/* The caller is the block's publisher. */
static void
take_over(EventMap *map, MapBlock *block, const BlockState *state)
{
	bool		known = pg_atomic_read_u64(&block->version) != 0;
	int32		taken = seatmap_cardinality(state->taken);

	write_bits(map, block->first_seat, state->taken);
	pg_atomic_fetch_add_u32(&map->sections[block->section].free,
							state->free - (known ? block->free : 0));
	pg_atomic_fetch_add_u32(&map->free, (known ? block->taken : block->capacity) - taken);
	block->taken = taken;
	block->free = state->free;
	block->run = state->run;
	pg_atomic_write_u64(&block->place, place_as_number(&state->place));
	pg_atomic_write_u64(&block->version, (uint64) state->version);
	if (state->gives_back)
		pg_atomic_fetch_add_u32(&block->given_back, 1);

	/* Who reads the new version must find the change: it is marked before its version exists. */
	pg_atomic_write_u64(&block->changed_at, CHANGING);
	pg_atomic_write_u64(&block->changed_at, pg_atomic_add_fetch_u64(&map->version, 1));
}

/*
 * Takes the state of a block over if it is newer than what the map has.  Two
 * who publish the same block take turns; they hold nothing else meanwhile.
 */
void
event_map_publish(EventMap *map, const BlockState *state)
{
	MapBlock   *block = &map_blocks(map)[state->block_no];
	SpinDelayStatus delay;

	init_local_spin_delay(&delay);
	while (pg_atomic_exchange_u32(&block->publisher, 1) != 0)
		perform_spin_delay(&delay);
	finish_spin_delay(&delay);
	if ((uint64) state->version > pg_atomic_read_u64(&block->version))
		take_over(map, block, state);
	pg_write_barrier();
	pg_atomic_write_u32(&block->publisher, 0);
}

/*
 * Whether every transaction that may be deciding on seats is counted: those
 * that began to before the map was made are not, but they have ended when no
 * running transaction is as old as the map.  The caller has an active snapshot.
 */
bool
event_map_settled(EventMap *map)
{
	if (pg_atomic_read_u32(&map->settled) != 0)
		return true;
	if (!TransactionIdFollowsOrEquals(GetActiveSnapshot()->xmin, map->next_xid))
		return false;
	pg_atomic_write_u32(&map->settled, 1);
	return true;
}

/* A hold of the event ends then: next_due comes down to it. */
void
event_map_hold_ends(EventMap *map, TimestampTz expires_at)
{
	uint64		due = pg_atomic_read_u64(&map->next_due);

	while ((uint64) expires_at < due &&
		   !pg_atomic_compare_exchange_u64(&map->next_due, &due, (uint64) expires_at))
		;
}

/*
 * Begins to find out when the next hold of the event ends: the earliest end is
 * then read, by a snapshot that is taken after this, of those from `from` on.
 * Holds that are made meanwhile come in by event_map_hold_ends.  False: somebody
 * else is finding it out.
 */
bool
event_map_begin_renewal(EventMap *map, TimestampTz *from)
{
	uint32		renewals = pg_atomic_read_u32(&map->renewals);
	uint64		due;

	if (renewals % 2 != 0 || !pg_atomic_compare_exchange_u32(&map->renewals, &renewals, renewals + 1))
		return false;
	due = pg_atomic_read_u64(&map->next_due);
	do
		pg_atomic_write_u64(&map->due_before, due);
	while (!pg_atomic_compare_exchange_u64(&map->next_due, &due, (uint64) DT_NOEND));
	*from = (TimestampTz) due;
	return true;
}

/* due: what was found, or where it could not be found out, what was known before. */
void
event_map_end_renewal(EventMap *map, TimestampTz due)
{
	event_map_hold_ends(map, due);
	pg_atomic_fetch_add_u32(&map->renewals, 1);
}

/*
 * An instant before which no hold of the event ends whose seats are still
 * taken; 0: it is not known.  While somebody finds it out that is what was
 * known before, and what has come in since.
 */
TimestampTz
event_map_next_due(EventMap *map)
{
	uint32		renewals;
	uint64		before;
	uint64		due;

	pg_read_barrier();
	renewals = pg_atomic_read_u32(&map->renewals);
	pg_read_barrier();
	before = pg_atomic_read_u64(&map->due_before);
	due = pg_atomic_read_u64(&map->next_due);
	pg_read_barrier();
	if (pg_atomic_read_u32(&map->renewals) != renewals)
		return 0;
	return (TimestampTz) (renewals % 2 == 0 ? due : Min(due, before));
}
