/*
 * A journal's course: under another configuration, or its own once more.
 *
 * Under another one, what the journal's rules let pass is asked about and
 * settled as it was; what they stopped is left out. Its own course is the run
 * of the core that the journal was written by: every verdict must be the same.
 */
#include "course_core.h"

#include <string.h>

#include "../keeper/numbers.h"

enum { OWN_MOST = 1024 };

/* ---- under another configuration ---- */

static struct pending *pending_find(const struct course *c, uint64_t attempt)
{
	struct pending *all = c->pending.items;

	for (size_t i = c->pending.count; i > 0; i--)
		if (all[i - 1].attempt == attempt)
			return &all[i - 1];
	return NULL;
}

static struct pending *pending_take(struct course *c, uint64_t attempt)
{
	struct pending *pending = pending_find(c, attempt);

	if (pending == NULL)
		pending = rows_add(&c->pending);
	c->full = c->full || pending == NULL;
	return pending;
}

static void pending_drop(struct course *c, struct pending *pending)
{
	struct pending *all = c->pending.items;

	*pending = all[--c->pending.count];
}

/* A try that was stopped; one that is held comes again. */
static bool stopped(const struct policy_verdict *verdict)
{
	return !course_passed(verdict) && verdict->kind != VERDICT_HOLD;
}

static void row_begins(struct course *c, const struct journal_row *row)
{
	struct policy_event event = row->event;
	struct pending *pending;

	c->counts.stopped += stopped(&row->verdict);
	if (!course_passed(&row->verdict))
		return;
	pending = pending_take(c, event.attempt);
	if (pending == NULL)
		return;
	event.held_since = 0; /* it came when it passed */
	*pending = (struct pending){
		.attempt = event.attempt,
		.why = course_tell(c, &event),
		.addr = event.addr,
	};
	pending->user_n = event.user.n < COURSE_USER_LONGEST
				  ? event.user.n
				  : COURSE_USER_LONGEST;
	if (pending->user_n > 0)
		memcpy(pending->user, event.user.p, pending->user_n);
}

static bool is_failure(enum policy_outcome outcome)
{
	return outcome == OUTCOME_FAILED || outcome == OUTCOME_ABANDONED;
}

static void refused(struct course *c, const struct pending *pending,
	const struct policy_verdict *why)
{
	const struct entry entry = {
		.addr = pending->addr,
		.service = ENTRY_SMTP,
		.user = slice_of(pending->user, pending->user_n),
	};

	course_hurt_add(c, &entry, why);
}

static void row_settled(struct course *c, const struct journal_row *row)
{
	struct pending *pending = pending_find(c, row->event.attempt);
	bool open = pending == NULL || course_passed(&pending->why);
	bool failed = is_failure(row->event.outcome);
	struct policy_verdict why;

	c->counts.failures += failed;
	c->counts.arrived += failed && open;
	c->counts.successes += row->event.outcome == OUTCOME_OK;
	why = open ? course_tell(c, &row->event) : pending->why;
	if (row->event.outcome == OUTCOME_OK && pending != NULL &&
		!course_passed(&why))
		refused(c, pending, &why);
	if (pending != NULL)
		pending_drop(c, pending);
}

static void row_heard(struct course *c, const struct journal_row *row)
{
	bool success = row->event.kind == EVENT_LOG_SUCCESS;
	const struct entry entry = {
		.addr = row->event.addr,
		.service = ENTRY_OTHER, /* the row does not say */
		.user = row->event.user,
	};
	struct policy_verdict why;
	bool arrived = course_heard(
		c, &entry, success ? OUTCOME_OK : OUTCOME_FAILED, &why);

	c->counts.failures += !success;
	c->counts.successes += success;
	c->counts.arrived += !success && arrived;
	if (success && !arrived)
		course_hurt_add(c, &entry, &why);
}

static void row_event(struct course *c, const struct journal_row *row)
{
	switch (row->event.kind) {
	case EVENT_AUTH_BEGINS: row_begins(c, row); break;
	case EVENT_AUTH_SETTLED: row_settled(c, row); break;
	case EVENT_LOG_FAILURE:
	case EVENT_LOG_SUCCESS: row_heard(c, row); break;
	case EVENT_RESTORE_BAN: /* this course made its own */
	case EVENT_RESTORE_PASSPORT:
	case EVENT_RESTORE_DEVICE: break;
	case EVENT_AUTH_REFUSED:
	case EVENT_EARLY_TALK:
	case EVENT_PROTOCOL_ERROR:
	case EVENT_CONNECT:
	case EVENT_HELO:
	case EVENT_RECIPIENT_REFUSED:
	case EVENT_RELAY_REFUSED:
	case EVENT_TLS_FAILURE:
	case EVENT_LIST_SCORE:
	case EVENT_OPERATOR_BAN:
	case EVENT_OPERATOR_UNBAN:
	case EVENT_OPERATOR_ALLOW:
	case EVENT_OPERATOR_DISALLOW:
	case EVENT_OPERATOR_FORGET: (void)course_tell(c, &row->event); break;
	}
}

bool course_row(struct course *c, int64_t at_ms, const struct journal_row *row)
{
	if (row->kind == JOURNAL_START)
		c->pending.count = 0; /* that keeper forgot them */
	if (row->kind != JOURNAL_EVENT)
		return true;
	course_go_to(c, at_ms);
	row_event(c, row);
	return !c->full;
}

