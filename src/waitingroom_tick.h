/* What a tick asks and tells by SQL, beside the pointer's own row. */
#ifndef TIXBOOK_WAITINGROOM_TICK_H
#define TIXBOOK_WAITINGROOM_TICK_H

#include "waitingroom.h"

/* The events whose rooms are not closed, in the current memory context; returns how many. */
extern int	tick_open_rooms(int32 **event_ids);

/* Fixes who takes part in the draw, and makes the pointer; without a beacon the seed is public from now. */
extern void tick_start(const WaitingRoom *room, TimestampTz at);

extern int64 tick_free_seats(int32 event_id);
extern bool tick_on_sale(const Event *event, TimestampTz at);

/* Which share of its pace a room may use, from 0 to 1: less while booking requests queue up. */
extern double tick_share(int32 event_id);

/* Where the queue is, as a JSON object; without a pointer, how many have joined. */
extern char *tick_queue_text(const WaitingRoom *room, const QueuePointer *pointer);

/* Tells listeners what has changed; without a pointer, how many have joined. */
extern void tick_tell(const WaitingRoom *room, const QueuePointer *pointer, int64 free_seats);

#endif
