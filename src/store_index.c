/*
 * store_index.c: the index entries of a row that is written.
 *
 * The executor would open every index of the table, evaluate each predicate
 * and take the columns out of a slot.  Here it is remembered which columns an
 * index has and which rows it covers, so that an index without an entry for
 * the row is not even opened.  That is understood of plain B-tree indexes over
 * columns, without a predicate or with one that asks whether a column is null
 * or has one of some enum values; whatever else a DBA may add to a table goes
 * the executor's way.
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "store_index.h"

/* Which rows an index covers. */
typedef enum Coverage
{
	COVERS_ALL,
	COVERS_NOT_NULL,			/* those with a value in the column */
	COVERS_ONE_OF				/* those with one of the enum values in it */
} Coverage;

typedef struct PlannedIndex
{
	Oid			oid;
	IndexInfo  *info;
	bool		plain;			/* else it is left to the executor */
	Coverage	coverage;
	int			column;			/* position among the row's values */
	int			nvalues;
	Oid		   *values;
} PlannedIndex;

/*
 * What it takes to write the entries of a table.  To find that out costs more
 * than to write them.  It changes when an index comes, goes, or becomes ready
 * to be written (CREATE INDEX CONCURRENTLY), which the relation cache tells.
 */
typedef struct IndexPlan
{
	MemoryContext context;
	Oid			table;
	bool		complete;
	bool		outdated;
	bool		all_plain;
	int			n;
	PlannedIndex *indexes;
} IndexPlan;

typedef struct IndexWriter
{
	Relation	rel;
	const IndexPlan *plan;
	ResultRelInfo *others;		/* the indexes left to the executor; NULL until needed */
	EState	   *estate;
	Relation	open[FLEXIBLE_ARRAY_MEMBER];	/* NULL: not needed so far */
} IndexWriter;

static IndexPlan *plans[STORE_TABLES];

void
index_plans_outdated(Oid relid)
{
	for (int table = 0; table < STORE_TABLES; table++)
	{
		IndexPlan  *plan = plans[table];

		if (plan == NULL)
			continue;
		plan->outdated |= !OidIsValid(relid) || relid == plan->table;
		for (int i = 0; i < plan->n && !plan->outdated; i++)
			plan->outdated = plan->indexes[i].oid == relid;
	}
}

/* Understands column IS NOT NULL. */
static bool
understand_null_test(const NullTest *test, PlannedIndex *index)
{
	if (test->nulltesttype != IS_NOT_NULL || test->argisrow || !IsA(test->arg, Var))
		return false;
	index->coverage = COVERS_NOT_NULL;
	index->column = castNode(Var, test->arg)->varattno - 1;
	return index->column >= 0;
}

/* Understands column = ANY (enum values), which is what IN becomes. */
static bool
understand_one_of(const ScalarArrayOpExpr *test, PlannedIndex *index)
{
	Const	   *list = lsecond(test->args);
	ArrayType  *array;

	if (!test->useOr || get_opcode(test->opno) != F_ENUM_EQ || !IsA(linitial(test->args), Var) ||
		!IsA(list, Const) || list->constisnull)
		return false;
	array = DatumGetArrayTypePCopy(list->constvalue);
	if (ARR_HASNULL(array))
		return false;
	index->coverage = COVERS_ONE_OF;
	index->column = linitial_node(Var, test->args)->varattno - 1;
	index->nvalues = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	index->values = (Oid *) ARR_DATA_PTR(array);
	return index->column >= 0;
}

static bool
understand_predicate(PlannedIndex *index)
{
	Node	   *predicate;

	index->coverage = COVERS_ALL;
	if (index->info->ii_Predicate == NIL)
		return true;
	if (list_length(index->info->ii_Predicate) != 1)
		return false;
	predicate = linitial(index->info->ii_Predicate);
	if (IsA(predicate, NullTest))
		return understand_null_test((NullTest *) predicate, index);
	return IsA(predicate, ScalarArrayOpExpr) &&
		understand_one_of((ScalarArrayOpExpr *) predicate, index);
}

static bool
is_plain(PlannedIndex *index)
{
	const IndexInfo *info = index->info;

	if (info->ii_Am != BTREE_AM_OID || info->ii_Expressions != NIL ||
		info->ii_ExclusionOps != NULL)
		return false;
	for (int i = 0; i < info->ii_NumIndexAttrs; i++)
		if (info->ii_IndexAttrNumbers[i] <= 0)
			return false;
	return understand_predicate(index);
}

/*
 * Plans for the indexes that the table has now.  The plan is known to the
 * callback from the start, so that nothing changes unseen while it is made.
 */
static void
make_plan(StoreTable table, Relation rel)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "tixbook index plan",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	List	   *oids = RelationGetIndexList(rel);
	IndexPlan  *plan = palloc0(sizeof(IndexPlan));
	ListCell   *cell;

	plan->context = context;
	plan->table = RelationGetRelid(rel);
	plan->all_plain = true;
	plan->indexes = palloc0(Max(list_length(oids), 1) * sizeof(PlannedIndex));
	plans[table] = plan;
	foreach(cell, oids)
	{
		PlannedIndex *index = &plan->indexes[plan->n++];
		Relation	index_rel;

		index->oid = lfirst_oid(cell);
		index_rel = index_open(index->oid, RowExclusiveLock);
		index->info = BuildIndexInfo(index_rel);
		index->plain = is_plain(index);
		plan->all_plain &= index->plain;
		index_close(index_rel, NoLock);
	}
	plan->complete = true;
	MemoryContextSwitchTo(caller);
}

