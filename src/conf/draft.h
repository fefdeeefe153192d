/* What a configuration says, before anybody asks whether it makes sense. */
#ifndef CONF_DRAFT_H
#define CONF_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include "problem.h"
#include "schema.h"
#include "source.h"

struct draft_block {
	const struct schema_section *section;
	char *title;  /* NULL: a section without */
	size_t index; /* among those of its section */
	struct place place;
	bool damaged; /* a part of it was not understood */
};

struct draft_entry {
	size_t block; /* in blocks[] */
	const struct schema_option *option;
	struct conf_list words;
	struct place place;
};

/* blocks[SECTION_x] of the sections without title exist always. */
struct draft {
	struct draft_block *blocks;
	size_t block_count;
	struct draft_entry *entries;
	size_t entry_count;
};

/*
 * Reads a text with its includes. False: it ends in an error of syntax, and
 * what stands behind it is not in the draft. Unknown names are problems, and
 * reading goes on behind them.
 */
bool draft_read(struct draft *draft, const struct source *source,
	struct sources *sources, struct problems *problems)
	__attribute__((warn_unused_result));
void draft_done(struct draft *draft);

size_t draft_count(
	const struct draft *draft, const struct schema_section *section);
/* NULL: there is none. */
const struct draft_block *draft_block(const struct draft *draft,
	const struct schema_section *section, size_t index);
/* Where an option of a block stands; the block where it does not. */
struct place draft_place(const struct draft *draft,
	const struct draft_block *block, const char *option);

#endif
