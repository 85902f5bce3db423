/* Payments: who takes the money. */
#ifndef TIXBOOK_PAYMENT_H
#define TIXBOOK_PAYMENT_H

typedef enum PaymentProvider
{
	PAYMENT_PROVIDER_NONE,
	PAYMENT_PROVIDER_TEST
} PaymentProvider;

#endif
