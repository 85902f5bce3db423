# tixbook: a ticket office inside PostgreSQL.
# make, make install: the extension (PGXS).  make demo, make test, make bench: see README.md.

EXTENSION  = tixbook
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" tixbook.control)

MODULE_big = tixbook
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

# The install script is these parts, joined in this order: each stands only on those before it.
SQL_PARTS = role errors seatmap venue seating_plan event inventory cdc booking idempotency expiry \
            requests availability search worker account dispatch publish webhook dispatch_handler \
            payment refund payment_settle payment_stripe refund_stripe pay payment_webhook settlement verify http waitingroom subscriber \
            grants row_security api_browse api_booking api_requests api_waitingroom api_account api_staff api_grants

DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA       = $(wildcard sql/$(EXTENSION)--*--*.sql)
EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql

# Outgoing HTTP.  And what the library calls of its own it finds in itself, not among what all libraries
# have loaded: so it calls it directly, and nobody else's function of that name instead.
SHLIB_LINK = -lcurl -Wl,-Bsymbolic

PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

# These bring their own build and server, so they must work where pg_config is not installed yet.
HARNESS = test demo bench

PG_CONFIG ?= pg_config
ifneq ($(filter-out $(HARNESS),$(or $(MAKECMDGOALS),all)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
endif

$(OBJS): $(wildcard src/*.h src/*.def)

.PHONY: $(HARNESS)
# Settings (see test/harness/run) go through the environment, but for those that shells take for themselves.
$(HARNESS):
	@test/harness/run $@ $(foreach name,SECONDS LINES GROUPS,$(if $(findstring command,$(origin $(name))),'$(name)=$($(name))'))

sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS:%=sql/%.sql) tixbook.control Makefile
	(printf '%s\n' '\echo Use "CREATE EXTENSION tixbook" to load this file. \quit'; cat $(SQL_PARTS:%=sql/%.sql)) > $@
