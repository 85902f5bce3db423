/*
 * Rate limits: how often somebody may ask over HTTP.
 */
#ifndef TIXBOOK_RATE_LIMIT_H
#define TIXBOOK_RATE_LIMIT_H

#include "errors.h"

/* Functions that are limited together. */
typedef enum RateGroup
{
	RATE_BROWSE,				/* what only looks */
	RATE_ACCOUNT,				/* sign_up, log_in: each costs a password hash */
	RATE_BOOKING,				/* reserve, reserve_seats: each may take seats */
	RATE_CHANGE,				/* what else changes something */
	RATE_WEBHOOK,				/* what a payment provider sends */
	RATE_GROUPS
} RateGroup;

/* Who is counted. */
typedef enum RateScope
{
	RATE_ADDRESS,
	RATE_CUSTOMER,
	RATE_SCOPES
} RateScope;

extern void rate_limit_settings(void);
extern void rate_limit_shmem_init(void);

/* Takes a token of who's bucket; false: there is none, and the refusal says when. */
extern bool rate_limit_take(RateScope scope, RateGroup group, const char *who, Refusal *refusal);

#endif
