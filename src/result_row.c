/*
 * result_row.c: the row that a function returns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "result_row.h"
#include "store.h"

/* Row types that are found again without a search, by their number of columns. */
#define REMEMBERED 16

/* Known by its address. */
static const char row_sink_name[] = "tixbook.RowSink";

/* Those of a table's type may have been added and dropped again. */
static int
live_columns(TupleDesc type)
{
	int			n = type->natts;

	while (n > 0 && TupleDescAttr(type, n - 1)->attisdropped)
		n--;
	return n;
}

/*
 * What the function called returns: a named row type with so many columns, or
 * it is an error.  It is valid until invalidation messages are read again.  The
 * type cache keeps its entries, so the last one with as many columns is found
 * without a search.
 */
TupleDesc
result_row_type(FunctionCallInfo fcinfo, int ncolumns)
{
	static TypeCacheEntry *last[REMEMBERED] = {NULL};
	TypeCacheEntry **entry = &last[ncolumns % REMEMBERED];
	Oid			type = get_fn_expr_rettype(fcinfo->flinfo);

	if (!OidIsValid(type))
		type = get_func_rettype(fcinfo->flinfo->fn_oid);
	if (*entry == NULL || (*entry)->type_id != type || (*entry)->tupDesc == NULL)
		*entry = lookup_type_cache(type, TYPECACHE_TUPDESC);
	if ((*entry)->tupDesc == NULL || live_columns((*entry)->tupDesc) != ncolumns)
		elog(ERROR, "function %u does not return a row of %d columns", fcinfo->flinfo->fn_oid, ncolumns);
	return (*entry)->tupDesc;
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
		return HeapTupleGetDatum(store_form_tuple(result_row_type(fcinfo, ncolumns), ncolumns, values, nulls));
	memcpy(sink->values, values, ncolumns * sizeof(Datum));
	memcpy(sink->nulls, nulls, ncolumns * sizeof(bool));
	sink->filled = true;
	return (Datum) 0;
}
