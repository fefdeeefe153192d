/*
 * Where one list comes from, and what it said last.
 */
#ifndef FETCH_SUPPLY_H
#define FETCH_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/units.h"
#include "../conf/conf.h"
#include "list_text.h"

enum {
	SUPPLY_MARK_LONGEST = 200, /* ETag, Last-Modified, a file's state */
	SUPPLY_BYTES_MOST = 16 * 1024 * 1024,
};

/* How an attempt went. */
enum supply_result {
	SUPPLY_NEW,	/* a text came */
	SUPPLY_SAME,	/* it is as it was */
	SUPPLY_TROUBLE, /* neither; `why` says what */
};

struct transfer;

struct supply {
	const struct conf_address_list *conf;
	const char *token; /* "": none */
	/* Of the last good one; good_at 0: there is none. */
	struct list_entries entries;
	wall_s_t good_at;
	char etag[SUPPLY_MARK_LONGEST], modified[SUPPLY_MARK_LONGEST];
	/* What came with the text that is looked at now. */
	char new_etag[SUPPLY_MARK_LONGEST], new_modified[SUPPLY_MARK_LONGEST];
	mono_ms_t due;
	struct transfer *transfer;  /* under way; NULL: none */
	bool untold;		    /* the keeper has not heard the last word */
	char why[LIST_WHY_LONGEST]; /* what was wrong last; "": nothing */
	char before[LIST_WHY_LONGEST]; /* the same of the attempt before */
};

/* "/path" or "https://…": whose copy is whose. */
const char *supply_place(const struct supply *supply);
bool supply_is_file(const struct supply *supply);
/* A file, whole. Caller frees *ret_text. */
enum supply_result supply_read_file(
	struct supply *supply, char **ret_text, size_t *ret_n);
/* A new text: takes its entries over when they are good. */
bool supply_take(struct supply *supply, const char *text, size_t n,
	const struct list_rules *rules, wall_s_t now);
/* It is as it was: that counts as being named again. */
void supply_confirm(struct supply *supply, wall_s_t now);
/* Is what it said last too old to count? */
bool supply_expired(const struct supply *supply, wall_s_t now);
struct list_rules supply_rules(const struct supply *supply,
	const struct prefix *never, size_t never_count);

#endif
