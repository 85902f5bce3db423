/*
 * catalog_layout.c: the layouts of venues, read from their tables.
 */
#include "postgres.h"

#include <float.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "catalog_load.h"
#include "store.h"

PG_FUNCTION_INFO_V1(tixbook_least_score);

/* Columns of section and of category. */
enum
{
	PART_VENUE_ID,
	PART_NO,
	PART_NAME
};

/* Columns of venue_block. */
enum
{
	BLOCK_VENUE_ID,
	BLOCK_NO,
	BLOCK_SECTION_NO,
	BLOCK_CATEGORY_NO,
	BLOCK_ROW_LABEL,
	BLOCK_FIRST_SEAT,
	BLOCK_CAPACITY,
	BLOCK_SCORE,
	BLOCK_OFF_CENTRE,
	BLOCK_ACCESSIBLE,
	BLOCK_ROW_NO,
	BLOCK_BEST_SCORE
};

/* An array that has that index, in place of one with room for so many; what is new is zero. */
static void *
with_room(MemoryContext context, void *array, int32 *room, int32 index, Size element)
{
	int32		larger = Max(index + 1, 2 * *room);
	char	   *grown;

	if (index < *room)
		return array;
	grown = MemoryContextAllocExtended(context, larger * element, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (array != NULL)
	{
		memcpy(grown, array, *room * element);
		pfree(array);
	}
	*room = larger;
	return grown;
}

static void
load_sections(VenueLayout *layout, Snapshot snapshot)
{
	StoreScan	scan;
	int32		room = 0;

	store_scan_open_by_id(&scan, STORE_SECTION, STORE_SECTION_KEY, layout->venue_id, snapshot);
	while (store_scan_next(&scan))
	{
		VenueSection *section;

		slot_getallattrs(scan.slot);
		layout->sections = with_room(layout->context, layout->sections, &room, layout->nsections, sizeof(VenueSection));
		section = &layout->sections[layout->nsections++];
		section->section_no = DatumGetInt16(scan.slot->tts_values[PART_NO]);
		section->name = text_in(layout->context, scan.slot->tts_values[PART_NAME]);
	}
	store_scan_close(&scan);
}

static void
load_categories(VenueLayout *layout, Snapshot snapshot)
{
	StoreScan	scan;
	int32		room = 0;

	store_scan_open_by_id(&scan, STORE_CATEGORY, STORE_CATEGORY_KEY, layout->venue_id, snapshot);
	while (store_scan_next(&scan))
	{
		int32		category_no;

		slot_getallattrs(scan.slot);
		category_no = DatumGetInt16(scan.slot->tts_values[PART_NO]);
		layout->categories = with_room(layout->context, layout->categories, &room, category_no, sizeof(char *));
		layout->categories[category_no] = text_in(layout->context, scan.slot->tts_values[PART_NAME]);
		layout->ncategories = category_no + 1;
	}
	store_scan_close(&scan);
}

static int16
section_position(const VenueLayout *layout, int32 section_no)
{
	for (int i = 0; i < layout->nsections; i++)
		if (layout->sections[i].section_no == section_no)
			return (int16) i;
	elog(ERROR, "venue block of an unknown section %d", section_no);
}

static Seatmap *
copy_seatmap(MemoryContext context, Datum value)
{
	Seatmap    *map = DatumGetSeatmap(value);
	Seatmap    *copy = MemoryContextAlloc(context, VARSIZE(map));

	memcpy(copy, map, VARSIZE(map));
	return copy;
}

static void
load_block(VenueLayout *layout, VenueBlock *block, const TupleTableSlot *row)
{
	const Datum *values = row->tts_values;
	int32		block_no = block - layout->blocks;
	VenueSection *section;

	if (DatumGetInt32(values[BLOCK_NO]) != block_no)
		elog(ERROR, "the blocks of venue %d are not numbered without gaps", layout->venue_id);
	block->first_seat = DatumGetInt32(values[BLOCK_FIRST_SEAT]);
	block->capacity = DatumGetInt32(values[BLOCK_CAPACITY]);
	block->section = section_position(layout, DatumGetInt16(values[BLOCK_SECTION_NO]));
	block->category_no = DatumGetInt16(values[BLOCK_CATEGORY_NO]);
	/* Standing places are nobody's best seats: they come last. */
	block->standing = row->tts_isnull[BLOCK_BEST_SCORE];
	block->best_score = block->standing ? FLT_MAX : DatumGetFloat4(values[BLOCK_BEST_SCORE]);
	if (!row->tts_isnull[BLOCK_ACCESSIBLE])
		block->accessible = copy_seatmap(layout->context, values[BLOCK_ACCESSIBLE]);

	section = &layout->sections[block->section];
	if (section->end_block == 0)
		section->first_block = block_no;
	section->end_block = block_no + 1;
}

static void
load_blocks(VenueLayout *layout, Snapshot snapshot)
{
	StoreScan	scan;
	int32		room = 0;

	store_scan_open_by_id(&scan, STORE_VENUE_BLOCK, STORE_VENUE_BLOCK_KEY, layout->venue_id, snapshot);
	while (store_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(scan.slot);
		layout->blocks = with_room(layout->context, layout->blocks, &room, layout->nblocks, sizeof(VenueBlock));
		load_block(layout, &layout->blocks[layout->nblocks++], scan.slot);
	}
	store_scan_close(&scan);
	if (layout->nblocks > 0)
		layout->blocks = repalloc_huge(layout->blocks, layout->nblocks * sizeof(VenueBlock));
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
load_layout(MemoryContext context, int32 venue_id, Snapshot snapshot)
{
	VenueLayout *layout = MemoryContextAllocZero(context, sizeof(VenueLayout));
	const VenueBlock *last;

	layout->venue_id = venue_id;
	layout->context = context;
	load_sections(layout, snapshot);
	load_categories(layout, snapshot);
	load_blocks(layout, snapshot);
	rank_blocks(layout);
	if (layout->nblocks == 0)
		return layout;
	last = &layout->blocks[layout->nblocks - 1];
	layout->scores = venue_scores(context, venue_id, last->first_seat + last->capacity, layout->nblocks);
	return layout;
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
	block->off_centre = copy_scores(layout->context, scan.slot->tts_values[BLOCK_OFF_CENTRE],
									block->capacity);
	block->score = copy_scores(layout->context, scan.slot->tts_values[BLOCK_SCORE],
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
