/* options.def as data: what exists, of which type, in which range. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SECTION_listener …: the id of options.def as it stands there. */
enum schema_section_id {
#define SECTION(id, name, titled, text) SECTION_##id,
#define OPTION(section, name, field, type, def, least, most, apply, text, more)
#include "options.def"
#undef SECTION
#undef OPTION
	SECTION_COUNT,
};

enum schema_type {
	SCHEMA_BOOL,
	SCHEMA_INT,
	SCHEMA_MS,
	SCHEMA_BYTES,
	SCHEMA_TEXT,
	SCHEMA_LIST,
	SCHEMA_PREFIXES,
	SCHEMA_CHOICE,
};

struct schema_option {
	enum schema_section_id section;
	const char *name;
	enum schema_type type;
	const char *const *words; /* CHOICE: in the order of the enum, NULL */
	const char *def;
	uint64_t least, most; /* 0, 0: no range */
	bool restart;
	const char *text, *more;
	size_t offset; /* of its field in the section's struct */
};

struct schema_section {
	enum schema_section_id id;
	const char *name; /* "" for the options outside of any block */
	bool titled;
	const char *text;
	size_t bytes;	     /* of its struct */
	size_t offset;	     /* in struct conf: the struct, or a pointer to
				an array */
	size_t count_offset; /* titled: of the count in struct conf */
	const struct schema_option *options;
	size_t option_count;
};

/* id: below SECTION_COUNT. Static. */
const struct schema_section *schema_section(enum schema_section_id id);
/* NULL: none of that name. */
const struct schema_section *schema_section_find(const char *name);
const struct schema_option *schema_option_find(
	const struct schema_section *section, const char *name);

#endif
