/*
 * A log's course under one configuration: the real policy core, fed with what
 * happened, at the log's own times.
 */
#ifndef TOOLS_COURSE_H
#define TOOLS_COURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../conf/conf.h"
#include "../journal/row.h"
#include "../logs/entry.h"
#include "../policy/policy.h"

enum { COURSE_USER_LONGEST = 63 };

/* A ban; until: MONO_NEVER's place is INT64_MAX. */
struct course_ban {
	int64_t at_ms, until_ms;
	struct prefix prefix;
	enum policy_rule rule;
	unsigned repeat_count, failure_count;
	bool observed; /* would be */
};

/* A right login that would not have got in. */
struct course_hurt {
	int64_t at_ms;
	struct addr addr;
	enum entry_service service;
	enum policy_rule rule;
	bool late; /* told to come again: a mail program does by itself */
	char user[COURSE_USER_LONGEST + 1]; /* as it was tried, cut */
};

struct course_counts {
	uint64_t failures; /* failed logins in the log */
	uint64_t arrived;  /* of these, that the server would still hear */
	uint64_t successes;
	uint64_t hurt; /* of these, that would have been refused */
	uint64_t late; /* of these, that were told to come again */
	uint64_t alarms, notes, limits, spared;
	uint64_t stopped; /* tries of a journal whose end nobody knows: they
			     were stopped when it was written */
	/* Of a journal's own course: */
	uint64_t same, different; /* verdicts and actions, against the rows */
	uint64_t uncompared;	  /* behind a gap, before the first start */
};

struct course;

/*
 * conf: borrowed; NULL: for course_own_row() only. A guess is stopped by a ban
 * where postern stands: at SMTP with a listener, everywhere with a firewall
 * that drops all ports. NULL without memory. Caller frees.
 */
struct course *course_new(const struct conf *conf);
void course_free(struct course **course);

/* In the order of time; an earlier time counts as the last one. false: no
 * memory. */
bool course_step(
	struct course *course, int64_t at_ms, const struct entry *entry);

/*
 * A row of a journal, under this course's configuration: what was stopped when
 * it was written is left out, since nobody knows how it would have ended.
 */
bool course_row(
	struct course *course, int64_t at_ms, const struct journal_row *row);
/* Its own course: with the configurations that stand in it, compared verdict by
 * verdict. For a course that course_new() made of NULL. */
bool course_own_row(
	struct course *course, int64_t at_ms, const struct journal_row *row);

const struct course_counts *course_counts(const struct course *course);
/* In the order of time. */
const struct course_ban *course_bans(
	const struct course *course, size_t *ret_count);
const struct course_hurt *course_hurts(
	const struct course *course, size_t *ret_count);

#endif
