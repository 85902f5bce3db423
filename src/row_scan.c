/*
 * row_scan.c: one row from a function in FROM, without a tuplestore.
 *
 * PostgreSQL's scan of a function keeps its result in a tuplestore, as a set
 * needs it.  For the one row of a function that only looks into shared memory,
 * and that everybody asks for during an on-sale, making one costs a quarter of
 * the rate.  This scan calls the function and hands its columns on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "row_scan.h"

/* An execution of it. */
typedef struct RowScan
{
	CustomScanState custom;
	ExprState  *call;
	List	   *columns;		/* of the function's row, as Vars in target entries; in the order of the scan's slot */
	Datum	   *values;			/* of the function's row; NULL: not called yet */
	bool	   *nulls;
	bool		returned;
} RowScan;

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* The execution. */

/* The row type of the function, as it was when the query was planned; valid until invalidation messages are read again. */
static TupleDesc
row_type(const RowScan *scan)
{
	Oid			type_id = exprType((Node *) scan->call->expr);
	TupleDesc	type = lookup_type_cache(type_id, TYPECACHE_TUPDESC)->tupDesc;
	ListCell   *cell;

	foreach(cell, scan->columns)
	{
		const Var  *column = castNode(Var, lfirst_node(TargetEntry, cell)->expr);

		if (column->varattno > type->natts ||
			TupleDescAttr(type, column->varattno - 1)->atttypid != column->vartype)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type %s has changed since the query was planned", format_type_be(type_id)),
					 errhint("Plan it again.")));
	}
	return type;
}

/*
 * Calls the function: once in a query, as its arguments do not change in it.
 * The row is kept as long as the query lives.
 */
static void
call_function(RowScan *scan)
{
	ScanState  *ss = &scan->custom.ss;
	MemoryContext caller = MemoryContextSwitchTo(ss->ps.state->es_query_cxt);
	bool		isnull;
	Datum		value = ExecEvalExpr(scan->call, ss->ps.ps_ExprContext, &isnull);
	TupleDesc	type = row_type(scan);

	scan->values = palloc0(type->natts * sizeof(Datum));
	scan->nulls = palloc(type->natts * sizeof(bool));
	if (isnull)
		memset(scan->nulls, true, type->natts * sizeof(bool));
	else
	{
		HeapTupleData row = {0};

		row.t_data = DatumGetHeapTupleHeader(value);
		row.t_len = HeapTupleHeaderGetDatumLength(row.t_data);
		heap_deform_tuple(&row, type, scan->values, scan->nulls);
	}
	MemoryContextSwitchTo(caller);
}

static TupleTableSlot *
next_row(ScanState *ss)
{
	RowScan    *scan = (RowScan *) ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;
	ListCell   *cell;

	ExecClearTuple(slot);
	if (scan->returned)
		return slot;
	if (scan->values == NULL)
		call_function(scan);
	foreach(cell, scan->columns)
	{
		int			column = castNode(Var, lfirst_node(TargetEntry, cell)->expr)->varattno - 1;

		slot->tts_values[foreach_current_index(cell)] = scan->values[column];
		slot->tts_isnull[foreach_current_index(cell)] = scan->nulls[column];
	}
	scan->returned = true;
	return ExecStoreVirtualTuple(slot);
}

