/*
 * dispatch_send.c: HTTP calls on the network, many at a time, by libcurl.
 *
 * What the other side may do to us is bounded: a call ends at its deadline
 * however slowly it comes, its headers and its answer have a largest size, no
 * redirect is followed, and nobody is believed but who has a certificate for
 * the name in the URL.
 *
 * libcurl's callbacks must not raise, so they allocate nothing: each call has
 * all its memory when it starts.  Signals are blocked while libcurl works,
 * because the threads that it resolves names with inherit that: no handler of
 * the server's may run in one of them.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <limits.h>
#include <signal.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "dispatch.h"
#include "instant.h"
#include "worker_shared.h"

#define MAX_ANSWER_BYTES	(64 * 1024)
#define MAX_HEADER_BYTES	(64 * 1024)

/* A socket for each call, a few more for names that have several addresses. */
#define MAX_SOCKETS			1024

#define NO_TIMER			(-1)

typedef struct Transfer
{
	DispatchResult result;		/* in the list of results once it has ended */
	MemoryContext memory;
	CURL	   *easy;
	struct curl_slist *headers;
	const char *broke_off;		/* why we did, or NULL */
	size_t		header_bytes;
	size_t		answer_bytes;
	char		error[CURL_ERROR_SIZE];
	char		answer[MAX_ANSWER_BYTES + 1];
} Transfer;

typedef struct Socket
{
	curl_socket_t fd;
	int			what;			/* CURL_POLL_... */
} Socket;

static CURLM *multi = NULL;
static int	transfers = 0;
static dlist_head results = DLIST_STATIC_INIT(results);
static Socket sockets[MAX_SOCKETS];
static int	nsockets = 0;
static bool sockets_changed = true;
static int64 timer_at = NO_TIMER;	/* by the steady clock */
static WaitEventSet *wait_set = NULL;


/* Callbacks of libcurl */

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *with, void *of_socket)
{
	int			i = 0;

	while (i < nsockets && sockets[i].fd != fd)
		i++;
	sockets_changed = true;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < nsockets)
			sockets[i] = sockets[--nsockets];
		return 0;
	}
	if (i == MAX_SOCKETS)
		return -1;
	sockets[i].fd = fd;
	sockets[i].what = what;
	nsockets = Max(nsockets, i + 1);
	return 0;
}

static int
set_timer(CURLM *of, long ms, void *with)
{
	timer_at = ms < 0 ? NO_TIMER : steady_ms() + ms;
	return 0;
}

static size_t
take_answer(char *bytes, size_t size, size_t count, void *with)
{
	Transfer   *transfer = with;
	size_t		length = size * count;

	if (length > MAX_ANSWER_BYTES - transfer->answer_bytes)
	{
		transfer->broke_off = "the answer is too long";
		return 0;
	}
	memcpy(transfer->answer + transfer->answer_bytes, bytes, length);
	transfer->answer_bytes += length;
	return length;
}

static size_t
take_header(char *bytes, size_t size, size_t count, void *with)
{
	Transfer   *transfer = with;
	size_t		length = size * count;

	if (length > MAX_HEADER_BYTES - transfer->header_bytes)
	{
		transfer->broke_off = "the headers of the answer are too long";
		return 0;
	}
	transfer->header_bytes += length;
	return length;
}


/* Calls of libcurl, with signals blocked */

static sigset_t signals_before;

static void
enter_curl(void)
{
	sigset_t	all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &signals_before);
}

static void
leave_curl(void)
{
	sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

static void
set_up(void)
{
	if (multi != NULL)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (multi = curl_multi_init()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize libcurl")));
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 32L);
}

static void
restrict_protocols(CURL *easy, bool plaintext)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plaintext ? "http,https" : "https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
					 plaintext ? (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS) : (long) CURLPROTO_HTTPS);
#endif
}

/* Who is to be believed.  What the environment of the server says counts for nothing. */
static void
set_trust(CURL *easy, const DispatchCall *call)
{
	restrict_protocols(easy, call->plaintext);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (call->certificate_authority != NULL)
	{
		struct curl_blob blob = {(void *) call->certificate_authority,
		strlen(call->certificate_authority), CURL_BLOB_COPY};

		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
}

static void
set_request(CURL *easy, Transfer *transfer, const DispatchCall *call)
{
	curl_easy_setopt(easy, CURLOPT_URL, call->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	if (call->body != NULL)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(call->body));
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, call->body);
	}
	else if (strcmp(call->method, "GET") != 0)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) 0);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
	for (char **line = call->headers; *line != NULL; line++)
		transfer->headers = curl_slist_append(transfer->headers, *line);
	transfer->headers = curl_slist_append(transfer->headers, "User-Agent: tixbook");
	transfer->headers = curl_slist_append(transfer->headers, "Expect:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void
set_bounds(CURL *easy, Transfer *transfer, const DispatchCall *call)
{
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) call->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(call->connect_timeout_ms, call->timeout_ms));
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that does not answer is not waited for beyond the deadline. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

/* The call is over; its result waits to be taken. */
static void
end_transfer(Transfer *transfer)
{
	if (transfer->easy != NULL)
	{
		(void) curl_multi_remove_handle(multi, transfer->easy);
		curl_easy_cleanup(transfer->easy);
	}
	curl_slist_free_all(transfer->headers);
	transfer->easy = NULL;
	transfer->headers = NULL;
	dlist_push_tail(&results, &transfer->result.node);
}

