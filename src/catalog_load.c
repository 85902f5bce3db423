/*
 * catalog_load.c: events and venue layouts, read from their tables.
 *
 * Plain SQL, seldom run, as the owner of the tables, on which the caller has no
 * rights; so it must not find the caller's operators either.
 */
#include "postgres.h"

#include <float.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "as_owner.h"
#include "catalog_load.h"
#include "store.h"

PG_FUNCTION_INFO_V1(tixbook_least_score);

/* Where they stand in tixbook.venue_block. */
#define COLUMN_SCORE 7
#define COLUMN_OFF_CENTRE 8

static uint64
query_by_id(const char *query, int32 id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(id);
	int			result = SPI_execute_with_args(query, 1, &type, &value, NULL, true, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "query failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

static Datum
field(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static int32
int_field(uint64 row, int column, int32 if_null)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);

	return isnull ? if_null : DatumGetInt32(value);
}

static char *
text_field(MemoryContext context, uint64 row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static void
load_sections(VenueLayout *layout)
{
	layout->nsections = (int32)
		query_by_id("SELECT section_no::integer, name FROM tixbook.section"
					" WHERE venue_id = $1 ORDER BY section_no", layout->venue_id);
	layout->sections = MemoryContextAllocZero(layout->context,
											  Max(layout->nsections, 1) * sizeof(VenueSection));
	for (int i = 0; i < layout->nsections; i++)
	{
		layout->sections[i].section_no = (int16) int_field(i, 1, 0);
		layout->sections[i].name = text_field(layout->context, i, 2);
	}
}

static void
load_categories(VenueLayout *layout)
{
	uint64		n = query_by_id("SELECT category_no::integer, name FROM tixbook.category"
								" WHERE venue_id = $1 ORDER BY category_no", layout->venue_id);

	layout->ncategories = n == 0 ? 0 : int_field(n - 1, 1, 0) + 1;
	layout->categories = MemoryContextAllocZero(layout->context,
												Max(layout->ncategories, 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		layout->categories[int_field(i, 1, 0)] = text_field(layout->context, i, 2);
}

static int16
section_position(const VenueLayout *layout, int32 section_no)
{
	for (int i = 0; i < layout->nsections; i++)
		if (layout->sections[i].section_no == section_no)
			return (int16) i;
	elog(ERROR, "venue block of an unknown section %d", section_no);
}

static void
load_block(VenueLayout *layout, int32 block_no, uint64 row)
{
	VenueBlock *block = &layout->blocks[block_no];
	VenueSection *section;
	Datum		value;
	bool		isnull;

	block->first_seat = int_field(row, 2, 0);
	block->capacity = int_field(row, 3, 0);
	block->section = section_position(layout, int_field(row, 4, 0));
	block->category_no = (int16) int_field(row, 5, 0);
	value = field(row, 6, &isnull);
	/* Standing places are nobody's best seats: they come last. */
	block->standing = isnull;
	block->best_score = isnull ? FLT_MAX : DatumGetFloat4(value);
	value = field(row, 7, &isnull);
	if (!isnull)
	{
		Seatmap    *map = DatumGetSeatmap(value);

		block->accessible = MemoryContextAlloc(layout->context, VARSIZE(map));
		memcpy(block->accessible, map, VARSIZE(map));
	}

	section = &layout->sections[block->section];
	if (section->end_block == 0)
		section->first_block = block_no;
	section->end_block = block_no + 1;
}

/* Equal ones in their order in the house. */
static int
compare_ranks(const void *a, const void *b)
{
	const RankedBlock *ra = a;
	const RankedBlock *rb = b;

	if (ra->score != rb->score)
		return ra->score < rb->score ? -1 : 1;
	return (ra->block_no > rb->block_no) - (ra->block_no < rb->block_no);
}

static void
make_ranking(const VenueLayout *layout, Ranking *ranking, int32 room)
{
	ranking->n = 0;
	ranking->blocks = MemoryContextAllocHuge(layout->context, Max(room, 1) * sizeof(RankedBlock));
}

static void
add_to_ranking(Ranking *ranking, int32 block_no, float4 score)
{
	ranking->blocks[ranking->n].block_no = block_no;
	ranking->blocks[ranking->n++].score = score;
}

/* Ranks the blocks of the house, and those of each of its sections. */
static void
rank_blocks(VenueLayout *layout)
{
	Ranking    *all = &layout->ranking;

	make_ranking(layout, all, layout->nblocks);
	for (int32 i = 0; i < layout->nblocks; i++)
		add_to_ranking(all, i, layout->blocks[i].best_score);
	qsort(all->blocks, all->n, sizeof(RankedBlock), compare_ranks);
	for (int32 i = 0; i < layout->nsections; i++)
		make_ranking(layout, &layout->sections[i].ranking,
					 layout->sections[i].end_block - layout->sections[i].first_block);
	for (int32 i = 0; i < all->n; i++)
	{
		const RankedBlock *block = &all->blocks[i];

		add_to_ranking(&layout->sections[layout->blocks[block->block_no].section].ranking,
					   block->block_no, block->score);
	}
}

VenueLayout *
load_layout(MemoryContext context, int32 venue_id)
{
	VenueLayout *layout = MemoryContextAllocZero(context, sizeof(VenueLayout));
	uint64		n;

	layout->venue_id = venue_id;
	layout->context = context;
	load_sections(layout);
	load_categories(layout);
	n = query_by_id("SELECT block_no, first_seat, capacity, section_no::integer, category_no::integer,"
					" best_score, accessible"
					" FROM tixbook.venue_block WHERE venue_id = $1 ORDER BY block_no", venue_id);
	layout->nblocks = (int32) n;
	layout->blocks = MemoryContextAllocHuge(context, Max(n, 1) * sizeof(VenueBlock));
	memset(layout->blocks, 0, n * sizeof(VenueBlock));
	for (uint64 i = 0; i < n; i++)
	{
		if (int_field(i, 1, -1) != (int32) i)
			elog(ERROR, "the blocks of venue %d are not numbered without gaps", venue_id);
		load_block(layout, (int32) i, i);
	}
	rank_blocks(layout);
	if (n > 0)
		layout->scores = venue_scores(context, venue_id, layout->blocks[n - 1].first_seat +
									  layout->blocks[n - 1].capacity, layout->nblocks);
	return layout;
}

/* The prices of an event whose layout is known. */
void
load_prices(Event *event)
{
	uint64		n;

	event->price = MemoryContextAlloc(event->context,
									  Max(event->layout->ncategories, 1) * sizeof(int64));
	for (int i = 0; i < event->layout->ncategories; i++)
		event->price[i] = -1;
	n = query_by_id("SELECT category_no::integer, amount FROM tixbook.price WHERE event_id = $1",
					event->event_id);
	for (uint64 i = 0; i < n; i++)
	{
		int32		category_no = int_field(i, 1, -1);
		bool		isnull;

		if (category_no >= 0 && category_no < event->layout->ncategories)
			event->price[category_no] = DatumGetInt64(field(i, 2, &isnull));
	}
}

static SaleStatus
sale_status(const char *status)
{
	return strcmp(status, "on_sale") == 0 ? SALE_ON :
		strcmp(status, "paused") == 0 ? SALE_PAUSED :
		strcmp(status, "closed") == 0 ? SALE_CLOSED : SALE_DRAFT;
}

/*
 * The event without its layout and what hangs on that, or NULL where there is
 * none; venue_id is where it takes place.
 */
Event *
load_event(MemoryContext context, int32 event_id, int32 *venue_id)
{
	Event	   *event;
	bool		isnull;
	Datum		value;

	if (query_by_id("SELECT venue_id, status::text, sale_starts_at, sale_ends_at, max_per_booking,"
					" max_per_customer, hold_ttl, currency, capacity"
					" FROM tixbook.event WHERE event_id = $1", event_id) == 0)
		return NULL;

	event = MemoryContextAllocZero(context, sizeof(Event));
	event->event_id = event_id;
	event->context = context;
	event->status = sale_status(text_field(context, 0, 2));
	value = field(0, 3, &isnull);
	event->sale_starts_at = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	value = field(0, 4, &isnull);
	event->sale_ends_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	event->max_per_booking = int_field(0, 5, 1);
	event->max_per_customer = int_field(0, 6, 0);
	value = field(0, 7, &isnull);
	if (!isnull)
		event->hold_ttl = *DatumGetIntervalP(value);
	event->currency = text_field(context, 0, 8);
	event->capacity = int_field(0, 9, 0);
	*venue_id = int_field(0, 1, 0);
	return event;
}

static int64
microseconds_field(uint64 row, int column)
{
	bool		isnull;
	const Interval *length = DatumGetIntervalP(field(row, column, &isnull));

	return length->time + ((int64) length->month * DAYS_PER_MONTH + length->day) * USECS_PER_DAY;
}

/* Copies a bytea of that length; false: it is null. */
static bool
bytes_field(uint64 row, int column, uint8 *into, int length)
{
	bool		isnull;
	Datum		value = field(row, column, &isnull);
	bytea	   *bytes;

	if (isnull)
		return false;
	bytes = DatumGetByteaPP(value);
	if (VARSIZE_ANY_EXHDR(bytes) != length)
		elog(ERROR, "malformed seed or key of a waiting room");
	memcpy(into, VARDATA_ANY(bytes), length);
	return true;
}

/* The waiting room of an event, if it has one. */
void
load_waiting_room(Event *event)
{
	WaitingRoom *room;
	bool		isnull;
	Datum		value;

	event->room = NULL;
	if (query_by_id("SELECT r.starts_at, r.admit_per_second, r.max_active, r.session, r.no_show,"
					" r.proof_of_work, r.entries_per_address, r.paused, r.closed_at IS NOT NULL,"
					" r.drawn, r.drawn_at, r.seed, encode(r.seed_hash, 'hex'), s.token_key"
					" FROM tixbook.waiting_room r JOIN tixbook.waiting_room_secret s USING (event_id)"
					" WHERE r.event_id = $1", event->event_id) == 0)
		return;

	room = MemoryContextAllocZero(event->context, sizeof(WaitingRoom));
	room->event_id = event->event_id;
	room->starts_at = DatumGetTimestampTz(field(0, 1, &isnull));
	room->admit_per_second = DatumGetFloat8(field(0, 2, &isnull));
	room->max_active = int_field(0, 3, 1);
	room->session = microseconds_field(0, 4);
	room->no_show = microseconds_field(0, 5);
	room->proof_of_work = int_field(0, 6, 0);
	room->entries_per_address = int_field(0, 7, 0);
	room->paused = DatumGetBool(field(0, 8, &isnull));
	room->closed = DatumGetBool(field(0, 9, &isnull));
	value = field(0, 10, &isnull);
	room->drawn = isnull ? -1 : DatumGetInt64(value);
	value = field(0, 11, &isnull);
	room->drawn_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	room->has_seed = bytes_field(0, 12, room->seed, DRAW_SEED_LENGTH);
	room->seed_hash = text_field(event->context, 0, 13);
	bytes_field(0, 14, room->token_key, ROOM_KEY_LENGTH);
	room->sequence = get_relname_relid(psprintf("waiting_room_entry_%d_seq", event->event_id),
									   get_namespace_oid("tixbook", false));
	event->room = room;
}

/* A real[] of n elements. */
static float4 *
copy_scores(MemoryContext context, Datum value, int32 n)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	float4	   *scores;

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != n || ARR_HASNULL(array))
		elog(ERROR, "malformed scores of a venue block");
	scores = MemoryContextAlloc(context, n * sizeof(float4));
	memcpy(scores, ARR_DATA_PTR(array), n * sizeof(float4));
	return scores;
}

static void
read_scores(VenueLayout *layout, int32 block_no)
{
	VenueBlock *block = &layout->blocks[block_no];
	StoreScan	scan;
	ScanKeyData keys[2];

	store_key_int4(&keys[0], 1, layout->venue_id);
	store_key_int4(&keys[1], 2, block_no);
	store_scan_open(&scan, STORE_VENUE_BLOCK, STORE_VENUE_BLOCK_KEY);
	store_scan_start(&scan, keys, 2);
	if (!store_scan_next(&scan))
		elog(ERROR, "block %d of venue %d has gone", block_no, layout->venue_id);
	slot_getallattrs(scan.slot);
	block->off_centre = copy_scores(layout->context, scan.slot->tts_values[COLUMN_OFF_CENTRE],
									block->capacity);
	block->score = copy_scores(layout->context, scan.slot->tts_values[COLUMN_SCORE],
							   block->capacity);
	store_scan_close(&scan);
}

void
catalog_need_scores(VenueLayout *layout, int32 block_no)
{
	VenueBlock *block = &layout->blocks[block_no];
	VenueScores *shared = layout->scores;

	if (block->standing || block->score != NULL ||
		(shared != NULL && venue_scores_find(shared, block_no, block->first_seat,
											 &block->score, &block->off_centre)))
		return;
	read_scores(layout, block_no);
	if (shared == NULL)
		return;
	venue_scores_put(shared, block_no, block->first_seat, block->capacity,
					 block->score, block->off_centre);
	pfree(block->score);
	pfree(block->off_centre);
	(void) venue_scores_find(shared, block_no, block->first_seat, &block->score, &block->off_centre);
}

/* least_score(score real[]) → real */
Datum
tixbook_least_score(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	float4	   *scores = (float4 *) ARR_DATA_PTR(array);
	float4		least;

	if (n == 0 || ARR_HASNULL(array))
		PG_RETURN_NULL();
	least = scores[0];
	for (int i = 1; i < n; i++)
		least = Min(least, scores[i]);
	PG_RETURN_FLOAT4(least);
}
