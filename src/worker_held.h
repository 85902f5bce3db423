/*
 * Databases that a session holds back: their workers leave, and none is
 * started until it lets go, at the latest when its transaction ends.
 */
#ifndef TIXBOOK_WORKER_HELD_H
#define TIXBOOK_WORKER_HELD_H

extern void worker_held_init(void);
extern void worker_hold(Oid database);
extern int	worker_held_count(void);
extern void worker_let_go(int but);

/* Ends a hold that outlives its transaction, as the one of worker_maker.c. */
extern void worker_unhold(Oid database);

#endif
