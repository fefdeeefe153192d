/*
 * posternctl policy-filter: the core on standard input and output.
 *
 * A JSON object a line, asked and answered in turn (docs/protection.md has the
 * form). Reads the clock never: time is in the lines, so the same lines, seed
 * and configuration give the same answers. What is asked means what it does in
 * rehearsal.c.
 *
 * What can go wrong: a line that is no question ends it with the line's number,
 * since whoever asks nonsense would not understand the answer.
 */
#include "filter.h"
#include "exit_code.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LONGEST = 65536, TAG_DIGITS = 16, MS_PER_S = 1000 };

static const double t_most_s = 1e10; /* three hundred years */

/* The checks want a site: one that exists nowhere, for its defaults. */
static const char defaults[] =
	"listener \"any\" { bind = {\"127.0.0.1:25\"} backend = \"any\" }\n"
	"backend \"any\" { servers = {\"127.0.0.1:2525\"} }\n";

struct filter {
	struct rehearsal *rehearsal;
	uint64_t t_ms;
};

struct filter *filter_new(const struct conf *conf, uint64_t seed)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL)
		return NULL;
	filter->rehearsal = rehearsal_new(conf, seed);
	if (filter->rehearsal == NULL)
		filter_free(&filter);
	return filter;
}

void filter_free(struct filter **filter)
{
	if (*filter == NULL)
		return;
	rehearsal_free(&(*filter)->rehearsal);
	free(*filter);
	*filter = NULL;
}

/* ---- a question, read ---- */

struct reader {
	const json_t *object;
	char *error; /* FILTER_ERROR_LONGEST */
};

__attribute__((format(printf, 2, 3))) static bool bad(
	const struct reader *in, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(in->error, FILTER_ERROR_LONGEST, format, list);
	va_end(list);
	return false;
}

/* NULL: it is left out or null. */
static const json_t *member(const struct reader *in, const char *name)
{
	const json_t *value = json_object_get(in->object, name);

	return json_is_null(value) ? NULL : value;
}

/* NULL: no string, or with a NUL in it, which only names of strangers have. */
static const char *plain(const json_t *value)
{
	const char *text = json_string_value(value);

	return text != NULL && strlen(text) == json_string_length(value) ? text
									 : NULL;
}

static bool read_kind(const struct reader *in, enum rehearsal_ask_kind *ret)
{
	static const char *const words[] = {
		[REHEARSAL_CONNECT] = "connect",
		[REHEARSAL_AUTH_BEGIN] = "auth_begin",
		[REHEARSAL_AUTH_SETTLED] = "auth_settled",
		[REHEARSAL_AUTH_ABANDONED] = "auth_abandoned",
		[REHEARSAL_LIST_SCORE] = "list_score",
	};
	const char *word = plain(member(in, "ask"));

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret = (enum rehearsal_ask_kind)i;
			return true;
		}
	}
	return bad(in, "\"ask\" is not connect, auth_begin, auth_settled, "
		       "auth_abandoned or list_score");
}

static bool read_time(const struct reader *in, uint64_t *ret_ms)
{
	const json_t *value = member(in, "t");
	double t_s = json_number_value(value);

	if (!json_is_number(value) || !(t_s >= 0) || t_s > t_most_s)
		return bad(in, "\"t\" is not a time in seconds");
	*ret_ms = (uint64_t)(t_s * MS_PER_S + 0.5);
	return true;
}

static bool read_number(const struct reader *in, const char *name, bool must,
	uint64_t most, uint64_t *ret)
{
	const json_t *value = member(in, name);
	json_int_t number = json_integer_value(value);

	if (value == NULL && !must)
		return true;
	if (!json_is_integer(value) || number < 0 || (uint64_t)number > most)
		return bad(in, "\"%s\" is not a number from 0 to %" PRIu64,
			name, most);
	*ret = (uint64_t)number;
	return true;
}

static bool read_text(
	const struct reader *in, const char *name, struct slice *ret)
{
	const json_t *value = member(in, name);

	if (value == NULL)
		return true;
	if (!json_is_string(value))
		return bad(in, "\"%s\" is not a string", name);
	*ret = slice_of(json_string_value(value), json_string_length(value));
	return true;
}

static bool read_src(const struct reader *in, bool must, struct addr *ret)
{
	const char *text = plain(member(in, "src"));

	if (member(in, "src") == NULL && !must)
		return true;
	if (text == NULL || !addr_parse(text, ret))
		return bad(in, "\"src\" is not an address");
	return true;
}

