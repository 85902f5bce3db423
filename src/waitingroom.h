/*
 * The waiting room: fans join and get an entry number; at the start a keyed
 * permutation draws their places; a pointer moves over the places, a tick at a
 * time, and whoever it has passed may start a session.
 *
 * Nothing is written for a fan who waits.  Where he stands follows from his
 * entry number, the seed and the pointer.
 */
#ifndef TIXBOOK_WAITINGROOM_H
#define TIXBOOK_WAITINGROOM_H

#include "datatype/timestamp.h"
#include "utils/palloc.h"

#include "catalog.h"
#include "errors.h"
#include "store.h"

/* JavaScript's numbers are exact as far as that. */
#define DRAW_MAX_ENTRIES (INT64CONST(1) << 40)

/* waitingroom_draw.c: the permutation of 0 to n - 1 under a seed. */
typedef struct Draw Draw;

extern Draw *draw_recall(const uint8 *seed, int64 n);
extern int64 draw_position(Draw *draw, int64 entry);
extern int64 draw_entry(Draw *draw, int64 position);

/* Where it is in its life; what comes after drawing is the pointer's state. */
typedef enum RoomState
{
	ROOM_GATHERING,
	ROOM_DRAWING,
	ROOM_ADMITTING,
	ROOM_PAUSED,
	ROOM_SOLD_OUT,
	ROOM_CLOSED
} RoomState;

#define POINTER_HISTORY 20

/* How far the queue has moved: the row of waiting_room_pointer. */
typedef struct QueuePointer
{
	RoomState	state;			/* ROOM_ADMITTING, ROOM_PAUSED or ROOM_SOLD_OUT */
	TimestampTz ticked_at;
	int64		admitted;		/* places below it are let in */
	int64		fans;			/* who stood there */
	int64		lapsed;			/* who stood below it and did not come is out */
	int64		lapsed_fans;
	int64		joined;			/* entries that had been handed out at the tick */
	int32		active;			/* who may book now */
	double		credit;			/* fans that may be let in, by the pace */
	double		per_second;		/* places that the pointer moves, lately */
	double		deviation;		/* of that, on average */
	int			nhistory;		/* where it was during the last no_show, oldest first */
	TimestampTz history_at[POINTER_HISTORY];
	int64		history_place[POINTER_HISTORY];
	int64		history_fans[POINTER_HISTORY];
} QueuePointer;

/* A fan in the room, and what is known of his session. */
typedef struct Fan
{
	const char *customer;
	int64		entry;
	TimestampTz joined_at;
	int64		position;		/* -1: not drawn yet */
	bool		has_session;
	TimestampTz session_ends;
} Fan;

typedef enum FanState
{
	FAN_WAITING,				/* the room's state says for what */
	FAN_CALLED,					/* let in, but has not come yet */
	FAN_ADMITTED,
	FAN_MISSED,
	FAN_ENDED
} FanState;

/* How long somebody who stands at a place will wait, in seconds; -1: nobody knows. */
typedef struct Outlook
{
	int64		ahead;
	double		estimate;
	double		spread;
	double		next_look;
} Outlook;

/* waitingroom.c: the room and its pointer. */
extern RoomState waitingroom_state(const WaitingRoom *room, const QueuePointer *pointer);
extern const char *waitingroom_state_name(RoomState state);
extern int64 waitingroom_position(WaitingRoom *room, int64 entry);
extern int64 waitingroom_entry_at(WaitingRoom *room, int64 position);
extern int64 waitingroom_joined(const WaitingRoom *room);
extern void pointer_clear(QueuePointer *pointer);
extern bool pointer_read(const WaitingRoom *room, QueuePointer *pointer);
extern void pointer_found(StoreScan *scan, QueuePointer *pointer);
extern void pointer_write(Store *store, StoreScan *scan, const QueuePointer *pointer);

/* waitingroom_shared.c: the pointer for those who only look. */
extern void waitingroom_shmem_init(void);
extern void pointer_moved(int32 event_id);
extern bool pointer_look(const WaitingRoom *room, QueuePointer *pointer);

/* waitingroom_fan.c: entries and sessions. */
extern bool fan_find(WaitingRoom *room, const char *customer, Fan *fan);
extern FanState fan_state(const Fan *fan, const QueuePointer *pointer, TimestampTz now);
extern bool fan_claim(const WaitingRoom *room, const char *customer, Refusal *refusal);
extern bool fan_join(WaitingRoom *room, const char *customer, const char *proof,
					 const char *address, TimestampTz now, Fan *fan, QueuePointer *pointer,
					 Refusal *refusal);
extern bool fan_come(WaitingRoom *room, const char *customer, TimestampTz now, Fan *fan,
					 QueuePointer *pointer, Refusal *refusal);
extern bool fan_leave(WaitingRoom *room, const char *customer, TimestampTz now, bool *was_in,
					  Refusal *refusal);
extern void fan_end_session(const WaitingRoom *room, const Fan *fan, TimestampTz now);

extern bool fan_load_hints(WaitingRoom *room);

/* waitingroom_hint.c: where the rows of entries may stand. */
typedef struct EntryHints EntryHints;

extern EntryHints *entry_hints(WaitingRoom *room);
extern EntryHints *entry_hints_make(WaitingRoom *room);
extern void entry_hints_let_go(EntryHints *hints);
extern bool entry_hint_find(EntryHints *hints, const WaitingRoom *room, const char *customer, ItemPointer place);
extern void entry_hint_put(EntryHints *hints, const WaitingRoom *room, const char *customer,
						   const ItemPointerData *place);

/* waitingroom_outlook.c: what somebody may expect. */
extern void outlook_at(const WaitingRoom *room, const QueuePointer *pointer, int64 position,
					   TimestampTz now, Outlook *outlook);

/* waitingroom_token.c: admissions, and proofs of work. */
extern char *admission_token(const WaitingRoom *room, const Fan *fan);
extern bool proof_of_work_holds(const WaitingRoom *room, const char *customer, const char *proof,
								Refusal *refusal);

/* waitingroom_admission.c: for those who book. */
extern bool waitingroom_admits(const Event *event, const char *customer, const char *token,
							   TimestampTz now, Refusal *refusal);
extern void waitingroom_bought(int32 event_id, const char *customer, TimestampTz now);

/* waitingroom_tick.c: moves all open rooms of the database on; returns how many it has moved. */
extern int	waitingroom_tick(TimestampTz at, int *open);
extern bool waitingroom_any_open(void);

/* waitingroom_purge.c */
extern int	waiting_rooms_purge(int batch);
extern bool waiting_rooms_next_purge(TimestampTz *due);

#endif
