/* The value of one option: from words to its field, and back to words. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "schema.h"

enum { VALUE_WHY_LONGEST = 320 };

/*
 * field: holds a value already, which is freed and replaced; untouched on
 * failure. ret_why: what is wrong and what is allowed.
 */
bool value_read(const struct schema_option *option, char *const *words,
	size_t count, void *field, char ret_why[VALUE_WHY_LONGEST])
	__attribute__((warn_unused_result));

/* field: zeroed memory. */
void value_default(const struct schema_option *option, void *field);
void value_free(const struct schema_option *option, void *field);
bool value_eq(const struct schema_option *option, const void *a, const void *b);

/* As value_read() and the file's syntax take it: quoted where needed. */
void value_print(
	const struct schema_option *option, const void *field, FILE *out);
/* "1s to 1d", "off, observe, enforce", …; "" where anything goes. */
const char *value_allowed(
	const struct schema_option *option, char *out, size_t room);

#endif
