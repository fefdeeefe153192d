/*
 * The patterns of log lines, from a file that an operator may write.
 *
 *	[name]
 *	outcome = failed | ok | refused | tls | ban | unban
 *	service = smtp | http | imap | pop3 | ldap | other
 *	pattern = PCRE2 with the groups addr and, if any, user and service
 *	sample = a line as it stands in the log
 *	finds = ADDRESS SERVICE OUTCOME USER   (or: nothing)
 *
 * A pattern is matched against what follows the time stamp, whole. Samples are
 * tests: samples.h runs them.
 */
#ifndef LOGS_PATTERNS_H
#define LOGS_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>

#include "entry.h"

struct patterns;

enum patterns_result {
	PATTERNS_MATCH = 0,
	PATTERNS_NONE,
	PATTERNS_LIMIT, /* none, and one of them was given up */
};

enum { PATTERNS_ERROR_LONGEST = 512, PATTERNS_MOST_BYTES = 1024 * 1024 };

/* A line that the file gives, and what is to be found in it. */
struct patterns_sample {
	char *text;
	char *finds; /* NULL: not said yet */
	unsigned line;
	unsigned form; /* whose section it stands in */
};

/* The file that postern comes with, as text. */
const char *patterns_builtin(void);
/* All of a file as text, "" being what postern comes with. NULL: errno; EFBIG
 * for what is no file of patterns. Caller frees. */
char *patterns_file(const char *path);

/* name: of the file, for messages. NULL: error has the place and what is
 * wrong. Caller frees. jit: see expression.h. */
struct patterns *patterns_parse(const char *text, const char *name, bool jit,
	char error[PATTERNS_ERROR_LONGEST]);
void patterns_free(struct patterns **patterns);

size_t patterns_count(const struct patterns *patterns);
const char *patterns_form_name(const struct patterns *patterns, unsigned form);
size_t patterns_sample_count(const struct patterns *patterns);
const struct patterns_sample *patterns_sample(
	const struct patterns *patterns, size_t index);

/* The first that matches. All of ret_entry but its stamp; user points into
 * body. */
enum patterns_result patterns_match(const struct patterns *patterns,
	struct slice body, struct entry *ret_entry);

#endif
