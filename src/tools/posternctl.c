/*
 * posternctl: what an administrator says to a running postern.
 *
 * Makes one request of its arguments, sends it to the control socket and shows
 * the answer. Knows the control protocol (docs/control.md), nothing of the
 * daemon's inside. Exit codes: exit_code.h.
 */
#include <errno.h>
#include <limits.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../base/secret.h"
#include "../conf/near.h"
#include "client.h"
#include "doctor.h"
#include "exit_code.h"
#include "feed_words.h"
#include "filter.h"
#include "follow.h"
#include "patterns_check.h"
#include "replay.h"
#include "report.h"
#include "show.h"
#include "show_hooks.h"
#include "top.h"
#include "words.h"

enum { UPGRADE_TRIES = 100, UPGRADE_PAUSE_MS = 200 };
enum { FAILURES = 10, PASSWORD_LONGEST = 250 };

static const char socket_default[] = "/run/postern/control";

/* What can be said, and how the answer is shown. */
static const struct verb {
	const char *noun, *verb; /* verb NULL: none */
	const char *command;
	const char *member; /* of the one argument; NULL: takes none */
	unsigned options;   /* it takes: WORD_TAKES */
	show_answer *show;
} verbs[] = {
	{"status", NULL, "status", NULL, WORD_TAKES(DAYS), show_status},
	{"bans", "list", "bans.list", NULL, WORD_TAKES(RULE), show_bans},
	{"bans", "add", "bans.add", "prefix",
		WORD_TAKES(FOR) | WORD_TAKES(REASON), show_ban_added},
	{"bans", "del", "bans.del", "prefix", 0, show_lifted},
	{"bans", "flush", "bans.flush", NULL, 0, show_lifted},
	{"allow", "list", "allow.list", NULL, 0, show_allow},
	{"allow", "add", "allow.add", "prefix", WORD_TAKES(REASON),
		show_allow_added},
	{"allow", "del", "allow.del", "prefix", 0, show_done},
	{"backends", "list", "backends.list", NULL, 0, show_backends},
	{"backends", "drain", "backends.drain", "server", 0, show_drained},
	{"backends", "undrain", "backends.undrain", "server", 0,
		show_undrained},
	{"user", "forget", "user.forget", "user", 0, show_forgotten},
	{"hook", "test", "hook.test", "hook", 0, show_hook_test},
	{"user", NULL, "user", "user", 0, show_explain},
	{"sessions", NULL, "sessions", NULL,
		WORD_TAKES(LISTENER) | WORD_TAKES(FROM) | WORD_TAKES(LIMIT),
		show_sessions},
	{"explain", NULL, "explain", "subject", 0, show_explain},
	{"reload", NULL, "reload", NULL, 0, show_reload},
	{"upgrade", NULL, "upgrade", NULL, 0, show_reload},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static void print_help(void)
{
	(void)puts(
		"usage: posternctl [--socket PATH] [--json] COMMAND\n"
		"\n"
		"  status [--days N] | top    how it is, or was each day; "
		"live\n"
		"  bans [list] [--rule RULE]  who is banned\n"
		"  bans add PREFIX [--for 1h|ever] [--reason TEXT]\n"
		"  bans del PREFIX | flush    lift it, or all\n"
		"  allow [list] | del PREFIX  who is never banned\n"
		"  allow add PREFIX [--reason TEXT]\n"
		"  backends [list] | drain|undrain SERVER  how servers are; no "
		"new sessions\n"
		"  sessions [--listener L] [--from PREFIX] [--limit N]  who is "
		"connected\n"
		"  explain ADDRESS|USER|REF   what happened, and the way out\n"
		"  feed FORMAT [--chunk N]    bans as plain, json, nft, "
		"mikrotik, "
		"cisco, windows\n"
		"  doctor [--as ADDRESS] [--probe-lockout[=N]] [--login USER]\n"
		"  user [forget] NAME | hook test NAME  what is known; forget "
		"it; a test event\n"
		"  log [--event E] [--from PREFIX] [--user U] [--rule R] "
		"[--count N]  live\n"
		"  reload | upgrade | version  the configuration again; a new "
		"program\n"
		"  report [--mail] | replay FILE...  what was; whom rules "
		"would ban\n"
		"  patterns check [FILE] | policy-filter  for the rules' "
		"makers\n"
		"\n"
		"  --socket PATH  default: $POSTERN_CONTROL, else "
		"/run/postern/control\n"
		"  --json         the answer as it is, for scripts\n"
		"\n"
		"exit: 0 done, 1 refused or not found, 2 wrong usage, 3 no "
		"daemon\n"
		"      doctor: 0 all is well, 1 warnings, 4 failures");
}

/* ---- arguments ---- */

/* How many logins --probe-lockout has fail; 0: that is no number for it. */
static unsigned failures_of(const char *text)
{
	unsigned long count = FAILURES;
	char *end;

	if (text[0] == '\0')
		return (unsigned)count;
	count = strtoul(text, &end, 10);
	return *end != '\0' || count > DOCTOR_FAILURES_MOST ? 0
							    : (unsigned)count;
}

/* The verb of the words; *ret_used of them name it. NULL: none. */
static const struct verb *find_verb(const struct words *words, int *ret_used)
{
	bool second = words->count > 1;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		const struct verb *verb = &verbs[i];

		if (strcmp(words->args[0], verb->noun) != 0)
			continue;
		if (verb->verb == NULL) {
			*ret_used = 1;
			return verb;
		}
		/* "bans" alone is "bans list", which comes first. */
		if (!second) {
			*ret_used = 1;
			return verb;
		}
		if (strcmp(words->args[1], verb->verb) == 0) {
			*ret_used = 2;
			return verb;
		}
	}
	return NULL;
}

