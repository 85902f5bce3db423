/*
 * Calls to the fan-out server: as many at a time as its destination allows,
 * none while its breaker is open.
 */
#ifndef TIXBOOK_PUBLISH_CALL_H
#define TIXBOOK_PUBLISH_CALL_H

#include "utils/timestamp.h"

typedef enum PublishWhat
{
	PUBLISH_SEATS,
	PUBLISH_QUEUE,
	PUBLISH_BOOKINGS
} PublishWhat;

/* What a call told, and how that ended; number: of the event, or how many bookings. */
typedef struct PublishCall
{
	PublishWhat what;
	int32		number;
	bool		succeeded;
} PublishCall;

/*
 * Within the transaction of a look, first: writes down how the destination does
 * and reads how it is to be called.  Returns how many calls may begin now; with
 * none, *again_at is when some may, or DT_NOEND.
 */
extern int	publish_calls_room(TimestampTz *again_at);

/* Then, so many times at most: a call that goes out when the transaction has committed. */
extern void publish_call_begin(PublishWhat what, int32 number, const char *path, const char *body);

/* Without one: sends what has begun, and waits for answers until then or until the latch is set. */
extern void publish_calls_wait(TimestampTz until);

/* The next call that has ended; false: there is none. */
extern bool publish_call_ended(PublishCall *call);

/* The calls under way, or begun in a transaction that rolled back since this was asked. */
extern int	publish_calls_under_way(void);

#endif
