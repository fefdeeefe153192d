/*
 * One log line for each decision, and not more lines than can be read.
 *
 * An attack must not be able to fill the log: each kind of line has a budget
 * a second, a failed login one for its source as well (history), and the next
 * line that is written says how many were not. Called by judge.
 */
#include "decisions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/log.h"
#include "../base/reference.h"
#include "../base/secret.h"
#include "../base/siphash.h"
#include "hooks.h"
#include "judge.h"
#include "watch.h"

enum line {
	LINE_BAN,
	LINE_UNBAN,
	LINE_WOULD_BAN,
	LINE_SPARED,
	LINE_LIMIT,
	LINE_ALARM,
	LINE_NOTE,
	LINE_HOLD,
	LINE_ANSWER,
	LINE_WOULD_ANSWER,
	LINE_REFUSE,
	LINE_WITHHOLD,
	LINE_TURN_AWAY,
	LINE_AUTH_FAILED,
	LINE_COUNT,
};

/* Lines of a kind in a second. Bans are what the log is read for. */
static const unsigned lines_most[LINE_COUNT] = {
	[LINE_BAN] = 200,
	[LINE_UNBAN] = 200,
	[LINE_WOULD_BAN] = 200,
	[LINE_SPARED] = 10,
	[LINE_LIMIT] = 10,
	[LINE_ALARM] = 100,
	[LINE_NOTE] = 20,
	[LINE_HOLD] = 10,
	[LINE_ANSWER] = 10,
	[LINE_WOULD_ANSWER] = 10,
	[LINE_REFUSE] = 10,
	[LINE_WITHHOLD] = 100,
	[LINE_TURN_AWAY] = 10,
	[LINE_AUTH_FAILED] = 100,
};

struct budget {
	wall_s_t second;
	unsigned count;
	uint64_t suppressed;
};

struct decisions {
	uint8_t user_key[16]; /* of hashed names; new at each start */
	struct budget budgets[LINE_COUNT];
};

struct decisions *decisions_new(void)
{
	struct decisions *decisions = calloc(1, sizeof(*decisions));

	if (decisions != NULL)
		secret_random(decisions->user_key, sizeof(decisions->user_key));
	return decisions;
}

void decisions_free(struct decisions **decisions)
{
	free(*decisions);
	*decisions = NULL;
}

/* May one more be written? *ret_suppressed: since the last. */
static bool may_log(struct hub *hub, enum line line, uint64_t *ret_suppressed)
{
	struct budget *budget = &hub->decisions->budgets[line];

	if (budget->second != hub_wall(hub)) {
		budget->second = hub_wall(hub);
		budget->count = 0;
	}
	if (budget->count >= lines_most[line]) {
		budget->suppressed++;
		return false;
	}
	budget->count++;
	*ret_suppressed = budget->suppressed;
	budget->suppressed = 0;
	return true;
}

static void end_line(uint64_t suppressed)
{
	if (suppressed > 0)
		log_int("suppressed", (int64_t)suppressed);
	log_end();
}

