/*
 * rate_limit.c: token buckets in shared memory.
 *
 * A bucket is one number: the instant at which it would be full again.  To
 * take a token puts that off by the time a token takes to come; where it would
 * lie further off than a whole bucket takes to fill, there is no token.
 *
 * Buckets stand in a table of fixed size, a few to a set, and the set is found
 * by hash.  A newcomer to a full set gets the bucket that is nearest to being
 * full: whoever is forgotten that way is given a few tokens early, no more.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "rate_limit.h"

#define RATE_TRANCHE "tixbook_rate_limit"
#define BUCKETS_A_SET 8
#define RATE_LOCKS 64
#define MAX_RATE 1000000
#define MAX_BURST 1000000

PG_FUNCTION_INFO_V1(tixbook_rate_limits);

typedef struct Bucket
{
	uint64		key;			/* 0: never used */
	TimestampTz full_at;
} Bucket;

typedef struct RateShared
{
	LWLockPadded *locks;		/* set i is guarded by lock i % RATE_LOCKS */
	uint64		seed;			/* so that nobody can choose whom he collides with */
	int			sets;
	Bucket		buckets[FLEXIBLE_ARRAY_MEMBER];
} RateShared;

/* Tokens a second and in a full bucket; a rate of 0 is no limit. */
typedef struct RateLimit
{
	double		rate;
	int			burst;
} RateLimit;

static const char *const group_names[RATE_GROUPS] = {
	[RATE_BROWSE] = "browse",
	[RATE_ACCOUNT] = "account",
	[RATE_BOOKING] = "booking",
	[RATE_CHANGE] = "change",
	[RATE_WEBHOOK] = "webhook",
};

static const char *const scope_names[RATE_SCOPES] = {
	[RATE_ADDRESS] = "address",
	[RATE_CUSTOMER] = "customer",
};

static int	rate_buckets = 65536;
static char *limit_settings[RATE_SCOPES];
static RateLimit limits[RATE_SCOPES][RATE_GROUPS];

static RateShared *rate_shared = NULL;	/* NULL: the library is not preloaded */

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

/* One "group rate/burst" of a setting. */
static bool
parse_limit(const char *text, RateLimit *parsed)
{
	char		name[32];
	double		rate;
	int			burst;
	int			end = 0;

	if (sscanf(text, " %31[a-z] %lf/%d %n", name, &rate, &burst, &end) != 3 || text[end] != '\0' ||
		!(rate > 0 && rate <= MAX_RATE) || burst < 1 || burst > MAX_BURST)
		return false;
	for (int i = 0; i < RATE_GROUPS; i++)
		if (strcmp(name, group_names[i]) == 0)
		{
			parsed[i].rate = rate;
			parsed[i].burst = burst;
			return true;
		}
	return false;
}

static bool
check_limits(char **value, void **extra, GucSource source)
{
	/* What a setting has beside it is the server's to free, by malloc's rules until 16. */
	RateLimit  *parsed = compat_guc_malloc(sizeof(RateLimit) * RATE_GROUPS);
	char	   *list = pstrdup(*value);
	char	   *rest = list;
	char	   *item;

	if (parsed == NULL)
		return false;
	memset(parsed, 0, sizeof(RateLimit) * RATE_GROUPS);
	while ((item = strsep(&rest, ",")) != NULL)
	{
		if (item[strspn(item, " ")] == '\0')
			continue;
		if (!parse_limit(item, parsed))
		{
			GUC_check_errdetail("\"%s\" is not like \"browse 20/100\": a group (browse, account, booking, change, webhook), tokens a second, tokens in a full bucket.",
								item);
			compat_guc_free(parsed);
			pfree(list);
			return false;
		}
	}
	pfree(list);
	*extra = parsed;
	return true;
}

static void
assign_address_limits(const char *value, void *extra)
{
	memcpy(limits[RATE_ADDRESS], extra, sizeof(limits[RATE_ADDRESS]));
}

static void
assign_customer_limits(const char *value, void *extra)
{
	memcpy(limits[RATE_CUSTOMER], extra, sizeof(limits[RATE_CUSTOMER]));
}

