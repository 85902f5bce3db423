/*
 * enum_values.c: the values of enum types, looked up once for each incarnation
 * of the table that has them.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/syscache.h"

#include "enum_values.h"

static void
resolve(EnumValues *values)
{
	Oid			table = store_table_oid(values->table);
	Oid			type;

	if (values->resolved_for == table)
		return;
	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(values->type),
						   ObjectIdGetDatum(get_namespace_oid("tixbook", false)));
	for (int i = 0; i < values->n; i++)
	{
		values->oids[i] = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
										  CStringGetDatum(values->names[i]));
		if (!OidIsValid(values->oids[i]))
			elog(ERROR, "tixbook.%s has no value \"%s\"", values->type, values->names[i]);
	}
	values->resolved_for = table;
}

Datum
enum_value_datum(EnumValues *values, int value)
{
	resolve(values);
	return ObjectIdGetDatum(values->oids[value]);
}

int
enum_value_of(EnumValues *values, Datum datum)
{
	resolve(values);
	for (int i = 0; i < values->n; i++)
		if (values->oids[i] == DatumGetObjectId(datum))
			return i;
	elog(ERROR, "unknown %s %u", values->type, DatumGetObjectId(datum));
}
