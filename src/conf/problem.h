/* What is wrong with a configuration: collected, sorted, printed once. */
#ifndef CONF_PROBLEM_H
#define CONF_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

struct conf_errors;

/* Where something stands. file: borrowed for as long as the list lives. */
struct place {
	const char *file;
	unsigned line; /* 0: the file as a whole */
};

struct problem {
	struct place place;
	bool warning;
	char *text;
	size_t order; /* in which it was found */
};

struct problems {
	struct problem *items;
	size_t count;
	unsigned error_count, warning_count;
	const char **files; /* in the order of reading: messages keep it */
	size_t file_count;
};

enum { PROBLEMS_MOST = 200 }; /* more are counted, not kept */

void problems_file(struct problems *problems, const char *file);
void problems_error(struct problems *problems, struct place place,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void problems_warn(struct problems *problems, struct place place,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Hands all of it over as text, in the order of the file, and frees the
 * list. */
void problems_done(struct problems *problems, struct conf_errors *ret_errors);

#endif
