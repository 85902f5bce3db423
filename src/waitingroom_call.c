/*
 * waitingroom_call.c: the waiting room's functions in SQL.
 */
#include "postgres.h"

#include "fmgr.h"

PG_FUNCTION_INFO_V1(tixbook_draw_position);
PG_FUNCTION_INFO_V1(tixbook_draw_entry);
PG_FUNCTION_INFO_V1(tixbook_make_entry_sequence);
PG_FUNCTION_INFO_V1(tixbook_tick_waiting_rooms);
PG_FUNCTION_INFO_V1(tixbook_join_waiting_room);
PG_FUNCTION_INFO_V1(tixbook_queue_status);
PG_FUNCTION_INFO_V1(tixbook_leave_waiting_room);
PG_FUNCTION_INFO_V1(tixbook_queue_progress);

#define STUB(name) Datum name(PG_FUNCTION_ARGS) { elog(ERROR, #name " is not there yet"); }
STUB(tixbook_draw_position)
STUB(tixbook_draw_entry)
STUB(tixbook_make_entry_sequence)
STUB(tixbook_tick_waiting_rooms)
STUB(tixbook_join_waiting_room)
STUB(tixbook_queue_status)
STUB(tixbook_leave_waiting_room)
STUB(tixbook_queue_progress)
