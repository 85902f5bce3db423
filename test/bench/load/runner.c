/* runner.c: the threads, and the loop in which each serves its clients. */
#include "runner.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "pg_call.h"

#define MAX_EVENTS 64

/* What all threads share. */
typedef struct Run
{
	const Options *options;
	Script	   *touch;			/* or NULL */
	Script	   *script;
	pthread_barrier_t barrier;
	atomic_long begun;			/* calls */
	double		start;			/* of the script */
	double		wall_start;
} Run;

typedef struct Worker
{
	Run		   *run;
	pthread_t	thread;
	int			epoll;
	int			nclients;
	Client	  **clients;
	int			active;			/* clients that are not done with the script */
	double		deadline;
	bool		counted;		/* the calls of this script are limited */
	double		interval;		/* between two calls of a client; 0: none */
	Tally		tally;
} Worker;

static const struct
{
	const ClientKind *kind;
	Client	   *(*make) (void);
}			client_kinds[] = {
	{&postgres_kind, postgres_client},
	{&mariadb_kind, mariadb_client},
	{&redis_kind, redis_client},
};

static Client *
make_client(const char *kind)
{
	for (size_t i = 0; i < sizeof(client_kinds) / sizeof(client_kinds[0]); i++)
	{
		Client	   *client;

		if (strcmp(client_kinds[i].kind->name, kind) != 0)
			continue;
		client = client_kinds[i].make();
		client->kind = client_kinds[i].kind;
		return client;
	}
	die("there is no kind of client called %s", kind);
}

void
client_watch(Client *client, int socket)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (epoll_ctl(client->epoll, EPOLL_CTL_ADD, socket, &event) != 0)
		die("cannot watch a socket");
}

static void
open_clients(Worker *worker, int first)
{
	const Options *options = worker->run->options;

	worker->epoll = epoll_create1(0);
	worker->clients = allocate(worker->nclients * sizeof(Client *));
	for (int i = 0; i < worker->nclients; i++)
	{
		Client	   *client = worker->clients[i] = make_client(options->kind);

		client->number = first + i;
		client->epoll = worker->epoll;
		client->tally = &worker->tally;
		client->kind->open(client, options);
	}
}

static void
prepare_clients(Worker *worker, Script *script)
{
	for (int i = 0; i < worker->nclients; i++)
	{
		Client	   *client = worker->clients[i];

		client->script = script;
		client->done = false;
		variables_init(script, &client->variables, (uint64_t) time(NULL) * 1000 + client->number);
		client->kind->prepare(client, script);
	}
	worker->active = worker->nclients;
}

static void
retire(Worker *worker, Client *client)
{
	client->done = true;
	worker->active--;
}

static void
finish_call(Worker *worker, Client *client, double at)
{
	tally_call(&worker->tally, client->began, at, client->code, client->message);
	client->busy = false;
	client->due = worker->interval > 0 ? fmax(client->due + worker->interval, at - 1) : at;
}

static bool
another_call(Worker *worker, Client *client)
{
	int64_t		most = worker->run->options->calls;

	if (worker->counted && most > 0 && atomic_fetch_add(&worker->run->begun, 1) >= most)
		return false;
	return script_next_call(client->script, &client->variables);
}

/* Begins the client's next call if its time has come. */
static void
begin_if_due(Worker *worker, Client *client)
{
	while (!client->busy && !client->done)
	{
		double		at = now();

		if (at < worker->deadline && client->due > at)
			return;
		if (at >= worker->deadline)
		{
			retire(worker, client);
			return;
		}
		if (!another_call(worker, client))
		{
			worker->tally.ran_out = true;
			retire(worker, client);
			return;
		}
		client->busy = true;
		client->began = at;
		if (client->kind->begin(client))
			finish_call(worker, client, now());
	}
}

/* Until a client has its next call to begin; -1: as long as it takes. */
static int
milliseconds_to_wait(const Worker *worker)
{
	double		next = INFINITY;

	for (int i = 0; i < worker->nclients && worker->interval > 0; i++)
		if (!worker->clients[i]->busy && !worker->clients[i]->done)
			next = fmin(next, worker->clients[i]->due);
	return next == INFINITY ? -1 : (int) ceil(fmax(0, next - now()) * 1000);
}

static void
serve(Worker *worker)
{
	for (int i = 0; i < worker->nclients; i++)
		begin_if_due(worker, worker->clients[i]);
	while (worker->active > 0)
	{
		struct epoll_event events[MAX_EVENTS];
		int			n;

		/* Servers go first: answers that come by the dozen cost least. */
		sched_yield();
		n = epoll_wait(worker->epoll, events, MAX_EVENTS, milliseconds_to_wait(worker));
		for (int i = 0; i < n; i++)
		{
			Client	   *client = events[i].data.ptr;

			if (!client->busy)
				die("the server spoke to a client that asked nothing");
			if (client->kind->resume(client))
			{
				finish_call(worker, client, now());
				begin_if_due(worker, client);
			}
		}
		for (int i = 0; i < worker->nclients && worker->interval > 0; i++)
			begin_if_due(worker, worker->clients[i]);
	}
}

/* No clock and no limits: each client runs the script to its end. */
static void
run_touch(Worker *worker)
{
	prepare_clients(worker, worker->run->touch);
	worker->deadline = INFINITY;
	serve(worker);
}

static void
run_script(Worker *worker)
{
	Run		   *run = worker->run;
	const Options *options = run->options;

	worker->tally.ran_out = false;
	worker->deadline = run->start + options->warm_up + options->seconds;
	worker->counted = true;
	worker->interval = options->rate > 0 ? options->clients / options->rate : 0;
	tally_start(&worker->tally, run->start, run->start + options->warm_up);
	for (int i = 0; i < worker->nclients; i++)
		worker->clients[i]->due = run->start +
			worker->interval * worker->clients[i]->number / options->clients;
	serve(worker);
}

static void *
worker_main(void *argument)
{
	Worker	   *worker = argument;
	Run		   *run = worker->run;

	if (run->touch != NULL)
		run_touch(worker);
	prepare_clients(worker, run->script);
	if (pthread_barrier_wait(&run->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
	{
		struct timespec wall;

		clock_gettime(CLOCK_REALTIME, &wall);
		run->wall_start = wall.tv_sec + wall.tv_nsec * 1e-9;
		run->start = now();
	}
	pthread_barrier_wait(&run->barrier);
	run_script(worker);
	return NULL;
}

static void
start_worker(Worker *worker, Run *run, int number)
{
	const Options *options = run->options;
	int			first = options->clients * number / options->threads;

	worker->run = run;
	worker->nclients = options->clients * (number + 1) / options->threads - first;
	tally_init(&worker->tally, options);
	open_clients(worker, first);
	if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
		die("cannot start a thread");
}

void
run(const Options *options)
{
	Run			run = {.options = options};
	Worker	   *workers = allocate(options->threads * sizeof(Worker));

	run.script = script_read(options->script, options);
	pg_load_lists(run.script, options);
	if (options->touch != NULL)
		run.touch = script_read(options->touch, options);
	pthread_barrier_init(&run.barrier, NULL, options->threads);
	for (int i = 0; i < options->threads; i++)
		start_worker(&workers[i], &run, i);
	for (int i = 0; i < options->threads; i++)
		pthread_join(workers[i].thread, NULL);
	for (int i = 1; i < options->threads; i++)
		tally_merge(&workers[0].tally, &workers[i].tally);
	tally_report(&workers[0].tally, options, run.wall_start);
}