/* 0 stands for an unknown tag in the core; a tag that is zero becomes 1. */
static bool read_tag(const struct reader *in, const char *name, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const json_t *value = member(in, name);
	const char *text = plain(value);

	if (value == NULL)
		return true;
	if (text == NULL || json_string_length(value) != TAG_DIGITS ||
		strspn(text, digits) != TAG_DIGITS)
		return bad(in, "\"%s\" is not 16 hex digits", name);
	*ret = strtoull(text, NULL, 16);
	if (*ret == 0)
		*ret = 1;
	return true;
}

static bool read_code(const struct reader *in, unsigned *ret)
{
	const json_t *value = member(in, "code");
	const char *text = plain(value);

	if (value == NULL)
		return true;
	if (text == NULL || strlen(text) != 3 ||
		strspn(text, "0123456789") != 3 || text[0] < '2' ||
		text[0] > '5')
		return bad(in, "\"code\" is not a reply code");
	*ret = (unsigned)strtoul(text, NULL, 10);
	return true;
}

/* What lists in the DNS say of a source, and for how long. */
static bool read_score(const struct reader *in, struct rehearsal_ask *ask)
{
	bool must = ask->kind == REHEARSAL_LIST_SCORE;
	uint64_t score = 0, ttl_s = 0;

	if (!read_number(in, "score", must, INT32_MAX, &score) ||
		!read_number(in, "ttl", must, UINT32_MAX, &ttl_s))
		return false;
	ask->score = (unsigned)score;
	ask->span_ms = ttl_s * MS_PER_S;
	return true;
}

static bool read_ask(const struct reader *in, struct rehearsal_ask *ask)
{
	uint64_t port = 0;
	bool must_id, must_src;

	if (!read_kind(in, &ask->kind) || !read_time(in, &ask->t_ms))
		return false;
	must_id = ask->kind != REHEARSAL_CONNECT &&
		  ask->kind != REHEARSAL_LIST_SCORE;
	must_src = ask->kind == REHEARSAL_CONNECT ||
		   ask->kind == REHEARSAL_LIST_SCORE ||
		   ask->kind == REHEARSAL_AUTH_BEGIN;
	if (!read_number(in, "id", must_id, INT64_MAX, &ask->id) ||
		!read_number(in, "conn", false, INT64_MAX, &ask->conn) ||
		!read_number(in, "listener", false, UINT16_MAX, &port) ||
		!read_src(in, must_src, &ask->src) ||
		!read_text(in, "helo", &ask->helo) ||
		!read_text(in, "user", &ask->user) ||
		!read_tag(in, "tag", &ask->tag) ||
		!read_tag(in, "other", &ask->other_tag) ||
		!read_code(in, &ask->code) || !read_score(in, ask))
		return false;
	ask->listener = (uint16_t)port;
	ask->lockout = json_is_true(member(in, "lockout"));
	ask->has_other = ask->kind == REHEARSAL_AUTH_BEGIN &&
			 member(in, "other") != NULL;
	return true;
}

/* ---- an answer, written ---- */

static void set(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}

static double seconds(uint64_t ms)
{
	return (double)ms / MS_PER_S;
}

static json_t *answer_object(const struct rehearsal_answer *answer)
{
	json_t *object = json_object();

	if (answer->verdict != NULL)
		set(object, "verdict", json_string(answer->verdict));
	set(object, "wait", json_real(seconds(answer->wait_ms)));
	set(object, "why", json_string(answer->why ? answer->why : ""));
	return object;
}

/* Always with its length: "192.0.2.7/32". */
static json_t *prefix_text(const struct prefix *prefix)
{
	char text[ADDR_TEXT_LONGEST];

	return json_sprintf("%s/%u", addr_format(&prefix->addr, text),
		prefix_length(prefix));
}

static json_t *ban_row(const struct policy_action *action)
{
	json_t *row = json_array();

	(void)json_array_append_new(row, prefix_text(&action->prefix));
	(void)json_array_append_new(
		row, action->until == MONO_NEVER
			     ? json_null()
			     : json_real(seconds(action->until)));
	(void)json_array_append_new(
		row, json_string(policy_rule_name(action->rule)));
	return row;
}

static json_t *alarm_row(const struct policy_action *action)
{
	return json_pack("[s, o, s]", policy_rule_name(action->rule),
		prefix_text(&action->prefix), action->user);
}

