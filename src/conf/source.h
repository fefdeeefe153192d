/* The texts that a configuration is made of, ready for the parser. */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "problem.h"

struct source {
	char *name; /* as messages say it: stays where it is */
	char *text; /* NULL: unreadable or broken; said already */
};

struct sources {
	struct source **items;
	size_t count;
};

/*
 * Loads a file once, and again only from memory. NULL with a problem at
 * `from` when there is no such file; text NULL when it makes no sense.
 * Borrowed.
 */
const struct source *source_load(struct sources *sources, const char *path,
	struct place from, struct problems *problems);
/* The same with a text that is copied. */
const struct source *source_add(struct sources *sources, const char *name,
	const char *text, size_t n, struct problems *problems);
const struct source *source_by_name(
	const struct sources *sources, const char *name);

/* What kind of statement it is. */
enum source_shape {
	SHAPE_NONE,
	SHAPE_WORD,   /* alone */
	SHAPE_OPTION, /* with "=" */
	SHAPE_BLOCK,
	SHAPE_CALL,
};

/*
 * Blanks the first statement of that name on a line, so that the parser can
 * go on behind it. SHAPE_NONE: not found.
 */
enum source_shape source_blank(
	const struct source *source, unsigned line, const char *name);

void sources_done(struct sources *sources);

#endif
