/*
 * purge_due.c: when something is due to be purged, asked by SQL.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "purge_due.h"

bool
purge_has(const char *relation)
{
	return OidIsValid(get_relname_relid(relation, get_namespace_oid("tixbook", true)));
}

bool
purge_ask(SPIPlanPtr *plan, const char *query, int ttl, TimestampTz *due)
{
	bool		isnull;
	Datum		value;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (*plan == NULL)
	{
		*plan = SPI_prepare(query, 0, NULL);
		if (*plan == NULL)
			elog(ERROR, "could not prepare: %s", query);
		SPI_keepplan(*plan);
	}
	if (SPI_execute_plan(*plan, NULL, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "query failed: %s", query);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		*due = DatumGetTimestampTz(value);
	/* An instant without an end stays one. */
	if (!isnull && !TIMESTAMP_NOT_FINITE(*due))
		*due += (int64) ttl * USECS_PER_SEC;
	SPI_finish();
	return !isnull;
}
