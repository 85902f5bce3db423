/*
 * Arguments of SQL functions, checked; what is wrong is refused by name.
 */
#ifndef TIXBOOK_ARGUMENTS_H
#define TIXBOOK_ARGUMENTS_H

#include "fmgr.h"

#include "catalog.h"
#include "errors.h"

/* As many as the largest house has. */
#define MAX_SEATS_A_CALL 1000000

#define MAX_BATCH 100000

/* NULL where the argument is null; else a palloc'd string. */
extern char *argument_text(FunctionCallInfo fcinfo, int n);

/* The event; NULL: there is none, and the refusal says so. */
extern Event *argument_event(FunctionCallInfo fcinfo, int n, Refusal *refusal);

/* Seats by seat_index, sorted, each once; at least one. */
extern bool argument_seats(FunctionCallInfo fcinfo, int n, int32 **seats, int32 *nseats,
						   Refusal *refusal);

/* How many rows one call may deal with; raises the refusal. */
extern int32 argument_batch(FunctionCallInfo fcinfo, int n);

extern bool refuse_parameter(Refusal *refusal, const char *parameter, const char *complaint);

/* For qsort over numbers. */
extern int compare_int32(const void *a, const void *b);

/* The JSON array of numbers. */
extern char *json_numbers(const int32 *numbers, int32 n);

#endif
