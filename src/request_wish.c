/*
 * request_wish.c: what a request asks for.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "requests.h"

/* Seats that the event does not have are refused. */
static bool
check_seats(const Event *event, const int32 *seats, int32 nseats, Refusal *refusal)
{
	int32	   *unknown = palloc(Max(nseats, 1) * sizeof(int32));
	int32		nunknown = 0;

	for (int32 i = 0; i < nseats; i++)
		if (seats[i] < 0 || seats[i] >= event->capacity)
			unknown[nunknown++] = seats[i];
	return nunknown == 0 ||
		inventory_refuse_seats(event, REASON_SEAT_NOT_FOUND, unknown, nunknown, refusal);
}

/* The reservation that fulfils the request, by itself and without a key. */
bool
request_wish(const Request *request, Event *event, Reservation *reservation, Refusal *refusal)
{
	memset(reservation, 0, sizeof(Reservation));
	reservation->event = event;
	reservation->operation = "submit_request";
	if (!reservation_scope(reservation, request->section, request->category, refusal))
		return false;
	reservation->wish.quantity = request->quantity;
	reservation->wish.accessible = request->accessible;
	reservation->wish.together = request->together;
	reservation->seats = request->seats;
	reservation->customer = request->customer;
	reservation->hold_for = request->hold_for;
	reservation->now = GetCurrentTimestamp();
	return request->seats == NULL ||
		check_seats(event, request->seats, request->quantity, refusal);
}
