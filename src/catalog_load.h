/* Reading events and layouts from their tables; for catalog.c alone. */
#ifndef TIXBOOK_CATALOG_LOAD_H
#define TIXBOOK_CATALOG_LOAD_H

#include "catalog.h"

extern VenueLayout *load_layout(MemoryContext context, int32 venue_id);
extern Event *load_event(MemoryContext context, int32 event_id, int32 *venue_id);
extern void load_prices(Event *event);
extern void load_waiting_room(Event *event);

#endif
