/* The row that a function returns, where its type is one of the extension's own. */
#ifndef TIXBOOK_RESULT_ROW_H
#define TIXBOOK_RESULT_ROW_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "nodes/extensible.h"

/*
 * Where a caller wants the columns rather than a tuple of them; it stands in
 * the resultinfo of the call.  A function that does not know of it returns a
 * tuple as ever.
 */
typedef struct RowSink
{
	ExtensibleNode node;
	int			ncolumns;
	Datum	   *values;
	bool	   *nulls;
	bool		filled;
} RowSink;

extern void row_sink_init(RowSink *sink, int ncolumns);
extern TupleDesc result_row_type(FunctionCallInfo fcinfo, int ncolumns);
extern Datum result_row(FunctionCallInfo fcinfo, int ncolumns, const Datum *values, const bool *nulls);

#endif
