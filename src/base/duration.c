/*
 * Spans of time as people write and read them.
 *
 * For the control socket and posternctl. Knows no clock. A text without a
 * unit is refused: nobody should have to guess whether 60 means a minute.
 */
#include "duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{"w", 7ull * 86400 * 1000},
	{"d", 86400ull * 1000},
	{"h", 3600ull * 1000},
	{"ms", 1}, /* before "m", which begins it */
	{"m", 60ull * 1000},
	{"s", 1000},
};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

/* "15m…" -> its span, and what follows. NULL: wrong. */
static const char *part(const char *text, uint64_t *ret_ms)
{
	uint64_t number = 0;
	const char *p = text;

	while (*p >= '0' && *p <= '9') {
		number = number * 10 + (uint64_t)(*p++ - '0');
		if (number > DURATION_MOST_MS)
			return NULL;
	}
	if (p == text)
		return NULL;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(p, units[i].name, n) != 0)
			continue;
		if (number > DURATION_MOST_MS / units[i].ms)
			return NULL;
		*ret_ms = number * units[i].ms;
		return p + n;
	}
	return NULL;
}

bool duration_parse(const char *text, uint64_t *ret_ms)
{
	uint64_t sum = 0;

	if (strcmp(text, "0") == 0) {
		*ret_ms = 0;
		return true;
	}
	do {
		uint64_t ms;

		text = part(text, &ms);
		if (text == NULL)
			return false;
		sum += ms; /* both are at most ten years */
		if (sum > DURATION_MOST_MS)
			return false;
	} while (*text != '\0');
	*ret_ms = sum;
	return true;
}

const char *duration_format(uint64_t ms, char out[DURATION_TEXT_LONGEST])
{
	static const struct {
		char name;
		uint64_t s;
	} shown[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
	uint64_t s = ms / 1000;
	size_t i = 0;

	while (i < 3 && s < shown[i].s)
		i++;
	if (i == 3)
		(void)snprintf(out, DURATION_TEXT_LONGEST, "%" PRIu64 "s", s);
	else if (s % shown[i].s / shown[i + 1].s == 0)
		(void)snprintf(out, DURATION_TEXT_LONGEST, "%" PRIu64 "%c",
			s / shown[i].s, shown[i].name);
	else
		(void)snprintf(out, DURATION_TEXT_LONGEST,
			"%" PRIu64 "%c %" PRIu64 "%c", s / shown[i].s,
			shown[i].name, s % shown[i].s / shown[i + 1].s,
			shown[i + 1].name);
	return out;
}
