/*
 * The bans as other machines want them: one list, in the words of each.
 *
 * Pure: bans and the time are arguments, text goes where the caller says. The
 * same bans give the same text in every format but those that count seconds
 * from now (nft, mikrotik): who compares two lists compares feed_tag().
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"

enum {
	FEED_VERSION = 1, /* of the formats; in each of them */
	FEED_CHUNK = 200, /* addresses in one command, unless told */
	FEED_CHUNK_MOST = 1000,
};

enum feed_format {
	FEED_PLAIN,    /* a prefix a line */
	FEED_JSON,     /* prefix, until, rule, reason */
	FEED_NFT,      /* for nft -f: sets postern_v4, postern_v6 */
	FEED_MIKROTIK, /* RouterOS: an address list, postern */
	FEED_CISCO,    /* IOS XE: object groups POSTERN-V4, POSTERN-V6 */
	FEED_WINDOWS,  /* PowerShell: rules of the group postern */
	FEED_FORMAT_COUNT,
};

struct feed_ban {
	struct prefix prefix;
	wall_s_t until;	  /* 0: for ever */
	const char *rule; /* its name; borrowed */
	const char *note; /* an operator's words, or "": only JSON has it */
};

/* Called with each piece of the text, which is borrowed. */
typedef void feed_out(void *arg, const char *text, size_t n);

bool feed_format_find(const char *name, enum feed_format *ret_format)
	__attribute__((warn_unused_result));
const char *feed_format_name(enum feed_format format);
const char *feed_format_media(enum feed_format format); /* Content-Type */

/* By address, IPv4 first: the order that feed_tag() and feed_print() need. */
void feed_sort(struct feed_ban *bans, size_t count);
/* A number that changes with what any format would say of sorted bans. */
uint64_t feed_tag(const struct feed_ban *bans, size_t count);
/*
 * Those that are over by `now` are left out. chunk: addresses in one command,
 * 1 to FEED_CHUNK_MOST (nft, windows).
 */
void feed_print(enum feed_format format, const struct feed_ban *bans,
	size_t count, wall_s_t now, size_t chunk, feed_out *out, void *arg);

#endif
