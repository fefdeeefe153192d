/*
 * posternctl replay: whom the rules would have banned, and when.
 *
 * Runs logs through the real core, under one configuration or two at once.
 * Knows files and the command line; course.c runs, replay_show.c tells.
 */
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../journal/journal.h"
#include "exit_code.h"
#include "logfile.h"
#include "replay_show.h"

enum {
	JOURNAL_ERROR_LONGEST = 512,
	MS_PER_S = 1000,
	BAR_LONGEST = 40,
	BAR_EACH_MS = 100,
	PERCENT = 100,
};

/* Every door has a ban in front of it; the rules are the defaults. */
static const char defaults[] =
	"listener smtp { bind = \"127.0.0.1:25\" backend = server }\n"
	"backend server { servers = \"127.0.0.1:25\" }\n"
	"firewall { backend = nft ports = all }\n";

struct replay {
	const char *config, *compare, *patterns_path;
	bool json;
	struct logfile_setup setup;
	struct replay_result result;
	struct patterns *patterns;
	struct conf *confs[REPLAY_SIDES]; /* NULL: a journal's own */
	const char *path;		  /* that is being read */
	bool bar;			  /* a terminal looks on */
	mono_ms_t bar_at;
};

static int usage(const char *what, const char *which)
{
	(void)fprintf(stderr,
		"posternctl: replay: %s%s%s (see posternctl replay --help)\n",
		what, which[0] != '\0' ? ": " : "", which);
	return EXIT_USAGE;
}

static void print_help(void)
{
	(void)puts(
		"usage: posternctl replay [OPTIONS] FILE...\n"
		"\n"
		"Runs logs of Domino, of fail2ban or of postern (format = "
		"json) through\n"
		"the rules, at the logs' own times. FILE: plain or gzip, \"-\" "
		"for standard\n"
		"input, the oldest first; or postern.db, whose journal says "
		"more.\n"
		"\n"
		"  --config FILE      the rules (default: those of an empty "
		"configuration)\n"
		"  --compare FILE     other rules beside them, and what "
		"differs\n"
		"  --patterns FILE    of log lines (default: built in)\n"
		"  --date-order dmy|mdy|ymd\n"
		"                     when the log leaves it open\n"
		"  --json             everything, for scripts");
}

/* ---- the command line ---- */

static bool read_order(const char *word, enum stamp_order *ret_order)
{
	static const char *const words[] = {
		[STAMP_DMY] = "dmy", [STAMP_MDY] = "mdy", [STAMP_YMD] = "ymd"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*ret_order = (enum stamp_order)i;
		return true;
	}
	return false;
}

/* -1: go on; else the exit code. */
static int read_words(struct replay *r, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"compare", required_argument, NULL, 'C'},
		{"patterns", required_argument, NULL, 'p'},
		{"date-order", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0; /* our own words */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 'c': r->config = optarg; break;
		case 'C': r->compare = optarg; break;
		case 'p': r->patterns_path = optarg; break;
		case 'j': r->json = true; break;
		case 'h': print_help(); return EXIT_DONE;
		case 'o':
			if (read_order(optarg, &r->setup.order))
				break;
			return usage("--date-order is dmy, mdy or ymd", optarg);
		case ':':
			return usage(
				"this option needs a value", argv[optind - 1]);
		default: /* a character of getopt's, no enum of ours */
			return usage("no such option", argv[optind - 1]);
		}
	}
	return optind < argc ? -1 : usage("no file was given", "");
}

/* ---- reading ---- */

static void draw_bar(void *arg, uint64_t done, uint64_t whole)
{
	struct replay *r = arg;
	mono_ms_t now;
	int length;

	if (!r->bar || whole == 0)
		return;
	now = clock_mono_ms();
	if (now < r->bar_at)
		return;
	r->bar_at = now + BAR_EACH_MS;
	done = done < whole ? done : whole;
	length = (int)(done * BAR_LONGEST / whole);
	(void)fprintf(stderr, "\r[%.*s%*s] %3d %% %.30s\033[K", length,
		"########################################",
		BAR_LONGEST - length, "", (int)(done * PERCENT / whole),
		r->path);
}

static void clear_bar(const struct replay *r)
{
	if (r->bar)
		(void)fputs("\r\033[K", stderr);
}

static bool on_entry(void *arg, int64_t at_ms, const struct entry *entry)
{
	struct replay *r = arg;

	r->result.others_bans += entry->outcome == ENTRY_BAN;
	for (unsigned i = 0; i < r->result.side_count; i++)
		if (!course_step(r->result.sides[i].course, at_ms, entry))
			return false;
	return true;
}

/* ---- journals ---- */

/* Times of a run are counted from its start, to the millisecond. */
struct run {
	int64_t at_ms;
	mono_ms_t now;
};

static int64_t row_time(struct run *run, const struct journal_row *row)
{
	if (run->at_ms == 0 || row->kind == JOURNAL_START ||
		row->now < run->now) {
		run->at_ms = (int64_t)row->at * MS_PER_S;
		run->now = row->now;
	}
	return run->at_ms + (int64_t)(row->now - run->now);
}

static void count_row(struct logfile_counts *log, int64_t at_ms,
	const struct journal_row *row)
{
	log->read.lines++;
	log->read.entries += row->kind == JOURNAL_EVENT;
	if (!log->any)
		log->first_ms = at_ms;
	log->any = true;
	log->last_ms = at_ms;
}

