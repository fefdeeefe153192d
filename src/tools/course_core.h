/* The inside of struct course: for its own files. */
#ifndef TOOLS_COURSE_CORE_H
#define TOOLS_COURSE_CORE_H

#include "course.h"

#include "../keeper/allowed.h"

enum {
	BEGAN_MS = 24 * 60 * 60 * 1000,
	TICKS_MOST = 4096,
};

/* A list that grows. */
struct rows {
	void *items;
	size_t count, room, bytes;
};

/* A try of a journal that is under way. */
struct pending {
	uint64_t attempt;
	struct policy_verdict why; /* what this course said */
	struct addr addr;
	char user[COURSE_USER_LONGEST + 1];
	size_t user_n;
};

struct course {
	const struct conf *conf; /* NULL: a journal's own */
	struct policy *policy;
	struct allowed allowed;
	struct course_counts counts;
	struct rows bans, hurts, pending;
	int64_t first_ms; /* of the log; INT64_MIN: nothing came */
	mono_ms_t now;
	uint64_t attempt;
	struct rows said; /* actions that the next rows must tell of */
	size_t said_taken;
	bool comparable; /* the journal has a start and no gap since */
	bool full;	 /* no memory */
};

/* A fresh row at the end; NULL: no memory. */
void *rows_add(struct rows *rows);
/* Takes what the core decided. */
void course_actions(struct course *course);
/* The core ticks at each deadline on the way. */
void course_pass_time(struct course *course, mono_ms_t until);
void course_go_to(struct course *course, int64_t at_ms);
struct policy_verdict course_tell(
	struct course *course, const struct policy_event *event);
/* A right login that did not get in. */
void course_hurt_add(struct course *course, const struct entry *entry,
	const struct policy_verdict *why);
/* A login at another door. false: a ban stopped it, *ret_why. */
bool course_heard(struct course *course, const struct entry *entry,
	enum policy_outcome outcome, struct policy_verdict *ret_why);
/* Does it let the login through? */
static inline bool course_passed(const struct policy_verdict *verdict)
{
	return verdict->kind == VERDICT_PASS || verdict->kind == VERDICT_DELAY;
}

#endif
