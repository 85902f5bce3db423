/*
 * Since when holds of an event can be due: what its map in shared memory tells
 * of that, and how it comes to know.
 */
#ifndef TIXBOOK_NEXT_DUE_H
#define TIXBOOK_NEXT_DUE_H

#include "catalog.h"

/*
 * An instant before which no hold of the event ends that still has its seats,
 * as far as the current transaction can see; 0: it is not known.  When what was
 * known is past it is found out anew, and stands in the map for who comes next.
 */
extern TimestampTz next_due(Event *event);

#endif
