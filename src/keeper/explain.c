/*
 * The answer to `explain`: what became of somebody and why, and the way out.
 *
 * Puts together what policy, refusals, notes and the journal know of a source,
 * a user or a session. Only reads. The journal is on the disk, so it is asked
 * first and the answer is made when it has come; without it memory tells the
 * last events. Called by commands, and by control when the journal answered.
 */
#include "explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/duration.h"
#include "../base/log.h"
#include "../base/reference.h"
#include "commands.h"
#include "decisions.h"
#include "dns_lists.h"
#include "geo.h"
#include "judge.h"
#include "listings.h"
#include "refusals.h"
#include "story.h"

enum {
	COMMAND_LONGEST = 100,
	SUMMARY_LONGEST = 700,
	WIDER_V4 = 24, /* what a prefix is banned by */
	WIDER_V6 = 48,
};

/* The entry that allows the address. */
static json_t *allowed_by(struct hub *hub, const struct addr *addr)
{
	enum judge_origin origin;
	struct prefix prefix;
	size_t cursor = 0;

	while (judge_allow_next(hub->judge, &cursor, &prefix, &origin)) {
		char text[PREFIX_TEXT_LONGEST];

		if (prefix_holds(&prefix, addr))
			return json_pack("{s:s, s:s}", "prefix",
				prefix_format(&prefix, text), "origin",
				commands_origin(origin));
	}
	return json_null();
}

static json_t *window(uint64_t count, uint64_t limit, uint64_t span_ms)
{
	return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)count, "limit",
		(json_int_t)limit, "window_ms", (json_int_t)span_ms);
}

static void set_windows(json_t *object, const struct hub *hub,
	const struct policy_source_info *info)
{
	const struct conf_source_limit *limit = &hub->conf->source_limit;

	(void)json_object_set_new(object, "failures",
		window(info->failure_count, limit->failures_count,
			limit->window_ms));
	(void)json_object_set_new(object, "slow_failures",
		window(info->slow_count, limit->slow_failures_count,
			limit->slow_window_ms));
}

static json_t *seen(struct hub *hub, mono_ms_t at)
{
	if (at == 0) /* never */
		return json_null();
	return json_integer(hub_wall_of(hub, at));
}

static void set_counts(
	json_t *object, struct hub *hub, const struct policy_source_info *info)
{
	(void)json_object_set_new(object, "known", json_boolean(info->known));
	(void)json_object_set_new(object, "under_way",
		json_integer((json_int_t)info->in_flight_count));
	(void)json_object_set_new(object, "successes",
		json_integer((json_int_t)info->success_count));
	(void)json_object_set_new(object, "failures_total",
		json_integer((json_int_t)info->failure_total));
	(void)json_object_set_new(
		object, "first_seen", seen(hub, info->first_seen));
	(void)json_object_set_new(
		object, "last_failure", seen(hub, info->last_failure));
	(void)json_object_set_new(
		object, "last_success", seen(hub, info->last_success));
	(void)json_object_set_new(object, "next_delay_ms",
		json_integer((json_int_t)info->next_delay_ms));
}

/* session: of this one only, unless it is 0. */
static void set_events(json_t *object, struct hub *hub,
	const struct prefix *source, const struct store_answer *answer,
	uint64_t session)
{
	bool read = answer != NULL && answer->good;
	json_t *events = NULL;

	if (read && answer->count > 0)
		events = story_of_rows(answer, session);
	else if (source != NULL)
		events = story_of_memory(hub, source, session);
	(void)json_object_set_new(object, "journal", json_boolean(read));
	(void)json_object_set_new(
		object, "events", events != NULL ? events : json_array());
}

/* ---- in a sentence ---- */

