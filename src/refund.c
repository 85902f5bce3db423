/*
 * refund.c: what a cancelled booking was paid with becomes due, whoever cancels it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "as_owner.h"
#include "refund.h"

static SPIPlanPtr
refund_plan(void)
{
	static SPIPlanPtr plan = NULL;

	if (plan == NULL)
	{
		Oid			types[] = {INT4OID, TEXTOID};

		plan = SPI_prepare("SELECT tixbook.refund_cancelled($1, $2)", lengthof(types), types);
		if (plan == NULL)
			elog(ERROR, "could not prepare a refund");
		SPI_keepplan(plan);
	}
	return plan;
}

/* A reference that is of no provider of ours was given to confirm(), by who took the money himself. */
void
refund_cancelled(const Booking *booking)
{
	Datum		values[2];
	AsOwner		saved;

	if (booking->payment_reference == NULL || strchr(booking->payment_reference, ':') == NULL)
		return;
	values[0] = Int32GetDatum(booking->event_id);
	values[1] = CStringGetTextDatum(booking->payment_reference);
	become_owner(&saved);
	if (SPI_execute_plan(refund_plan(), values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not make a refund due");
	become_caller(&saved);
}