/* -1: fine. */
static int check_words(
	const struct words *words, const struct verb *verb, int used)
{
	int wanted = verb->member != NULL ? 1 : 0;

	if (words->count - used < wanted)
		return words_wrong("an argument is missing behind",
			words->args[words->count - 1]);
	if (words->count - used > wanted)
		return words_wrong(
			"too many arguments", words->args[used + wanted]);
	if (!words_belong(words, verb->options))
		return EXIT_USAGE;
	if (words->given[WORD_DAYS] != NULL &&
		words_number(words, WORD_DAYS, INT_MAX) == 0)
		return words_wrong(
			"--days is a number of days", words->given[WORD_DAYS]);
	if (words->given[WORD_LIMIT] != NULL &&
		words_number(words, WORD_LIMIT, INT_MAX) == 0)
		return words_wrong("--limit is a number of sessions",
			words->given[WORD_LIMIT]);
	return -1;
}

static void set_text(json_t *request, const char *name, const char *text)
{
	if (text != NULL)
		(void)json_object_set_new(request, name, json_string(text));
}

static void set_number(json_t *request, const char *name,
	const struct words *words, enum word word)
{
	if (words->given[word] != NULL)
		(void)json_object_set_new(request, name,
			json_integer(words_number(words, word, INT_MAX)));
}

static json_t *make_request(
	const struct words *words, const struct verb *verb, int used)
{
	json_t *request = json_pack("{s:s}", "command", verb->command);

	if (verb->member != NULL)
		set_text(request, verb->member, words->args[used]);
	set_text(request, "rule", words->given[WORD_RULE]);
	set_text(request, "for", words->given[WORD_FOR]);
	set_text(request, "reason", words->given[WORD_REASON]);
	set_text(request, "listener", words->given[WORD_LISTENER]);
	set_text(request, "from", words->given[WORD_FROM]);
	set_number(request, "limit", words, WORD_LIMIT);
	set_number(request, "days", words, WORD_DAYS);
	if (words->given[WORD_DAYS] != NULL)
		(void)json_object_set_new(
			request, "command", json_string("days"));
	return request;
}

/* ---- asking ---- */

static int no_daemon(const char *path)
{
	int error = errno;

	if (error == EACCES || error == EPERM)
		(void)fprintf(stderr,
			"posternctl: %s: %s; be root or in the group that "
			"control_group names\n",
			path, strerror(error));
	else
		(void)fprintf(stderr,
			"posternctl: no daemon at %s: %s; start postern, or "
			"name its socket with --socket PATH\n",
			path, strerror(error));
	return EXIT_NO_DAEMON;
}

/*
 * Long lists come in pages: asks for the next until there is none and puts
 * their rows behind those of the first. NULL: the daemon went away.
 */
static json_t *ask_all(struct client *client, json_t *request)
{
	json_t *answer = client_ask(client, request);
	json_t *rows = json_object_get(answer, "bans");

	while (json_is_integer(json_object_get(answer, "next"))) {
		json_t *page;

		(void)json_object_set(
			request, "cursor", json_object_get(answer, "next"));
		page = client_ask(client, request);
		if (page == NULL) {
			json_decref(answer);
			return NULL;
		}
		(void)json_array_extend(rows, json_object_get(page, "bans"));
		(void)json_object_set(
			answer, "next", json_object_get(page, "next"));
		json_decref(page);
	}
	if (rows != NULL)
		(void)json_object_del(answer, "next");
	return answer;
}

