/*
 * The seat blocks of a batch: each is locked once, changes in memory as often
 * as the wishes of the batch want, and is written once.  A row that is changed
 * many times in one transaction leaves as many versions that nobody can prune
 * before it ends.
 *
 * While a batch is on, seat_block.c reads and writes the blocks of its event
 * through it.  Inside it there are no attempts that fail: what is locked stays
 * locked, and nothing may be changed before all that it needs is locked.
 */
#ifndef TIXBOOK_SEAT_BATCH_H
#define TIXBOOK_SEAT_BATCH_H

#include "seat_block.h"

/* One at a time; what it keeps lies in the current memory context. */
extern void seat_batch_begin(Event *event);

/* Writes what has changed, by number; the batch is over. */
extern void seat_batch_end(void);

/* After an error: the transaction, or the attempt in which it began, takes the locks back. */
extern void seat_batch_forget(void);

extern bool seat_batch_is_on(const Event *event);

/* What the batch has of a block, copied; false: nothing, or no batch is on. */
extern bool seat_batch_copy(const Event *event, int32 block_no, SeatBlock *block);

/* Whether the batch has the block. */
extern bool seat_batch_has(const Event *event, int32 block_no);

/* A block that has just been locked, and one that has changed since. */
extern void seat_batch_keep(const SeatBlock *block);
extern void seat_batch_change(const SeatBlock *block);

#endif
