/*
 * Numbers with units.
 *
 * Pure. A time always says its unit, so nobody has to know whether 10 means
 * seconds or minutes; what we print we read back as the same number. One
 * number and one unit: "1h30m" is "90m".
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, as unit_format() tries them; the last ends each table. */
static const struct unit units_count[] = {{"", 1}};
static const struct unit units_ms[] = {
	{"d", 24ull * 60 * 60 * 1000},
	{"h", 60ull * 60 * 1000},
	{"m", 60ull * 1000},
	{"s", 1000},
	{"ms", 1},
};
static const struct unit units_bytes[] = {
	{"G", 1024ull * 1024 * 1024},
	{"M", 1024ull * 1024},
	{"k", 1024},
	{"", 1},
};

static const struct unit *units_of(enum unit_kind kind)
{
	switch (kind) {
	case UNIT_COUNT: return units_count;
	case UNIT_MS: return units_ms;
	case UNIT_BYTES: return units_bytes;
	}
	return units_count;
}

static const struct unit *unit_find(const char *name, enum unit_kind kind)
{
	const struct unit *unit = units_of(kind);

	for (;; unit++) {
		/* Nobody means millibytes: the case is free there. */
		int differs = kind == UNIT_BYTES ? strcasecmp(name, unit->name)
						 : strcmp(name, unit->name);

		if (!differs)
			return unit;
		if (unit->factor == 1)
			return NULL;
	}
}

enum unit_result unit_read(
	const char *text, enum unit_kind kind, uint64_t *ret_number)
{
	const struct unit *unit;
	const char *p = text;
	uint64_t number = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return UNIT_TOO_LARGE;
		number = number * 10 + digit;
	}
	if (p == text)
		return UNIT_NO_NUMBER;
	unit = unit_find(p, kind);
	if (!unit && !*p && number)
		return UNIT_MISSING;
	if (!unit && *p)
		return UNIT_UNKNOWN;
	if (unit && number > UINT64_MAX / unit->factor)
		return UNIT_TOO_LARGE;
	*ret_number = unit ? number * unit->factor : 0;
	return UNIT_OK;
}

const char *unit_format(
	uint64_t number, enum unit_kind kind, char out[UNIT_TEXT_LONGEST])
{
	const struct unit *unit = units_of(kind);

	if (!number)
		return memcpy(out, kind == UNIT_MS ? "0s" : "0\0", 3);
	while (number % unit->factor)
		unit++;
	snprintf(out, UNIT_TEXT_LONGEST, "%" PRIu64 "%s", number / unit->factor,
		unit->name);
	return out;
}
