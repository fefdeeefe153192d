/*
 * The policy core as a filter: lines of JSON from anybody.
 * Input: lines, each with its end or not.
 *
 *	- a line is answered, or an error of one line says what is wrong;
 *	- an answer has a verdict that its question can have, a delay, a why,
 *and bans that hold no loopback address;
 *	- the filter goes on behind a bad line as if it had not been there.
 *
 * `other` would copy the process: fork() has failed here, which is an error.
 */
#include "fuzz.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "../../src/tools/filter.h"

enum { INPUT_MOST = 16384 };

static const char site[] =
	"listener \"a\" { bind = {\"127.0.0.1:25\"} backend = \"b\" }\n"
	"backend \"b\" { servers = {\"127.0.0.1:2525\"} }\n"
	"source_limit { sources_most = 1024 bans_most = 1024 }\n"
	"sessions_most = 10\nworkers = 1\n";

pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return -1;
}

static bool among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (word != NULL && strcmp(word, *words) == 0)
			return true;
	return false;
}

static void check_bans(const json_t *bans)
{
	size_t i;
	const json_t *row;

	MUST(json_is_array(bans));
	json_array_foreach(bans, i, row)
	{
		const char *prefix = json_string_value(json_array_get(row, 0));

		MUST(json_array_size(row) == 3 && prefix != NULL);
		MUST(strncmp(prefix, "127.", 4) != 0);
		MUST(strcmp(prefix, "::1/128") != 0);
	}
}

static void check_answer(const json_t *answer)
{
	static const char *const words[] = {"accept", "refuse", "ignore",
		"pass", "hold", "answer454", "answer535", "drop", NULL};
	const json_t *verdict = json_object_get(answer, "verdict");

	MUST(verdict == NULL || among(json_string_value(verdict), words));
	MUST(json_number_value(json_object_get(answer, "wait")) >= 0);
	MUST(json_is_string(json_object_get(answer, "why")));
	check_bans(json_object_get(answer, "bans"));
}

static void play_line(struct filter *filter, struct slice line)
{
	char error[FILTER_ERROR_LONGEST] = "";
	json_t *answer =
		filter_answer(filter, (const char *)line.p, line.n, error);

	if (answer == NULL) {
		MUST(error[0] != '\0' && strchr(error, '\n') == NULL);
		return;
	}
	MUST(error[0] == '\0');
	check_answer(answer);
	json_decref(answer);
}

static struct conf *site_conf(void)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(site, "site", &errors);

	MUST(conf != NULL);
	conf_errors_done(&errors);
	return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct conf *conf;
	struct filter *filter;
	struct slice in = slice_of(p, n);

	if (n > INPUT_MOST)
		return 0;
	if (conf == NULL)
		conf = site_conf();
	filter = filter_new(conf, 1);
	MUST(filter != NULL);
	while (in.n > 0) {
		const uint8_t *end = memchr(in.p, '\n', in.n);
		size_t length = end ? (size_t)(end - in.p) : in.n;

		play_line(filter, slice_head(in, length));
		in = slice_skip(in, length + (end != NULL));
	}
	filter_free(&filter);
	return 0;
}
