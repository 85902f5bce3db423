/* tally.c: what a thread counts, and the report of all. */
#include "tally.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Buckets of latency grow by 2^(1/16), from a microsecond on: errors stay below 5 %. */
#define BUCKETS_PER_OCTAVE 16

void
tally_init(Tally *tally, const Options *options)
{
	memset(tally, 0, sizeof(*tally));
	tally->expect = options->expect;
	tally->nticks = (int) ((options->warm_up + options->seconds) * TICKS_PER_SECOND + 0.5);
	tally->ticks = allocate((tally->nticks + 1) * sizeof(uint32_t));
}

void
tally_start(Tally *tally, double start, double counts_from)
{
	tally->start = start;
	tally->counts_from = counts_from;
}

static CodeCount *
code_count(Tally *tally, const char *code)
{
	for (int i = 0; i < MAX_CODES; i++)
	{
		CodeCount  *entry = &tally->codes[i];

		if (entry->code[0] == '\0')
			snprintf(entry->code, CODE_SIZE, "%s", code);
		if (strcmp(entry->code, code) == 0)
			return entry;
	}
	die("calls ended with too many different codes, the last of them %s", code);
}

static int
latency_bucket(double seconds)
{
	double		micros = seconds * 1e6;
	int			bucket = micros <= 1 ? 0 : (int) (log2(micros) * BUCKETS_PER_OCTAVE);

	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

void
tally_call(Tally *tally, double began, double ended, const char *code, const char *message)
{
	CodeCount  *entry = code_count(tally, code);
	int			tick = (int) ((ended - tally->start) * TICKS_PER_SECOND);

	if (entry->count++ == 0 && message != NULL)
		snprintf(entry->message, MESSAGE_SIZE, "%s", message);
	if (strcmp(code, tally->expect) != 0 || tick < 0 || tick >= tally->nticks)
		return;
	tally->ticks[tick]++;
	if (ended >= tally->counts_from)
		tally->latency[latency_bucket(ended - began)]++;
}

void
tally_merge(Tally *into, const Tally *from)
{
	for (int i = 0; i < into->nticks; i++)
		into->ticks[i] += from->ticks[i];
	for (int i = 0; i < MAX_CODES && from->codes[i].code[0] != '\0'; i++)
	{
		CodeCount  *entry = code_count(into, from->codes[i].code);

		if (entry->count == 0)
			memcpy(entry->message, from->codes[i].message, MESSAGE_SIZE);
		entry->count += from->codes[i].count;
	}
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		into->latency[i] += from->latency[i];
	into->ran_out |= from->ran_out;
	into->attempts += from->attempts;
}

/* In milliseconds. */
static double
latency_percentile(const Tally *tally, double fraction)
{
	int64_t		all = 0,
				seen = 0;

	for (int i = 0; i < LATENCY_BUCKETS; i++)
		all += tally->latency[i];
	for (int i = 0; i < LATENCY_BUCKETS; i++)
	{
		seen += tally->latency[i];
		if (seen > 0 && seen >= fraction * all)
			return exp2((i + 0.5) / BUCKETS_PER_OCTAVE) / 1000;
	}
	return 0;
}

static void
print_json_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char) *text < ' ')
			printf("\\u%04x", *text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void
print_codes(const Tally *tally)
{
	printf("\"codes\": {");
	for (int i = 0; i < MAX_CODES && tally->codes[i].code[0] != '\0'; i++)
		printf("%s\"%s\": %lld", i ? ", " : "", tally->codes[i].code, (long long) tally->codes[i].count);
	printf("},\n\"messages\": {");
	for (int i = 0; i < MAX_CODES && tally->codes[i].code[0] != '\0'; i++)
	{
		printf("%s\"%s\": ", i ? ", " : "", tally->codes[i].code);
		print_json_string(tally->codes[i].message);
	}
	printf("},\n");
}

void
tally_report(const Tally *tally, const Options *options, double started)
{
	int			first = (int) (options->warm_up * TICKS_PER_SECOND + 0.5);
	int64_t		counted = 0;

	for (int i = first; i < tally->nticks; i++)
		counted += tally->ticks[i];
	printf("{\"rate\": %.3f,\n", counted / options->seconds);
	printf("\"started\": %.3f, \"ticks_per_second\": %d, \"warm_up\": %g,\n",
		   started, TICKS_PER_SECOND, options->warm_up);
	printf("\"latency_ms\": {\"p50\": %.3f, \"p95\": %.3f, \"p99\": %.3f},\n",
		   latency_percentile(tally, 0.5), latency_percentile(tally, 0.95), latency_percentile(tally, 0.99));
	printf("\"attempts\": %lld, \"ran_out\": %s,\n", (long long) tally->attempts, tally->ran_out ? "true" : "false");
	print_codes(tally);
	printf("\"ticks\": [");
	for (int i = 0; i < tally->nticks; i++)
		printf("%s%u", i ? "," : "", tally->ticks[i]);
	printf("]}\n");
}
