/* The row that a function returns, where its type is one of the extension's own. */
#ifndef TIXBOOK_RESULT_ROW_H
#define TIXBOOK_RESULT_ROW_H

#include "access/tupdesc.h"
#include "fmgr.h"

extern TupleDesc result_row_type(FunctionCallInfo fcinfo, int ncolumns);
extern Datum result_row(FunctionCallInfo fcinfo, int ncolumns, const Datum *values, const bool *nulls);

#endif
