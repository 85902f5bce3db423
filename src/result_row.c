/*
 * result_row.c: the row that a function returns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "result_row.h"

/*
 * What the function called returns: a named row type with so many columns, or
 * it is an error.  It is valid until invalidation messages are read again.  The
 * type cache keeps its entries, so the last one is found without a search.
 */
TupleDesc
result_row_type(FunctionCallInfo fcinfo, int ncolumns)
{
	static TypeCacheEntry *last = NULL;
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);

	if (!OidIsValid(type))
		type = get_func_rettype(fcinfo->flinfo->fn_oid);
	if (last == NULL || last->type_id != type || last->tupDesc == NULL)
		last = lookup_type_cache(type, TYPECACHE_TUPDESC);
	if (last->tupDesc == NULL || last->tupDesc->natts != ncolumns)
		elog(ERROR, "function %u does not return a row of %d columns", fcinfo->flinfo->fn_oid, ncolumns);
	return last->tupDesc;
}

Datum
result_row(FunctionCallInfo fcinfo, int ncolumns, const Datum *values, const bool *nulls)
{
	return HeapTupleGetDatum(heap_form_tuple(result_row_type(fcinfo, ncolumns),
											 unconstify(Datum *, values), unconstify(bool *, nulls)));
}
