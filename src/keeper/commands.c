/*
 * The control commands, but for status and explain, which have their files.
 *
 * A request is an object with "command" and that command's members; what a
 * command does not know it ignores. Each answer has "ok"; an error says what
 * to do next. Nothing here may take long: a list is given in pages, since the
 * workers' questions wait meanwhile. Called by control.
 *
 * Whoever can ask may order; what is refused here protects from slips: a ban
 * of half the internet, the removal of what the configuration says.
 */
#include "commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/duration.h"
#include "../base/log.h"
#include "backends.h"
#include "control.h"
#include "explain.h"
#include "firewall.h"
#include "hooks.h"
#include "judge.h"
#include "notes.h"
#include "overseer.h"
#include "tap.h"
#include "sessions.h"
#include "settings.h"
#include "status.h"
#include "store.h"
#include "sums.h"
#include "tally.h"
#include "trend.h"
#include "watch.h"

enum {
	PAGE_BANS = 1000,   /* rows in an answer */
	PAGE_LOOKS = 20000, /* bans looked at for them */
	V4_WIDEST = 8,	    /* shortest prefix an operator may name */
	V6_WIDEST = 16,
	WORDS_LONGEST = 400,
	DAYS_SHOWN = 7,
	MS_PER_S = 1000,
};

struct call {
	struct hub *hub;
	const json_t *request;
	const struct commands_caller *caller;
	struct commands_later *later;
};

typedef json_t *command_run(const struct call *call);

/* ---- answers ---- */

json_t *commands_error(
	enum commands_code code, const char *error, const char *hint)
{
	static const char *const names[] = {
		"usage", "not-found", "refused", "unavailable"};

	return json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "code", names[code],
		"error", error, "hint", hint);
}

