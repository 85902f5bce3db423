/* Differences between PostgreSQL versions, in one place. */
#ifndef TIXBOOK_COMPAT_H
#define TIXBOOK_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "tixbook needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#include "nodes/miscnodes.h"
#else
/* Soft errors came with 16: before, every input error is a hard one. */
#define ereturn(context, dummy_value, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); return dummy_value; } while (0)
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* The table and index access methods, whose signatures move from version to version. */
#if PG_VERSION_NUM >= 160000
#define CompatUpdateIndexes TU_UpdateIndexes
#define COMPAT_ALL_INDEXES TU_All
#define compat_wants_index_entries(tuple, update_indexes) ((update_indexes) != TU_None)
#define compat_only_summarizing(update_indexes) ((update_indexes) == TU_Summarizing)
#define compat_heap_update(rel, tid, tuple, command, wait, failure, lock_mode, update_indexes) \
	heap_update(rel, tid, tuple, command, InvalidSnapshot, wait, failure, lock_mode, update_indexes)
#define compat_insert_index_tuples(result_rel, slot, estate, update, update_indexes) \
	ExecInsertIndexTuples(result_rel, slot, estate, update, false, NULL, NIL, \
						  compat_only_summarizing(update_indexes))
#else
#define CompatUpdateIndexes bool
#define COMPAT_ALL_INDEXES true
#define compat_wants_index_entries(tuple, update_indexes) (!HeapTupleIsHeapOnly(tuple))
#define compat_only_summarizing(update_indexes) false
#define compat_heap_update(rel, tid, tuple, command, wait, failure, lock_mode, update_indexes) \
	heap_update(rel, tid, tuple, command, InvalidSnapshot, wait, failure, lock_mode)
#define compat_insert_index_tuples(result_rel, slot, estate, update, update_indexes) \
	ExecInsertIndexTuples(result_rel, slot, estate, update, false, NULL, NIL)
#endif

#if PG_VERSION_NUM >= 180000
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, NULL, nkeys, 0)
#else
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, nkeys, 0)
#endif

/* What a check hook hands to its assign hook. */
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(size) guc_malloc(LOG, size)
#define compat_guc_free(pointer) guc_free(pointer)
#else
#define compat_guc_malloc(size) malloc(size)
#define compat_guc_free(pointer) free(pointer)
#endif

/* The file that a table's rows are in now. */
#if PG_VERSION_NUM >= 160000
#define compat_file_number(rel) ((rel)->rd_locator.relNumber)
#else
#define compat_file_number(rel) ((rel)->rd_node.relNode)
#endif

/* EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#else
#include "commands/explain.h"
#endif

/* Background workers. */
#if PG_VERSION_NUM >= 170000
#define compat_wait_event(name) WaitEventExtensionNew(name)
#else
#define compat_wait_event(name) PG_WAIT_EXTENSION
#endif

#if PG_VERSION_NUM >= 170000
#define compat_create_wait_event_set(nevents) CreateWaitEventSet(NULL, nevents)
#else
#define compat_create_wait_event_set(nevents) CreateWaitEventSet(TopMemoryContext, nevents)
#endif

#if PG_VERSION_NUM >= 160000
#define compat_function_aclcheck(function, role) \
	object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#define compat_database_ownercheck(database, role) \
	object_ownercheck(DatabaseRelationId, database, role)
#else
#define compat_function_aclcheck(function, role) pg_proc_aclcheck(function, role, ACL_EXECUTE)
#define compat_database_ownercheck(database, role) pg_database_ownercheck(database, role)
#endif

#endif
