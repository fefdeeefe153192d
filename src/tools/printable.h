/* What strangers chose, as a terminal may have it. */
#ifndef TOOLS_PRINTABLE_H
#define TOOLS_PRINTABLE_H

#include <stddef.h>

/*
 * Copies `text` into `out` (room octets, at least 1), cut to `columns_most` of
 * a terminal, at whole characters and whole escapes. What is no printable
 * character of the locale with a width of its own (control octets, C1 in UTF-8,
 * marks that turn the writing around, broken UTF-8) becomes \xHH for each of
 * its octets. The copy of a copy is the same. Returns its columns.
 */
size_t printable_copy(
	const char *text, size_t columns_most, char *out, size_t room);
/*
 * For who prints lines and knows no locale: what steers a terminal, control
 * octets and C1 in UTF-8, becomes "?", in place. The rest stays as it is.
 */
void printable_tame(char *text);
/* Columns of a copy that is not cut. */
size_t printable_columns(const char *text);

#endif
