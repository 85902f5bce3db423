/*
 * What the current transaction has done, beside making work, that workers and
 * launcher are told of when it commits.
 */
#ifndef TIXBOOK_WORKER_TELL_H
#define TIXBOOK_WORKER_TELL_H

extern void worker_tell_init(void);
extern void worker_tell_of_database(Oid database);	/* it was made */
extern void worker_tell_of_altered_database(void);
extern void worker_tell_of_dropped_extension(void);

#endif
