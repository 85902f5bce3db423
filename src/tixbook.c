/*
 * tixbook.c: _PG_init: settings, shared memory, hooks; nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "cache.h"
#include "catalog.h"
#include "growing_table.h"
#include "payment.h"
#include "publish.h"
#include "rate_limit.h"
#include "row_scan.h"
#include "seat_block.h"
#include "settings.h"
#include "store.h"
#include "waitingroom.h"
#include "webhook.h"
#include "worker.h"

PG_MODULE_MAGIC;

int			tixbook_hold_ttl = 600;
int			tixbook_max_hold = 24 * 3600;
int			tixbook_lock_wait = 1000;
int			tixbook_idempotency_ttl = 24 * 3600;
int			tixbook_ended_hold_ttl = 7 * 24 * 3600;
int			tixbook_expiry_batch = 1000;
bool		tixbook_expiry_worker = true;
bool		tixbook_waitingroom_worker = true;
int			tixbook_waitingroom_tick = 500;
int			tixbook_waiting_room_ttl = 30 * 24 * 3600;
char	   *tixbook_databases = NULL;
int			tixbook_max_databases = 16;
int			tixbook_worker_idle = 180;
bool		tixbook_dispatch_worker = true;
int			tixbook_dead_letter_ttl = 30 * 24 * 3600;
int			tixbook_dispatch_concurrency = 32;
int			tixbook_dispatch_ttl = 7 * 24 * 3600;
int			tixbook_publish_interval = 200;
int			tixbook_cache_size = 64 * 1024;
bool		tixbook_http_refusals = false;
bool		tixbook_require_idempotency_key = false;
char	   *tixbook_edge_secret = NULL;
int			tixbook_token_ttl = 12 * 3600;
int			tixbook_password_cost = 10;
int			tixbook_payment_provider = PAYMENT_PROVIDER_NONE;
int			tixbook_late_payment = LATE_PAYMENT_SAME;
int			tixbook_payment_window = 300;
double		tixbook_request_rate = 1000;
int			tixbook_request_batch = 500;
bool		tixbook_request_worker = true;
int			tixbook_request_workers_min = 1;
int			tixbook_request_workers_max = 4;
int			tixbook_request_attempts = 10;
int			tixbook_max_backlog = 100000;
int			tixbook_ended_request_ttl = 7 * 24 * 3600;

static const struct config_enum_entry payment_providers[] = {
	{"none", PAYMENT_PROVIDER_NONE, false},
	{"test", PAYMENT_PROVIDER_TEST, false},
	{"stripe", PAYMENT_PROVIDER_STRIPE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry late_payments[] = {
	{"same", LATE_PAYMENT_SAME, false},
	{"equivalent", LATE_PAYMENT_EQUIVALENT, false},
	{"refund", LATE_PAYMENT_REFUND, false},
	{NULL, 0, false}
};

static const struct config_enum_entry publish_targets[] = {
	{"off", 0, false},
	{"notify", PUBLISH_NOTIFY, false},
	{"realtime", PUBLISH_REALTIME, false},
	{"on", PUBLISH_NOTIFY | PUBLISH_REALTIME, false},
	{NULL, 0, false}
};

void		_PG_init(void);

static void
define_booking_settings(void)
{
	DefineCustomIntVariable("tixbook.hold_ttl",
							"How long a hold lasts where neither the call nor the event says.",
							NULL,
							&tixbook_hold_ttl, 600, 1, 30 * 24 * 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.max_hold",
							"The longest hold that a call may ask for.",
							NULL,
							&tixbook_max_hold, 24 * 3600, 1, 30 * 24 * 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.lock_wait",
							"How long a call waits for others that decide on the seats it needs.",
							"After that it is refused as busy, not as sold out.",
							&tixbook_lock_wait, 1000, 0, 60 * 1000,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.idempotency_ttl",
							"How long an idempotency key is remembered.",
							NULL,
							&tixbook_idempotency_ttl, 24 * 3600, 60, 365 * 24 * 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.ended_hold_ttl",
							"How long the booking of a hold that expired or was released is kept; -1: for ever.",
							NULL,
							&tixbook_ended_hold_ttl, 7 * 24 * 3600, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_worker_settings(void)
{
	DefineCustomBoolVariable("tixbook.expiry_worker",
							 "Runs a background worker that ends holds at their instant.",
							 NULL,
							 &tixbook_expiry_worker, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.expiry_batch",
							"How many holds the expiry worker ends in one transaction.",
							NULL,
							&tixbook_expiry_batch, 1000, 1, 100000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.worker_idle",
							"How long a worker without work stays, but for the expiry worker, which always does.",
							NULL,
							&tixbook_worker_idle, 180, 1, 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomBoolVariable("tixbook.waitingroom_worker",
							 "Runs a background worker that moves waiting rooms on.",
							 NULL,
							 &tixbook_waitingroom_worker, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.waitingroom_tick",
							"How often waiting rooms let fans in.",
							NULL,
							&tixbook_waitingroom_tick, 500, 50, 60 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.waiting_room_ttl",
							"How long the entries of a waiting room are kept once it is closed and its event over; -1: for ever.",
							NULL,
							&tixbook_waiting_room_ttl, 30 * 24 * 3600, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("tixbook.databases",
							   "Databases that get workers, separated by commas; empty: all that have the extension.",
							   NULL,
							   &tixbook_databases, "",
							   PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
}

static void
define_dispatch_settings(void)
{
	DefineCustomBoolVariable("tixbook.dispatch_worker",
							 "Runs a background worker that sends dispatches while there are any.",
							 NULL,
							 &tixbook_dispatch_worker, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.dispatch_concurrency",
							"How many dispatches of a database are under way at a time, to all destinations.",
							NULL,
							&tixbook_dispatch_concurrency, 32, 1, 256,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.dispatch_ttl",
							"How long a dispatch is kept after it was delivered.",
							NULL,
							&tixbook_dispatch_ttl, 7 * 24 * 3600, 0, 365 * 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.dead_letter_ttl",
							"How long a dispatch is kept after it was refused or given up; -1: for ever.",
							NULL,
							&tixbook_dead_letter_ttl, 30 * 24 * 3600, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_publish_settings(void)
{
	DefineCustomEnumVariable("tixbook.publish",
							 "Whom a worker tells of changes as they happen: SQL listeners (notify), the fan-out server (realtime), both (on).",
							 "Needs shared_preload_libraries and tixbook.cache_size; the fan-out server is the destination realtime.",
							 &tixbook_publish, 0, publish_targets,
							 PGC_SIGHUP, 0, NULL, publish_set, NULL);
	DefineCustomIntVariable("tixbook.publish_interval",
							"How long after a publication about an event the next one comes at the earliest.",
							NULL,
							&tixbook_publish_interval, 200, 10, 10000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* What sizes shared memory cannot be defined once the server runs. */
