/*
 * A list of others, read: from octets to sorted prefixes, or why not.
 *
 * Pure: no file, no socket, no clock. Who writes such a list may err or lie, so
 * one that is not what it should be is refused whole, and changes nothing.
 *
 * A line is a prefix or an address, and anything behind a space; or an object
 * of JSON with "cidr" (Spamhaus) or "prefix" (a feed of postern). # and ; begin
 * a comment.
 */
#ifndef FETCH_LIST_TEXT_H
#define FETCH_LIST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"

enum {
	LIST_WIDEST_V4 = 8,  /* wider is no list, but a slip */
	LIST_WIDEST_V6 = 19, /* Spamhaus has such ones */
	LIST_WHY_LONGEST = 192,
	LIST_LINE_LONGEST = 4096, /* a longer one is bad */
};

struct list_rules {
	size_t most;		    /* entries */
	unsigned bad_percent;	    /* of lines that are not empty */
	const struct prefix *never; /* no entry may touch these */
	size_t never_count;
};

/* In the order of prefix_order(); no two are equal. */
struct list_entries {
	struct prefix *items;
	size_t count;
	size_t line_count, bad_count; /* that said something; nonsense */
};

/*
 * Reads all of a list. false: `why` says what is wrong, in a line without what
 * others wrote but for a prefix; entries are none. Caller frees by
 * list_entries_done() in either case.
 */
bool list_text_read(const char *text, size_t n, const struct list_rules *rules,
	struct list_entries *ret_entries, char why[LIST_WHY_LONGEST])
	__attribute__((warn_unused_result));
void list_entries_done(struct list_entries *entries);

/* Wider than any list may have it? */
bool list_too_wide(const struct prefix *prefix);

#endif
