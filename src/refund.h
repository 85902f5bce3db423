/*
 * Refunds: sql/refund.sql keeps them; here is what makes one due.
 */
#ifndef TIXBOOK_REFUND_H
#define TIXBOOK_REFUND_H

#include "booking.h"

/* The booking, whose row is locked, has been cancelled: what was paid for it is due, in this transaction. */
extern void refund_cancelled(const Booking *booking);

#endif
