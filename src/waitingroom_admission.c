/*
 * waitingroom_admission.c: who may book where the event has a waiting room.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "waitingroom.h"

/* Takes as long wherever they differ. */
static bool
same_token(const char *given, const char *wanted)
{
	size_t		length = strlen(wanted);
	unsigned char difference = strlen(given) != length;

	for (size_t i = 0; i < length && given[i] != '\0'; i++)
		difference |= given[i] ^ wanted[i];
	return !difference;
}

static bool
has_token(WaitingRoom *room, const char *customer, const char *token, TimestampTz now)
{
	Fan			fan;

	return fan_find(room, customer, &fan) && fan.has_session && fan.session_ends > now &&
		same_token(token, admission_token(room, &fan));
}

/*
 * Whether the customer, who shows the token (either may be NULL), may book now:
 * the event has no room that is open, or he is in his session and the token is
 * the one that it has.  The row of the session decides, so a token is of no use
 * once he has left.
 */
bool
waitingroom_admits(const Event *event, const char *customer, const char *token, TimestampTz now,
				   Refusal *refusal)
{
	WaitingRoom *room = event->room;

	if (room == NULL || room->closed)
		return true;
	if (token == NULL || customer == NULL)
		return refuse(refusal, REASON_ADMISSION_REQUIRED, psprintf("%d", event->event_id),
					  "{\"event_id\": %d, \"starts_at\": \"%s\"}", event->event_id,
					  timestamptz_to_str(room->starts_at));
	if (has_token(room, customer, token, now))
		return true;
	return refuse(refusal, REASON_ADMISSION_INVALID, psprintf("%d", event->event_id),
				  "{\"event_id\": %d}", event->event_id);
}

/* The customer (or NULL) has what he came for: his session ends, and the next fan gets its place. */
void
waitingroom_bought(int32 event_id, const char *customer, TimestampTz now)
{
	Event	   *event = customer == NULL ? NULL : catalog_event(event_id);
	Fan			fan;

	if (event == NULL || event->room == NULL || event->room->closed ||
		!fan_find(event->room, customer, &fan) || !fan.has_session || fan.session_ends <= now)
		return;
	fan_end_session(event->room, &fan, now);
}