/* ISO 8601 in UTC, "never", as in the log's own times. */
static void log_until(struct hub *hub, mono_ms_t until)
{
	time_t at = (time_t)hub_wall_of(hub, until);
	struct tm tm;
	char text[32];

	if (until == MONO_NEVER || gmtime_r(&at, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		log_str("until", "never");
	else
		log_str("until", text);
}

static void log_ban(struct hub *hub, const char *event,
	const struct policy_action *action, uint64_t suppressed)
{
	log_begin(LOG_INFO, event);
	log_prefix("src", &action->prefix);
	log_str("rule", policy_rule_name(action->rule));
	log_until(hub, action->until);
	log_int("failures", (int64_t)action->failure_count);
	if (action->repeat_count > 0)
		log_int("repeat", (int64_t)action->repeat_count);
	if (action->soft)
		log_str("acts", "login");
	end_line(suppressed);
}

void decisions_ban(struct hub *hub, const struct policy_action *action)
{
	uint64_t suppressed;

	watch_decision(
		hub, WATCH_BAN, action, "", policy_rule_text(action->rule));
	hooks_decision(
		hub, HOOK_BAN, action, "", policy_rule_text(action->rule));
	if (may_log(hub, LINE_BAN, &suppressed))
		log_ban(hub, "ban", action, suppressed);
}

void decisions_would_ban(struct hub *hub, const struct policy_action *action)
{
	uint64_t suppressed;

	watch_decision(hub, WATCH_WOULD_BAN, action, "",
		policy_rule_text(action->rule));
	if (may_log(hub, LINE_WOULD_BAN, &suppressed))
		log_ban(hub, "would-ban", action, suppressed);
}

void decisions_unban(
	struct hub *hub, const struct policy_action *action, bool lifted)
{
	uint64_t suppressed;

	watch_decision(
		hub, WATCH_UNBAN, action, "", lifted ? "lifted" : "expired");
	hooks_decision(
		hub, HOOK_UNBAN, action, "", lifted ? "lifted" : "expired");
	if (!may_log(hub, LINE_UNBAN, &suppressed))
		return;
	log_begin(LOG_INFO, "unban");
	log_prefix("src", &action->prefix);
	log_str("rule", policy_rule_name(action->rule));
	log_str("why", lifted ? "lifted" : "expired");
	end_line(suppressed);
}

void decisions_spared(struct hub *hub, const struct policy_action *action)
{
	uint64_t suppressed;

	if (!may_log(hub, LINE_SPARED, &suppressed))
		return;
	log_begin(LOG_WARN, "spared");
	log_prefix("src", &action->prefix);
	log_str("rule", policy_rule_name(action->rule));
	log_str("why", "on the allow list or one of our own addresses");
	log_int("failures", (int64_t)action->failure_count);
	end_line(suppressed);
}

void decisions_limit(struct hub *hub, const struct policy_action *action)
{
	uint64_t suppressed;

	if (!may_log(hub, LINE_LIMIT, &suppressed))
		return;
	log_begin(LOG_WARN, "limit");
	log_str("rule", policy_rule_name(action->rule));
	log_str("text", policy_rule_text(action->rule));
	end_line(suppressed);
}

/* ---- logins ---- */

const char *decisions_pseudonym(const struct hub *hub, struct slice user,
	char out[HISTORY_USER_LONGEST])
{
	uint8_t folded[MESSAGE_USER_LONGEST];
	size_t n = user.n < sizeof(folded) ? user.n : sizeof(folded);

	for (size_t i = 0; i < n; i++)
		folded[i] = slice_lower(user.p[i]);
	(void)snprintf(out, HISTORY_USER_LONGEST, "#%016" PRIx64,
		siphash(hub->decisions->user_key, folded, n));
	return out;
}

static void show_user(const struct hub *hub, struct slice user,
	char out[HISTORY_USER_LONGEST])
{
	size_t n;

	out[0] = '\0';
	if (user.n == 0)
		return;
	switch (hub->conf->log.users) {
	case CONF_USERS_NONE: break;
	case CONF_USERS_HASH: (void)decisions_pseudonym(hub, user, out); break;
	case CONF_USERS_FULL:
		n = log_escape(user, LOG_TEXT, out, HISTORY_USER_LONGEST - 1);
		out[n] = '\0';
		break;
	}
}

void decisions_user(const struct hub *hub, const struct message_ask *ask,
	char out[HISTORY_USER_LONGEST])
{
	show_user(hub, slice_of(ask->user, ask->user_n), out);
}

/* The same three ways, but for a line: the log escapes by itself. */
static void log_user(struct hub *hub, struct slice user)
{
	char hashed[HISTORY_USER_LONGEST];

	if (hub->conf->log.users == CONF_USERS_FULL && user.n > 0) {
		log_peer("user", user);
		return;
	}
	show_user(hub, user, hashed);
	if (hashed[0] != '\0')
		log_str("user", hashed);
}

/* ---- for people ---- */

static bool about_somewhere(const struct policy_action *action)
{
	return action->prefix.bits > 0;
}

/* The sentence that a help desk can act on. */
static void note_text(struct hub *hub, const struct policy_action *action,
	char *out, size_t room)
{
	const char *rule = policy_rule_name(action->rule);
	char user[HISTORY_USER_LONGEST], place[PREFIX_TEXT_LONGEST];

	show_user(hub, slice_str(action->user), user);
	(void)prefix_format(&action->prefix, place);
	if (strcmp(rule, "stale-device") == 0 && user[0] != '\0' &&
		about_somewhere(action))
		(void)snprintf(out, room,
			"%s's device at %s keeps an old "
			"password",
			user, place);
	else
		(void)snprintf(out, room, "%s", policy_rule_text(action->rule));
}

static void log_people(struct hub *hub, enum log_level level, const char *event,
	const struct policy_action *action, const char *text,
	uint64_t suppressed)
{
	log_begin(level, event);
	log_str("rule", policy_rule_name(action->rule));
	if (about_somewhere(action))
		log_prefix("src", &action->prefix);
	log_user(hub, slice_str(action->user));
	log_str("text", text);
	end_line(suppressed);
}

void decisions_alarm(struct hub *hub, const struct policy_action *action)
{
	char user[HISTORY_USER_LONGEST];
	uint64_t suppressed;

	show_user(hub, slice_str(action->user), user);
	watch_decision(
		hub, WATCH_ALARM, action, user, policy_rule_text(action->rule));
	hooks_decision(
		hub, HOOK_ALARM, action, user, policy_rule_text(action->rule));
	if (may_log(hub, LINE_ALARM, &suppressed))
		log_people(hub, LOG_WARN, "alarm", action,
			policy_rule_text(action->rule), suppressed);
}

void decisions_note(struct hub *hub, const struct policy_action *action)
{
	char text[256], user[HISTORY_USER_LONGEST];
	uint64_t suppressed;

	note_text(hub, action, text, sizeof(text));
	show_user(hub, slice_str(action->user), user);
	watch_decision(hub, WATCH_NOTE, action, user, text);
	if (!may_log(hub, LINE_NOTE, &suppressed))
		return;
	log_people(hub, LOG_INFO, "note", action, text, suppressed);
}

/* In the order of proto's enum auth_mech, which is none of ours to include. */
const char *decisions_mech(unsigned mech)
{
	static const char *const names[] = {
		"none", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"};

	return mech < sizeof(names) / sizeof(names[0]) ? names[mech] : "other";
}

static void log_login(struct hub *hub, const struct message_ask *ask)
{
	char reference[REFERENCE_TEXT_LONGEST];

	log_addr("src", &ask->addr);
	log_user(hub, slice_of(ask->user, ask->user_n));
	if (ask->listener < hub->conf->listener_count) {
		log_str("mech", decisions_mech(ask->mech));
		log_str("listener", hub->conf->listeners[ask->listener].title);
	}
	log_str("ref", reference_format(ask->session, reference));
}

static enum line line_of(enum policy_verdict_kind kind)
{
	switch (kind) {
	case VERDICT_HOLD: return LINE_HOLD;
	case VERDICT_ANSWER_REFUSED: return LINE_REFUSE;
	case VERDICT_ANSWER_TEMPORARY: return LINE_ANSWER;
	case VERDICT_PASS: return LINE_WOULD_ANSWER;
	case VERDICT_DELAY:
	case VERDICT_TURN_AWAY: break;
	}
	return LINE_TURN_AWAY;
}

static void log_verdict(struct hub *hub, enum line line,
	const struct message_ask *ask, const struct policy_verdict *verdict)
{
	static const char *const names[LINE_COUNT] = {
		[LINE_HOLD] = "hold",
		[LINE_ANSWER] = "answer-454",
		[LINE_WOULD_ANSWER] = "would-answer-454",
		[LINE_REFUSE] = "answer-535",
		[LINE_WITHHOLD] = "withhold",
		[LINE_TURN_AWAY] = "turn-away",
	};
	uint64_t suppressed;

	if (!may_log(hub, line, &suppressed))
		return;
	log_begin(line == LINE_WITHHOLD ? LOG_WARN : LOG_INFO, "verdict");
	log_str("verdict", names[line]);
	log_str("rule", policy_rule_name(verdict->rule));
	log_login(hub, ask);
	log_int("failures", (int64_t)verdict->failure_count);
	end_line(suppressed);
}

void decisions_verdict(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict)
{
	log_verdict(hub, line_of(verdict->kind), ask, verdict);
}

void decisions_withheld(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict)
{
	log_verdict(hub, LINE_WITHHOLD, ask, verdict);
}

/*
 * As Domino's console has it, for filters that know that. The name is escaped
 * and cut before, and the address is last: filters look for it there.
 */
static void log_domino(struct hub *hub, const struct message_ask *ask)
{
	char user[HISTORY_USER_LONGEST], from[ADDR_TEXT_LONGEST];
	char text[HISTORY_USER_LONGEST + ADDR_TEXT_LONGEST + 80];

	if (!hub->conf->log.domino_style)
		return;
	decisions_user(hub, ask, user);
	(void)snprintf(text, sizeof(text),
		"SMTP Server: Authentication failed for user %s ; connecting "
		"host %s",
		user, addr_format(&ask->addr, from));
	log_phrase(text);
}

void decisions_auth_failed(struct hub *hub, const struct message_ask *ask,
	const struct message_settle *settle,
	const struct policy_verdict *verdict)
{
	struct prefix source = judge_source(hub, &ask->addr);
	uint64_t suppressed = 0, of_source = 0;
	struct policy_ban ban;

	if (!history_may_log(
		    hub->history, &source, hub_wall(hub), &of_source) ||
		!may_log(hub, LINE_AUTH_FAILED, &suppressed))
		return;
	log_begin(LOG_INFO, "auth-failed");
	log_login(hub, ask);
	if (settle->outcome == OUTCOME_ABANDONED)
		log_str("why", "abandoned");
	if (settle->code != 0)
		log_int("code", (int64_t)settle->code);
	log_int("count", (int64_t)verdict->failure_count);
	/* A ban takes the delay's place: the refusal goes out at once. */
	if (!policy_banned(
		    judge_policy(hub->judge), hub_now(hub), &ask->addr, &ban))
		log_int("delay_ms", (int64_t)verdict->wait_ms);
	end_line(suppressed + of_source);
	log_domino(hub, ask);
}

void decisions_heard(struct hub *hub, const struct message_ask *ask,
	const char *service, const struct policy_verdict *verdict)
{
	struct prefix source = judge_source(hub, &ask->addr);
	uint64_t suppressed = 0, of_source = 0;

	if (!history_may_log(
		    hub->history, &source, hub_wall(hub), &of_source) ||
		!may_log(hub, LINE_AUTH_FAILED, &suppressed))
		return;
	log_begin(LOG_INFO, "auth-failed");
	log_addr("src", &ask->addr);
	log_user(hub, slice_of(ask->user, ask->user_n));
	log_str("service", service);
	log_str("from", "domino-log");
	log_int("count", (int64_t)verdict->failure_count);
	end_line(suppressed + of_source);
}