static const IndexPlan *
plan_for(StoreTable table, Relation rel)
{
	IndexPlan  *plan = plans[table];

	if (plan != NULL && plan->complete && !plan->outdated && plan->table == RelationGetRelid(rel))
		return plan;
	plans[table] = NULL;
	/* A writer up the stack may use it still; none outlives the transaction. */
	if (plan != NULL)
		MemoryContextSetParent(plan->context, TopTransactionContext);
	make_plan(table, rel);
	return plans[table];
}

/* Allocates in the current memory context; an error leaves the rest to the resource owner. */
IndexWriter *
index_writer_open(StoreTable table, Relation rel)
{
	const IndexPlan *plan = plan_for(table, rel);
	IndexWriter *writer = palloc0(offsetof(IndexWriter, open) + plan->n * sizeof(Relation));

	writer->rel = rel;
	writer->plan = plan;
	return writer;
}

void
index_writer_close(IndexWriter *writer)
{
	for (int i = 0; i < writer->plan->n; i++)
		if (writer->open[i] != NULL)
			index_close(writer->open[i], NoLock);
	if (writer->others == NULL)
		return;
	ExecCloseIndices(writer->others);
	FreeExecutorState(writer->estate);
}

static bool
covers(const PlannedIndex *index, const NewRow *row)
{
	Oid			value;

	if (index->coverage == COVERS_ALL)
		return true;
	if (row->nulls[index->column])
		return false;
	if (index->coverage == COVERS_NOT_NULL)
		return true;
	value = DatumGetObjectId(row->values[index->column]);
	for (int i = 0; i < index->nvalues; i++)
		if (index->values[i] == value)
			return true;
	return false;
}

/*
 * Whether the entry must prove that it is the only one.  A row that keeps its
 * key need not: the entry of its old version has proved it, and keeps others
 * away until the new one is there.
 */
static IndexUniqueCheck
unique_check(const PlannedIndex *index, const NewRow *row)
{
	if (!index->info->ii_Unique ||
		(row->update && row->key_intact && index->coverage == COVERS_ALL))
		return UNIQUE_CHECK_NO;
	return index->oid == row->told_index ? UNIQUE_CHECK_PARTIAL : UNIQUE_CHECK_YES;
}

static void
insert_plain(IndexWriter *writer, int i, NewRow *row)
{
	const PlannedIndex *index = &writer->plan->indexes[i];
	IndexUniqueCheck check = unique_check(index, row);
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	if (writer->open[i] == NULL)
		writer->open[i] = index_open(index->oid, RowExclusiveLock);
	for (int column = 0; column < index->info->ii_NumIndexAttrs; column++)
	{
		int			from = index->info->ii_IndexAttrNumbers[column] - 1;

		values[column] = row->values[from];
		nulls[column] = row->nulls[from];
	}
	if (!index_insert(writer->open[i], values, nulls, &row->tuple->t_self, writer->rel, check,
					  row->update && row->churns, index->info))
		row->duplicate |= check == UNIQUE_CHECK_PARTIAL;
}

/* Opens the indexes that are left to the executor, and closes the rest again. */
static void
open_others(IndexWriter *writer)
{
	ResultRelInfo *result_rel = makeNode(ResultRelInfo);
	int			n = 0;

	writer->estate = CreateExecutorState();
	/* Not in any range table: index 0 keeps the executor from looking for it there. */
	InitResultRelInfo(result_rel, writer->rel, 0, NULL, 0);
	ExecOpenIndices(result_rel, false);
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
	{
		Relation	index_rel = result_rel->ri_IndexRelationDescs[i];
		bool		plain = false;

		for (int j = 0; j < writer->plan->n; j++)
			plain |= writer->plan->indexes[j].oid == RelationGetRelid(index_rel) &&
				writer->plan->indexes[j].plain;
		if (plain)
		{
			index_close(index_rel, NoLock);
			continue;
		}
		result_rel->ri_IndexRelationDescs[n] = index_rel;
		result_rel->ri_IndexRelationInfo[n++] = result_rel->ri_IndexRelationInfo[i];
	}
	result_rel->ri_NumIndices = n;
	writer->others = result_rel;
}

/* The executor's way. */
static void
insert_others(IndexWriter *writer, const NewRow *row)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel),
													&TTSOpsHeapTuple);

	if (writer->others == NULL)
		open_others(writer);
	ExecStoreHeapTuple(row->tuple, slot, false);
	(void) compat_insert_index_tuples(writer->others, slot, writer->estate, row->update,
									  row->which);
	ExecDropSingleTupleTableSlot(slot);
	ResetPerTupleExprContext(writer->estate);
}

/* Writes the entries of a row; a duplicate key is an error, but in the index that is to tell. */
void
index_writer_insert(IndexWriter *writer, NewRow *row)
{
	const IndexPlan *plan = writer->plan;

	for (int i = 0; i < plan->n && !compat_only_summarizing(row->which); i++)
		if (plan->indexes[i].plain && covers(&plan->indexes[i], row) &&
			plan->indexes[i].info->ii_ReadyForInserts)
			insert_plain(writer, i, row);
	if (!plan->all_plain)
		insert_others(writer, row);
}
