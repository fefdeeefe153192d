/*
 * posternctl feed: the bans in the words of another machine.
 *
 * The rows are the daemon's; none that does not parse gets into a firewall.
 * Half a list would let the other half in, so memory that is short is an
 * error. Called by posternctl.
 */
#include "feed_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../feed/feed.h"
#include "member.h"

static void put(void *arg, const char *text, size_t n)
{
	(void)fwrite(text, 1, n, arg); /* posternctl looks at ferror() */
}

/* false: a row that is none. */
static bool take_row(const json_t *row, struct feed_ban *bans, size_t *count)
{
	struct feed_ban *ban = &bans[*count];

	if (strcmp(member_text(row, "acts"), "login") == 0)
		return true;
	/* Two that listen to each other would ban for ever. */
	if (strcmp(member_text(row, "rule"), "list") == 0)
		return true;
	*ban = (struct feed_ban){
		.until = json_integer_value(json_object_get(row, "until")),
		.rule = member_text(row, "rule"),
		.note = member_text(row, "note"),
	};
	if (!prefix_parse(member_text(row, "prefix"), &ban->prefix))
		return false;
	(*count)++;
	return true;
}

/* 0: that is no number for it. */
static size_t chunk_of(const char *text)
{
	unsigned long chunk = FEED_CHUNK;
	char *end;

	if (text == NULL)
		return chunk;
	chunk = strtoul(text, &end, 10);
	return *end != '\0' || chunk > FEED_CHUNK_MOST ? 0 : chunk;
}

const char *feed_words_print(
	const char *format, const char *chunk_text, const json_t *rows)
{
	size_t chunk = chunk_of(chunk_text), count = 0, all;
	enum feed_format which = FEED_PLAIN;
	struct feed_ban *bans;
	bool good = true;

	if (!feed_format_find(format, &which))
		return "the formats are plain, json, nft, mikrotik, cisco, "
		       "windows";
	if (chunk == 0)
		return "--chunk is from 1 to 1000";
	if (rows == NULL)
		return NULL;
	all = json_array_size(rows);
	bans = calloc(all + 1, sizeof(*bans));
	for (size_t i = 0; bans != NULL && good && i < all; i++)
		good = take_row(json_array_get(rows, i), bans, &count);
	if (bans == NULL || !good) {
		free(bans);
		return "the list of bans could not be read";
	}
	feed_sort(bans, count);
	feed_print(which, bans, count, time(NULL), chunk, put, stdout);
	free(bans);
	return NULL;
}
