/*
 * webhook.c: changes of bookings enter the outbox, one message a subscription.
 *
 * A backend keeps the subscriptions in its memory and reads them again when
 * their table has changed: where nobody subscribes, a change of a booking
 * costs one look at a flag.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "as_owner.h"
#include "dispatch.h"
#include "webhook.h"

PG_FUNCTION_INFO_V1(tixbook_subscriptions_changed);

typedef struct Subscription
{
	int32		event_id;		/* 0: every event */
	uint32		types;			/* a bit a BookingStatus */
	char	   *destination;
} Subscription;

static MemoryContext memory = NULL;
static Subscription *subscriptions = NULL;
static int	nsubscriptions = 0;
static bool outdated = true;
static Oid	watched = InvalidOid;

/* Relation cache callback: must not read the catalog, so it only notes. */
static void
relation_invalidated(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == watched)
		outdated = true;
}

void
webhook_init(void)
{
	CacheRegisterRelcacheCallback(relation_invalidated, (Datum) 0);
}

/* subscriptions_changed(): the statement trigger that tells every backend. */
Datum
tixbook_subscriptions_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("subscriptions_changed must be called as a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

static char *
type_name(BookingStatus status)
{
	return psprintf("booking.%s", booking_status_name(status));
}

static uint32
bits_of_types(Datum array)
{
	Datum	   *elements;
	int			n;
	uint32		bits = 0;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		for (int status = 0; status < BOOKING_STATUSES; status++)
			if (strcmp(TextDatumGetCString(elements[i]), type_name(status)) == 0)
				bits |= 1U << status;
	return bits;
}

/* Copies what SPI has found into the memory, which is empty. */
static void
take_subscriptions(void)
{
	MemoryContext old = MemoryContextSwitchTo(memory);

	subscriptions = palloc(Max(SPI_processed, 1) * sizeof(Subscription));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	columns = SPI_tuptable->tupdesc;
		bool		isnull;

		subscriptions[i].event_id = DatumGetInt32(SPI_getbinval(row, columns, 1, &isnull));
		subscriptions[i].types = bits_of_types(SPI_getbinval(row, columns, 2, &isnull));
		subscriptions[i].destination = TextDatumGetCString(SPI_getbinval(row, columns, 3, &isnull));
	}
	nsubscriptions = (int) SPI_processed;
	MemoryContextSwitchTo(old);
}

static void
load_subscriptions(void)
{
	AsOwner		saved;

	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "tixbook subscriptions", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(memory);
	nsubscriptions = 0;
	watched = get_relname_relid("webhook_subscription", get_namespace_oid("tixbook", false));
	/* What changes while we read makes it outdated again. */
	outdated = false;
	if (!OidIsValid(watched))
		return;
	outdated = true;
	become_owner(&saved);
	if (SPI_execute("SELECT event_id, types, destination FROM tixbook.webhook_subscription"
					" WHERE disabled_at IS NULL ORDER BY destination, event_id", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the subscriptions");
	outdated = false;
	take_subscriptions();
	become_caller(&saved);
}

static char *
message_about(const Booking *booking)
{
	StringInfoData body;
	Datum		now = TimestampTzGetDatum(GetCurrentTimestamp());
	char		timestamp[MAXDATELEN + 1];

	initStringInfo(&body);
	appendStringInfo(&body, "{\"type\": \"%s\", \"timestamp\": \"%s\", \"data\": {",
					 type_name(booking->status), JsonEncodeDateTime(timestamp, now, TIMESTAMPTZOID, NULL));
	appendStringInfo(&body, "\"booking_id\": \"%s\", \"event_id\": %d, \"status\": \"%s\", \"seats\": [",
					 booking_id_text(&booking->id), booking->event_id, booking_status_name(booking->status));
	for (int i = 0; i < booking->nseats; i++)
		appendStringInfo(&body, "%s%d", i > 0 ? ", " : "", booking->seats[i]);
	appendStringInfo(&body, "], \"amount\": " INT64_FORMAT ", \"currency\": %s}}",
					 booking->amount, json_quote(booking->currency));
	return body.data;
}

static void
tell(const Subscription *subscription, const Booking *booking)
{
	DispatchMessage message = {
		.kind = "webhook",
		.destination = subscription->destination,
		.method = "POST",
		.path = "",
		.body = message_about(booking),
		.ordering_key = booking_id_text(&booking->id),
	};
	int64		dispatch_id;

	/* Whoever is not allowed any more is not told. */
	(void) dispatch_enqueue(&message, &dispatch_id);
}

/* Sorted by destination: one that has several subscriptions to a change is told once. */
void
webhook_booking_changed(const Booking *booking)
{
	const char *told = NULL;

	if (outdated)
		load_subscriptions();
	for (int i = 0; i < nsubscriptions; i++)
	{
		const Subscription *subscription = &subscriptions[i];

		if ((subscription->event_id != 0 && subscription->event_id != booking->event_id) ||
			(subscription->types & (1U << booking->status)) == 0 ||
			(told != NULL && strcmp(told, subscription->destination) == 0))
			continue;
		told = subscription->destination;
		tell(subscription, booking);
	}
}
