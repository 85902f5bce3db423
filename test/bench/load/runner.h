/* runner.h: the threads, and the loop in which each serves its clients. */
#ifndef RUNNER_H
#define RUNNER_H

#include "client.h"

/* Runs the script(s) with all clients and prints the report. */
extern void run(const Options *options);

#endif
