/*
 * waitingroom_outlook.c: how long somebody will wait, how sure that is, and
 * when he should ask again.
 *
 * At first only bounds are known: at best the pace that was set, at worst all
 * who are let in use their whole session.  As the room runs, what was measured
 * takes their place.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "waitingroom.h"

/* What was measured is believed after as long as this, or a session. */
#define MIN_LEARNING_SECONDS 60.0

#define SHORTEST_LOOK 1.0
#define LONGEST_LOOK 60.0

static double
seconds(int64 microseconds)
{
	return (double) microseconds / USECS_PER_SEC;
}

/* How much of the measurement is to be believed, from 0 to 1. */
static double
trust(const WaitingRoom *room, const QueuePointer *pointer)
{
	double		learning = Max(seconds(room->session), MIN_LEARNING_SECONDS);

	if (pointer->per_second <= 0)
		return 0;
	return Min(seconds(Max(pointer->ticked_at - room->drawn_at, 0)) / learning, 1.0);
}

/* To the turn of who has that many places ahead: the free sessions at once, the others as sessions end. */
static void
estimate_by_bounds(const WaitingRoom *room, const QueuePointer *pointer, Outlook *outlook)
{
	double		ahead = (double) outlook->ahead + 1;
	double		at_once = Max(room->max_active - pointer->active, 0);
	double		best = ahead / room->admit_per_second;
	double		worst = best;

	if (ahead > at_once)
		worst = Max(best, (ahead - at_once) * seconds(room->session) / room->max_active);
	outlook->estimate = (best + worst) / 2;
	outlook->spread = (worst - best) / 2;
}

static void
estimate_wait(const WaitingRoom *room, const QueuePointer *pointer, Outlook *outlook)
{
	double		believed = trust(room, pointer);
	double		best = (outlook->ahead + 1) / room->admit_per_second;
	double		measured,
				doubt;

	estimate_by_bounds(room, pointer, outlook);
	if (believed > 0)
	{
		measured = Max((outlook->ahead + 1) / pointer->per_second, best);
		doubt = measured * Min(pointer->deviation / pointer->per_second, 1.0);
		outlook->estimate += believed * (measured - outlook->estimate);
		outlook->spread += believed * (doubt - outlook->spread);
	}
}

/* So that those who wait for the start do not all ask in the same moment. */
static double
jitter(int64 position_or_entry)
{
	return hash_bytes((const unsigned char *) &position_or_entry, sizeof(int64)) % 1000 / 1000.0;
}

/*
 * When to ask again: more often the nearer it comes, and three times at least
 * in the time there is to come.
 */
static double
next_look(const WaitingRoom *room, const Outlook *outlook, double until, int64 who)
{
	double		longest = Min(LONGEST_LOOK, seconds(room->no_show) / 3);
	double		look = until < 0 ? longest / 4 : until / 4;

	look = Min(Max(look, SHORTEST_LOOK), longest);
	return look * (1 + jitter(who) / 4);
}

/*
 * What somebody at a position may expect; -1, not drawn yet: the start.  In a
 * room that admits nobody nobody knows when.
 */
void
outlook_at(const WaitingRoom *room, const QueuePointer *pointer, int64 position, TimestampTz now,
		   Outlook *outlook)
{
	RoomState	state = waitingroom_state(room, pointer);

	outlook->ahead = -1;
	outlook->estimate = outlook->spread = -1;
	if (state == ROOM_GATHERING)
	{
		outlook->next_look = next_look(room, outlook, seconds(Max(room->starts_at - now, 0)), position);
		return;
	}
	if (position >= 0)
		outlook->ahead = Max(position - pointer->admitted, 0);
	if (state == ROOM_ADMITTING && position >= 0)
	{
		outlook->estimate = outlook->spread = 0;
		if (position >= pointer->admitted)
			estimate_wait(room, pointer, outlook);
	}
	outlook->next_look = next_look(room, outlook, outlook->estimate, position);
}
