/*
 * as_owner.c: for a while, the owner of the tables instead of the caller.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "as_owner.h"
#include "store.h"

/* Until the nest level ends. */
static void
set_for_now(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
become_owner(AsOwner *saved)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(store_table_oid(STORE_BOOKING)));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for tixbook.booking");
	GetUserIdAndSecContext(&saved->user, &saved->context);
	SetUserIdAndSecContext(((Form_pg_class) GETSTRUCT(tuple))->relowner,
						   saved->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	ReleaseSysCache(tuple);
	saved->settings = NewGUCNestLevel();
	set_for_now("search_path", "pg_catalog, pg_temp");
	/* Rows are asked for by a key: statistics that are out of date must not have a table read whole, nor code made. */
	set_for_now("enable_seqscan", "off");
	set_for_now("jit", "off");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* What made us load must be visible to the loading, not only to the next. */
	PushActiveSnapshot(GetLatestSnapshot());
}

void
become_caller(const AsOwner *saved)
{
	PopActiveSnapshot();
	SPI_finish();
	AtEOXact_GUC(true, saved->settings);
	SetUserIdAndSecContext(saved->user, saved->context);
}
