/*
 * publish_message.c: what browsers are told, in JSON.
 *
 * A message about seats has all that changed since the one before it, so that
 * who follows needs to ask for nothing: each block as it stands now, and what
 * is free in each section that changed.  Every so often it is the whole house,
 * for those who have missed one.  What would be too long says only that there
 * is something new.
 */
#include "postgres.h"

#include "common/base64.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "availability.h"
#include "publish.h"
#include "waitingroom_tick.h"

/* Of a message. */
#define MAX_BYTES (32 * 1024)

/* What a changed block takes beside its bits. */
#define BYTES_A_BLOCK 48

/* After so many parts the whole house is told again, if it is not too large for that. */
#define PARTS 25

static void
append_map(StringInfo text, const Seatmap *map)
{
	int			bytes = (int) SEATMAP_BYTES(map->capacity);
	int			room = pg_b64_enc_len(bytes);
	int			written;

	appendStringInfoChar(text, '"');
	enlargeStringInfo(text, room + 1);
	written = pg_b64_encode((const void *) map->bits, bytes, (void *) (text->data + text->len), room);
	if (written < 0)
		elog(ERROR, "could not encode a seat map");
	text->len += written;
	text->data[text->len] = '\0';
	appendStringInfoChar(text, '"');
}

static void
append_block(StringInfo text, EventMap *map, int32 block_no)
{
	const MapBlock *block = &map_blocks(map)[block_no];
	Seatmap    *taken = seatmap_new(block->capacity);

	event_map_copy_block(map, block_no, taken);
	appendStringInfo(text, "{\"first_seat\": %d, \"seats\": %d, \"taken\": ", block->first_seat, block->capacity);
	append_map(text, taken);
	appendStringInfoChar(text, '}');
	pfree(taken);
}

/* As long as the whole map, or longer. */
static bool
too_many(EventMap *map, const List *changes)
{
	return (int64) list_length(changes) * BYTES_A_BLOCK > map->capacity / 6 + BYTES_A_BLOCK;
}

/* What has changed since that version; false: everything is told. */
static bool
append_changes(StringInfo text, EventMap *map, uint64 since)
{
	bool		all;
	List	   *changes = availability_changed_blocks(map, since, &all);
	ListCell   *cell;

	if (all || too_many(map, changes))
		return false;
	appendStringInfoString(text, ", \"taken\": null, \"changes\": [");
	foreach(cell, changes)
	{
		if (foreach_current_index(cell) > 0)
			appendStringInfoString(text, ", ");
		append_block(text, map, lfirst_int(cell));
	}
	appendStringInfoChar(text, ']');
	return true;
}

static void
append_everything(StringInfo text, EventMap *map)
{
	Seatmap    *taken = seatmap_new(map->capacity);

	event_map_copy_bits(map, taken);
	appendStringInfoString(text, ", \"taken\": ");
	append_map(text, taken);
	appendStringInfoString(text, ", \"changes\": null");
	pfree(taken);
}

/* What is free by section and category; -1: there are no such seats. */
static int32 *
count_totals(const Event *event, EventMap *map, int *n)
{
	const VenueLayout *layout = event->layout;
	int32	   *totals;

	*n = layout->nsections * layout->ncategories;
	totals = palloc(Max(*n, 1) * sizeof(int32));
	memset(totals, -1, *n * sizeof(int32));
	for (int32 i = 0; i < Min(map->nblocks, layout->nblocks); i++)
	{
		const MapBlock *block = &map_blocks(map)[i];
		int32	   *total = &totals[layout->blocks[i].section * layout->ncategories + layout->blocks[i].category_no];

		*total = Max(*total, 0) + block->capacity - block->taken;
	}
	return totals;
}

static void
keep_totals(SeatsTold *told, const int32 *totals, int n)
{
	if (told->ntotals != n)
	{
		if (told->totals != NULL)
			pfree(told->totals);
		told->totals = MemoryContextAlloc(TopMemoryContext, Max(n, 1) * sizeof(int32));
		told->ntotals = n;
	}
	memcpy(told->totals, totals, n * sizeof(int32));
}

