/*
 * The pace at which the requests of an event are worked off, and the right to
 * do so: one worker an event at a time keeps the order of arrival.
 */
#ifndef TIXBOOK_REQUEST_PACE_H
#define TIXBOOK_REQUEST_PACE_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"

/* A batch is so long of the pace: spread evenly, nobody else notices it. */
#define REQUEST_TICK_MS 5

typedef struct Pace
{
	int32		event_id;
	double		per_second;		/* 0: as fast as may be */
	TimestampTz next_at;		/* up to then the time has been spent */
	bool		own_rate;		/* it is the event's own */
	bool		has_row;
	bool		ours;			/* this transaction has written it before */
	ItemPointerData tid;
} Pace;

/* Claims the requests of the event until the transaction ends; false: somebody else has them. */
extern bool pace_claim(int32 event_id, Pace *pace);

/* How many requests may be worked off now, where the first came at that time; 0: not before wake_at. */
extern int	pace_allows(const Pace *pace, TimestampTz oldest, TimestampTz now, TimestampTz *wake_at);

/* So many have been. */
extern void pace_spend(Pace *pace, int n, TimestampTz oldest, TimestampTz now);

/* The rate of an event; 0: no limit. */
extern double request_rate_of(int32 event_id);

#endif
