/*
 * load.h: the load generator of the benchmark.
 *
 * Many clients in few threads, each of which makes one call after another and
 * waits for nothing but the answer.  One loop (runner.c) serves every kind of
 * client, so that all lines of the table are measured by the same means.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rates are kept by the tenth of a second. */
#define TICKS_PER_SECOND	10

/* What the command line says. */
typedef struct Options
{
	const char *kind;
	const char *script;
	const char *touch;			/* a script that each client runs to its end before, or NULL */
	const char *postgres;		/* connection string */
	const char *socket;			/* of the peer: MariaDB or Redis */
	const char *const *definitions; /* NAME=VALUE for the script */
	int			ndefinitions;
	int			clients;
	int			threads;
	double		warm_up;		/* seconds that do not count */
	double		seconds;		/* seconds that count */
	double		rate;			/* calls a second of all clients together; 0: as many as can be */
	int64_t		calls;			/* of all clients together, then stop; 0: no end */
	const char *expect;			/* the code of a call that counts */
} Options;

/* Prints to stderr and ends the program. */
extern void die(const char *format,...) __attribute__((format(printf, 1, 2), noreturn));

extern void *allocate(size_t size);

/* Seconds on a clock that nobody sets. */
extern double now(void);

#endif
