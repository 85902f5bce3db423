/* The set seats of a map as rows, and how many the planner should expect. */
#include "postgres.h"

#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"

#include "seatmap.h"

typedef struct SeatmapScan
{
	Seatmap    *map;
	int32		next;
} SeatmapScan;

static SeatmapScan *
begin_scan(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	MemoryContext old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	SeatmapScan *scan = palloc(sizeof(SeatmapScan));

	/* a detoasted copy must live as long as the scan */
	scan->map = PG_GETARG_SEATMAP(0);
	scan->next = 0;
	MemoryContextSwitchTo(old);
	return scan;
}

PG_FUNCTION_INFO_V1(seatmap_unnest);
Datum
seatmap_unnest(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	SeatmapScan *scan;
	int32		seat;

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		context->user_fctx = begin_scan(fcinfo, context);
	}
	context = SRF_PERCALL_SETUP();
	scan = context->user_fctx;
	seat = seatmap_next_set(scan->map, scan->next);
	if (seat < 0)
		SRF_RETURN_DONE(context);
	scan->next = seat + 1;
	SRF_RETURN_NEXT(context, Int32GetDatum(seat));
}

/* Exact for a map known at plan time, else the function's ROWS. */
PG_FUNCTION_INFO_V1(seatmap_unnest_support);
Datum
seatmap_unnest_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Node	   *map;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	map = estimate_expression_value(rows->root, linitial(((FuncExpr *) rows->node)->args));
	if (!IsA(map, Const))
		PG_RETURN_POINTER(NULL);
	rows->rows = 0;
	if (!((Const *) map)->constisnull)
		rows->rows = seatmap_cardinality(DatumGetSeatmap(((Const *) map)->constvalue));
	PG_RETURN_POINTER(request);
}