static int code_of(const json_t *answer)
{
	const char *code = json_string_value(json_object_get(answer, "code"));

	if (json_is_true(json_object_get(answer, "ok")))
		return EXIT_DONE;
	if (code != NULL && strcmp(code, "usage") == 0)
		return EXIT_USAGE;
	return EXIT_REFUSED;
}

static void print_error(const json_t *answer)
{
	static const char *const members[] = {"error", "hint", "text"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *text =
			json_string_value(json_object_get(answer, members[i]));

		if (text != NULL && text[0] != '\0')
			(void)fprintf(stderr, "%s%s\n",
				i == 0 ? "posternctl: " : "  ", text);
	}
}

static int show(const struct words *words, const struct verb *verb,
	const json_t *answer)
{
	int code = code_of(answer);

	if (words->json) {
		(void)json_dumpf(answer, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else if (code == EXIT_DONE) {
		(words->given[WORD_DAYS] != NULL ? show_days : verb->show)(
			answer);
	} else {
		print_error(answer);
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(
		stderr, "posternctl: cannot write: %s\n", strerror(errno));
	return EXIT_REFUSED;
}

/*
 * Whoever was asked for an upgrade hands over and is gone; how it went is known
 * to who comes behind, who answers at the same socket when he is ready.
 */
static json_t *ask_next(const char *socket)
{
	json_t *request = json_pack("{s:s}", "command", "upgrade.outcome");
	json_t *answer = NULL;

	for (unsigned i = 0; i < UPGRADE_TRIES && answer == NULL; i++) {
		struct client *client = client_open(socket);

		if (client != NULL)
			answer = client_ask(client, request);
		client_close(&client);
		if (answer == NULL)
			(void)poll(NULL, 0, UPGRADE_PAUSE_MS);
	}
	json_decref(request);
	return answer;
}

static int ask(const struct words *words, const struct verb *verb, int used)
{
	json_t *request = make_request(words, verb, used);
	struct client *client;
	json_t *answer;
	int code;

	if (request == NULL)
		return words_wrong("an argument is not UTF-8", "");
	client = client_open(words->socket);
	if (client == NULL) {
		code = no_daemon(words->socket);
		json_decref(request);
		return code;
	}
	answer = ask_all(client, request);
	json_decref(request);
	client_close(&client);
	if (answer == NULL && strcmp(verb->command, "upgrade") == 0)
		answer = ask_next(words->socket);
	if (answer == NULL) {
		(void)fprintf(stderr,
			"posternctl: the daemon at %s went away without an "
			"answer; its log says why\n",
			words->socket);
		return EXIT_NO_DAEMON;
	}
	code = show(words, verb, answer);
	json_decref(answer);
	return code;
}

/* Prints a list that came whole, or none. */
static int feed(const struct words *words)
{
	json_t *request, *answer;
	const char *wrong;
	struct client *client;
	int code;

	if (words->count < 2)
		return words_wrong("feed needs a format", "");
	if (words->count > 2)
		return words_wrong("too many arguments", words->args[2]);
	wrong = feed_words_print(
		words->args[1], words->given[WORD_CHUNK], NULL);
	if (wrong != NULL)
		return words_wrong(wrong, words->args[1]);
	client = client_open(words->socket);
	if (client == NULL)
		return no_daemon(words->socket);
	request = json_pack("{s:s}", "command", "bans.list");
	answer = ask_all(client, request);
	json_decref(request);
	client_close(&client);
	wrong = "the daemon gave no whole list";
	if (code_of(answer) == EXIT_DONE)
		wrong = feed_words_print(words->args[1],
			words->given[WORD_CHUNK],
			json_object_get(answer, "bans"));
	code = answer == NULL ? EXIT_NO_DAEMON : EXIT_REFUSED;
	json_decref(answer);
	if (wrong == NULL && fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	(void)fprintf(stderr, "posternctl: %s\n",
		wrong != NULL ? wrong : "cannot write");
	return code;
}

/* A line of standard input, as whoever pipes it in has it; not echoed. */
static bool read_password(char out[PASSWORD_LONGEST])
{
	struct termios before, quiet;
	bool asks = tcgetattr(STDIN_FILENO, &before) == 0;
	bool good;

	if (asks) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		(void)fputs("password: ", stderr);
	}
	good = fgets(out, PASSWORD_LONGEST, stdin) != NULL;
	if (asks) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	if (good)
		out[strcspn(out, "\r\n")] = '\0';
	return good && out[0] != '\0';
}

static int doctor(const struct words *words)
{
	struct doctor_words asked = {
		.as = words->given[WORD_AS], .login = words->given[WORD_LOGIN]};
	const char *probe = words->given[WORD_PROBE_LOCKOUT];
	char password[PASSWORD_LONGEST] = "";
	struct client *client;
	struct addr addr;
	int code;

	if (probe != NULL) {
		asked.failure_count = failures_of(probe);
		if (asked.failure_count == 0)
			return words_wrong(
				"--probe-lockout is from 1 to 100", probe);
	}
	if (asked.as != NULL && !addr_parse(asked.as, &addr))
		return words_wrong("--as is no address", asked.as);
	if (asked.login != NULL && asked.failure_count == 0)
		return words_wrong(
			"--login belongs to doctor --probe-lockout", "");
	if (asked.login != NULL && !read_password(password))
		return words_wrong(
			"no password on standard input for", asked.login);
	asked.password = password;
	client = client_open(words->socket);
	if (client == NULL)
		return no_daemon(words->socket);
	code = doctor_run(client, &asked, words->json);
	secret_wipe(password, sizeof(password));
	client_close(&client);
	return code;
}

/* Goes on until it has enough, or the daemon none. */
static int follow(const struct words *words)
{
	long count = words_number(words, WORD_COUNT, LONG_MAX);
	struct client *client;
	json_t *request;
	int code;

	if (words->count > 1)
		return words_wrong("too many arguments", words->args[1]);
	if (words->given[WORD_COUNT] != NULL && count == 0)
		return words_wrong("--count is a number of lines",
			words->given[WORD_COUNT]);
	client = client_open(words->socket);
	if (client == NULL)
		return no_daemon(words->socket);
	request = json_pack("{s:s}", "command", "log");
	set_text(request, "event", words->given[WORD_EVENT]);
	set_text(request, "from", words->given[WORD_FROM]);
	set_text(request, "user", words->given[WORD_USER]);
	set_text(request, "rule", words->given[WORD_RULE]);
	code = follow_run(client, request, count, words->json);
	json_decref(request);
	client_close(&client);
	return code;
}

/* Needs no daemon, and the seed is asked for: no run is like another by
 * accident. */
static int filter(const struct words *words)
{
	if (words->given[WORD_SEED] == NULL)
		return words_wrong("policy-filter needs --seed N", "");
	return filter_run(words->given[WORD_SEED], words->given[WORD_CONFIG]);
}

/* Needs no daemon. */
static int patterns(const struct words *words)
{
	if (words->count < 2 || strcmp(words->args[1], "check") != 0)
		return words_wrong("patterns needs the word check", "");
	if (words->count > 3)
		return words_wrong("too many arguments", words->args[3]);
	return patterns_check_run(words->count == 3 ? words->args[2] : "");
}

/* Needs no daemon: says its version too when there is one. */
static int version(const struct words *words)
{
	json_t *request = json_pack("{s:s}", "command", "version");
	struct client *client = client_open(words->socket);
	json_t *answer = client != NULL ? client_ask(client, request) : NULL;
	const char *daemon_version =
		json_string_value(json_object_get(answer, "version"));

	if (words->json)
		(void)printf("{\"ok\":true,\"posternctl\":\"%s\","
			     "\"daemon\":\"%s\"}\n",
			POSTERN_VERSION,
			daemon_version != NULL ? daemon_version : "");
	else
		(void)printf("posternctl %s\ndaemon     %s\n", POSTERN_VERSION,
			daemon_version != NULL ? daemon_version
					       : "not running");
	json_decref(answer);
	json_decref(request);
	client_close(&client);
	return EXIT_DONE;
}

static int top(const struct words *words)
{
	const char *why = "";

	if (words->json)
		return words_wrong(
			"top is for eyes; --json belongs to others", "");
	switch (top_run(words->socket, &why)) {
	case TOP_LEFT: return EXIT_DONE;
	case TOP_NO_TERMINAL: return words_wrong(why, "");
	case TOP_NO_DAEMON: return no_daemon(words->socket);
	}
	return EXIT_REFUSED;
}

/* The word that no command has, and the nearest that one has. */
static int no_command(const struct words *words)
{
	static const char *const others[] = {"doctor", "feed", "log",
		"patterns", "policy-filter", "replay", "report", "top",
		"version"};
	const char *word = words->args[0];
	struct near noun = near_begin(word), verb;
	bool known = false;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		near_offer(&noun, verbs[i].noun);
		known = known || strcmp(word, verbs[i].noun) == 0;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		near_offer(&noun, others[i]);
	if (known && words->count > 1) {
		verb = near_begin(words->args[1]);
		for (size_t i = 0; i < VERB_COUNT; i++)
			if (strcmp(word, verbs[i].noun) == 0 &&
				verbs[i].verb != NULL)
				near_offer(&verb, verbs[i].verb);
		noun = verb;
		word = words->args[1];
	}
	(void)fprintf(stderr,
		"posternctl: no such command: %s%s%s%s (see posternctl "
		"--help)\n",
		word, noun.best != NULL ? "; did you mean \"" : "",
		noun.best != NULL ? noun.best : "",
		noun.best != NULL ? "\"?" : "");
	return EXIT_USAGE;
}

/* Of the commands that are no verbs; the others are looked at later. */
static bool options_suit(const struct words *words)
{
	static const struct {
		const char *noun;
		unsigned options;
	} all[] = {
		{"doctor", WORD_TAKES(AS) | WORD_TAKES(PROBE_LOCKOUT) |
				   WORD_TAKES(LOGIN)},
		{"feed", WORD_TAKES(CHUNK)},
		{"policy-filter", WORD_TAKES(SEED) | WORD_TAKES(CONFIG)},
		{"log", WORD_TAKES(EVENT) | WORD_TAKES(FROM) |
				WORD_TAKES(USER) | WORD_TAKES(RULE) |
				WORD_TAKES(COUNT)},
		{"patterns", 0},
		{"top", 0},
		{"version", 0},
		{"help", 0},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(words->args[0], all[i].noun) == 0)
			return words_belong(words, all[i].options);
	return true;
}

/* Words that need no daemon and have options of their own; what all words may
 * have before them is for them as well. -1: it is none of them. */
static int own_options(int argc, char **argv)
{
	static char json[] = "--json";
	bool as_json = false;
	int at = 1;

	for (; at < argc; at++) {
		if (strcmp(argv[at], json) == 0)
			as_json = true;
		else if (strcmp(argv[at], "--socket") == 0)
			at++;
		else if (strncmp(argv[at], "--socket=", 9) != 0)
			break;
	}
	if (at >= argc || (strcmp(argv[at], "replay") != 0 &&
				  strcmp(argv[at], "report") != 0))
		return -1;
	if (as_json) { /* behind the word, where it is looked for */
		argv[at - 1] = argv[at];
		argv[at--] = json;
	}
	return strcmp(argv[at], "replay") == 0
		       ? replay_main(argc - at, argv + at)
		       : report_main(argc - at, argv + at);
}

int main(int argc, char **argv)
{
	const char *from_env = getenv("POSTERN_CONTROL");
	struct words words = {.socket = socket_default};
	const struct verb *verb;
	int used = 0, code;

	if (from_env != NULL && from_env[0] != '\0')
		words.socket = from_env;
	code = own_options(argc, argv);
	if (code >= 0)
		return code;
	switch (words_read(argc, argv, &words)) {
	case WORDS_WRONG: return EXIT_USAGE;
	case WORDS_HELP: print_help(); return EXIT_DONE;
	case WORDS_VERSION:
		(void)puts("posternctl " POSTERN_VERSION);
		return EXIT_DONE;
	case WORDS_FINE: break;
	}
	if (words.count == 0)
		return words_wrong("no command was given", "");
	if (!options_suit(&words))
		return EXIT_USAGE;
	if (words.count == 1 && strcmp(words.args[0], "version") == 0)
		return version(&words);
	if (words.count == 1 && strcmp(words.args[0], "top") == 0)
		return top(&words);
	if (words.count == 1 && strcmp(words.args[0], "doctor") == 0)
		return doctor(&words);
	if (words.count == 1 && strcmp(words.args[0], "policy-filter") == 0)
		return filter(&words);
	if (strcmp(words.args[0], "feed") == 0)
		return feed(&words);
	if (strcmp(words.args[0], "log") == 0)
		return follow(&words);
	if (strcmp(words.args[0], "patterns") == 0)
		return patterns(&words);
	if (words.count == 1 && strcmp(words.args[0], "help") == 0) {
		print_help();
		return EXIT_DONE;
	}
	verb = find_verb(&words, &used);
	if (verb == NULL)
		return no_command(&words);
	code = check_words(&words, verb, used);
	if (code >= 0)
		return code;
	return ask(&words, verb, used);
}
