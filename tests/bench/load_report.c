/*
 * What the load generator saw, as one line of JSON: counts, errors, replies
 * by step, and for each step the median, the 99th percentile and the largest
 * latency in microseconds.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char *const step_names[STEP_COUNT] = {"connect", "greet", "ehlo",
	"starttls", "handshake", "ehlo2", "auth", "mail", "rcpt", "data",
	"body", "quit", "session"};
static const char *const error_names[LOAD_ERROR_COUNT] = {
	"badreply", "eof", "reset", "refused", "timeout", "tls", "other"};

static struct {
	float *us;
	size_t n, room;
} samples[STEP_COUNT];

void load_sample(enum load_step step, double seconds)
{
	if (samples[step].n == samples[step].room) {
		size_t room = samples[step].room;

		room = room > 0 ? room * 2 : 4096;
		samples[step].room = room;
		samples[step].us =
			realloc(samples[step].us, room * sizeof(float));
		if (!samples[step].us)
			load_die("realloc");
	}
	samples[step].us[samples[step].n++] = (float)(seconds * 1e6);
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void print_errors(void)
{
	const char *comma = "";

	printf(",\"errors\":{");
	for (int i = 0; i < LOAD_ERROR_COUNT; i++) {
		if (load_counts.errors[i] == 0)
			continue;
		printf("%s\"%s\":%ld", comma, error_names[i],
			load_counts.errors[i]);
		comma = ",";
	}
	printf("}");
}

static void print_replies(void)
{
	const char *comma = "";

	printf(",\"replies\":{");
	for (int step = 0; step < STEP_COUNT; step++) {
		for (int code = 0; code < LOAD_CODES; code++) {
			if (load_counts.codes[step][code] == 0)
				continue;
			printf("%s\"%s:%d\":%ld", comma, step_names[step], code,
				load_counts.codes[step][code]);
			comma = ",";
		}
	}
	printf("}");
}

static void print_latencies(void)
{
	const char *comma = "";

	printf(",\"us\":{");
	for (int step = 0; step < STEP_COUNT; step++) {
		size_t n = samples[step].n;
		float *us = samples[step].us;

		if (n == 0)
			continue;
		qsort(us, n, sizeof(float), compare);
		printf("%s\"%s\":[%.1f,%.1f,%.1f]", comma, step_names[step],
			(double)us[n / 2], (double)us[n - 1 - n / 100],
			(double)us[n - 1]);
		comma = ",";
	}
	printf("}");
}

void load_report(double wall_s)
{
	const struct load_counts *c = &load_counts;
	double bytes = (double)c->messages * (double)load_options.size_bytes;

	printf("{\"sessions\":%ld,\"ok\":%ld,\"wall\":%.6f,\"rate\":%.2f",
		c->done, c->ok, wall_s, (double)c->ok / wall_s);
	printf(",\"msgs\":%ld,\"mb_s\":%.3f,\"resumed\":%ld", c->messages,
		bytes / wall_s / 1e6, c->resumed);
	printf(",\"unfinished\":%ld,\"late\":%ld,\"max_active\":%ld", c->active,
		c->late, c->active_most);
	printf(",\"held\":%ld,\"lost_held\":%ld,\"cpu\":%.3f", c->held,
		c->held_lost, cpu_s());
	print_errors();
	print_replies();
	print_latencies();
	printf("}\n");
	fflush(stdout);
}
