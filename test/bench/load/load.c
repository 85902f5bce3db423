/* load.c: the command line of the load generator. */
#include "load.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runner.h"

void
die(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

void *
allocate(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static const struct option long_options[] = {
	{"kind", required_argument, NULL, 'k'},
	{"script", required_argument, NULL, 'f'},
	{"touch", required_argument, NULL, 't'},
	{"postgres", required_argument, NULL, 'p'},
	{"socket", required_argument, NULL, 's'},
	{"define", required_argument, NULL, 'D'},
	{"clients", required_argument, NULL, 'c'},
	{"threads", required_argument, NULL, 'j'},
	{"warm-up", required_argument, NULL, 'w'},
	{"seconds", required_argument, NULL, 'T'},
	{"rate", required_argument, NULL, 'R'},
	{"calls", required_argument, NULL, 'n'},
	{"expect", required_argument, NULL, 'e'},
	{NULL, 0, NULL, 0}
};

static void
read_option(Options *options, int option, const char *value)
{
	switch (option)
	{
		case 'k': options->kind = value; break;
		case 'f': options->script = value; break;
		case 't': options->touch = value; break;
		case 'p': options->postgres = value; break;
		case 's': options->socket = value; break;
		case 'c': options->clients = atoi(value); break;
		case 'j': options->threads = atoi(value); break;
		case 'w': options->warm_up = atof(value); break;
		case 'T': options->seconds = atof(value); break;
		case 'R': options->rate = atof(value); break;
		case 'n': options->calls = atoll(value); break;
		case 'e': options->expect = value; break;
		default: die("an unknown option");
	}
}

int
main(int argc, char **argv)
{
	const char *definitions[64];
	Options		options = {
		.kind = "postgres", .postgres = "", .definitions = definitions,
		.clients = 1, .threads = 1, .seconds = 1, .expect = CODE_SUCCESS
	};
	int			option;

	while ((option = getopt_long(argc, argv, "k:f:t:p:s:D:c:j:w:T:R:n:e:", long_options, NULL)) != -1)
	{
		if (option != 'D')
			read_option(&options, option, optarg);
		else if (options.ndefinitions == 64)
			die("too many definitions");
		else
			definitions[options.ndefinitions++] = optarg;
	}
	if (options.script == NULL || options.clients < 1 || options.threads < 1)
		die("a script, clients and threads are needed");
	if (options.threads > options.clients)
		options.threads = options.clients;
	run(&options);
	return 0;
}
