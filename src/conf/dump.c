/*
 * The configuration as text again, and what differs between two of them.
 *
 * What is dumped can be read: conf_parse(conf_dump(c)) equals c, comments and
 * includes aside. The file holds no secrets, only paths of them, so a dump
 * may be shown to anybody.
 */
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "conf.h"
#include "schema.h"
#include "value.h"

/* Another one with all defaults, to compare with. Caller frees. */
static void *defaults_new(const struct schema_section *section)
{
	void *block = calloc(1, section->bytes);

	if (block)
		block_default(section, block);
	return block;
}

static void defaults_free(const struct schema_section *section, void *block)
{
	for (size_t i = 0; block && i < section->option_count; i++)
		value_free(&section->options[i],
			block_field(block, &section->options[i]));
	free(block);
}

static bool field_eq(
	const struct schema_option *option, const void *a, const void *b)
{
	return value_eq(option, block_field_peek(a, option),
		block_field_peek(b, option));
}

static bool block_eq(
	const struct schema_section *section, const void *a, const void *b)
{
	for (size_t i = 0; i < section->option_count; i++)
		if (!field_eq(&section->options[i], a, b))
			return false;
	return true;
}

/* ---- dump ---- */

/* Errors stay in the stream; who opened it looks at its end. */
/* NOLINTBEGIN(cert-err33-c) */

/* defaults: leave out what equals them; NULL: print all. */
static void options_dump(const struct schema_section *section,
	const void *block, const void *defaults, FILE *out)
{
	for (size_t i = 0; i < section->option_count; i++) {
		const struct schema_option *option = &section->options[i];

		if (defaults && field_eq(option, block, defaults))
			continue;
		fprintf(out, "%s%s = ", *section->name ? "\t" : "",
			option->name);
		value_print(option, block_field_peek(block, option), out);
		fputc('\n', out);
	}
}

static void block_dump(const struct schema_section *section, const void *block,
	const void *defaults, FILE *out)
{
	const struct block_head *head = block;

	/* A titled block is there even when all in it is as by default. */
	if (!section->titled && defaults && block_eq(section, block, defaults))
		return;
	if (*section->name)
		fprintf(out, "%s%s%s {\n", section->name,
			section->titled ? " " : "",
			section->titled ? head->title : "");
	options_dump(section, block, defaults, out);
	if (*section->name)
		fputs("}\n", out);
}

char *conf_dump(const struct conf *conf, bool changed_only)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);
		void *defaults = changed_only ? defaults_new(section) : NULL;

		for (size_t j = 0; j < block_count(conf, section); j++)
			block_dump(section, block_peek(conf, section, j),
				defaults, out);
		defaults_free(section, defaults);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* ---- diff ---- */

static void block_diff(const struct schema_section *section,
	const struct block_head *old_block, const struct block_head *new_block,
	FILE *out)
{
	for (size_t i = 0; i < section->option_count; i++) {
		const struct schema_option *option = &section->options[i];

		if (field_eq(option, old_block, new_block))
			continue;
		if (*section->name)
			fprintf(out, "%s.", section->name);
		if (section->titled)
			fprintf(out, "%s.", new_block->title);
		fprintf(out, "%s: ", option->name);
		value_print(option, block_field_peek(old_block, option), out);
		fputs(" -> ", out);
		value_print(option, block_field_peek(new_block, option), out);
		fputs(option->restart ? " (needs a restart)\n" : "\n", out);
	}
}

/* The blocks of `a` that `b` has not. */
static void blocks_missing(const struct schema_section *section,
	const struct conf *a, const struct conf *b, const char *what, FILE *out)
{
	for (size_t i = 0; i < block_count(a, section); i++) {
		const struct block_head *head = block_peek(a, section, i);

		if (!block_find(b, section, head->title))
			fprintf(out, "%s.%s: %s\n", section->name, head->title,
				what);
	}
}

static void titled_diff(const struct schema_section *section,
	const struct conf *old_conf, const struct conf *new_conf, FILE *out)
{
	blocks_missing(section, old_conf, new_conf, "removed", out);
	blocks_missing(section, new_conf, old_conf, "added", out);
	for (size_t i = 0; i < block_count(new_conf, section); i++) {
		const struct block_head *head =
			block_peek(new_conf, section, i);
		const void *before = block_find(old_conf, section, head->title);

		if (before)
			block_diff(section, before, head, out);
	}
}

char *conf_diff(const struct conf *old_conf, const struct conf *new_conf)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);

		if (section->titled)
			titled_diff(section, old_conf, new_conf, out);
		else
			block_diff(section, block_peek(old_conf, section, 0),
				block_peek(new_conf, section, 0), out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* NOLINTEND(cert-err33-c) */
