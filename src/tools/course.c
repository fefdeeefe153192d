/*
 * Running a log through the policy core.
 *
 * A login over SMTP, where there is a listener, is asked about and settled, as
 * a session does it; no log has its secret. Any other is what a second ear
 * hears: it is over when it is heard, and only a ban in the kernel can stop it.
 *
 * The core's time begins a day after zero, which means "never" there.
 */
#include "course.h"

#include <stdlib.h>
#include <string.h>

#include "../keeper/allowed.h"
#include "../keeper/numbers.h"
#include "course_core.h"

enum { SEED = 1 }; /* the same log has the same course */

void *rows_add(struct rows *rows)
{
	if (rows->count == rows->room) {
		size_t room = rows->room == 0 ? 256 : rows->room * 2;
		void *items = realloc(rows->items, room * rows->bytes);

		if (items == NULL)
			return NULL;
		rows->items = items;
		rows->room = room;
	}
	return (char *)rows->items + rows->count++ * rows->bytes;
}

struct course *course_new(const struct conf *conf)
{
	struct course *course = calloc(1, sizeof(*course));
	struct policy_conf numbers;

	if (course == NULL)
		return NULL;
	course->conf = conf;
	course->first_ms = INT64_MIN;
	course->bans.bytes = sizeof(struct course_ban);
	course->hurts.bytes = sizeof(struct course_hurt);
	course->pending.bytes = sizeof(struct pending);
	course->said.bytes = sizeof(struct policy_action);
	if (conf == NULL)
		return course;
	if (allowed_fill(&course->allowed, conf, NULL, 0)) {
		numbers = numbers_of(conf, &course->allowed);
		course->policy = policy_new(&numbers, SEED);
	}
	if (course->policy == NULL)
		course_free(&course);
	return course;
}

void course_free(struct course **course)
{
	struct course *c = *course;

	if (c == NULL)
		return;
	policy_free(&c->policy);
	allowed_done(&c->allowed);
	free(c->bans.items);
	free(c->hurts.items);
	free(c->pending.items);
	free(c->said.items);
	free(c);
	*course = NULL;
}

const struct course_counts *course_counts(const struct course *course)
{
	return &course->counts;
}

const struct course_ban *course_bans(
	const struct course *course, size_t *ret_count)
{
	*ret_count = course->bans.count;
	return course->bans.items;
}

const struct course_hurt *course_hurts(
	const struct course *course, size_t *ret_count)
{
	*ret_count = course->hurts.count;
	return course->hurts.items;
}

/* ---- what the core decides ---- */

static int64_t log_time(const struct course *c, mono_ms_t at)
{
	return c->first_ms + (int64_t)(at - BEGAN_MS);
}

static void add_ban(struct course *c, const struct policy_action *action)
{
	struct course_ban *ban = rows_add(&c->bans);

	if (ban == NULL) {
		c->full = true;
		return;
	}
	*ban = (struct course_ban){
		.at_ms = log_time(c, c->now),
		.until_ms = action->until == MONO_NEVER
				    ? INT64_MAX
				    : log_time(c, action->until),
		.prefix = action->prefix,
		.rule = action->rule,
		.repeat_count = action->repeat_count,
		.failure_count = action->failure_count,
		.observed = action->kind == ACTION_WOULD_BAN,
	};
}

/* For a journal's own course: the next rows must say the same. */
static void expect(struct course *c, const struct policy_action *action)
{
	struct policy_action *said;

	if (c->conf != NULL)
		return;
	said = rows_add(&c->said);
	if (said != NULL)
		*said = *action;
	c->full = c->full || said == NULL;
}

void course_actions(struct course *c)
{
	struct policy_action action;

	while (policy_next_action(c->policy, &action)) {
		expect(c, &action);
		switch (action.kind) {
		case ACTION_BAN:
		case ACTION_WOULD_BAN: add_ban(c, &action); break;
		case ACTION_SPARED: c->counts.spared++; break;
		case ACTION_LIMIT: c->counts.limits++; break;
		case ACTION_ALARM: c->counts.alarms++; break;
		case ACTION_NOTE: c->counts.notes++; break;
		case ACTION_UNBAN:
		case ACTION_PASSPORT:
		case ACTION_DEVICE:
		case ACTION_PASSPORT_GONE: break;
		}
	}
}

/* As the keeper's loop does: the core ticks at each deadline on the way. */
void course_pass_time(struct course *c, mono_ms_t until)
{
	unsigned ticks = 0;

	while (policy_deadline(c->policy) <= until) {
		mono_ms_t deadline = policy_deadline(c->policy);

		ticks = deadline > c->now ? 0 : ticks + 1;
		if (ticks > TICKS_MOST)
			break;
		if (deadline > c->now)
			c->now = deadline;
		policy_tick(c->policy, c->now);
		course_actions(c);
	}
	c->now = until;
}

