/*
 * dispatch_purge.c: dead letters go when nobody has sent them again for long.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "as_owner.h"
#include "dispatch.h"
#include "purge_due.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(tixbook_purge_dead_letters);

static bool
kept_for_ever(void)
{
	return tixbook_dead_letter_ttl < 0 || !purge_has("dispatch_dead_ended_idx");
}

/*
 * Deletes up to batch dead letters whose time is over, in the current
 * transaction, and returns how many; those that others have locked are left.
 */
int
dead_letters_purge(int batch)
{
	Oid			types[] = {INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(tixbook_dead_letter_ttl), Int32GetDatum(batch)};
	AsOwner		saved;
	int			purged;

	if (kept_for_ever())
		return 0;
	become_owner(&saved);
	if (SPI_execute_with_args("DELETE FROM tixbook.dispatch m WHERE m.dispatch_id = ANY (ARRAY("
							  "SELECT o.dispatch_id FROM tixbook.dispatch o WHERE o.state = 'dead'"
							  " AND o.ended_at <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)"
							  " ORDER BY o.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
							  2, types, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not purge dead letters");
	purged = (int) SPI_processed;
	become_caller(&saved);
	return purged;
}

/* When the next dead letter's time is over; false: there is none. */
bool
dead_letters_next_purge(TimestampTz *due)
{
	static SPIPlanPtr plan = NULL;

	if (kept_for_ever())
		return false;
	return purge_ask(&plan, "SELECT min(m.ended_at) FROM tixbook.dispatch m WHERE m.state = 'dead'",
					 tixbook_dead_letter_ttl, due);
}

/* purge_dead_letters(batch integer) → integer */
Datum
tixbook_purge_dead_letters(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("tixbook.purge_dead_letters()");
	PG_RETURN_INT32(dead_letters_purge(argument_batch(fcinfo, 0)));
}
