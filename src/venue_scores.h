/*
 * What the seats of a venue are worth, in shared memory: read once for all
 * backends that sell there.
 */
#ifndef TIXBOOK_VENUE_SCORES_H
#define TIXBOOK_VENUE_SCORES_H

#include "cache.h"

typedef struct VenueScores VenueScores;

/*
 * Those of a venue of so many seats in so many blocks, held for as long as the
 * memory context lives; NULL: there is no room, or no cache.
 */
extern VenueScores *venue_scores(MemoryContext context, int32 venue_id, int32 capacity, int32 nblocks);

/* Those of a block, whose first seat is given; false: nobody has read them yet. */
extern bool venue_scores_find(VenueScores *scores, int32 block_no, int32 first_seat,
							  float4 **score, float4 **off_centre);
extern void venue_scores_put(VenueScores *scores, int32 block_no, int32 first_seat, int32 capacity,
							 const float4 *score, const float4 *off_centre);

#endif
