/* What is free at an event, for those who tell others. */
#ifndef TIXBOOK_AVAILABILITY_H
#define TIXBOOK_AVAILABILITY_H

#include "nodes/pg_list.h"

#include "cache.h"

/* The blocks that have changed since; NIL with *all where it is better to tell everything. */
extern List *availability_changed_blocks(const EventMap *map, uint64 since, bool *all);

#endif
