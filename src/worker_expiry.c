/*
 * worker_expiry.c: the job of ending holds, and of purging what is over.
 *
 * Its process sleeps until the earliest hold ends, and without a timeout when
 * there is none; who commits a hold that ends sooner sets its latch.
 * expiry.c has the work itself.
 */
#include "postgres.h"

#include "attempt.h"
#include "dispatch.h"
#include "ended_hold.h"
#include "expiry.h"
#include "idempotency.h"
#include "instant.h"
#include "requests.h"
#include "settings.h"
#include "waitingroom.h"
#include "worker_job.h"

/* What is of no more use need not go promptly. */
#define PURGE_INTERVAL_MS		10000
#define ASK_INTERVAL_MS			100

/* A clock that is set forward must not leave holds over for longer. */
#define MAX_NAP_MS				(5 * 60 * 1000)

/* How long looks go on after each other; and what holds are tried in vain that way takes at most a share of the time. */
#define BEGIN_ANEW_MS			1000
#define HOPELESS_SHARE			20
#define MAX_HOPELESS_MS			60000

/* Ending holds in large numbers works half of the time, until the oldest is so late. */
#define UNHURRIED_MS			1400

/* Rows whose time is over, and how they go. */
typedef struct Purge
{
	WorkerCount count;
	bool		(*next_due) (TimestampTz *due, PurgeWalk *walk);
	int			(*run) (int batch, PurgeWalk *walk);
	TimestampTz not_before;
	TimestampTz ask_again;		/* amid other work, whether something is due */
	TimestampTz rests;			/* until when, after an error */
	const char *could_not;
	PurgeWalk	walk;
} Purge;

/* These are few, and purged by SQL. */
static bool
next_room(TimestampTz *due, PurgeWalk *walk)
{
	return waiting_rooms_next_purge(due);
}

static int
purge_rooms(int batch, PurgeWalk *walk)
{
	return waiting_rooms_purge(batch);
}

static bool
next_dead_letter(TimestampTz *due, PurgeWalk *walk)
{
	return dead_letters_next_purge(due);
}

static int
purge_dead_letters(int batch, PurgeWalk *walk)
{
	return dead_letters_purge(batch);
}

static Purge purges[] = {
	{COUNT_KEYS_PURGED, idempotency_next_due, idempotency_purge, .could_not = "idempotency keys could not be purged"},
	{COUNT_HOLDS_PURGED, ended_holds_next_due, ended_holds_purge, .could_not = "ended holds could not be purged"},
	{COUNT_REQUESTS_PURGED, requests_next_purge, requests_purge, .could_not = "requests could not be purged"},
	{COUNT_ENTRIES_PURGED, next_room, purge_rooms, .could_not = "waiting rooms could not be purged"},
	{COUNT_DEAD_LETTERS_PURGED, next_dead_letter, purge_dead_letters, .could_not = "dead letters could not be purged"},
};

/* A purge in a look. */
typedef struct PurgeLook
{
	Purge	   *purge;
	WorkerLook *look;
	TimestampTz now;
	int			purged;
} PurgeLook;

static void
purge_what_is_due(void *with)
{
	PurgeLook  *this = with;
	Purge	   *purge = this->purge;
	TimestampTz due;

	if (!purge->next_due(&due, &purge->walk))
		return;
	if (!has_come(purge->not_before, this->now, PURGE_INTERVAL_MS))
		due = Max(due, purge->not_before);
	if (due > this->now)
	{
		this->look->wake_at = Min(this->look->wake_at, due);
		return;
	}
	this->purged = purge->run(tixbook_expiry_batch, &purge->walk);
	if (this->purged >= tixbook_expiry_batch)
		purge->ask_again = 0;
	else
	{
		purge->not_before = TimestampTzPlusMilliseconds(this->now, PURGE_INTERVAL_MS);
		this->look->wake_at = Min(this->look->wake_at, purge->not_before);
	}
}

static bool
is_resting(const Purge *purge, TimestampTz now)
{
	return !has_come(purge->rests, now, PURGE_INTERVAL_MS);
}

/* Where it fails, it rests: the holds that end beside it, and other purges, are not to wait for what ails it. */
static void
look_to_purge(Purge *purge, WorkerLook *look, TimestampTz now)
{
	PurgeLook	this = {purge, look, now};

	/* More work means another look, at the latest when there is none. */
	if (look->more && !has_come(purge->ask_again, now, ASK_INTERVAL_MS))
		return;
	if (!is_resting(purge, now))
	{
		purge->ask_again = TimestampTzPlusMilliseconds(now, ASK_INTERVAL_MS);
		if (attempt_or_warn(purge_what_is_due, &this, purge->could_not, false))
		{
			look->counts[purge->count] = this.purged;
			look->more |= (this.purged > 0);
			return;
		}
		memset(&purge->walk, 0, sizeof(PurgeWalk));
		purge->rests = TimestampTzPlusMilliseconds(now, PURGE_INTERVAL_MS);
	}
	look->wake_at = Min(look->wake_at, purge->rests);
}

