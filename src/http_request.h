/* The request that PostgREST hands over. */
#ifndef TIXBOOK_HTTP_REQUEST_H
#define TIXBOOK_HTTP_REQUEST_H

/* The subject of its token, palloc'd; NULL without one. */
extern char *http_customer(void);

#endif
