/* The blocks of a struct conf, reached through the schema. */
#ifndef CONF_BLOCK_H
#define CONF_BLOCK_H

#include <stddef.h>

#include "conf.h"
#include "schema.h"

/* What each section's struct begins with (conf.h). */
struct block_head {
	char *title;
	unsigned line;
};

/* 1 for a section without title. */
size_t block_count(
	const struct conf *conf, const struct schema_section *section);
/* index: below block_count(). */
void *block_at(
	struct conf *conf, const struct schema_section *section, size_t index);
const void *block_peek(const struct conf *conf,
	const struct schema_section *section, size_t index);
/* By its title; NULL: none. */
const void *block_find(const struct conf *conf,
	const struct schema_section *section, const char *title);

/* Makes `count` titled blocks, zeroed but for their defaults. Once only. */
void block_make(
	struct conf *conf, const struct schema_section *section, size_t count);
/* Sets all options of a zeroed block to their defaults. */
void block_default(const struct schema_section *section, void *block);

/* The field of an option in its block. */
void *block_field(void *block, const struct schema_option *option);
const void *block_field_peek(
	const void *block, const struct schema_option *option);

#endif
