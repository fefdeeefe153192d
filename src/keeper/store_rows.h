/*
 * What the store keeps, row by row. Wall seconds only: mono time means nothing
 * on disk.
 */
#ifndef KEEPER_STORE_ROWS_H
#define KEEPER_STORE_ROWS_H

#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"
#include "../policy/policy.h"

enum {
	STORE_SCHEMA_VERSION = 5,
	STORE_NOTE_LONGEST = 200,
	STORE_USER_LONGEST = 63, /* as the policy cuts them */
	STORE_DEVICE_LONGEST = 39,
};

#define STORE_NEVER ((wall_s_t)INT64_MAX) /* until: for ever; NULL on disk */

struct store_ban {
	struct prefix prefix;
	wall_s_t since, until;
	const char *rule; /* stable name; borrowed until the call returns */
	unsigned repeat_count, failure_count;
	enum policy_softness softness;
	const char *note; /* "" or an operator's words; borrowed likewise */
};

struct store_allow {
	struct prefix prefix;
	wall_s_t since;
	const char *note;
};

/* Somebody who logged in there: the rules know him. */
struct store_passport {
	const char *user; /* borrowed until the call returns */
	struct prefix prefix;
	wall_s_t since, until; /* put: since of a known one stays */
	wall_s_t last;	       /* login */
};

/* A name by which the user's program called itself in EHLO. */
struct store_device {
	const char *user, *name;     /* borrowed until the call returns */
	wall_s_t since, until, last; /* as of a passport */
};

/* A server that gets no new sessions, by an operator's word. */
struct store_drain {
	const char *backend; /* borrowed until the call returns */
	struct addr addr;
	uint16_t port;
	wall_s_t since;
};

enum { STORE_SKETCH_BYTES = 1024 };

enum { STORE_POINT_LONGEST = 400 };

/* A point of the graphs; each put says all of it. */
struct store_point {
	wall_s_t at;			  /* its begin */
	uint32_t step_s;		  /* how long it is */
	char values[STORE_POINT_LONGEST]; /* a JSON object: names, numbers */
};

/* The sums of one day (UTC); each put says all of it. */
struct store_day {
	int64_t day; /* since 1970 */
	uint64_t guesses, guesses_passed, successes, people_hurt, sources;
	uint64_t bans[RULE_COUNT];
	uint8_t sketch[STORE_SKETCH_BYTES]; /* of `sources`, to go on with */
};

#endif
