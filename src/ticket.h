/* Tickets: a seat of a confirmed booking, with its secret. */
#ifndef TIXBOOK_TICKET_H
#define TIXBOOK_TICKET_H

#include "booking.h"

/* Both in the transaction that changes the booking, whose row it has locked. */
extern void tickets_issue(const Booking *booking);
extern void tickets_void(const Booking *booking);

#endif
