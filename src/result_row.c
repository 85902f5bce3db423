/*
 * result_row.c: the row that a function returns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "result_row.h"

/* Known by its address. */
static const char row_sink_name[] = "tixbook.RowSink";

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

void
row_sink_init(RowSink *sink, int ncolumns)
{
	*sink = (RowSink)
	{
		.node = {.type = T_ExtensibleNode, .extnodename = row_sink_name},
		.ncolumns = ncolumns,
		.values = palloc(ncolumns * sizeof(Datum)),
		.nulls = palloc(ncolumns * sizeof(bool)),
	};
}

/* NULL: the caller of the function wants a tuple. */
static RowSink *
row_sink(FunctionCallInfo fcinfo, int ncolumns)
{
	RowSink    *sink = (RowSink *) fcinfo->resultinfo;

	if (sink == NULL || !IsA(sink, ExtensibleNode) || sink->node.extnodename != row_sink_name)
		return NULL;
	return sink->ncolumns == ncolumns ? sink : NULL;
}

/* The function's result, of values that live as long as the memory they are made in here: none may be on the stack. */
Datum
result_row(FunctionCallInfo fcinfo, int ncolumns, const Datum *values, const bool *nulls)
{
	RowSink    *sink = row_sink(fcinfo, ncolumns);

	if (sink == NULL)
		return HeapTupleGetDatum(heap_form_tuple(result_row_type(fcinfo, ncolumns),
												 unconstify(Datum *, values), unconstify(bool *, nulls)));
	memcpy(sink->values, values, ncolumns * sizeof(Datum));
	memcpy(sink->nulls, nulls, ncolumns * sizeof(bool));
	sink->filled = true;
	return (Datum) 0;
}
