/*
 * posternctl report: the attack brief, made of the store.
 *
 * Knows the command line and the configuration; report_gather.c asks the
 * store, the others give it a form. Needs no daemon. Exit codes: 0 done, 1 no
 * store, no configuration or no server that takes it, 2 wrong usage.
 */
#include "report.h"
#include "exit_code.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/duration.h"

enum {
	TOP = 10,
	TOP_MOST = 1000,
	MS_PER_S = 1000,
	DAY_MS = 86400000,
	PATH_LONGEST = 4096,
	ERROR_LONGEST = 1024,
};

struct asked {
	const char *config, *store, *to;
	uint64_t since_ms;
	unsigned top;
	bool mail, json, html;
};

static const char config_default[] = "/etc/postern/postern.conf";

static int usage(const char *what, const char *which)
{
	(void)fprintf(stderr,
		"posternctl: report: %s%s%s (see posternctl report --help)\n",
		what, which[0] != '\0' ? ": " : "", which);
	return EXIT_USAGE;
}

static void print_help(void)
{
	(void)puts(
		"usage: posternctl report [OPTIONS]\n"
		"\n"
		"Who guessed, at whom, who was stopped, and which of your "
		"people were hurt.\n"
		"\n"
		"  --since SPAN     of the last 12h, 1d (the default), 7d …\n"
		"  --top N          rows of each list (default: 10)\n"
		"  --mail[=ADDRESS] send it, to report.mail or to ADDRESS\n"
		"  --html | --json  as a page, for scripts\n"
		"  --config FILE    (default: /etc/postern/postern.conf)\n"
		"  --store FILE     (default: postern.db in state_dir)");
}

/* 0: that is no number for it. */
static unsigned top_of(const char *text)
{
	char *end;
	unsigned long top = strtoul(text, &end, 10);

	return *end != '\0' || top > TOP_MOST ? 0 : (unsigned)top;
}

/* -1: go on; else the exit code. */
static int read_words(struct asked *asked, int argc, char **argv)
{
	static const struct option options[] = {
		{"since", required_argument, NULL, 's'},
		{"top", required_argument, NULL, 't'},
		{"mail", optional_argument, NULL, 'm'},
		{"html", no_argument, NULL, 'H'},
		{"json", no_argument, NULL, 'j'},
		{"config", required_argument, NULL, 'c'},
		{"store", required_argument, NULL, 'S'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0; /* our own words */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			if (!duration_parse(optarg, &asked->since_ms) ||
				asked->since_ms < MS_PER_S)
				return usage(
					"--since is a span such as 1d", optarg);
			break;
		case 't':
			asked->top = top_of(optarg);
			if (asked->top == 0)
				return usage("--top is from 1 to 1000", optarg);
			break;
		case 'm':
			asked->mail = true;
			asked->to = optarg;
			break;
		case 'H': asked->html = true; break;
		case 'j': asked->json = true; break;
		case 'c': asked->config = optarg; break;
		case 'S': asked->store = optarg; break;
		case 'h': print_help(); return EXIT_DONE;
		case ':':
			return usage(
				"this option needs a value", argv[optind - 1]);
		default: /* a character of getopt's, no enum of ours */
			return usage("no such option", argv[optind - 1]);
		}
	}
	/* "--mail admin@example.com", as people write it */
	if (asked->mail && asked->to == NULL && optind < argc)
		asked->to = argv[optind++];
	return optind < argc ? usage("too many arguments", argv[optind]) : -1;
}

static struct conf *read_conf(const char *path)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_read(path, &errors);

	if (conf == NULL)
		(void)fprintf(stderr,
			"%sposternctl: report: no configuration; name it with "
			"--config FILE\n",
			errors.text != NULL ? errors.text : "");
	conf_errors_done(&errors);
	return conf;
}

static int send_it(const struct asked *asked, const struct conf *conf,
	const json_t *report)
{
	char error[ERROR_LONGEST];

	if (asked->to == NULL && conf->report.mail.count == 0) {
		(void)puts("nobody wants it: report.mail is empty");
		return EXIT_DONE;
	}
	if (report_mail(report, conf, asked->to, error, sizeof(error)))
		return EXIT_DONE;
	(void)fprintf(stderr, "posternctl: report: %s\n", error);
	return EXIT_REFUSED;
}

static int tell(const struct asked *asked, const struct conf *conf,
	const json_t *report)
{
	if (asked->mail)
		return send_it(asked, conf, report);
	if (asked->json)
		(void)json_dumpf(report, stdout, JSON_INDENT(2));
	else if (asked->html)
		report_print_html(report, stdout);
	else
		report_print_text(report, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	(void)fputs("posternctl: report: cannot write\n", stderr);
	return EXIT_REFUSED;
}

static int make(const struct asked *asked, const struct conf *conf)
{
	char path[PATH_LONGEST], error[ERROR_LONGEST];
	wall_s_t now = (wall_s_t)time(NULL);
	json_t *report;
	int code;

	(void)snprintf(
		path, sizeof(path), "%s/postern.db", conf->global.state_dir);
	report = report_gather(asked->store != NULL ? asked->store : path, conf,
		now - (wall_s_t)(asked->since_ms / MS_PER_S), now + 1,
		asked->top, error, sizeof(error));
	if (report == NULL) {
		(void)fprintf(stderr,
			"posternctl: report: %s; be root or postern's user, or "
			"name the store with --store FILE\n",
			error);
		return EXIT_REFUSED;
	}
	code = tell(asked, conf, report);
	json_decref(report);
	return code;
}

int report_main(int argc, char **argv)
{
	struct asked asked = {
		.config = config_default, .since_ms = DAY_MS, .top = TOP};
	int code = read_words(&asked, argc, argv);
	struct conf *conf;

	if (code >= 0)
		return code;
	conf = read_conf(asked.config);
	if (conf == NULL)
		return EXIT_REFUSED;
	code = make(&asked, conf);
	conf_free(&conf);
	return code;
}
