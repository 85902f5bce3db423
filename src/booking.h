/*
 * Bookings: the row, the states and how one becomes another.
 */
#ifndef TIXBOOK_BOOKING_H
#define TIXBOOK_BOOKING_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/uuid.h"

#include "bounded_wait.h"
#include "errors.h"
#include "store.h"

typedef enum BookingStatus
{
	BOOKING_HELD,
	BOOKING_PAYING,
	BOOKING_CONFIRMED,
	BOOKING_RELEASED,
	BOOKING_EXPIRED,
	BOOKING_CANCELLED,
	BOOKING_STATUSES
} BookingStatus;

typedef struct Booking
{
	pg_uuid_t	id;
	TimestampTz created_at;
	TimestampTz expires_at;
	TimestampTz confirmed_at;	/* 0: never */
	int64		amount;
	int32		event_id;
	BookingStatus status;
	bool		adjacent;
	int32		nseats;
	int32	   *seats;			/* seat_index, ascending */
	char	   *currency;
	char	   *customer;		/* or NULL */
	char	   *payment_reference;	/* or NULL */
	ItemPointerData tid;
	bool		locked;			/* by this transaction: nobody else can change it */
} Booking;

/* The bookings that an index finds, opened for one call. */
typedef struct Bookings
{
	Store		store;
	StoreScan	scan;
	bool		raced;			/* a booking was not written: somebody else was faster */
} Bookings;

extern void booking_new_id(pg_uuid_t *id, int32 event_id, TimestampTz now);
extern bool booking_event_of(const pg_uuid_t *id, int32 *event_id);
extern char *booking_id_text(const pg_uuid_t *id);
extern const char *booking_status_name(BookingStatus status);
extern Datum booking_status_datum(BookingStatus status);
extern Datum seats_datum(const int32 *seats, int32 nseats);

extern void bookings_open(Bookings *bookings, StoreIndex index);
extern void bookings_close(Bookings *bookings);
extern bool booking_earliest_end(int32 event_id, TimestampTz from, TimestampTz by, TimestampTz *end);
extern void booking_insert(Bookings *bookings, Booking *booking);
extern void booking_found(Bookings *bookings, Booking *booking);
extern bool booking_lock_found(Bookings *bookings, Booking *booking);
extern bool booking_to_change(Bookings *bookings, Booking *booking);
extern bool booking_write(Bookings *bookings, Booking *booking);
extern Datum booking_datum(FunctionCallInfo fcinfo, const Booking *booking);

/* A hold that still keeps its seats: at its instant it ends, swept or not. */
static inline bool
booking_is_live_hold(const Booking *booking, TimestampTz now)
{
	return (booking->status == BOOKING_HELD || booking->status == BOOKING_PAYING) &&
		booking->expires_at > now;
}

static inline bool
booking_is_due(const Booking *booking, TimestampTz now)
{
	return (booking->status == BOOKING_HELD || booking->status == BOOKING_PAYING) &&
		booking->expires_at <= now;
}

/* booking.c: for whom the row of a booking is to change under its lock */
extern bool booking_lock(Bookings *bookings, const pg_uuid_t *id, Booking *booking,
						 BoundedWait *wait, Refusal *refusal);
extern bool booking_confirm(Bookings *bookings, Booking *booking, const char *reference,
							BoundedWait *wait, Refusal *refusal);
extern bool booking_give_back(const Booking *booking, Refusal *refusal);

/* booking_state.c */
extern bool booking_change(Bookings *bookings, Booking *booking, BookingStatus to,
						   const char *reason, Refusal *refusal);
extern bool booking_is_busy(const Booking *booking, Refusal *refusal);

#endif
