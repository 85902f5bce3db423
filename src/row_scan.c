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
#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/execExpr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "result_row.h"
#include "row_scan.h"

/* An execution of it. */
typedef struct RowScan
{
	CustomScanState custom;
	FmgrInfo	function;
	FunctionCallInfo call;
	RowSink		sink;			/* the function's row */
	bool		called;
	bool		returned;
} RowScan;

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* The execution. */

static CustomScan *
plan_of(const RowScan *scan)
{
	return (CustomScan *) scan->custom.ss.ps.plan;
}

static FuncExpr *
function_of(const CustomScan *plan)
{
	return linitial_node(FuncExpr, plan->custom_exprs);
}

/* A constant and a parameter of the query are taken as they are: an expression's state would cost more than the call. */
static Datum
argument_value(RowScan *scan, Expr *argument, bool *isnull)
{
	ExprContext *context = scan->custom.ss.ps.ps_ExprContext;

	if (IsA(argument, Const))
	{
		*isnull = ((Const *) argument)->constisnull;
		return ((Const *) argument)->constvalue;
	}
	if (IsA(argument, Param))
	{
		Datum		value;
		ExprEvalStep step = {.resvalue = &value, .resnull = isnull};

		step.d.param.paramid = ((Param *) argument)->paramid;
		step.d.param.paramtype = ((Param *) argument)->paramtype;
		ExecEvalParamExtern(NULL, &step, context);
		return value;
	}
	return ExecEvalExpr(ExecInitExpr(argument, &scan->custom.ss.ps), context, isnull);
}

/* False: one is null, and the function does not take that. */
static bool
fill_arguments(RowScan *scan)
{
	ListCell   *cell;
	bool		complete = true;

	foreach(cell, function_of(plan_of(scan))->args)
	{
		NullableDatum *argument = &scan->call->args[foreach_current_index(cell)];

		argument->value = argument_value(scan, lfirst(cell), &argument->isnull);
		complete &= !argument->isnull;
	}
	return complete || !scan->function.fn_strict;
}

/* Raises an error where the row type is another one than it was when the query was planned. */
static void
check_row_type(const RowScan *scan, TupleDesc type)
{
	bool		same = type->natts == scan->sink.ncolumns;
	ListCell   *cell;

	foreach(cell, plan_of(scan)->custom_scan_tlist)
	{
		const Var  *column = castNode(Var, lfirst_node(TargetEntry, cell)->expr);

		same = same && TupleDescAttr(type, column->varattno - 1)->atttypid == column->vartype;
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row type of function %s has changed since the query was planned",
						get_func_name(scan->function.fn_oid)),
				 errhint("Prepare the statement again, or reconnect.")));
}

/* What a function gave that returns a tuple. */
static void
keep_tuple(RowScan *scan, Datum value)
{
	TupleDesc	type = lookup_rowtype_tupdesc(function_of(plan_of(scan))->funcresulttype, -1);
	HeapTupleData tuple = {.t_data = DatumGetHeapTupleHeader(value)};

	check_row_type(scan, type);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	heap_deform_tuple(&tuple, type, scan->sink.values, scan->sink.nulls);
	ReleaseTupleDesc(type);
}

/*
 * Calls the function: once in a query, as its arguments do not change in it.
 * The row is kept as long as the query lives.
 */
static void
call_function(RowScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(scan->custom.ss.ps.state->es_query_cxt);
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (fill_arguments(scan))
	{
		PgStat_FunctionCallUsage usage;

		pgstat_init_function_usage(scan->call, &usage);
		value = FunctionCallInvoke(scan->call);
		isnull = scan->call->isnull;
		pgstat_end_function_usage(&usage, true);
	}
	if (isnull)
		memset(scan->sink.nulls, true, scan->sink.ncolumns * sizeof(bool));
	else if (!scan->sink.filled)
		keep_tuple(scan, value);
	scan->called = true;
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
	if (!scan->called)
		call_function(scan);
	foreach(cell, plan_of(scan)->custom_scan_tlist)
	{
		int			column = castNode(Var, lfirst_node(TargetEntry, cell)->expr)->varattno - 1;

		slot->tts_values[foreach_current_index(cell)] = scan->sink.values[column];
		slot->tts_isnull[foreach_current_index(cell)] = scan->sink.nulls[column];
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

/* As ExecInitExpr() makes a call ready: who may not call the function is refused here. */
static void
begin_row_scan(CustomScanState *custom, EState *estate, int eflags)
{
	RowScan    *scan = (RowScan *) custom;
	FuncExpr   *function = function_of(plan_of(scan));
	AclResult	allowed = compat_function_aclcheck(function->funcid, GetUserId());

	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FUNCTION, get_func_name(function->funcid));
	InvokeFunctionExecuteHook(function->funcid);
	fmgr_info(function->funcid, &scan->function);
	fmgr_info_set_expr((Node *) function, &scan->function);
	row_sink_init(&scan->sink, intVal(linitial(plan_of(scan)->custom_private)));
	scan->call = palloc0(SizeForFunctionCallInfo(list_length(function->args)));
	InitFunctionCallInfoData(*scan->call, &scan->function, list_length(function->args), function->inputcollid,
							 NULL, (fmNodePtr) &scan->sink);
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
	FuncExpr   *function = function_of(plan_of((RowScan *) custom));

	ExplainPropertyText("Function", get_func_name(function->funcid), es);
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
	scan->custom_private = list_make1(makeInteger(function->funccolcount));
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

static bool
is_in_c(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		answer = HeapTupleIsValid(tuple) && ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return answer;
}

/* One of our own in C that returns one row of a named type, and whose arguments do not change in a query. */
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
		get_func_namespace(call->funcid) == get_namespace_oid("tixbook", true) && is_in_c(call->funcid) &&
		!changes_in_query(function->funcexpr, NULL);
}

/* Rows are asked for whole where they may be locked, and read again then (EvalPlanQual), which this scan cannot. */
static bool
is_asked_for_whole(const RelOptInfo *rel)
{
	Bitmapset  *attributes = NULL;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attributes);
	pull_varattnos((Node *) extract_actual_clauses(rel->baserestrictinfo, false), rel->relid, &attributes);
	return bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, attributes);
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
