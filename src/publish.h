/*
 * Publishing: what changes is told as it changes, to SQL listeners by NOTIFY
 * and to browsers by the fan-out server that the destination realtime names.
 *
 * Who commits notes in shared memory what is to be told, and nothing else; a
 * worker tells it, once an event and tick.  What is told repeats the rows, so
 * it needs no durability: what is lost is told with the next.
 */
#ifndef TIXBOOK_PUBLISH_H
#define TIXBOOK_PUBLISH_H

#include "booking.h"
#include "catalog.h"

/* To whom: bits of tixbook.publish. */
#define PUBLISH_NOTIFY		1
#define PUBLISH_REALTIME	2

#define AVAILABILITY_CHANNEL "availability.update"

/* What tixbook.publish says, and whether it says anything; both stay put where the library is not preloaded. */
extern int	tixbook_publish;
extern bool publish_is_on;

/* publish_shared.c: for who commits. */
extern void publish_shmem_init(void);
extern void publish_set(int value, void *extra);

/*
 * Seats of the event (0: of any) have changed.  From the callback of a commit,
 * once the change can be seen: fails and allocates nothing.
 */
extern void publish_seats_changed(Oid database, int32 event_id);

/* The current transaction moves the queue of the event, or confirms or ends a booking: told when it has committed. */
extern void publish_queue_moved(int32 event_id);
extern void publish_booking_changed(const Booking *booking);

/* publish_shared.c: for the worker. */
typedef struct ChangedEvent
{
	int32		event_id;
	bool		queue;			/* its queue has moved; else its seats have changed */
} ChangedEvent;

typedef struct ChangedBooking
{
	pg_uuid_t	id;
	Oid			database;
	BookingStatus status;
	TimestampTz at;
} ChangedBooking;

#define CHANGED_EVENTS 1024

extern int	publish_take_events(ChangedEvent *into, bool *some_missed);
extern int	publish_take_bookings(ChangedBooking *into, int room, int64 *missed);

/* publish_message.c: what is told of an event's seats; all zero: nothing yet. */
typedef struct SeatsTold
{
	uint64		version;		/* 0: what is told next is everything */
	int			parts;			/* told since everything was */
	int			ntotals;
	int32	   *totals;			/* free, by section and category; in TopMemoryContext */
} SeatsTold;

extern char *publish_seats_message(const Event *event, EventMap *map, SeatsTold *told);
extern char *publish_look_message(int32 event_id);
extern char *publish_queue_message(int32 event_id);
extern char *publish_booking_message(BookingStatus status);

#endif
