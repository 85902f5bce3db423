/*
 * The index entries of a row that is written.
 */
#ifndef TIXBOOK_STORE_INDEX_H
#define TIXBOOK_STORE_INDEX_H

#include "access/htup.h"

#include "compat.h"
#include "store.h"

/* A row that stands in the table and is to be found through its indexes. */
typedef struct NewRow
{
	HeapTuple	tuple;
	const Datum *values;
	const bool *nulls;
	bool		update;			/* it replaces another version of itself */
	bool		key_intact;		/* and has the same values in all columns of plain unique indexes */
	bool		churns;			/* rows of the table have many versions */
	CompatUpdateIndexes which;
	Oid			told_index;		/* whose duplicates are told, not raised; or InvalidOid */
	bool		duplicate;		/* this is one there */
} NewRow;

extern struct IndexWriter *index_writer_open(StoreTable table, Relation rel);
extern void index_writer_insert(struct IndexWriter *writer, NewRow *row);
extern void index_writer_close(struct IndexWriter *writer);

/* Relation cache callback: must not read the catalog, so it only marks. */
extern void index_plans_outdated(Oid relid);

#endif
