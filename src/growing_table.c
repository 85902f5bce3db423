/*
 * growing_table.c: plans that stay good while a sale fills the tables.
 *
 * A session keeps the plans of the statements in functions, and PostgreSQL makes them for tables as they are then.
 * After some purchases to try the shop out, a table of a few pages is best read whole; a minute into the sale it has
 * a hundred thousand rows, and each call reads them all, until autovacuum analyzes the table.  So the tables that
 * grow with a sale are planned for as if they had grown.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "optimizer/plancat.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "growing_table.h"

/* So many that a row is looked up by an index; so few that a plan is not thought to be worth parallel workers or JIT. */
#define GROWN_PAGES 100
#define GROWN_TUPLES 10000

/* By name. */
static const char *const growing_tables[] = {
	"account",
	"booking",
	"booking_history",
	"dispatch",
	"idempotency_key",
	"log_in_failure",
	"payment",
	"payment_event",
	"refund",
	"request",
	"seat_block",
	"ticket",
	"ticket_void",
	"waiting_room_entry",
	"waiting_room_session",
};

static get_relation_info_hook_type next_relation_info_hook = NULL;
static get_relation_stats_hook_type next_relation_stats_hook = NULL;

static int
compare_names(const void *key, const void *name)
{
	return strcmp(key, *(const char *const *) name);
}

/* Whether it is one of them, and how many rows it had when it was last analyzed. */
static bool
is_growing(Oid relid, float4 *tuples)
{
	HeapTuple	tuple;
	Form_pg_class relation;
	bool		growing;

	if (relid < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return false;
	relation = (Form_pg_class) GETSTRUCT(tuple);
	*tuples = relation->reltuples;
	growing = relation->relkind == RELKIND_RELATION &&
		bsearch(NameStr(relation->relname), growing_tables, lengthof(growing_tables),
				sizeof(growing_tables[0]), compare_names) != NULL &&
		relation->relnamespace == get_namespace_oid("tixbook", true);
	ReleaseSysCache(tuple);
	return growing;
}

static void
plan_as_grown(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	float4		tuples;

	if (next_relation_info_hook != NULL)
		next_relation_info_hook(root, relid, inhparent, rel);
	if ((rel->pages >= GROWN_PAGES && rel->tuples >= GROWN_TUPLES) || !is_growing(relid, &tuples))
		return;
	rel->pages = Max(rel->pages, GROWN_PAGES);
	rel->tuples = Max(rel->tuples, GROWN_TUPLES);
}

/* Whether there are as many values as ever, however many rows: not so where each row has another, or nearly. */
static bool
has_few_values(Oid relid, AttrNumber column)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(column),
										BoolGetDatum(false));
	bool		few;

	if (!HeapTupleIsValid(tuple))
		return false;
	few = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct >= 0;
	ReleaseSysCache(tuple);
	return few;
}

/* What few rows have in common, one customer say, tells nothing of many. */
static bool
hide_statistics_of_few(PlannerInfo *root, RangeTblEntry *rte, AttrNumber column, VariableStatData *variable)
{
	float4		tuples;

	if (next_relation_stats_hook != NULL && next_relation_stats_hook(root, rte, column, variable))
		return true;
	return rte->rtekind == RTE_RELATION && is_growing(rte->relid, &tuples) && tuples < GROWN_TUPLES &&
		has_few_values(rte->relid, column);
}

void
growing_table_init(void)
{
	next_relation_info_hook = get_relation_info_hook;
	get_relation_info_hook = plan_as_grown;
	next_relation_stats_hook = get_relation_stats_hook;
	get_relation_stats_hook = hide_statistics_of_few;
}
