/*
 * store_key.c: what a walk over an index looks for.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "store.h"

void
store_key_int4(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(value));
}

void
store_key_int4_from(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_INT4GE, Int32GetDatum(value));
}

void
store_key_int8(ScanKey key, AttrNumber column, int64 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
}

void
store_key_int8_from(ScanKey key, AttrNumber column, int64 value)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(value));
}

void
store_key_int4_upto(ScanKey key, AttrNumber column, int32 value)
{
	ScanKeyInit(key, column, BTLessEqualStrategyNumber, F_INT4LE, Int32GetDatum(value));
}

/* The key columns of text are all COLLATE "C", which ScanKeyInit assumes. */
void
store_key_text(ScanKey key, AttrNumber column, const char *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(value));
}

void
store_key_uuid(ScanKey key, AttrNumber column, const void *value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(value));
}

void
store_key_at_or_before(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
				TimestampTzGetDatum(instant));
}

void
store_key_after(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(instant));
}

void
store_key_at_or_after(ScanKey key, AttrNumber column, int64 instant)
{
	ScanKeyInit(key, column, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
				TimestampTzGetDatum(instant));
}
