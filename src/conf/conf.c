/*
 * Reading a configuration, from a path to a struct conf.
 *
 * The way: source.c loads and checks the texts, draft.c parses them, here
 * words become values in their fields, check.c asks whether it makes sense.
 * Everything that is wrong is collected on the way; with one error there is
 * no configuration. Called by the supervisor and by `postern check`; nothing
 * here logs, keeps a file open or looks at the machine.
 */
#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "block.h"
#include "check.h"
#include "draft.h"
#include "problem.h"
#include "schema.h"
#include "source.h"
#include "value.h"

/* ---- from the draft to values ---- */

/* A head of its own: the default of a title is none. */
static void head_set(void *block, const struct draft_block *draft_block)
{
	struct block_head *head = block;

	head->line = draft_block->place.line;
	if (draft_block->title)
		CHECK((head->title = strdup(draft_block->title)));
}

static struct conf *conf_new(const struct draft *draft)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	CHECK(conf);
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);
		size_t count = draft_count(draft, section);

		if (section->titled)
			block_make(conf, section, count);
		else
			block_default(section, block_at(conf, section, 0));
		for (size_t j = 0; j < count; j++)
			head_set(block_at(conf, section, j),
				draft_block(draft, section, j));
	}
	return conf;
}

static void say_bad_value(const struct draft_entry *entry,
	const struct draft_block *block, const char *why,
	struct problems *problems)
{
	const char *section = block->section->name;

	problems_error(problems, entry->place, "%s%s%s%s%s: %s", section,
		*section ? "." : "", block->title ? block->title : "",
		block->title ? "." : "", entry->option->name, why);
}

static void values_set(
	struct conf *conf, struct draft *draft, struct problems *problems)
{
	char why[VALUE_WHY_LONGEST];

	for (size_t i = 0; i < draft->entry_count; i++) {
		const struct draft_entry *entry = &draft->entries[i];
		struct draft_block *block = &draft->blocks[entry->block];
		void *at = block_at(conf, block->section, block->index);

		if (value_read(entry->option, entry->words.items,
			    entry->words.count, block_field(at, entry->option),
			    why))
			continue;
		say_bad_value(entry, block, why, problems);
		block->damaged = true;
	}
}

static struct conf *conf_load(const struct source *source,
	struct sources *sources, struct problems *problems)
{
	struct draft draft = {0};
	struct conf *conf = NULL;
	bool whole;

	if (!source || !source->text)
		return NULL;
	whole = draft_read(&draft, source, sources, problems);
	conf = conf_new(&draft);
	values_set(conf, &draft, problems);
	if (whole)
		conf_check(conf, &draft, problems);
	if (problems->error_count)
		conf_free(&conf);
	draft_done(&draft);
	return conf;
}

/* ---- the interface ---- */

struct conf *conf_read(const char *path, struct conf_errors *ret_errors)
{
	struct problems problems = {0};
	struct sources sources = {0};
	struct place nowhere = {path, 0};
	struct conf *conf;

	conf = conf_load(source_load(&sources, path, nowhere, &problems),
		&sources, &problems);
	problems_done(&problems, ret_errors);
	sources_done(&sources);
	return conf;
}

struct conf *conf_parse(
	const char *text, const char *name, struct conf_errors *ret_errors)
{
	struct problems problems = {0};
	struct sources sources = {0};
	struct conf *conf;

	conf = conf_load(
		source_add(&sources, name, text, strlen(text), &problems),
		&sources, &problems);
	problems_done(&problems, ret_errors);
	sources_done(&sources);
	return conf;
}

static void block_done(const struct schema_section *section, void *block)
{
	struct block_head *head = block;

	for (size_t i = 0; i < section->option_count; i++)
		value_free(&section->options[i],
			block_field(block, &section->options[i]));
	free(head->title);
}

void conf_free(struct conf **conf)
{
	if (!*conf)
		return;
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);
		size_t count = block_count(*conf, section);

		for (size_t j = 0; j < count; j++)
			block_done(section, block_at(*conf, section, j));
		if (section->titled)
			free(block_at(*conf, section, 0));
	}
	free(*conf);
	*conf = NULL;
}

void conf_errors_done(struct conf_errors *errors)
{
	free(errors->text);
	*errors = (struct conf_errors){0};
}

bool conf_hook_wants(const struct conf_hook *hook, const char *event)
{
	for (size_t i = 0; i < hook->on.count; i++)
		if (strcmp(hook->on.items[i], event) == 0)
			return true;
	return hook->on.count == 0;
}

bool conf_ends_tls(const struct conf_listener *listener)
{
	return listener->tls == CONF_LISTENER_TLS_IMPLICIT ||
	       listener->starttls == CONF_STARTTLS_OPTIONAL ||
	       listener->starttls == CONF_STARTTLS_REQUIRED;
}

const struct conf_backend *conf_backend_find(
	const struct conf *conf, const char *title)
{
	return block_find(conf, schema_section(SECTION_backend), title);
}

const struct conf_certificate *conf_certificate_find(
	const struct conf *conf, const char *title)
{
	return block_find(conf, schema_section(SECTION_certificate), title);
}
