/*
 * redis_client.c: two seats are locked in Redis and then booked in PostgreSQL.
 *
 * A thread stands for an application server: its clients share what they know
 * of the seats that are gone, that is those they have booked or found locked.
 * A client picks two neighbours that it believes free, in one of the sections,
 * locks each with SET NX EX in one round trip, and gives up what it got and
 * picks others when it got one of them only.  With both, the script makes the
 * booking; the locks end by themselves.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_call.h"

#define MAX_SECTIONS	16
#define LOCK_SECONDS	600

typedef struct RedisClient
{
	Client		client;
	PgCall		call;
	redisContext *redis;
	bool		booking;		/* both locks are had, and the script runs */
	int			section;
	int			seat;			/* the lower one of the two */
	int			replies;		/* that are to come */
	bool		taken[2];		/* by somebody else */
	const char *event;
	char	   *section_value;	/* variables of the script */
	char	   *seat_value;
} RedisClient;

/* What a thread knows of the seats: those that are gone. */
static _Thread_local uint8_t *gone[MAX_SECTIONS];
static _Thread_local int sections,
			seats;

static char *
variable(Client *client, const char *name)
{
	int			number = script_find(client->script, name);

	if (number < 0)
		die("the script has no variable %s", name);
	return client->variables.values[number];
}

static void
redis_open(Client *client, const Options *options)
{
	RedisClient *self = (RedisClient *) client;

	pg_call_open(&self->call, client, options);
	self->redis = redisConnectUnixNonBlock(options->socket);
	if (self->redis == NULL || self->redis->err)
		die("cannot connect to Redis");
	client_watch(client, self->redis->fd);
}

static void
redis_prepare(Client *client, Script *script)
{
	RedisClient *self = (RedisClient *) client;

	pg_call_prepare(&self->call, script);
	self->event = variable(client, "event");
	self->section_value = variable(client, "section");
	self->seat_value = variable(client, "seat");
	if (gone[0] != NULL)
		return;
	sections = atoi(variable(client, "sections"));
	seats = atoi(variable(client, "seats"));
	if (sections < 1 || sections > MAX_SECTIONS || seats < 2)
		die("not a house: %d sections of %d seats", sections, seats);
	for (int i = 0; i < sections; i++)
		gone[i] = allocate(seats);
}

/* Two neighbours, any that are believed free. */
static void
pick(RedisClient *self)
{
	for (int tries = 0; tries < 1000; tries++)
	{
		self->section = (int) variables_random(&self->client.variables, 0, sections - 1);
		self->seat = (int) variables_random(&self->client.variables, 0, seats - 2);
		if (!gone[self->section][self->seat] && !gone[self->section][self->seat + 1])
			return;
	}
	die("the house is sold out");
}

/* What is appended is sent. */
static void
send_commands(RedisClient *self)
{
	int			done = 0;

	while (!done)
		if (redisBufferWrite(self->redis, &done) != REDIS_OK)
			die("cannot send to Redis: %s", self->redis->errstr);
}

static void
try_locks(RedisClient *self)
{
	pick(self);
	for (int i = 0; i < 2; i++)
		redisAppendCommand(self->redis, "SET seat:%s:%d:%d %d NX EX %d", self->event,
						   self->section, self->seat + i, self->client.number, LOCK_SECONDS);
	self->taken[0] = self->taken[1] = false;
	self->replies += 2;
	self->client.tally->attempts++;
	send_commands(self);
}

/* The lock that was had, when the other was not, goes back; its reply comes before those of the next attempt. */
static void
unlock(RedisClient *self, int which)
{
	redisAppendCommand(self->redis, "DEL seat:%s:%d:%d", self->event, self->section, self->seat + which);
	self->replies++;
}

static bool
redis_begin(Client *client)
{
	RedisClient *self = (RedisClient *) client;

	self->booking = false;
	self->replies = 0;
	try_locks(self);
	return false;
}

static void
read_reply(RedisClient *self, redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR)
		die("Redis: %s", reply->str);
	/* The last two are those of the locks. */
	if (self->replies <= 2)
		self->taken[2 - self->replies] = (reply->type == REDIS_REPLY_NIL);
	self->replies--;
	freeReplyObject(reply);
}

/* False: some are to come still. */
static bool
read_replies(RedisClient *self)
{
	void	   *reply;

	if (redisBufferRead(self->redis) != REDIS_OK)
		die("Redis: %s", self->redis->errstr);
	while (self->replies > 0)
	{
		if (redisGetReplyFromReader(self->redis, &reply) != REDIS_OK)
			die("Redis: %s", self->redis->errstr);
		if (reply == NULL)
			return false;
		read_reply(self, reply);
	}
	return true;
}

static void
book(RedisClient *self)
{
	snprintf(self->section_value, VALUE_SIZE, "%d", self->section);
	snprintf(self->seat_value, VALUE_SIZE, "%d", self->seat);
	self->booking = true;
	pg_call_begin(&self->call, &self->client);
}

static void
have_locks_or_try_others(RedisClient *self)
{
	uint8_t    *known = &gone[self->section][self->seat];

	if (!self->taken[0] && !self->taken[1])
	{
		known[0] = known[1] = 1;
		book(self);
		return;
	}
	for (int i = 0; i < 2; i++)
	{
		known[i] |= self->taken[i];
		if (!self->taken[i])
			unlock(self, i);
	}
	try_locks(self);
}

static bool
redis_resume(Client *client)
{
	RedisClient *self = (RedisClient *) client;

	if (!self->booking)
	{
		if (read_replies(self))
			have_locks_or_try_others(self);
		return false;
	}
	client->code = self->call.code;
	client->message = self->call.message;
	return pg_call_resume(&self->call, client);
}

const ClientKind redis_kind = {
	"redis", redis_open, redis_prepare, redis_begin, redis_resume
};

Client *
redis_client(void)
{
	return allocate(sizeof(RedisClient));
}