static json_t *errorf(enum commands_code code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

static json_t *errorf(
	enum commands_code code, const char *hint, const char *format, ...)
{
	char text[WORDS_LONGEST];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	va_end(args);
	return commands_error(code, text, hint);
}

const char *commands_origin(unsigned origin)
{
	static const char *const names[] = {
		[JUDGE_ORIGIN_NONE] = "none",
		[JUDGE_ORIGIN_OWN] = "own",
		[JUDGE_ORIGIN_CONF] = "configuration",
		[JUDGE_ORIGIN_OPERATOR] = "operator",
	};

	return names[origin];
}

json_t *commands_ban(struct hub *hub, const struct policy_ban *ban)
{
	char prefix[PREFIX_TEXT_LONGEST], names[LISTINGS_NAMES_LONGEST];
	const char *note = judge_note_of(hub, ban, names);
	mono_ms_t now = hub_now(hub);
	json_t *until = json_null(), *left = json_null();

	if (ban->until != MONO_NEVER) {
		uint64_t left_ms = ban->until > now ? ban->until - now : 0;

		until = json_integer(hub_wall_of(hub, ban->until));
		left = json_integer(
			(json_int_t)((left_ms + MS_PER_S - 1) / MS_PER_S));
	}
	return json_pack("{s:s, s:I, s:o, s:o, s:s, s:s, s:s, s:i, s:i, s:s}",
		"prefix", prefix_format(&ban->prefix, prefix), "since",
		(json_int_t)hub_wall_of(hub, ban->since), "until", until,
		"left_s", left, "rule", policy_rule_name(ban->rule), "text",
		policy_rule_text(ban->rule), "acts",
		ban->soft ? "login" : "connection", "repeat",
		(int)ban->repeat_count, "failures", (int)ban->failure_count,
		"note", note != NULL ? note : "");
}

/* ---- requests ---- */

static const char *text_of(const struct call *call, const char *name)
{
	return json_string_value(json_object_get(call->request, name));
}

/* How much of it to show: no character is cut, half of one is no JSON. */
static int shown(const char *text, size_t most)
{
	size_t n = strnlen(text, most);

	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

/* Says in the log who ordered what. */
static void log_order(const struct call *call, const struct prefix *prefix)
{
	log_begin(LOG_INFO, "order");
	log_str("command", text_of(call, "command"));
	if (text_of(call, "server") != NULL)
		log_str("server", text_of(call, "server"));
	if (prefix != NULL)
		log_prefix("prefix", prefix);
	if (call->caller->page) {
		log_str("by", "page");
		if (text_of(call, "from") != NULL)
			log_str("from", text_of(call, "from"));
	} else {
		log_int("uid", call->caller->uid);
		log_int("pid", call->caller->pid);
	}
	log_end();
}

/* false: *ret_wrong is the answer that says why; NULL without memory. */
static bool take_prefix(
	const struct call *call, struct prefix *ret_prefix, json_t **ret_wrong)
{
	const char *text = text_of(call, "prefix");

	if (text == NULL)
		*ret_wrong = commands_error(COMMANDS_USAGE,
			"no prefix was given",
			"name an address or a prefix, such as 192.0.2.7 or "
			"2001:db8::/48");
	else if (!prefix_parse(text, ret_prefix))
		*ret_wrong = errorf(COMMANDS_USAGE,
			"write an address or a prefix, such "
			"as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/48",
			"\"%.*s\" is not an address or prefix", shown(text, 60),
			text);
	else
		return true;
	return false;
}

/* BAN and ALLOW of a half internet is a slip of the hand. */
static bool refuse_wide(const struct prefix *prefix, json_t **ret_wrong)
{
	bool v4 = addr_is_v4(&prefix->addr) && prefix->bits >= ADDR_V4_BITS;
	char text[PREFIX_TEXT_LONGEST];

	if (prefix_length(prefix) >=
		(v4 ? (unsigned)V4_WIDEST : (unsigned)V6_WIDEST))
		return false;
	*ret_wrong = errorf(COMMANDS_REFUSED,
		"the widest is /8 for IPv4 and /16 for IPv6; name several",
		"%s is too wide", prefix_format(prefix, text));
	return true;
}

/* ---- bans ---- */

static json_t *bans_page(const struct call *call, enum policy_rule rule,
	size_t *cursor, size_t most, bool *ret_more)
{
	const struct policy *policy = judge_policy(call->hub->judge);
	json_t *bans = json_array();
	struct policy_ban ban;
	size_t looks = 0;

	*ret_more = true;
	while (looks++ < PAGE_LOOKS && json_array_size(bans) < most) {
		if (!policy_ban_next(policy, cursor, &ban)) {
			*ret_more = false;
			break;
		}
		if (rule == RULE_NONE || ban.rule == rule)
			(void)json_array_append_new(
				bans, commands_ban(call->hub, &ban));
	}
	return bans;
}

static json_t *run_bans_list(const struct call *call)
{
	const char *name = text_of(call, "rule");
	json_int_t from =
		json_integer_value(json_object_get(call->request, "cursor"));
	json_int_t limit =
		json_integer_value(json_object_get(call->request, "limit"));
	size_t cursor = from > 0 ? (size_t)from : 0;
	size_t most = limit > 0 && limit < PAGE_BANS ? (size_t)limit
						     : (size_t)PAGE_BANS;
	enum policy_rule rule = RULE_NONE;
	struct policy_stats stats;
	json_t *bans;
	bool more;

	if (name != NULL) {
		rule = policy_rule_by_name(name);
		if (rule == RULE_NONE)
			return errorf(COMMANDS_USAGE,
				"rules that ban: source-limit, source-slow, "
				"operator",
				"there is no rule \"%.*s\"", shown(name, 40),
				name);
	}
	policy_stats(judge_policy(call->hub->judge), &stats);
	bans = bans_page(call, rule, &cursor, most, &more);
	return json_pack("{s:b, s:I, s:o, s:o}", "ok", 1, "total",
		(json_int_t)stats.bans, "next",
		more ? json_integer((json_int_t)cursor) : json_null(), "bans",
		bans);
}

static json_t *ban_answer(
	struct hub *hub, const struct prefix *prefix, enum judge_result result)
{
	char text[PREFIX_TEXT_LONGEST];
	struct policy_ban ban;

	(void)prefix_format(prefix, text);
	switch (result) {
	case JUDGE_DONE: break;
	case JUDGE_OBSERVED:
		return json_pack("{s:b, s:b, s:s}", "ok", 1, "observed", 1,
			"prefix", text);
	case JUDGE_ALLOWED:
		return errorf(COMMANDS_REFUSED, "see posternctl allow list",
			"%s is on the allow list or one of our own addresses",
			text);
	case JUDGE_FULL:
		return commands_error(COMMANDS_UNAVAILABLE,
			"the table of bans is full",
			"raise source_limit.bans_most or lift some");
	}
	if (!policy_banned(judge_policy(hub->judge), hub_now(hub),
		    &prefix->addr, &ban))
		return json_pack("{s:b, s:s}", "ok", 1, "prefix", text);
	return json_pack("{s:b, s:s, s:o}", "ok", 1, "prefix", text, "ban",
		commands_ban(hub, &ban));
}

static json_t *run_bans_add(const struct call *call)
{
	const char *span = text_of(call, "for");
	const char *reason = text_of(call, "reason");
	uint64_t span_ms = 0;
	struct prefix prefix;
	json_t *wrong;

	if (!take_prefix(call, &prefix, &wrong) || refuse_wide(&prefix, &wrong))
		return wrong;
	if (span != NULL && strcmp(span, "ever") == 0)
		span_ms = MONO_NEVER;
	else if (span != NULL &&
		 (!duration_parse(span, &span_ms) || span_ms < MS_PER_S))
		return errorf(COMMANDS_USAGE,
			"write 90s, 10m, 1h30m or 30d (at most 3650d), or "
			"ever",
			"\"%.*s\" is not a span of time", shown(span, 40),
			span);
	if (reason != NULL && strlen(reason) > NOTE_LONGEST)
		return commands_error(COMMANDS_USAGE,
			"the reason is longer than 200 octets", "shorten it");
	log_order(call, &prefix);
	return ban_answer(call->hub, &prefix,
		judge_ban(call->hub, &prefix, span_ms, reason));
}

/* What the policy lifts for it: an address alone means its source. */
static struct prefix lifted_by(struct hub *hub, const struct prefix *prefix)
{
	struct prefix source = judge_source(hub, &prefix->addr);

	return prefix->bits >= source.bits ? source : *prefix;
}

static size_t bans_inside(struct hub *hub, const struct prefix *outer)
{
	struct policy_ban ban;
	size_t cursor = 0, count = 0;

	while (policy_ban_next(judge_policy(hub->judge), &cursor, &ban))
		if (ban.prefix.bits >= outer->bits &&
			prefix_holds(outer, &ban.prefix.addr))
			count++;
	return count;
}

static json_t *not_banned(struct hub *hub, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LONGEST], wider[PREFIX_TEXT_LONGEST];
	char hint[WORDS_LONGEST];
	struct policy_ban ban;

	(void)prefix_format(prefix, text);
	if (!policy_banned(judge_policy(hub->judge), hub_now(hub),
		    &prefix->addr, &ban))
		return errorf(COMMANDS_NOT_FOUND,
			"posternctl bans list shows what is",
			"%s is not banned", text);
	(void)prefix_format(&ban.prefix, wider);
	(void)snprintf(hint, sizeof(hint),
		"lift that with: posternctl bans del %s; or let only this one "
		"in with: posternctl allow add %s",
		wider, text);
	return errorf(COMMANDS_NOT_FOUND, hint,
		"%s has no ban of its own, it is banned by %s", text, wider);
}

static json_t *run_bans_del(const struct call *call)
{
	struct hub *hub = call->hub;
	struct prefix prefix, outer;
	char text[PREFIX_TEXT_LONGEST];
	struct policy_ban ban;
	json_t *wrong, *answer;
	size_t count;

	if (!take_prefix(call, &prefix, &wrong))
		return wrong;
	outer = lifted_by(hub, &prefix);
	if (bans_inside(hub, &outer) == 0)
		return not_banned(hub, &prefix);
	log_order(call, &prefix);
	count = judge_unban(hub, &prefix);
	answer = json_pack("{s:b, s:s, s:I}", "ok", 1, "prefix",
		prefix_format(&outer, text), "lifted", (json_int_t)count);
	if (policy_banned(
		    judge_policy(hub->judge), hub_now(hub), &prefix.addr, &ban))
		(void)json_object_set_new(
			answer, "still", commands_ban(hub, &ban));
	return answer;
}

static json_t *run_bans_flush(const struct call *call)
{
	static const char *const families[] = {"0.0.0.0/0", "::/0"};
	struct prefix all;
	size_t count = 0;

	log_order(call, NULL);
	for (size_t i = 0; i < 2; i++)
		if (prefix_parse(families[i], &all)) /* always */
			count += judge_unban(call->hub, &all);
	/* Those that are over count as repeats no more. */
	store_purge(
		call->hub->store, hub_wall(call->hub) + 1, hub_wall(call->hub));
	firewall_sync(call->hub);
	return json_pack("{s:b, s:I}", "ok", 1, "lifted", (json_int_t)count);
}

/* ---- allow ---- */

static json_t *run_allow_list(const struct call *call)
{
	json_t *entries = json_array();
	enum judge_origin origin;
	struct prefix prefix;
	size_t cursor = 0;

	while (judge_allow_next(call->hub->judge, &cursor, &prefix, &origin)) {
		char text[PREFIX_TEXT_LONGEST];
		const char *note =
			origin == JUDGE_ORIGIN_OPERATOR
				? notes_find(call->hub->notes, &prefix)
				: NULL;

		(void)json_array_append_new(
			entries, json_pack("{s:s, s:s, s:s}", "prefix",
					 prefix_format(&prefix, text), "origin",
					 commands_origin(origin), "note",
					 note != NULL ? note : ""));
	}
	return json_pack("{s:b, s:o}", "ok", 1, "allow", entries);
}

static json_t *run_allow_add(const struct call *call)
{
	const char *reason = text_of(call, "reason");
	char text[PREFIX_TEXT_LONGEST];
	struct prefix prefix;
	struct prefix outer;
	json_t *wrong;
	size_t count;

	if (!take_prefix(call, &prefix, &wrong) || refuse_wide(&prefix, &wrong))
		return wrong;
	if (reason != NULL && strlen(reason) > NOTE_LONGEST)
		return commands_error(COMMANDS_USAGE,
			"the reason is longer than 200 octets", "shorten it");
	log_order(call, &prefix);
	outer = prefix;
	count = bans_inside(call->hub, &outer);
	if (!judge_allow(call->hub, &prefix, reason))
		return commands_error(COMMANDS_UNAVAILABLE,
			"the allow list is full",
			"put long lists in the configuration");
	return json_pack("{s:b, s:s, s:I}", "ok", 1, "prefix",
		prefix_format(&prefix, text), "lifted", (json_int_t)count);
}

static json_t *run_allow_del(const struct call *call)
{
	char text[PREFIX_TEXT_LONGEST];
	struct prefix prefix;
	json_t *wrong;

	if (!take_prefix(call, &prefix, &wrong))
		return wrong;
	(void)prefix_format(&prefix, text);
	switch (judge_allow_origin(call->hub->judge, &prefix)) {
	case JUDGE_ORIGIN_OPERATOR: break;
	case JUDGE_ORIGIN_OWN:
		return errorf(COMMANDS_REFUSED,
			"own addresses, listeners and servers are always "
			"allowed",
			"%s is one of our own", text);
	case JUDGE_ORIGIN_CONF:
		return errorf(COMMANDS_REFUSED,
			"remove it from allow in the configuration, then: "
			"posternctl reload",
			"%s is allowed by the configuration", text);
	case JUDGE_ORIGIN_NONE:
		return errorf(COMMANDS_NOT_FOUND,
			"posternctl allow list shows what is",
			"%s is not on the allow list", text);
	}
	log_order(call, &prefix);
	judge_disallow(call->hub, &prefix);
	return json_pack("{s:b, s:s}", "ok", 1, "prefix", text);
}

/* ---- users ---- */

static json_t *run_user_forget(const struct call *call)
{
	const char *user = text_of(call, "user");

	if (user == NULL || user[0] == '\0')
		return commands_error(COMMANDS_USAGE, "no user was given",
			"name one as he logs in");
	log_order(call, NULL);
	judge_forget(call->hub, slice_str(user));
	return json_pack("{s:b, s:s}", "ok", 1, "user", user);
}

/* ---- hooks ---- */

static json_t *run_hook_test(const struct call *call)
{
	const char *name = text_of(call, "hook");

	if (name == NULL)
		return commands_error(COMMANDS_USAGE, "no hook was given",
			"name one as the configuration does");
	if (!hooks_test(call->hub, name))
		return errorf(COMMANDS_NOT_FOUND,
			"posternctl status shows which there are",
			"there is no hook \"%.*s\", or its process is not "
			"there",
			shown(name, 60), name);
	log_order(call, NULL);
	return json_pack("{s:b, s:s}", "ok", 1, "hook", name);
}

/* ---- backends ---- */

static json_t *run_backends_list(const struct call *call)
{
	return json_pack(
		"{s:b, s:o}", "ok", 1, "backends", backends_array(call->hub));
}

static json_t *drain(const struct call *call, bool drained)
{
	const char *server = text_of(call, "server");
	size_t count;

	if (server == NULL)
		return commands_error(COMMANDS_USAGE, "no server was given",
			"name one as posternctl backends does");
	count = backends_drain(call->hub, server, drained);
	if (count == 0)
		return errorf(COMMANDS_NOT_FOUND,
			"posternctl backends shows which there are",
			"there is no server \"%.*s\"", shown(server, 130),
			server);
	log_order(call, NULL);
	return json_pack("{s:b, s:s, s:I}", "ok", 1, "server", server,
		"servers", (json_int_t)count);
}

static json_t *run_backends_drain(const struct call *call)
{
	return drain(call, true);
}

static json_t *run_backends_undrain(const struct call *call)
{
	return drain(call, false);
}

/* ---- the rest ---- */

static json_t *run_sessions(const struct call *call)
{
	return sessions_ask(call->hub, call->request, &call->later->roster);
}

static json_t *run_log(const struct call *call)
{
	json_t *wrong;

	if (control_follower_count(call->hub->control) >=
		CONTROL_FOLLOWERS_MOST)
		return commands_error(COMMANDS_UNAVAILABLE,
			"eight others follow the log already",
			"try again when one has ended");
	call->later->follow = log_filter_new(call->request, &wrong);
	if (call->later->follow == NULL)
		return wrong;
	if (tap_want(call->hub))
		return NULL; /* lines, as they come */
	log_filter_free(&call->later->follow);
	return commands_error(COMMANDS_UNAVAILABLE,
		"there is no supervisor to give the lines of the log",
		"start postern with: postern run");
}

static json_t *run_version(const struct call *call)
{
	return json_pack("{s:b, s:s}", "ok", 1, "version", POSTERN_VERSION);
}

static json_t *run_status(const struct call *call)
{
	return status_object(call->hub);
}

static json_t *run_metrics(const struct call *call)
{
	return tally_object(call->hub);
}

static json_t *run_watch(const struct call *call)
{
	json_int_t most =
		json_integer_value(json_object_get(call->request, "most"));

	return watch_object(
		call->hub, most > 0 ? (size_t)most : WATCH_GUESSERS_SHOWN);
}

static json_t *run_bans_serial(const struct call *call)
{
	return watch_serial_object(call->hub);
}

static json_t *run_bans_recent(const struct call *call)
{
	return watch_recent_object(call->hub);
}

static json_t *run_trend_minutes(const struct call *call)
{
	return trend_object(call->hub, false);
}

static json_t *run_trend_hours(const struct call *call)
{
	return trend_object(call->hub, true);
}

static json_t *run_days(const struct call *call)
{
	json_int_t days =
		json_integer_value(json_object_get(call->request, "days"));

	return json_pack("{s:b, s:o}", "ok", 1, "days",
		sums_array(call->hub, days > 0 ? (size_t)days : DAYS_SHOWN));
}

static json_t *run_config(const struct call *call)
{
	return settings_object(call->hub->conf);
}

/* subject: NULL: none was given. */
static json_t *explain(
	const struct call *call, const char *subject, bool by_name)
{
	if (subject == NULL)
		return commands_error(COMMANDS_USAGE, "nothing to explain",
			"name an address, a user, or the reference of a "
			"refusal");
	if (strlen(subject) >= COMMANDS_SUBJECT_LONGEST)
		return commands_error(COMMANDS_USAGE,
			"the subject is longer than 511 octets",
			"name an address, a user or a reference");
	call->later->question = explain_ask(call->hub, subject, by_name);
	if (call->later->question == 0)
		return explain_answer(call->hub, subject, by_name, NULL);
	call->later->by_name = by_name;
	memcpy(call->later->subject, subject, strlen(subject) + 1);
	return NULL;
}

static json_t *run_explain(const struct call *call)
{
	return explain(call, text_of(call, "subject"), false);
}

static json_t *run_user(const struct call *call)
{
	return explain(call, text_of(call, "user"), true);
}

static json_t *run_reload(const struct call *call)
{
	log_order(call, NULL);
	if (!overseer_ask_reload(call->hub))
		return commands_error(COMMANDS_UNAVAILABLE,
			"there is no supervisor to reload",
			"start postern with: postern run");
	call->later->reload = true;
	return NULL; /* commands_reload_answer() */
}

/* What the supervisor says of an order that it has carried out, or not. */
static json_t *done_or_refused(
	const struct message_text *text, const char *error, const char *hint)
{
	size_t n = text->n < sizeof(text->text) ? text->n : sizeof(text->text);
	json_t *words = json_stringn(text->text, n);

	if (words == NULL) /* not UTF-8, or cut within a character */
		words = json_string("see the log");
	if (text->ok != 0)
		return json_pack("{s:b, s:o}", "ok", 1, "text", words);
	return json_pack("{s:b, s:s, s:s, s:s, s:o}", "ok", 0, "code",
		"refused", "error", error, "hint", hint, "text", words);
}

json_t *commands_reload_answer(const struct message_text *text)
{
	return done_or_refused(text,
		"the new configuration is wrong, the old one stays in force",
		"correct the file; postern check FILE tries it");
}

static json_t *run_upgrade(const struct call *call)
{
	struct store_state state;

	log_order(call, NULL);
	store_state(call->hub->store, &state);
	if (state.failing)
		return commands_error(COMMANDS_REFUSED,
			"the store cannot be written: what is banned now would "
			"be forgotten",
			"mend that first (posternctl status says what it is)");
	if (!overseer_ask_upgrade(call->hub))
		return commands_error(COMMANDS_UNAVAILABLE,
			"there is no supervisor to hand over",
			"start postern with: postern run");
	call->later->upgrade = true;
	return NULL;
}

/* Asked by who was connected to the keeper before this one. */
static json_t *run_upgrade_outcome(const struct call *call)
{
	if (call->hub->upgrade != NULL)
		return commands_upgrade_answer(call->hub->upgrade);
	call->later->upgrade = true;
	return NULL;
}

json_t *commands_upgrade_answer(const struct message_text *text)
{
	return done_or_refused(text,
		"the new program did not take over, the old one goes on",
		"the log of the new one may say more");
}

static const struct {
	const char *name;
	command_run *run;
	bool page; /* also for dash, which talks to strangers */
} table[] = {
	{"status", run_status, true},
	{"days", run_days, true},
	{"metrics", run_metrics, true},
	{"watch", run_watch, true},
	{"trend.minutes", run_trend_minutes, true},
	{"trend.hours", run_trend_hours, true},
	{"bans.serial", run_bans_serial, true},
	{"bans.recent", run_bans_recent, true},
	{"config", run_config, false},
	{"bans.list", run_bans_list, true},
	{"bans.add", run_bans_add, true},
	{"bans.del", run_bans_del, true},
	{"bans.flush", run_bans_flush, false},
	{"allow.list", run_allow_list, true},
	{"allow.add", run_allow_add, true},
	{"allow.del", run_allow_del, true},
	{"user", run_user, false},
	{"user.forget", run_user_forget, false},
	{"hook.test", run_hook_test, false},
	{"backends.list", run_backends_list, true},
	{"backends.drain", run_backends_drain, false},
	{"backends.undrain", run_backends_undrain, false},
	{"explain", run_explain, true},
	{"upgrade", run_upgrade, false},
	{"upgrade.outcome", run_upgrade_outcome, false},
	{"reload", run_reload, false},
	{"sessions", run_sessions, false},
	{"log", run_log, false},
	{"version", run_version, true},
};

static json_t *not_for_page(const char *name)
{
	log_begin(LOG_ERROR, "page-refused");
	log_str("command", name);
	log_end();
	return commands_error(COMMANDS_REFUSED,
		"this is not for the page to order", "use posternctl");
}

json_t *commands_run(struct hub *hub, const json_t *request,
	const struct commands_caller *caller, struct commands_later *ret_later)
{
	const struct call call = {hub, request, caller, ret_later};
	const char *name = text_of(&call, "command");

	memset(ret_later, 0, sizeof(*ret_later));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (name != NULL && strcmp(name, table[i].name) == 0)
			return table[i].page || !caller->page
				       ? table[i].run(&call)
				       : not_for_page(name);
	return commands_error(COMMANDS_USAGE, "there is no such command",
		"commands: status, days, metrics, watch, trend.minutes, "
		"trend.hours, bans.list, bans.recent, bans.serial, bans.add, "
		"bans.del, bans.flush, "
		"allow.list, allow.add, allow.del, user, user.forget, "
		"hook.test, "
		"backends.list, "
		"backends.drain, backends.undrain, explain, sessions, log, "
		"reload, "
		"version");
}