/* The sections of which something else is free than was told; all of them with everything. */
static void
append_sections(StringInfo text, const Event *event, EventMap *map, SeatsTold *told, bool everything)
{
	const VenueLayout *layout = event->layout;
	int			n;
	int32	   *totals = count_totals(event, map, &n);
	bool		any = false;

	everything |= (told->ntotals != n);
	appendStringInfoString(text, ", \"sections\": [");
	for (int i = 0; i < n; i++)
	{
		if (totals[i] < 0 || (!everything && totals[i] == told->totals[i]))
			continue;
		appendStringInfo(text, "%s{\"section\": %s, \"category\": %s, \"free\": %d}", any ? ", " : "",
						 json_quote(layout->sections[i / layout->ncategories].name),
						 json_quote(layout->categories[i % layout->ncategories]), totals[i]);
		any = true;
	}
	appendStringInfoChar(text, ']');
	keep_totals(told, totals, n);
	pfree(totals);
}

static void
begin_message(StringInfo text, EventMap *map, int32 event_id, uint64 version)
{
	initStringInfo(text);
	appendStringInfo(text, "{\"type\": \"availability.update\", \"event_id\": %d, \"version\": " UINT64_FORMAT
					 ", \"capacity\": %d, \"free\": %u",
					 event_id, version, map->capacity, pg_atomic_read_u32(&map->free));
}

/*
 * What is new of the event's seats since it was told the last time, which it is
 * now; NULL: nothing is.  map is pinned.
 */
char *
publish_seats_message(const Event *event, EventMap *map, SeatsTold *told)
{
	/* The version first: what changes from here on is told again with the next. */
	uint64		version = pg_atomic_read_u64(&map->version);
	bool		in_turn = told->parts < PARTS || pg_b64_enc_len(SEATMAP_BYTES(map->capacity)) > MAX_BYTES;
	bool		part = told->version != 0 && told->version <= version && in_turn;
	StringInfoData text;

	pg_read_barrier();
	if (version == told->version)
		return NULL;
	begin_message(&text, map, event->event_id, version);
	if (part)
	{
		appendStringInfo(&text, ", \"from\": " UINT64_FORMAT, told->version);
		part = append_changes(&text, map, told->version);
	}
	if (!part)
	{
		begin_message(&text, map, event->event_id, version);
		appendStringInfoString(&text, ", \"from\": null");
		append_everything(&text, map);
	}
	append_sections(&text, event, map, told, !part);
	appendStringInfoChar(&text, '}');
	told->version = version;
	told->parts = part ? told->parts + 1 : 0;
	if (text.len <= MAX_BYTES)
		return text.data;
	begin_message(&text, map, event->event_id, version);
	appendStringInfoString(&text, ", \"from\": null, \"taken\": null, \"changes\": null, \"sections\": null}");
	return text.data;
}

/* Where no map can be had: there is something new, and who wants it must ask. */
char *
publish_look_message(int32 event_id)
{
	return psprintf("{\"type\": \"availability.update\", \"event_id\": %d, \"version\": null, \"capacity\": null, "
					"\"free\": null, \"from\": null, \"taken\": null, \"changes\": null, \"sections\": null}", event_id);
}

/* Where the queue of the event is; NULL: it has none any more. */
char *
publish_queue_message(int32 event_id)
{
	Event	   *event = catalog_event(event_id);
	QueuePointer pointer;

	if (event == NULL || event->room == NULL)
		return NULL;
	return psprintf("{\"type\": \"queue.update\", %s",
					tick_queue_text(event->room, pointer_read(event->room, &pointer) ? &pointer : NULL) + 1);
}

/* To the channels of bookings, so it need not say of which one. */
char *
publish_booking_message(BookingStatus status)
{
	return psprintf("{\"type\": \"booking.update\", \"status\": \"%s\"}", booking_status_name(status));
}
