/*
 * What purges ask by SQL: rows that are not on the way of a sale.
 */
#ifndef TIXBOOK_PURGE_DUE_H
#define TIXBOOK_PURGE_DUE_H

#include "datatype/timestamp.h"
#include "executor/spi.h"

/* Whether the SQL objects are new enough to have that relation: an extension may not be updated yet. */
extern bool purge_has(const char *relation);

/*
 * Asks the query for the instant when something was over, and adds ttl
 * seconds; false: it is null.  plan keeps the query from call to call.
 */
extern bool purge_ask(SPIPlanPtr *plan, const char *query, int ttl, TimestampTz *due);

#endif
