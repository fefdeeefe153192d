/*
 * What operators said when they banned or allowed a prefix.
 */
#ifndef KEEPER_NOTES_H
#define KEEPER_NOTES_H

#include <stddef.h>

#include "../base/addr.h"

enum { NOTE_LONGEST = 200, NOTES_MOST = 65536 };

struct notes;

struct notes *notes_new(void); /* NULL: no memory */
void notes_free(struct notes **notes);
/* Copies, cut at NOTE_LONGEST; "" or NULL removes. Beyond NOTES_MOST: lost. */
void notes_put(
	struct notes *notes, const struct prefix *prefix, const char *text);
/* NULL: none. Borrowed until the next notes_put(). */
const char *notes_find(const struct notes *notes, const struct prefix *prefix);

#endif
