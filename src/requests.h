/*
 * Requests: wishes for a hold that are acknowledged at once and worked off
 * later.
 *
 * A request waits until a batch has decided on it.  Its outcome, the hold or a
 * refusal, commits in the transaction that makes the hold, so that whoever dies
 * in between has lost nothing and done nothing.
 *
 *   waiting -> held, refused      by a batch
 *   waiting -> dead               by a batch, having tried too often
 *   waiting -> cancelled          by its customer
 *   dead -> waiting               by an administrator
 */
#ifndef TIXBOOK_REQUESTS_H
#define TIXBOOK_REQUESTS_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#include "errors.h"
#include "purge_walk.h"
#include "reservation.h"
#include "store.h"

typedef enum RequestStatus
{
	REQUEST_WAITING,
	REQUEST_HELD,
	REQUEST_REFUSED,
	REQUEST_CANCELLED,
	REQUEST_DEAD,
	REQUEST_STATUSES
} RequestStatus;

typedef struct Request
{
	pg_uuid_t	id;
	TimestampTz submitted_at;
	TimestampTz waiting_since;	/* which gives its place; 0: it does not wait */
	TimestampTz not_before;		/* of the next attempt; 0: at once */
	TimestampTz ended_at;		/* 0: it has not */
	int32		event_id;
	RequestStatus status;
	int32		quantity;
	int32		attempts;
	bool		accessible;
	bool		together;
	Interval   *hold_for;		/* or NULL */
	pg_uuid_t  *booking_id;		/* or NULL */
	char	   *section;		/* or NULL */
	char	   *category;		/* or NULL */
	int32	   *seats;			/* as many as quantity, ascending; NULL: the best */
	char	   *customer;		/* or NULL */
	char	   *reason;			/* of the refusal, or of the last one that may pass; or NULL */
	char	   *subject;
	char	   *detail;			/* JSON, or NULL */
	ItemPointerData tid;
} Request;

typedef struct Requests
{
	Store		store;
	StoreScan	scan;
} Requests;

/* request_row.c */
extern void requests_open(Requests *requests, StoreIndex index);
extern void requests_close(Requests *requests);
extern void requests_open_to_read(Requests *requests, StoreIndex index);
extern void requests_close_reading(Requests *requests);
extern void request_insert(Requests *requests, const Request *request);
extern void request_found(Requests *requests, Request *request);
extern bool request_lock_found(Requests *requests, Request *request);
extern void request_write(Requests *requests, Request *request);
extern const char *request_status_name(RequestStatus status);
extern void request_set_refusal(Request *request, const Refusal *refusal);

/* request_wish.c: what the request asks for; false: that cannot be. */
extern bool request_wish(const Request *request, Event *event, Reservation *reservation,
						 Refusal *refusal);

/* request_backlog.c */
extern bool request_backlog_allows(const Event *event, Refusal *refusal);

/* What one transaction did. */
typedef struct RequestsWork
{
	int			batch;			/* the caller allows so many */
	int			done;			/* decided on, or tried in vain */
	int			held;
	int			refused;
	int			retried;
	int			died;
	TimestampTz due;			/* when the pace would have had the first of them decided */
	TimestampTz wake_at;		/* where nothing is due: when something will be, or DT_NOEND */
} RequestsWork;

/*
 * requests.c: works off a batch of requests of one event, in the order of their
 * arrival, in the current transaction.  False: nothing is due that nobody else
 * has in hands.  What goes wrong with a request stays with it.
 */
extern bool requests_work(RequestsWork *work);

/* How many events have requests waiting, up to most. */
extern int	requests_count_events(int most);

/* When the next attempt at any request is due; false: none waits. */
extern bool requests_next_due(TimestampTz *due);

/* request_purge.c; who purges again and again gives his walk, else it is NULL. */
extern int	requests_purge(int batch, PurgeWalk *walk);
extern bool requests_next_purge(TimestampTz *due, PurgeWalk *walk);

/* How late the queue of an event is, in microseconds. */
extern int64 request_lag(int32 event_id);

#endif