/* ---- its own ---- */

static void compared(struct course *c, bool same)
{
	if (!c->comparable)
		c->counts.uncompared++;
	else if (same)
		c->counts.same++;
	else
		c->counts.different++;
}

/* With the addresses that were never banned besides what the words say. */
static bool allowed_of(
	const char *words, const struct conf *conf, struct allowed *ret_allowed)
{
	static struct prefix own[OWN_MOST];
	size_t count = 0, cursor = 0;

	while (count < OWN_MOST && journal_own(words, &cursor, &own[count]))
		count++;
	return allowed_fill(ret_allowed, conf, own, count);
}

static void own_numbers(struct course *c, const struct journal_row *row,
	const struct conf *conf)
{
	struct allowed allowed = {0};
	struct policy_conf numbers;

	if (!allowed_of(row->words, conf, &allowed)) {
		c->full = true;
		return;
	}
	numbers = numbers_of(conf, &allowed);
	if (row->kind == JOURNAL_START) {
		policy_free(&c->policy);
		c->policy = policy_new(&numbers, row->number);
		c->full = c->policy == NULL;
		c->comparable = true;
		c->said.count = c->said_taken = 0;
	} else if (c->policy != NULL) {
		policy_configure(c->policy, row->now, &numbers);
	}
	allowed_done(&allowed);
}

/* Words that this program does not understand are those of another one. */
static void own_configure(struct course *c, const struct journal_row *row)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;

	if (row->words != NULL)
		conf = conf_parse(row->words, "journal", &errors);
	if (conf != NULL)
		own_numbers(c, row, conf);
	else
		c->comparable = false;
	conf_free(&conf);
	conf_errors_done(&errors);
}

static bool same_verdict(
	const struct policy_verdict *a, const struct policy_verdict *b)
{
	return a->kind == b->kind && a->wait_ms == b->wait_ms &&
	       a->rule == b->rule && a->mode == b->mode &&
	       a->failure_count == b->failure_count;
}

static bool same_action(
	const struct policy_action *a, const struct policy_action *b)
{
	bool timed = a->kind == ACTION_BAN || a->kind == ACTION_WOULD_BAN;

	return a->kind == b->kind && prefix_eq(&a->prefix, &b->prefix) &&
	       a->rule == b->rule && a->repeat_count == b->repeat_count &&
	       a->failure_count == b->failure_count &&
	       strcmp(a->user, b->user) == 0 &&
	       strcmp(a->device, b->device) == 0 &&
	       (!timed || a->until == b->until);
}

static void own_action(struct course *c, const struct journal_row *row)
{
	const struct policy_action *said = c->said.items;

	if (c->said_taken == c->said.count) {
		compared(c, false);
		return;
	}
	compared(c, same_action(&said[c->said_taken++], &row->action));
	if (c->said_taken == c->said.count)
		c->said.count = c->said_taken = 0;
}

/* What was heard counts, whoever says how it ended. */
static void own_count(struct course *c, const struct policy_event *event,
	const struct policy_verdict *verdict)
{
	bool settled = event->kind == EVENT_AUTH_SETTLED;
	bool failed = (settled && is_failure(event->outcome)) ||
		      event->kind == EVENT_LOG_FAILURE;

	c->counts.failures += failed;
	c->counts.arrived += failed;
	c->counts.successes += (settled && event->outcome == OUTCOME_OK) ||
			       event->kind == EVENT_LOG_SUCCESS;
	c->counts.stopped +=
		event->kind == EVENT_AUTH_BEGINS && stopped(verdict);
}

static void own_event(struct course *c, const struct journal_row *row)
{
	struct policy_verdict verdict;

	policy_step(c->policy, row->now, &row->event, &verdict);
	if (journal_row_judged(row))
		compared(c, same_verdict(&verdict, &row->verdict));
	own_count(c, &row->event, &verdict);
}

/* All that was decided by then; a deadline behind may stay there while a full
 * table waits. */
static void own_drain(struct course *c, mono_ms_t now)
{
	for (unsigned i = 0; i < TICKS_MOST; i++) {
		course_actions(c);
		if (policy_deadline(c->policy) > now)
			return;
		policy_tick(c->policy, now);
	}
}

static void own_row(struct course *c, const struct journal_row *row)
{
	switch (row->kind) {
	case JOURNAL_ACTION: own_action(c, row); return;
	case JOURNAL_TICK: policy_tick(c->policy, row->now); break;
	case JOURNAL_EVENT: own_event(c, row); break;
	case JOURNAL_START:
	case JOURNAL_CONFIGURED:
	case JOURNAL_GAP: break;
	case JOURNAL_REFUSAL: return;
	}
	own_drain(c, row->now);
}

bool course_own_row(
	struct course *c, int64_t at_ms, const struct journal_row *row)
{
	c->first_ms = at_ms - (int64_t)row->now + BEGAN_MS;
	c->now = row->now;
	if (row->kind == JOURNAL_START || row->kind == JOURNAL_CONFIGURED)
		own_configure(c, row);
	if (row->kind == JOURNAL_GAP)
		c->comparable = false;
	if (c->policy != NULL)
		own_row(c, row);
	else
		c->counts.uncompared += row->kind == JOURNAL_EVENT;
	return !c->full;
}