static void set_summary(json_t *object, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void set_summary(json_t *object, const char *format, ...)
{
	char text[SUMMARY_LONGEST];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	va_end(args);
	(void)json_object_set_new(object, "summary", json_string(text));
}

static void summarize_ban(json_t *object, struct hub *hub, const char *address,
	const struct policy_ban *ban)
{
	char span[DURATION_TEXT_LONGEST], prefix[PREFIX_TEXT_LONGEST];
	char names[LISTINGS_NAMES_LONGEST];
	const char *note = judge_note_of(hub, ban, names);
	bool ever = ban->until == MONO_NEVER, alone, noted;
	uint64_t left_ms =
		ban->until > hub_now(hub) ? ban->until - hub_now(hub) : 0;

	(void)prefix_format(&ban->prefix, prefix);
	alone = strcmp(prefix, address) == 0;
	noted = note != NULL && note[0] != '\0';
	set_summary(object, "%s is banned%s%s%s%s: %s%s%s%s.", address,
		alone ? "" : ", with all of ", alone ? "" : prefix,
		ever ? ", for ever" : ", for another ",
		ever ? "" : duration_format(left_ms, span),
		policy_rule_text(ban->rule), noted ? " (\"" : "",
		noted ? note : "", noted ? "\")" : "");
}

static void summarize_address(json_t *object, struct hub *hub,
	const char *address, const struct policy_source_info *info)
{
	const struct conf_source_limit *limit = &hub->conf->source_limit;
	char span[DURATION_TEXT_LONGEST];

	if (info->banned)
		summarize_ban(object, hub, address, &info->ban);
	else if (info->allowed)
		set_summary(object,
			"%s is on the allow list or one of our own: it is "
			"never slowed, refused or banned.",
			address);
	else if (!info->known)
		set_summary(object,
			"%s is not banned, and memory has no login of it.",
			address);
	else
		set_summary(object,
			"%s is not banned: %u of the %u failed logins that it "
			"may have in %s.",
			address, info->failure_count,
			(unsigned)limit->failures_count,
			duration_format(limit->window_ms, span));
}

/* The exact commands that let the address in. */
static void set_ways_out(json_t *object, const struct addr *addr,
	const struct policy_source_info *info)
{
	char text[PREFIX_TEXT_LONGEST], command[COMMAND_LONGEST];

	if (info->banned) {
		(void)snprintf(command, sizeof(command),
			"posternctl bans del %s",
			prefix_format(&info->ban.prefix, text));
		(void)json_object_set_new(object, "lift", json_string(command));
	}
	if (!info->allowed) {
		(void)snprintf(command, sizeof(command),
			"posternctl allow add %s", addr_format(addr, text));
		(void)json_object_set_new(
			object, "allow", json_string(command));
	}
}

/* null: no database knows it. */
static void set_place(json_t *object, struct hub *hub, const struct addr *addr)
{
	struct geo_place place = geo_find(hub, addr);
	const char country[] = {
		(char)(place.country >> 8), (char)(place.country & 0xff), '\0'};

	(void)json_object_set_new(object, "country",
		place.country != 0 ? json_string(country) : json_null());
	(void)json_object_set_new(object, "asn",
		place.asn != 0 ? json_integer(place.asn) : json_null());
	(void)json_object_set_new(object, "listed", dns_lists_about(hub, addr));
	(void)json_object_set_new(
		object, "on_lists", listings_about(hub, addr));
}

static json_t *explain_address(struct hub *hub, const struct addr *addr,
	const struct store_answer *answer, uint64_t session)
{
	char address[ADDR_TEXT_LONGEST], source[PREFIX_TEXT_LONGEST];
	struct policy_source_info info;
	json_t *object;

	policy_explain(judge_policy(hub->judge), hub_now(hub), addr, &info);
	/* An allowed one's key may be its entry; events lie at the source. */
	info.source = judge_source(hub, addr);
	object = json_pack("{s:b, s:s, s:s, s:b, s:o, s:b, s:o}", "ok", 1,
		"address", addr_format(addr, address), "source",
		prefix_format(&info.source, source), "allowed", info.allowed,
		"allowed_by", allowed_by(hub, addr), "banned", info.banned,
		"ban",
		info.banned ? commands_ban(hub, &info.ban) : json_null());
	if (object == NULL)
		return NULL;
	summarize_address(object, hub, address, &info);
	set_place(object, hub, addr);
	set_windows(object, hub, &info);
	set_counts(object, hub, &info);
	set_events(object, hub, &info.source, answer, session);
	set_ways_out(object, addr, &info);
	return object;
}

/* ---- a session ---- */

/* Whose it was, by memory or the journal. false: by neither. */
static bool find_session(struct hub *hub, uint64_t session,
	const struct store_answer *answer, struct addr *ret_addr,
	wall_s_t *ret_at)
{
	struct refusal refusal;

	if (refusals_find(hub->refusals, session, &refusal)) {
		*ret_addr = refusal.addr;
		*ret_at = refusal.at;
		return true;
	}
	for (size_t i = answer == NULL ? 0 : answer->count; i-- > 0;) {
		const struct journal_row *row = &answer->rows[i];

		if (row->session != session ||
			(row->kind != JOURNAL_EVENT &&
				row->kind != JOURNAL_REFUSAL))
			continue;
		*ret_addr = row->kind == JOURNAL_REFUSAL ? row->addr
							 : row->event.addr;
		*ret_at = row->at;
		return true;
	}
	return false;
}

static json_t *explain_session(struct hub *hub, uint64_t session,
	const struct addr *addr, wall_s_t at, const struct store_answer *answer)
{
	char reference[REFERENCE_TEXT_LONGEST];
	json_t *object = explain_address(hub, addr, answer, session);

	if (object != NULL)
		(void)json_object_set_new(object, "reference",
			json_pack("{s:s, s:I}", "ref",
				reference_format(session, reference), "at",
				(json_int_t)at));
	return object;
}

/* ---- a user ---- */

static json_t *passports_array(const struct store_answer *answer)
{
	json_t *array = json_array();

	for (size_t i = 0; i < answer->passport_count; i++) {
		const struct store_found_passport *passport =
			&answer->passports[i];
		char prefix[PREFIX_TEXT_LONGEST];

		(void)json_array_append_new(array,
			json_pack("{s:s, s:s, s:I, s:o, s:I}", "user",
				passport->user, "prefix",
				prefix_format(&passport->prefix, prefix),
				"since", (json_int_t)passport->since, "until",
				passport->until == STORE_NEVER
					? json_null()
					: json_integer(passport->until),
				"last", (json_int_t)passport->last));
	}
	return array;
}

static json_t *user_state(struct hub *hub, const struct policy_user_info *info)
{
	return json_pack(
		"{s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:o, s:o, s:o, s:o}",
		"known", info->known, "person", info->person, "shielded",
		info->shielded, "campaign", info->campaign, "refused_pairs",
		(int)info->pair_count, "server_failures",
		(int)info->server_failures, "lockout", (int)info->lockout,
		"last_success", seen(hub, info->last_success), "last_failure",
		seen(hub, info->last_failure), "siege_until",
		seen(hub, info->siege_until), "released_until",
		seen(hub, info->released_until));
}

/* What the rules hold against the name, and the command that ends it. */
static void set_user(json_t *object, struct hub *hub, const char *user)
{
	struct policy_user_info info;
	char command[COMMANDS_SUBJECT_LONGEST + COMMAND_LONGEST];

	policy_explain_user(
		judge_policy(hub->judge), hub_now(hub), slice_str(user), &info);
	(void)json_object_set_new(object, "state", user_state(hub, &info));
	if (!info.shielded && info.siege_until == 0)
		return;
	/* A name that a shell would not leave alone is for people to quote. */
	(void)snprintf(command, sizeof(command), "posternctl user forget '%s'",
		strpbrk(user, "'\\\n\r\t") == NULL ? user : "NAME");
	(void)json_object_set_new(object, "lift", json_string(command));
}

static json_t *explain_user(
	struct hub *hub, const char *user, const struct store_answer *answer)
{
	json_t *object = json_pack("{s:b, s:s, s:o, s:o}", "ok", 1, "user",
		user, "places", story_of_places(hub, answer), "passports",
		passports_array(answer));
	uint64_t failures = 0, successes = 0, refused = 0;
	const json_t *place;
	size_t i;

	if (object == NULL)
		return NULL;
	set_user(object, hub, user);
	json_array_foreach(json_object_get(object, "places"), i, place)
	{
		failures += (uint64_t)json_integer_value(
			json_object_get(place, "failures"));
		successes += (uint64_t)json_integer_value(
			json_object_get(place, "successes"));
		refused += (uint64_t)json_integer_value(
			json_object_get(place, "refused"));
	}
	set_summary(object,
		"%s: of the last logins %llu succeeded, %llu failed at the "
		"server and %llu were held or refused, from %zu places; "
		"known at %zu.",
		user, (unsigned long long)successes,
		(unsigned long long)failures, (unsigned long long)refused, i,
		answer->passport_count);
	set_events(object, hub, NULL, answer, 0);
	return object;
}

/* ---- the subject ---- */

/* Enough of its signs that nobody has it for a name. */
static bool parse_reference(const char *subject, uint64_t *ret_session)
{
	return strpbrk(subject, ".:/@") == NULL &&
	       reference_parse(subject, ret_session);
}

uint64_t explain_ask(struct hub *hub, const char *subject, bool by_name)
{
	struct store_question question;
	char pseudonym[HISTORY_USER_LONGEST];
	struct prefix prefix;
	size_t n;

	memset(&question, 0, sizeof(question));
	if (!by_name && prefix_parse(subject, &prefix)) {
		question.by_source = true;
		question.addr = prefix.addr;
		question.source = judge_source(hub, &prefix.addr);
		question.wider = prefix_of(&prefix.addr, WIDER_V4, WIDER_V6);
		return store_ask(hub->store, &question);
	}
	if (!by_name)
		(void)parse_reference(subject, &question.session);
	n = log_escape(slice_str(subject), LOG_TEXT, question.name,
		STORE_NAME_LONGEST);
	question.name[n] = '\0';
	if (hub->conf->log.users == CONF_USERS_FULL) {
		memcpy(question.user, question.name, n + 1);
	} else {
		(void)snprintf(question.user, sizeof(question.user), "%s",
			decisions_pseudonym(
				hub, slice_str(subject), pseudonym));
	}
	return store_ask(hub->store, &question);
}

static json_t *explain_nothing(const struct store_answer *answer)
{
	if (answer == NULL || !answer->good)
		return commands_error(COMMANDS_UNAVAILABLE,
			"memory has no refusal with this reference, and the "
			"journal cannot be read now",
			"posternctl status says what is wrong with the store; "
			"look for ref= and user= in the log");
	return commands_error(COMMANDS_NOT_FOUND,
		"no refusal with this reference and no login of a user with "
		"this name is remembered",
		"is it complete? it stands behind \"ref\" in the refusal; the "
		"journal goes back as far as journal.keep says, older ones are "
		"in the log: look for ref= or user= there");
}

static json_t *user_unknown(const struct store_answer *answer)
{
	if (answer == NULL || !answer->good)
		return commands_error(COMMANDS_UNAVAILABLE,
			"the journal cannot be read now",
			"posternctl status says what is wrong with the store; "
			"look for user= in the log");
	return commands_error(COMMANDS_NOT_FOUND,
		"no login of a user with this name is remembered",
		"the journal goes back as far as journal.keep says; older "
		"logins are in the log: look for user= there");
}

json_t *explain_answer(struct hub *hub, const char *subject, bool by_name,
	const struct store_answer *answer)
{
	struct prefix prefix;
	struct addr addr;
	uint64_t session;
	wall_s_t at;

	if (!by_name && prefix_parse(subject, &prefix))
		return explain_address(hub, &prefix.addr, answer, 0);
	if (!by_name && parse_reference(subject, &session) &&
		find_session(hub, session, answer, &addr, &at))
		return explain_session(hub, session, &addr, at, answer);
	if (answer != NULL && answer->good &&
		answer->count + answer->passport_count > 0)
		return explain_user(hub, subject, answer);
	return by_name ? user_unknown(answer) : explain_nothing(answer);
}
