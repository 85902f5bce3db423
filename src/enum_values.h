/*
 * The values of the product's own enum types, by the number that C knows them by.
 */
#ifndef TIXBOOK_ENUM_VALUES_H
#define TIXBOOK_ENUM_VALUES_H

#include "store.h"

#define MAX_ENUM_VALUES 8

typedef struct EnumValues
{
	const char *type;			/* in schema tixbook */
	StoreTable	table;			/* which has a column of it */
	int			n;
	const char *names[MAX_ENUM_VALUES];
	Oid			resolved_for;	/* the incarnation of the table that these are of */
	Oid			oids[MAX_ENUM_VALUES];
} EnumValues;

extern Datum enum_value_datum(EnumValues *values, int value);
extern int	enum_value_of(EnumValues *values, Datum datum);

#endif
