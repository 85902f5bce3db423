/*
 * Webhooks: who has subscribed is told what becomes of bookings.
 */
#ifndef TIXBOOK_WEBHOOK_H
#define TIXBOOK_WEBHOOK_H

#include "booking.h"

extern void webhook_init(void);

/*
 * The booking has come into the state it has now: writes a dispatch for each
 * subscription to that.  Where there is none it costs next to nothing.
 */
extern void webhook_booking_changed(const Booking *booking);

#endif
