/*
 * Reading events and layouts from their tables, all as of one snapshot; for
 * catalog.c alone.  What is returned is in the context that is given, or in
 * that of the event.
 */
#ifndef TIXBOOK_CATALOG_LOAD_H
#define TIXBOOK_CATALOG_LOAD_H

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapshot.h"

#include "catalog.h"

static inline char *
text_in(MemoryContext context, Datum value)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	char	   *copy = TextDatumGetCString(value);

	MemoryContextSwitchTo(caller);
	return copy;
}

extern VenueLayout *load_layout(MemoryContext context, int32 venue_id, Snapshot snapshot);
extern Event *load_event(MemoryContext context, int32 event_id, int32 *venue_id, Snapshot snapshot);
extern void load_prices(Event *event, Snapshot snapshot);
extern void load_waiting_room(Event *event, Snapshot snapshot);

#endif