struct policy_verdict course_tell(
	struct course *c, const struct policy_event *event)
{
	struct policy_verdict verdict;

	policy_step(c->policy, c->now, event, &verdict);
	course_actions(c);
	return verdict;
}

/* ---- logins ---- */

/* Does postern's own session carry this login? */
static bool in_line(const struct course *c, const struct entry *entry)
{
	return entry->service == ENTRY_SMTP && c->conf->listener_count > 0;
}

/* Does a ban keep it from the server at all? */
static bool shielded(const struct course *c, const struct entry *entry)
{
	const struct conf_firewall *firewall = &c->conf->firewall;

	return in_line(c, entry) || (firewall->backend != CONF_FIREWALL_NULL &&
					    firewall->ports == CONF_PORTS_ALL);
}

/* 454 to the question or to one that was held; the others end the session. */
static bool comes_again(const struct policy_verdict *why)
{
	return why->kind == VERDICT_ANSWER_TEMPORARY ||
	       why->kind == VERDICT_HOLD;
}

void course_hurt_add(struct course *c, const struct entry *entry,
	const struct policy_verdict *why)
{
	struct course_hurt *hurt = rows_add(&c->hurts);
	size_t n = entry->user.n < COURSE_USER_LONGEST ? entry->user.n
						       : COURSE_USER_LONGEST;

	if (hurt == NULL) {
		c->full = true;
		return;
	}
	c->counts.hurt++;
	c->counts.late += comes_again(why);
	*hurt = (struct course_hurt){
		.at_ms = log_time(c, c->now),
		.addr = entry->addr,
		.service = entry->service,
		.rule = why->rule,
		.late = comes_again(why),
	};
	if (n > 0)
		memcpy(hurt->user, entry->user.p, n);
}

/* A whole attempt. true: it came to the server. *ret_why: the last verdict; a
 * right login may be taken back by it. */
static bool attempt(struct course *c, const struct entry *entry,
	enum policy_outcome outcome, struct policy_verdict *ret_why)
{
	struct policy_event event = {
		.kind = EVENT_AUTH_BEGINS,
		.attempt = ++c->attempt,
		.addr = entry->addr,
		.user = entry->user,
	};

	*ret_why = course_tell(c, &event);
	if (!course_passed(ret_why))
		return false;
	event.kind = EVENT_AUTH_SETTLED;
	event.outcome = outcome;
	*ret_why = course_tell(c, &event);
	return true;
}

bool course_heard(struct course *c, const struct entry *entry,
	enum policy_outcome outcome, struct policy_verdict *ret_why)
{
	const struct policy_event event = {
		.kind = outcome == OUTCOME_OK ? EVENT_LOG_SUCCESS
					      : EVENT_LOG_FAILURE,
		.addr = entry->addr,
		.user = entry->user,
	};
	struct policy_ban ban;

	if (shielded(c, entry) &&
		policy_banned(c->policy, c->now, &entry->addr, &ban)) {
		*ret_why = (struct policy_verdict){
			.kind = VERDICT_TURN_AWAY, .rule = ban.rule};
		return false;
	}
	*ret_why = course_tell(c, &event);
	return true;
}

static bool login(struct course *c, const struct entry *entry,
	enum policy_outcome outcome, struct policy_verdict *ret_why)
{
	return in_line(c, entry) ? attempt(c, entry, outcome, ret_why)
				 : course_heard(c, entry, outcome, ret_why);
}

static void tls_failure(struct course *c, const struct entry *entry)
{
	const struct policy_event event = {
		.kind = EVENT_TLS_FAILURE, .addr = entry->addr};

	(void)course_tell(c, &event);
}

void course_go_to(struct course *c, int64_t at_ms)
{
	mono_ms_t now = BEGAN_MS;

	if (c->first_ms == INT64_MIN)
		c->first_ms = at_ms;
	if (at_ms > c->first_ms)
		now += (mono_ms_t)(at_ms - c->first_ms);
	course_pass_time(c, now > c->now ? now : c->now);
}

bool course_step(struct course *c, int64_t at_ms, const struct entry *entry)
{
	struct policy_verdict why;

	course_go_to(c, at_ms);
	switch (entry->outcome) {
	case ENTRY_FAILED:
		c->counts.failures++;
		c->counts.arrived += login(c, entry, OUTCOME_FAILED, &why);
		break;
	case ENTRY_OK:
		c->counts.successes++;
		(void)login(c, entry, OUTCOME_OK, &why);
		if (!course_passed(&why))
			course_hurt_add(c, entry, &why);
		break;
	case ENTRY_TLS: tls_failure(c, entry); break;
	case ENTRY_REFUSED: /* what others did is no event of ours */
	case ENTRY_BAN:
	case ENTRY_UNBAN:
	case ENTRY_OUTCOME_COUNT: break;
	}
	return !c->full;
}
