/* tally.h: what a thread counts, and the report of all. */
#ifndef TALLY_H
#define TALLY_H

#include "load.h"

#define CODE_SIZE		8
#define MAX_CODES		16
#define MESSAGE_SIZE	512
#define LATENCY_BUCKETS 512

/* How often calls ended with a code (an SQLSTATE, mostly), and what the first of them said. */
typedef struct CodeCount
{
	char		code[CODE_SIZE];
	int64_t		count;
	char		message[MESSAGE_SIZE];
} CodeCount;

typedef struct Tally
{
	const char *expect;
	double		start;			/* of the first tick */
	double		counts_from;	/* latencies before do not count */
	int			nticks;
	uint32_t   *ticks;			/* expected ends of calls */
	CodeCount	codes[MAX_CODES];
	bool		ran_out;		/* there was nothing left to call before the end */
	int64_t		attempts;		/* of a kind of call that tries again */
	int64_t		latency[LATENCY_BUCKETS];
} Tally;

extern void tally_init(Tally *tally, const Options *options);

/* The clock of the ticks starts. */
extern void tally_start(Tally *tally, double start, double counts_from);

/* A call that began then has ended with this code; message may be NULL. */
extern void tally_call(Tally *tally, double began, double ended, const char *code, const char *message);

/* Sums are left in the first. */
extern void tally_merge(Tally *into, const Tally *from);

/* Prints the report as JSON; started is the wall clock at the first tick. */
extern void tally_report(const Tally *tally, const Options *options, double started);

#endif