/*
 * More holds are due than one batch ends.  Their seats are to be had already,
 * for who asks for them: so the processors are left to those for as long as
 * the batch took, and only who is late hurries.
 */
static void
leave_room_for_others(WorkerLook *look, TimestampTz due, TimestampTz now)
{
	TimestampTz done = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(due, done, UNHURRIED_MS))
		look->pause_ms = (int) ((done - now + 999) / 1000);
}

/*
 * From where looks go on, so that they need not walk over what batches have
 * left dead in the index; 0: from the oldest hold.  It is from there again
 * before long, whatever is found: a hold may have been committed late, or
 * passed over.  Where whole batches cannot be ended it takes longer until
 * those are tried again.
 */
static TimestampTz place = 0;
static TimestampTz begun_at = 0;
static int	hopeless_ms = 0;

static void
begin_anew(TimestampTz now)
{
	place = 0;
	begun_at = now;
	hopeless_ms = 0;
}

/* When the next hold ends, or has ended, or those passed over are to be tried again; false: there is none. */
static bool
next_hold(TimestampTz *due, TimestampTz now)
{
	TimestampTz soon = TimestampTzPlusMilliseconds(begun_at, BEGIN_ANEW_MS + hopeless_ms);

	/* A clock that was set back must not hide those that are made now. */
	if (place != 0 && now >= begun_at && now < soon)
	{
		if (expiry_next_due(place, due) && *due < soon)
			return true;
		if (hopeless_ms > 0)
		{
			*due = soon;
			return true;
		}
	}
	begin_anew(now);
	return expiry_next_due(place, due);
}

static void
note_hopeless(TimestampTz now)
{
	long		took = TimestampDifferenceMilliseconds(now, GetCurrentTimestamp()) + 1;

	hopeless_ms = (int) Min(hopeless_ms + took * HOPELESS_SHARE, MAX_HOPELESS_MS);
}

/*
 * Where to look next.  Who was passed over is come back to when there is no full batch of others left; few that cannot
 * be ended are tried again soon, but not while whole batches of them lie before.
 */
static TimestampTz
next_place(const ExpiryBatch *batch, TimestampTz before)
{
	bool		full = batch->found >= tixbook_expiry_batch;

	if (full && (batch->ended == 0 || batch->ended >= tixbook_expiry_batch))
		return batch->go_on_from;
	if (hopeless_ms > 0)
		return batch->others || batch->go_on_from == 0 ? before : batch->go_on_from;
	if (batch->others || (batch->ended == 0 && before == 0))
		return 0;
	return batch->go_on_from;
}

/* Ends a batch of holds, the oldest of which was due then. */
static void
end_batch(WorkerLook *look, TimestampTz due, TimestampTz now)
{
	TimestampTz before = place;
	ExpiryBatch batch;

	expiry_run(tixbook_expiry_batch, due, &batch);
	look->counts[COUNT_DONE] = batch.ended;
	place = next_place(&batch, before);
	look->stuck = (batch.ended == 0 && (before == 0 || place == before));
	look->more = !look->stuck;
	if (batch.ended == 0 && place != 0 && place != before)
		note_hopeless(now);
	if (batch.ended == 0)
		return;
	look->due = batch.first_due;
	if (batch.ended >= tixbook_expiry_batch && batch.first_due != 0)
		leave_room_for_others(look, batch.first_due, now);
}

static void
look_for_holds(WorkerLook *look, TimestampTz now)
{
	TimestampTz due;

	if (!next_hold(&due, now))
		return;
	if (due <= now)
		end_batch(look, due, now);
	/* Holds that are stuck must not hide when the next one ends. */
	if (look->stuck && !expiry_next_due(now + 1, &due))
		return;
	if (due > now)
		look->wake_at = Min(due, TimestampTzPlusMilliseconds(now, MAX_NAP_MS));
}

/*
 * What is over goes when no hold is due, and under a load that never pauses twice as fast as holds end, lest it stay
 * for ever.  Never in a look that has ended holds: it may wait for a lock, and buyers are not to find blocks locked
 * meanwhile.
 */
static void
look_for_what_is_over(WorkerLook *look, TimestampTz now)
{
	static int	ended_since = 0;

	if (2 * ended_since < tixbook_expiry_batch)
		look_for_holds(look, now);
	else
		look->more = true;
	if (look->counts[COUNT_DONE] > 0)
	{
		ended_since += look->counts[COUNT_DONE];
		return;
	}
	ended_since = 0;
	/* Holds that cannot be ended keep nothing else from going. */
	for (int i = 0; i < lengthof(purges); i++)
		look_to_purge(&purges[i], look, now);
}

const WorkerJobInfo worker_expiry_job = {
	.name = "expiry",
	.process = "tixbook expiry worker",
	.activity = "ending the holds that are due",
	.allowed = &tixbook_expiry_worker,
	.standing = true,
	.look = look_for_what_is_over,
};