static void
define_memory_settings(void)
{
	DefineCustomIntVariable("tixbook.max_databases",
							"How many databases of the cluster can have workers.",
							NULL,
							&tixbook_max_databases, 16, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.cache_size",
							"Shared memory for the seat maps of events, and for where the entries of waiting rooms stand; 0: none are kept.",
							"An event takes 64 bytes a seat block and a bit a seat, a waiting room 12 bytes an entry.",
							&tixbook_cache_size, 64 * 1024, 0, 16 * 1024 * 1024,
							PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
}

static void
define_http_settings(void)
{
	DefineCustomBoolVariable("tixbook.http_refusals",
							 "Raises refusals in the form that PostgREST makes HTTP answers of.",
							 "The transaction of an HTTP request has it on by itself.",
							 &tixbook_http_refusals, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tixbook.require_idempotency_key",
							 "Refuses to reserve and to pay over HTTP without an Idempotency-Key.",
							 NULL,
							 &tixbook_require_idempotency_key, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("tixbook.edge_secret",
							   "What the edge shows in X-Edge-Secret, so that its X-Real-IP is believed.",
							   "Empty: no address is known, and tixbook.address_limits are off.",
							   &tixbook_edge_secret, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.token_ttl",
							"How long the token that log_in gives is valid.",
							NULL,
							&tixbook_token_ttl, 12 * 3600, 60, 365 * 24 * 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.password_cost",
							"The cost of new password hashes; one more doubles their time.",
							NULL,
							&tixbook_password_cost, 10, 4, 15,
							PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_payment_settings(void)
{
	DefineCustomEnumVariable("tixbook.payment_provider",
							 "Who takes the money; the test provider takes none.",
							 NULL,
							 &tixbook_payment_provider, PAYMENT_PROVIDER_NONE, payment_providers,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("tixbook.late_payment",
							 "What money buys that comes after its hold has ended: the same seats, if need be equivalent ones, or nothing.",
							 "What it cannot buy is refunded.",
							 &tixbook_late_payment, LATE_PAYMENT_SAME, late_payments,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.payment_window",
							"How long at least a booking keeps its seats while its payment is decided.",
							NULL,
							&tixbook_payment_window, 300, 1, 24 * 3600,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

static void
define_request_settings(void)
{
	DefineCustomRealVariable("tixbook.request_rate",
							 "How many requests of an event are worked off a second, where it has no rate of its own; 0: as many as may be.",
							 NULL,
							 &tixbook_request_rate, 1000, 0, 1000000,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.request_batch",
							"How many requests are decided in one transaction, at most.",
							NULL,
							&tixbook_request_batch, 500, 1, 10000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("tixbook.request_worker",
							 "Runs background workers that work off requests.",
							 NULL,
							 &tixbook_request_worker, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.request_workers_min",
							"How many workers a database has at least while it has requests to work off.",
							NULL,
							&tixbook_request_workers_min, 1, 1, 8,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.request_workers_max",
							"How many workers a database has at most, when the queues of several events are late.",
							NULL,
							&tixbook_request_workers_max, 4, 1, 8,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.request_attempts",
							"How often a request is tried whose refusal may pass, before it is a dead letter.",
							NULL,
							&tixbook_request_attempts, 10, 1, 100,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.max_backlog",
							"How many requests of an event may be waiting; above that new ones are refused.",
							NULL,
							&tixbook_max_backlog, 100000, 1, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("tixbook.ended_request_ttl",
							"How long a request that has ended is kept; -1: for ever.",
							NULL,
							&tixbook_ended_request_ttl, 7 * 24 * 3600, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

void
_PG_init(void)
{
	define_booking_settings();
	define_http_settings();
	define_payment_settings();
	define_request_settings();
	rate_limit_settings();
	define_worker_settings();
	define_dispatch_settings();
	define_publish_settings();
	if (process_shared_preload_libraries_in_progress)
		define_memory_settings();
	MarkGUCPrefixReserved("tixbook");

	store_init();
	catalog_init();
	seat_block_init();
	cache_init();
	cache_xact_init();
	webhook_init();
	row_scan_init();
	growing_table_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	cache_shmem_init();
	rate_limit_shmem_init();
	waitingroom_shmem_init();
	publish_shmem_init();
	worker_shmem_init();
}