void
rate_limit_settings(void)
{
	DefineCustomStringVariable("tixbook.address_limits",
							   "How often one address may ask over HTTP: group, requests a second, and at once.",
							   "A group that is not named is not limited.",
							   &limit_settings[RATE_ADDRESS],
							   "browse 100/400, account 1/20, booking 20/100, change 20/100",
							   PGC_SIGHUP, 0, check_limits, assign_address_limits, NULL);
	DefineCustomStringVariable("tixbook.customer_limits",
							   "How often one customer may ask over HTTP: group, requests a second, and at once.",
							   "A group that is not named is not limited.",
							   &limit_settings[RATE_CUSTOMER],
							   "browse 20/100, booking 2/20, change 5/40",
							   PGC_SIGHUP, 0, check_limits, assign_customer_limits, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("tixbook.rate_buckets",
							"How many customers and addresses the rate limits can tell apart at once.",
							"Each takes 16 bytes of shared memory.",
							&rate_buckets, 65536, 1024, 16 * 1024 * 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static Size
shared_size(void)
{
	return add_size(offsetof(RateShared, buckets), mul_size(rate_buckets, sizeof(Bucket)));
}

static void
request_shmem(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(RATE_TRANCHE, RATE_LOCKS);
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	rate_shared = ShmemInitStruct("tixbook rate limits", shared_size(), &found);
	if (!found)
	{
		memset(rate_shared, 0, shared_size());
		rate_shared->locks = GetNamedLWLockTranche(RATE_TRANCHE);
		rate_shared->sets = rate_buckets / BUCKETS_A_SET;
		if (!pg_strong_random(&rate_shared->seed, sizeof(rate_shared->seed)))
			elog(ERROR, "could not generate random bytes");
	}
	LWLockRelease(AddinShmemInitLock);
}

void
rate_limit_shmem_init(void)
{
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

static uint64
bucket_key(RateScope scope, RateGroup group, const char *who)
{
	uint64		key = hash_bytes_extended((const unsigned char *) who, strlen(who),
										  rate_shared->seed + scope * RATE_GROUPS + group);

	return key == 0 ? 1 : key;
}

/* The bucket with that key; a newcomer's is full.  The set's lock is held. */
static Bucket *
find_bucket(Bucket *set, uint64 key)
{
	Bucket	   *spare = &set[0];

	for (int i = 0; i < BUCKETS_A_SET; i++)
	{
		if (set[i].key == key)
			return &set[i];
		if (set[i].full_at < spare->full_at)
			spare = &set[i];
	}
	spare->key = key;
	spare->full_at = 0;
	return spare;
}

/* Takes a token; returns how many microseconds it is until there is one, 0: it was there. */
static int64
take_token(uint64 key, const RateLimit *limit)
{
	int			set = (int) (key % rate_shared->sets);
	LWLock	   *lock = &rate_shared->locks[set % RATE_LOCKS].lock;
	int64		token = (int64) ceil(USECS_PER_SEC / limit->rate);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz full_at;
	int64		wait;
	Bucket	   *bucket;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	bucket = find_bucket(&rate_shared->buckets[set * BUCKETS_A_SET], key);
	full_at = Max(bucket->full_at, now) + token;
	wait = full_at - (now + limit->burst * token);
	/* A clock that was set back must not shut anybody out. */
	if (wait > limit->burst * token)
	{
		full_at = now + token;
		wait = 0;
	}
	if (wait <= 0)
		bucket->full_at = full_at;
	LWLockRelease(lock);
	return Max(wait, 0);
}

bool
rate_limit_take(RateScope scope, RateGroup group, const char *who, Refusal *refusal)
{
	const RateLimit *limit = &limits[scope][group];
	int64		wait;

	if (rate_shared == NULL || limit->rate == 0)
		return true;
	wait = take_token(bucket_key(scope, group, who), limit);
	if (wait == 0)
		return true;
	return refuse(refusal, REASON_RATE_LIMITED,
				  psprintf("this %s may send %g a second of this kind",
						   scope_names[scope], limit->rate),
				  "{\"limit\": \"%s\", \"group\": \"%s\", \"per_second\": %g, \"burst\": %d, \"retry_after_ms\": %lld}",
				  scope_names[scope], group_names[group], limit->rate, limit->burst,
				  (long long) (wait + 999) / 1000);
}

/* rate_limits(): a row for each limit that is set. */
Datum
tixbook_rate_limits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rate_shared == NULL)
	{
		Refusal		refusal = {REASON_PRELOAD_REQUIRED, "limiting rates", NULL};

		refusal_raise(&refusal);
	}
	InitMaterializedSRF(fcinfo, 0);
	for (int scope = 0; scope < RATE_SCOPES; scope++)
		for (int group = 0; group < RATE_GROUPS; group++)
		{
			const RateLimit *limit = &limits[scope][group];
			Datum		values[4];
			bool		nulls[4] = {0};

			if (limit->rate == 0)
				continue;
			values[0] = CStringGetTextDatum(scope_names[scope]);
			values[1] = CStringGetTextDatum(group_names[group]);
			values[2] = Float8GetDatum(limit->rate);
			values[3] = Int32GetDatum(limit->burst);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	return (Datum) 0;
}
