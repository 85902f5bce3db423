/* The settings, tixbook.*: defined in tixbook.c, described in docs/operations.md. */
#ifndef TIXBOOK_SETTINGS_H
#define TIXBOOK_SETTINGS_H

extern int	tixbook_hold_ttl;			/* seconds */
extern int	tixbook_max_hold;			/* seconds */
extern int	tixbook_lock_wait;			/* milliseconds */
extern int	tixbook_idempotency_ttl;	/* seconds */
extern int	tixbook_ended_hold_ttl;	/* seconds; -1: for ever */
extern int	tixbook_expiry_batch;		/* holds a transaction */
extern bool tixbook_expiry_worker;
extern bool tixbook_waitingroom_worker;
extern int	tixbook_waitingroom_tick;	/* milliseconds */
extern int	tixbook_waiting_room_ttl;	/* seconds; -1: for ever */
extern char *tixbook_databases;
extern int	tixbook_max_databases;
extern int	tixbook_worker_idle;		/* seconds */
extern bool tixbook_dispatch_worker;
extern int	tixbook_dead_letter_ttl;	/* seconds; -1: for ever */
extern int	tixbook_dispatch_concurrency;
extern int	tixbook_dispatch_ttl;		/* seconds */
extern int	tixbook_publish_interval;	/* milliseconds; tixbook.publish itself is in publish.h */
extern int	tixbook_cache_size;			/* kilobytes; 0: no cache */
extern bool tixbook_http_refusals;
extern bool tixbook_require_idempotency_key;
extern char *tixbook_edge_secret;
extern int	tixbook_token_ttl;			/* seconds */
extern int	tixbook_password_cost;		/* bcrypt */
extern int	tixbook_payment_provider;	/* PaymentProvider, in payment.h */
extern int	tixbook_late_payment;		/* LatePayment, in payment.h */
extern int	tixbook_payment_window;		/* seconds */
extern double tixbook_request_rate;		/* a second; 0: no limit */
extern int	tixbook_request_batch;		/* requests a transaction */
extern bool tixbook_request_worker;
extern int	tixbook_request_workers_min;
extern int	tixbook_request_workers_max;
extern int	tixbook_request_attempts;
extern int	tixbook_max_backlog;		/* requests of an event */
extern int	tixbook_ended_request_ttl;	/* seconds; -1: for ever */

#endif