/* No row is locked or changed where this scan is used. */
static bool
recheck_row(ScanState *ss, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
exec_row_scan(CustomScanState *custom)
{
	return ExecScan(&custom->ss, next_row, recheck_row);
}

static void
begin_row_scan(CustomScanState *custom, EState *estate, int eflags)
{
	RowScan    *scan = (RowScan *) custom;
	CustomScan *plan = (CustomScan *) custom->ss.ps.plan;

	scan->call = ExecInitExpr(linitial_node(Expr, plan->custom_exprs), &custom->ss.ps);
	scan->columns = plan->custom_scan_tlist;
}

static void
end_row_scan(CustomScanState *custom)
{
}

static void
rescan_row(CustomScanState *custom)
{
	((RowScan *) custom)->returned = false;
	ExecScanReScan(&custom->ss);
}

static void
explain_row_scan(CustomScanState *custom, List *ancestors, ExplainState *es)
{
	FuncExpr   *call = linitial_node(FuncExpr, ((CustomScan *) custom->ss.ps.plan)->custom_exprs);

	ExplainPropertyText("Function", get_func_name(call->funcid), es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "row of a function",
	.BeginCustomScan = begin_row_scan,
	.ExecCustomScan = exec_row_scan,
	.EndCustomScan = end_row_scan,
	.ReScanCustomScan = rescan_row,
	.ExplainCustomScan = explain_row_scan,
};

static Node *
create_row_scan(CustomScan *plan)
{
	RowScan    *scan = (RowScan *) newNode(sizeof(RowScan), T_CustomScanState);

	scan->custom.methods = &exec_methods;
	return (Node *) scan;
}

/* The plan. */

static const CustomScanMethods scan_methods = {
	.CustomName = "row of a function",
	.CreateCustomScanState = create_row_scan,
};

/* The columns of the relation that stand in expressions, in their order, as target entries. */
static List *
columns_in(const RelOptInfo *rel, List *expressions)
{
	Var		  **by_number = palloc0((rel->max_attr + 1) * sizeof(Var *));
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, pull_var_clause((Node *) expressions, PVC_RECURSE_PLACEHOLDERS))
		by_number[lfirst_node(Var, cell)->varattno] = lfirst(cell);
	for (int i = 1; i <= rel->max_attr; i++)
		if (by_number[i] != NULL)
			columns = lappend(columns, makeTargetEntry((Expr *) copyObject(by_number[i]), list_length(columns) + 1, NULL, false));
	return columns;
}

static Plan *
plan_row_scan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	RangeTblFunction *function = linitial_node(RangeTblFunction, planner_rt_fetch(rel->relid, root)->functions);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	scan->custom_exprs = list_make1(function->funcexpr);
	scan->custom_scan_tlist = columns_in(rel, list_concat_copy(rel->reltarget->exprs, scan->scan.plan.qual));
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "row of a function",
	.PlanCustomPath = plan_row_scan,
};

/* Whether an expression may have another value when the scan is begun anew. */
static bool
changes_in_query(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) || IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	if (IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN)
		return true;
	return expression_tree_walker(node, changes_in_query, context);
}

/* One of ours that returns one row of a named type, whose arguments do not change in a query. */
static bool
is_row_function(const RangeTblEntry *rte)
{
	const RangeTblFunction *function;
	const FuncExpr *call;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality || list_length(rte->functions) != 1)
		return false;
	function = linitial_node(RangeTblFunction, rte->functions);
	call = (const FuncExpr *) function->funcexpr;
	return IsA(call, FuncExpr) && !call->funcretset && OidIsValid(get_typ_typrelid(call->funcresulttype)) &&
		get_func_namespace(call->funcid) == get_namespace_oid("tixbook", true) &&
		!changes_in_query(function->funcexpr, NULL);
}

/* Rows are asked for whole where they may be locked, and read again then (EvalPlanQual), which this scan cannot. */
static bool
is_asked_for_whole(const RelOptInfo *rel)
{
	return !bms_is_empty(rel->attr_needed[InvalidAttrNumber - rel->min_attr]);
}

static void
add_row_scan(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CustomPath *path;

	if (next_pathlist_hook != NULL)
		next_pathlist_hook(root, rel, rti, rte);
	if (!is_row_function(rte) || is_asked_for_whole(rel) || list_length(rel->pathlist) != 1)
		return;
	path = makeNode(CustomPath);
	path->path = *linitial_node(Path, rel->pathlist);
	path->path.type = T_CustomPath;
	path->path.pathtype = T_CustomScan;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &path_methods;
	rel->pathlist = list_make1(path);
}

void
row_scan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_row_scan;
}
