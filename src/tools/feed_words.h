/* posternctl feed: the bans in the words of another machine. */
#ifndef TOOLS_FEED_WORDS_H
#define TOOLS_FEED_WORDS_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Prints the rows of a whole bans.list to standard output. What acts at logins
 * alone is left out: no firewall may drop that mail. chunk: NULL, or how many
 * addresses a command has. NULL, or what is wrong with format or chunk; asked
 * with bans NULL nothing is printed.
 */
const char *feed_words_print(
	const char *format, const char *chunk, const json_t *bans);

#endif