static void set_actions(struct rehearsal *rehearsal, json_t *object)
{
	struct policy_action action;
	json_t *bans = json_array();
	json_t *alarms = NULL;

	while (rehearsal_next(rehearsal, &action)) {
		if (action.kind == ACTION_BAN)
			(void)json_array_append_new(bans, ban_row(&action));
		if (action.kind != ACTION_ALARM && action.kind != ACTION_NOTE)
			continue;
		if (alarms == NULL)
			alarms = json_array();
		(void)json_array_append_new(alarms, alarm_row(&action));
	}
	set(object, "bans", bans);
	if (alarms != NULL)
		set(object, "alarms", alarms);
}

static json_t *answer_ask(struct filter *filter, const struct reader *in,
	const struct rehearsal_ask *ask)
{
	struct rehearsal_answer answer, other = {0};
	json_t *object;

	if (ask->t_ms < filter->t_ms) {
		(void)bad(in, "\"t\" goes back");
		return NULL;
	}
	filter->t_ms = ask->t_ms;
	if (ask->has_other &&
		!rehearsal_suppose(filter->rehearsal, ask, &other)) {
		(void)bad(in, "cannot suppose: %s", strerror(errno));
		return NULL;
	}
	if (!rehearsal_step(filter->rehearsal, ask, &answer)) {
		(void)bad(in, "no memory");
		return NULL;
	}
	object = answer_object(&answer);
	set_actions(filter->rehearsal, object);
	if (ask->has_other)
		set(object, "other", answer_object(&other));
	return object;
}

json_t *filter_answer(struct filter *filter, const char *line, size_t n,
	char error[FILTER_ERROR_LONGEST])
{
	struct rehearsal_ask ask = {0};
	struct reader in = {.error = error};
	json_t *question, *answer = NULL;
	json_error_t why;

	question = json_loadb(line, n, JSON_ALLOW_NUL, &why);
	in.object = question;
	if (question == NULL)
		(void)bad(&in, "no JSON: %s", why.text);
	else if (!json_is_object(question))
		(void)bad(&in, "not a JSON object");
	else if (read_ask(&in, &ask))
		answer = answer_ask(filter, &in, &ask);
	json_decref(question);
	return answer;
}

/* ---- the process ---- */

static int failed(uint64_t number, const char *what)
{
	(void)fprintf(stderr,
		"posternctl: policy-filter: line %" PRIu64 ": %s\n", number,
		what);
	return EXIT_REFUSED;
}

static bool say(const json_t *answer)
{
	return json_dumpf(answer, stdout,
		       JSON_COMPACT | JSON_REAL_PRECISION(15)) == 0 &&
	       putchar('\n') != EOF && fflush(stdout) == 0;
}

static int answer_lines(struct filter *filter)
{
	char error[FILTER_ERROR_LONGEST] = "";
	uint64_t number = 0;
	char *line = NULL;
	size_t room = 0;
	int code = EXIT_DONE;
	ssize_t n;

	while (code == EXIT_DONE && (n = getline(&line, &room, stdin)) > 0) {
		json_t *answer = NULL;

		number++;
		if (n > LINE_LONGEST)
			code = failed(number, "longer than 65536 octets");
		else if ((answer = filter_answer(
				  filter, line, (size_t)n, error)) == NULL)
			code = failed(number, error);
		else if (!say(answer))
			code = failed(number, strerror(errno));
		json_decref(answer);
	}
	free(line);
	return code;
}

static struct conf *read_conf(const char *config)
{
	struct conf_errors errors = {0};
	struct conf *conf = config != NULL
				    ? conf_read(config, &errors)
				    : conf_parse(defaults, "defaults", &errors);

	if (conf == NULL && errors.text != NULL)
		(void)fputs(errors.text, stderr);
	conf_errors_done(&errors);
	return conf;
}

int filter_run(const char *seed, const char *config)
{
	struct filter *filter;
	struct conf *conf;
	uint64_t number;
	char *end;
	int code;

	errno = 0;
	number = strtoull(seed, &end, 10);
	if (seed[0] < '0' || seed[0] > '9' || *end != '\0' || errno != 0) {
		(void)fprintf(stderr,
			"posternctl: policy-filter: --seed is no number: %s\n",
			seed);
		return EXIT_USAGE;
	}
	conf = read_conf(config);
	if (conf == NULL)
		return EXIT_REFUSED;
	filter = filter_new(conf, number);
	code = filter != NULL ? answer_lines(filter) : failed(0, "no memory");
	filter_free(&filter);
	conf_free(&conf);
	return code;
}
