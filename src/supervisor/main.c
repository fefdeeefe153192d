/*
 * postern: the command line of the daemon.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conf/conf.h"
#include "ear.h"
#include "heir_line.h"
#include "holder.h"
#include "keys.h"
#include "places.h"
#include "plan.h"
#include "role.h"
#include "sandbox.h"
#include "supervisor.h"

enum { EXIT_USAGE = 64, EXIT_SYSTEM = 71, EXIT_CONF = 78 };

static const char default_path[] = "/etc/postern/postern.conf";

static const char help[] =
	"usage: postern run [-c FILE]           serve (stays in the "
	"foreground)\n"
	"       postern check [FILE]            say what is wrong with a file\n"
	"       postern dump [--changed] [FILE] print what is in force\n"
	"       postern sample                  print a file with every "
	"option\n"
	"       postern man                     print the options as a man "
	"page\n"
	"       postern version\n"
	"\n"
	"FILE is /etc/postern/postern.conf unless given. A running postern\n"
	"reads it again on SIGHUP or `posternctl reload`.\n"
	"\n"
	"Exit codes: 0 fine, 64 wrong usage, 71 the system refused, 77 rights\n"
	"are missing, 78 the configuration is wrong.\n";

static int usage(const char *what, const char *word)
{
	(void)fprintf(
		stderr, "postern: %s %s; try `postern --help`\n", what, word);
	return EXIT_USAGE;
}

/* NULL: the errors were printed. Warnings are printed, too. */
static struct conf *read_conf(const char *path)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_read(path, &errors);

	if (errors.text)
		(void)fputs(errors.text, stderr);
	conf_errors_done(&errors);
	return conf;
}

static int run(const char *path, int heir)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_read(path, &errors);

	if (errors.text)
		(void)fputs(errors.text, stderr);
	if (!conf && heir >= 0)
		(void)heir_say(heir, -1, "failed %s",
			errors.text ? errors.text : "no memory");
	conf_errors_done(&errors);
	if (!conf)
		return EXIT_CONF;
	return supervisor_run(path, conf, heir);
}

static void warn(void *arg, const char *text)
{
	(void)fprintf(stderr, "%s: warning: %s\n", (const char *)arg, text);
}

/* What serves, but could be better. */
static void check_warnings(const char *path, const struct conf *conf)
{
	const char *lacks[] = {
		sandbox_lacks_seccomp(), sandbox_lacks_landlock()};

	const char *ear = ear_path_wrong(conf);

	if (ear)
		(void)fprintf(stderr, "%s: warning: domino_log: %s: %s\n", path,
			conf->domino_log.path, ear);
	holder_warn(conf, path, stderr);
	keys_look(conf, warn, (void *)(uintptr_t)path);
	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		if (lacks[i])
			(void)fprintf(stderr, "warning: %s\n", lacks[i]);
}

static int check(const char *path)
{
	static char error[PLAN_ERROR_LONGEST];
	struct conf *conf = read_conf(path);
	unsigned missing;
	char *ear;

	if (!conf)
		return EXIT_CONF;
	if (!plan_patterns_fine(conf, error)) {
		(void)fprintf(stderr, "%s: %s\n", path, error);
		conf_free(&conf);
		return EXIT_CONF;
	}
	ear = ear_patterns_text(conf, error);
	if (!ear) {
		(void)fprintf(stderr, "%s: %s\n", path, error);
		conf_free(&conf);
		return EXIT_CONF;
	}
	free(ear);
	missing = places_missing(conf, stderr) + atlas_wrong(conf, stderr);
	if (missing > 0) {
		(void)fprintf(stderr,
			"%s: well written, but %u thing%s it names %s not "
			"there\n",
			path, missing, missing == 1 ? "" : "s",
			missing == 1 ? "is" : "are");
		conf_free(&conf);
		return EXIT_CONF;
	}
	check_warnings(path, conf);
	(void)printf("%s: fine, %zu listener%s, %zu backend%s\n", path,
		conf->listener_count, conf->listener_count == 1 ? "" : "s",
		conf->backend_count, conf->backend_count == 1 ? "" : "s");
	conf_free(&conf);
	return 0;
}

static int dump(const char *path, bool changed)
{
	struct conf *conf = read_conf(path);
	char *text;

	if (!conf)
		return EXIT_CONF;
	text = conf_dump(conf, changed);
	conf_free(&conf);
	if (!text)
		return EXIT_SYSTEM;
	(void)fputs(text, stdout);
	free(text);
	return 0;
}

static int with_path(int argc, char **argv, const char *word)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"changed", no_argument, NULL, 'C'},
		{"heir", required_argument, NULL, 'H'}, /* by ourselves only */
		{NULL, 0, NULL, 0},
	};
	const char *path = default_path;
	bool changed = false;
	int o, heir = -1;

	while ((o = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (o == 'c')
			path = optarg;
		else if (o == 'C' && strcmp(word, "dump") == 0)
			changed = true;
		else if (o == 'H' && strcmp(word, "run") == 0)
			heir = (int)strtol(optarg, NULL, 10);
		else
			return usage("wrong option for", word);
	}
	if (optind < argc)
		path = argv[optind++];
	if (optind < argc)
		return usage("one file only for", word);
	if (strcmp(word, "run") == 0)
		return run(path, heir);
	return strcmp(word, "check") == 0 ? check(path) : dump(path, changed);
}

/* A file that was cut short by a full disk must not look whole. */
static int told(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(stderr, "postern: cannot write: %s\n",
		errno ? strerror(errno) : "the output is cut short");
	return code ? code : EXIT_SYSTEM;
}

static int one_word(int argc, char **argv, const char *word)
{
	if (strcmp(word, "run") == 0 || strcmp(word, "check") == 0 ||
		strcmp(word, "dump") == 0)
		return with_path(argc - 1, argv + 1, word);
	if (strcmp(word, "sample") == 0)
		conf_print_sample(stdout);
	else if (strcmp(word, "man") == 0)
		conf_print_man(stdout);
	else if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0)
		(void)puts("postern " POSTERN_VERSION);
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
		 strcmp(word, "help") == 0)
		(void)fputs(help, stdout);
	else
		return usage(word[0] ? "no such command:" : "no command", word);
	return 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "role") == 0)
		return role_main(argc, argv);
	return told(one_word(argc, argv, word));
}