/* What libcurl says may repeat bytes of the other side, which need not be text. */
static const char *
plain_error(Transfer *transfer, CURLcode code)
{
	if (transfer->error[0] == '\0')
		return curl_easy_strerror(code);
	for (char *c = transfer->error; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return transfer->error;
}

static void
note_result(Transfer *transfer, CURLcode code)
{
	long		status = 0;
	curl_off_t	retry_after = 0;

	(void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
	transfer->answer[transfer->answer_bytes] = '\0';
	transfer->result.http_status = (int) status;
	transfer->result.retry_after_s = retry_after > 0 ? (int) Min(retry_after, INT_MAX) : -1;
	if (transfer->broke_off != NULL)
		transfer->result.error = transfer->broke_off;
	else if (code != CURLE_OK)
		transfer->result.error = plain_error(transfer, code);
	else if (strlen(transfer->answer) == transfer->answer_bytes &&
			 pg_verify_mbstr(GetDatabaseEncoding(), transfer->answer, transfer->answer_bytes, true))
		transfer->result.answer = transfer->answer;
}

/* Lets libcurl work on a socket, or on what its timer was for, and takes what has ended. */
static void
let_work(curl_socket_t fd, int events)
{
	CURLMsg    *message;
	int			running,
				left;

	enter_curl();
	(void) curl_multi_socket_action(multi, fd, events, &running);
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		Transfer   *transfer;
		CURLcode	code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		note_result(transfer, code);
		end_transfer(transfer);
	}
	leave_curl();
}

/*
 * Starts a call.  memory holds the call and what comes of it, until
 * dispatch_send_forget().
 */
void
dispatch_send_start(const DispatchCall *call, MemoryContext memory)
{
	Transfer   *transfer;
	bool		started;

	set_up();
	transfer = MemoryContextAlloc(memory, sizeof(Transfer));
	memset(transfer, 0, offsetof(Transfer, answer));
	transfer->memory = memory;
	transfer->result.dispatch_id = call->dispatch_id;
	transfer->result.retry_after_s = -1;
	transfers++;

	enter_curl();
	transfer->easy = curl_easy_init();
	started = (transfer->easy != NULL);
	if (started)
	{
		set_trust(transfer->easy, call);
		set_request(transfer->easy, transfer, call);
		set_bounds(transfer->easy, transfer, call);
		started = (curl_multi_add_handle(multi, transfer->easy) == CURLM_OK);
	}
	if (!started)
	{
		transfer->result.error = "libcurl could not begin the call";
		end_transfer(transfer);
	}
	leave_curl();
}

/* How many calls are under way or have results that are not forgotten yet. */
int
dispatch_send_count(void)
{
	return transfers;
}

/* What has ended: DispatchResults. */
dlist_head *
dispatch_send_results(void)
{
	return &results;
}

void
dispatch_send_forget(DispatchResult *result)
{
	Transfer   *transfer = (Transfer *) result;	/* whose first member it is */

	dlist_delete(&result->node);
	transfers--;
	MemoryContextDelete(transfer->memory);
}


/* Waiting */

static int
events_of(int what)
{
	switch (what)
	{
		case CURL_POLL_IN:
			return WL_SOCKET_READABLE;
		case CURL_POLL_OUT:
			return WL_SOCKET_WRITEABLE;
		case CURL_POLL_INOUT:
			return WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE;
		default:
			return 0;
	}
}

static void
build_wait_set(bool with_latch)
{
	static bool had_latch = false;

	if (!sockets_changed && had_latch == with_latch && wait_set != NULL)
		return;
	if (wait_set != NULL)
		FreeWaitEventSet(wait_set);
	wait_set = NULL;
	wait_set = compat_create_wait_event_set(nsockets + 2);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (with_latch)
		AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	for (int i = 0; i < nsockets; i++)
		if (events_of(sockets[i].what) != 0)
			AddWaitEventToSet(wait_set, events_of(sockets[i].what), sockets[i].fd, NULL, NULL);
	sockets_changed = false;
	had_latch = with_latch;
}

static long
timeout_until(TimestampTz until)
{
	long		ms = ms_until(until);
	long		timer_ms = timer_at == NO_TIMER ? -1 : (long) Min(Max(timer_at - steady_ms(), 0), LONGEST_SLEEP_MS);

	return timer_ms < 0 || (ms >= 0 && ms < timer_ms) ? ms : timer_ms;
}

/* One wait; true: the latch is set. */
static bool
wait_once(TimestampTz until, bool with_latch)
{
	WaitEvent	events[16];
	int			n;
	bool		latch_set = false;

	build_wait_set(with_latch);
	n = WaitEventSetWait(wait_set, timeout_until(until), events, lengthof(events), worker_wait_event());
	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].events & WL_LATCH_SET)
			latch_set = true;
		if (events[i].events & WL_SOCKET_READABLE)
			what |= CURL_CSELECT_IN;
		if (events[i].events & WL_SOCKET_WRITEABLE)
			what |= CURL_CSELECT_OUT;
		if (what != 0)
			let_work(events[i].fd, what);
	}
	if (timer_at != NO_TIMER && timer_at <= steady_ms())
	{
		timer_at = NO_TIMER;
		let_work(CURL_SOCKET_TIMEOUT, 0);
	}
	return latch_set;
}

/*
 * Lets the calls go on until one of them has ended, the latch is set, or that
 * instant; before patient_until, an instant by the steady clock, the latch is
 * left for later.  True: there are results.
 */
bool
dispatch_send_wait(TimestampTz until, int64 patient_until)
{
	while (dlist_is_empty(&results))
	{
		TimestampTz now = GetCurrentTimestamp();
		int64		patience = patient_until - steady_ms();
		bool		patient = (patience > 0);

		if (wait_once(patient ? TimestampTzPlusMilliseconds(now, patience) : until, !patient) || (!patient && now >= until))
			break;
	}
	return !dlist_is_empty(&results);
}