static bool on_row(
	struct replay *r, int64_t at_ms, const struct journal_row *row)
{
	count_row(&r->result.log, at_ms, row);
	for (unsigned i = 0; i < r->result.side_count; i++) {
		struct course *course = r->result.sides[i].course;
		bool good = r->confs[i] != NULL
				    ? course_row(course, at_ms, row)
				    : course_own_row(course, at_ms, row);

		if (!good)
			return false;
	}
	return true;
}

static bool read_journal(struct replay *r)
{
	char error[JOURNAL_ERROR_LONGEST] = "no memory";
	struct journal_reader *reader =
		journal_open(r->path, error, sizeof(error));
	struct journal_row row;
	struct run run = {0};
	uint64_t done = 0;
	bool good = reader != NULL;

	while (good && journal_next(reader, &row)) {
		good = on_row(r, row_time(&run, &row), &row);
		journal_row_done(&row);
		draw_bar(r, ++done, journal_count(reader));
	}
	if (reader != NULL)
		r->result.log.read.skipped += journal_unknown_count(reader);
	journal_close(&reader);
	clear_bar(r);
	if (!good)
		(void)fprintf(stderr, "posternctl: replay: %s\n", error);
	return good;
}

static int read_files(struct replay *r, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		int error;

		r->path = argv[i];
		if (journal_is(argv[i])) {
			if (!read_journal(r))
				return EXIT_REFUSED;
			continue;
		}
		if (r->result.own)
			return usage("beside a journal, other logs need "
				     "--config",
				argv[i]);
		if (logfile_read(argv[i], &r->setup, &r->result.log))
			continue;
		error = errno;
		clear_bar(r);
		(void)fprintf(stderr, "posternctl: replay: %s: %s\n", argv[i],
			error == ECANCELED ? "no memory"
			: error == EBADMSG ? "damaged (gzip)"
					   : strerror(error));
		return EXIT_REFUSED;
	}
	clear_bar(r);
	return EXIT_DONE;
}

/* ---- what it needs ---- */

/* Journals, by the configurations that stand in them. */
static bool add_own_side(struct replay *r)
{
	struct replay_side *side = &r->result.sides[r->result.side_count++];

	r->result.own = true;
	side->name = "the journal";
	side->course = course_new(NULL);
	return side->course != NULL;
}

static bool add_side(struct replay *r, const char *path)
{
	struct conf_errors errors = {0};
	struct conf *conf = path != NULL
				    ? conf_read(path, &errors)
				    : conf_parse(defaults, "defaults", &errors);
	struct replay_side *side = &r->result.sides[r->result.side_count];

	if (conf == NULL && errors.text != NULL)
		(void)fputs(errors.text, stderr);
	conf_errors_done(&errors);
	if (conf == NULL)
		return false;
	r->confs[r->result.side_count++] = conf;
	side->name = path != NULL ? path : "defaults";
	side->course = course_new(conf);
	if (side->course == NULL)
		(void)fprintf(stderr, "posternctl: replay: no memory\n");
	return side->course != NULL;
}

static bool read_patterns(struct replay *r)
{
	const char *path = r->patterns_path != NULL ? r->patterns_path : "";
	char error[PATTERNS_ERROR_LONGEST];
	char *text = patterns_file(path);

	if (text == NULL) {
		(void)fprintf(stderr, "posternctl: replay: %s: %s\n", path,
			strerror(errno));
		return false;
	}
	r->patterns = patterns_parse(text, path, true, error);
	free(text);
	if (r->patterns == NULL)
		(void)fprintf(stderr, "%s\n", error);
	return r->patterns != NULL;
}

static bool any_journal(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (journal_is(argv[i]))
			return true;
	return false;
}

static bool prepare(struct replay *r, bool journal)
{
	r->setup.tell = on_entry;
	r->setup.progress = draw_bar;
	r->setup.arg = r;
	r->result.log.order = STAMP_UNKNOWN;
	r->bar = isatty(STDERR_FILENO) == 1;
	if (!read_patterns(r))
		return false;
	if (journal && r->config == NULL && r->compare == NULL)
		return add_own_side(r);
	if (!add_side(r, r->config))
		return false;
	r->setup.patterns = r->patterns;
	return r->compare == NULL || add_side(r, r->compare);
}

static void replay_done(struct replay *r)
{
	for (unsigned i = 0; i < r->result.side_count; i++) {
		course_free(&r->result.sides[i].course);
		conf_free(&r->confs[i]);
	}
	patterns_free(&r->patterns);
}

static int told(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(
		stderr, "posternctl: cannot write: %s\n", strerror(errno));
	return EXIT_REFUSED;
}

int replay_main(int argc, char **argv)
{
	struct replay r = {.setup = {.order = STAMP_UNKNOWN}};
	int code = read_words(&r, argc, argv);

	if (code >= 0)
		return told(code);
	code = prepare(&r, any_journal(argc - optind, argv + optind))
		       ? read_files(&r, argc - optind, argv + optind)
		       : EXIT_REFUSED;
	if (code == EXIT_DONE && r.json)
		replay_print_json(&r.result);
	else if (code == EXIT_DONE)
		replay_print_text(&r.result);
	replay_done(&r);
	return told(code);
}
