/* Payments: who takes the money, and what becomes of it where the hold has gone. */
#ifndef TIXBOOK_PAYMENT_H
#define TIXBOOK_PAYMENT_H

typedef enum PaymentProvider
{
	PAYMENT_PROVIDER_NONE,
	PAYMENT_PROVIDER_TEST,
	PAYMENT_PROVIDER_STRIPE
} PaymentProvider;

/* What money buys that comes after the end of its hold. */
typedef enum LatePayment
{
	LATE_PAYMENT_SAME,			/* the same seats, if they are free */
	LATE_PAYMENT_EQUIVALENT,	/* else such as them */
	LATE_PAYMENT_REFUND			/* nothing */
} LatePayment;

#endif
