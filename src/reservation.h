/*
 * Reservations: how a hold is made, whoever asks for it.
 */
#ifndef TIXBOOK_RESERVATION_H
#define TIXBOOK_RESERVATION_H

#include "booking.h"
#include "catalog.h"
#include "inventory.h"

/* A wish for a hold: the best seats, or named ones. */
typedef struct Reservation
{
	Event	   *event;
	Wish		wish;
	const int32 *seats;			/* named seats, ascending; NULL: the best */
	char	   *customer;		/* or NULL */
	Interval   *hold_for;		/* or NULL */
	char	   *key;			/* or NULL */
	const char *operation;
	char	   *parameters;		/* their canonical text, where there is a key */
	const char *admission;		/* the token that lets the customer book, or NULL */
	bool		admitted;		/* it was looked at already, when the wish was made */
	struct ReservationBatch *batch; /* in which it is made; NULL: by itself */
	bool		patient;		/* in a batch: would rather come back than be split */
	TimestampTz now;
} Reservation;

/* What a wish is made of, checked; false: refused. */
extern bool reservation_customer(const char *customer, Refusal *refusal);
extern bool reservation_scope(Reservation *reservation, const char *section, const char *category,
							  Refusal *refusal);
extern bool reservation_check(const Reservation *reservation, TimestampTz *expires_at,
							  Refusal *refusal);

/*
 * Makes the hold, or gives the answer that its key has had before; fills in
 * what a hold shows of its booking.  False: refused, and the transaction
 * should not commit; but in a batch it has left nothing, so the batch goes on.
 */
extern bool reservation_make(const Reservation *reservation, Booking *booking, Refusal *refusal);

/* Takes the seats, for who has checked the rest (reservation_take.c). */
extern bool reservation_take(const Reservation *reservation, Take *taken, Refusal *refusal);

#endif
