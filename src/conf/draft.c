/*
 * What a configuration says: libconfuse's grammar, our words.
 *
 * The only file that knows of libconfuse. All options are lists of strings to
 * it; types, ranges and messages are ours (value.c), and nothing is read back
 * from its tree: callbacks note each value with its line as it is parsed. It
 * stops at its first error. Where that is an unknown name, the statement is
 * blanked in our copy of the text and it starts again, so that one run shows
 * all of them.
 *
 * libconfuse gives no argument of ours to callbacks and is not reentrant, so
 * the reader at work is a static pointer.
 */
#include "draft.h"

#include <confuse.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/check.h"
#include "unknown.h"

enum { INCLUDE_DEPTH_MOST = 10, INCLUDES_MOST = 256, TITLE_LONGEST = 64 };

/* No file can hold this name: strings end on their line. */
static char begin_name[] = "\n";
static char begin_value[] = "x";

struct reader {
	struct draft *draft;
	struct sources *sources;
	struct problems *problems;
	size_t current; /* the block that is being read */
	unsigned depth, include_count;
	bool said;    /* why the parser stopped is among the problems */
	bool unknown; /* it stopped at a name that was blanked */
	/* Blocks with unknown names: kept while the draft starts anew. */
	size_t damaged[PROBLEMS_MOST];
	size_t damaged_count;
};

static struct reader *reader;

/* ---- what the parser tells us ---- */

static struct place place_of(const cfg_t *cfg)
{
	const struct source *source =
		source_by_name(reader->sources, cfg->filename);

	CHECK(source);
	return (struct place){source->name, (unsigned)cfg->line};
}

static struct draft_block *block_add(const struct schema_section *section,
	const char *title, struct place place)
{
	struct draft *draft = reader->draft;
	size_t index = draft_count(draft, section);
	struct draft_block *block;

	draft->blocks = realloc(draft->blocks,
		(draft->block_count + 1) * sizeof(*draft->blocks));
	CHECK(draft->blocks);
	block = &draft->blocks[draft->block_count++];
	*block = (struct draft_block){
		.section = section, .index = index, .place = place};
	if (title)
		CHECK((block->title = strdup(title)));
	return block;
}

static bool title_sound(const char *title)
{
	size_t n = strlen(title);

	return n > 0 && n <= TITLE_LONGEST &&
	       strspn(title,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		       "0123456789._-") == n;
}

static void title_check(const struct schema_section *section, const char *title,
	struct place place)
{
	const struct draft *draft = reader->draft;

	if (!title_sound(title))
		problems_error(reader->problems, place,
			"%s \"%.70s\": not a good name (allowed: up to %d of "
			"A-Z a-z 0-9 . _ -)",
			section->name, title, TITLE_LONGEST);
	for (size_t i = 0; i < draft->block_count; i++) {
		const struct draft_block *block = &draft->blocks[i];

		if (block->section != section ||
			strcmp(block->title, title) != 0)
			continue;
		problems_error(reader->problems, place,
			"%s \"%s\" exists already (%s:%u)", section->name,
			title, block->place.file, block->place.line);
		return;
	}
}

/* Called as a "default value" is parsed into each block that begins. */
static int block_begins(
	cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct schema_section *section = schema_section_find(cfg->name);
	struct place place = place_of(cfg);

	CHECK(section);
	*(const char **)result = value;
	if (section->titled) {
		title_check(section, cfg->title, place);
		block_add(section, cfg->title, place);
		reader->current = reader->draft->block_count - 1;
		return 0;
	}
	/* The same section may stand in several files: one block. */
	reader->current = section->id;
	if (!reader->draft->blocks[section->id].place.line)
		reader->draft->blocks[section->id].place = place;
	return 0;
}

static struct draft_entry *entry_add(
	size_t block, const struct schema_option *option, struct place place)
{
	struct draft *draft = reader->draft;
	struct draft_entry *entry;

	for (size_t i = 0; i < draft->entry_count; i++) {
		entry = &draft->entries[i];
		if (entry->block == block && entry->option == option)
			problems_error(reader->problems, place,
				"%s is set already (%s:%u)", option->name,
				entry->place.file, entry->place.line);
	}
	draft->entries = realloc(draft->entries,
		(draft->entry_count + 1) * sizeof(*draft->entries));
	CHECK(draft->entries);
	entry = &draft->entries[draft->entry_count++];
	*entry = (struct draft_entry){
		.block = block, .option = option, .place = place};
	return entry;
}

static void entry_add_word(struct draft_entry *entry, const char *word)
{
	struct conf_list *words = &entry->words;

	words->items = realloc(
		words->items, (words->count + 1) * sizeof(*words->items));
	CHECK(words->items);
	CHECK((words->items[words->count++] = strdup(word)));
}

static bool cfg_is_root(const cfg_t *cfg)
{
	return strcmp(cfg->name, "root") == 0;
}

static int value_seen(
	cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct draft *draft = reader->draft;
	size_t block =
		cfg_is_root(cfg) ? (size_t)SECTION_global : reader->current;
	const struct schema_option *option =
		schema_option_find(draft->blocks[block].section, opt->name);
	struct draft_entry *entry;

	*(const char **)result = value;
	if (!option) {
		/* "log|level", a path of libconfuse's, is no syntax of ours. */
		problems_error(reader->problems, place_of(cfg),
			"\"|\" in a name is not allowed");
		return 0;
	}
	if (opt->nvalues <= 1)
		entry = entry_add(block, option, place_of(cfg));
	else
		entry = &draft->entries[draft->entry_count - 1];
	entry_add_word(entry, value);
	return 0;
}

/* ---- errors ---- */

static void unknown_seen(cfg_t *cfg, const char *name)
{
	size_t block =
		cfg_is_root(cfg) ? (size_t)SECTION_global : reader->current;
	struct place place = place_of(cfg);
	enum source_shape shape = source_blank(
		source_by_name(reader->sources, place.file), place.line, name);

	unknown_say(reader->problems, place,
		reader->draft->blocks[block].section, name, shape);
	reader->said = true;
	if (shape == SHAPE_NONE || reader->damaged_count >= PROBLEMS_MOST)
		return;
	reader->unknown = true;
	reader->damaged[reader->damaged_count++] = block;
}

static void error_seen(cfg_t *cfg, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void error_seen(cfg_t *cfg, const char *format, va_list args)
{
	char *text = NULL;

	if (reader->said)
		return;
	if (strcmp(format, "no such option '%s'") == 0) {
		unknown_seen(cfg, va_arg(args, const char *));
		return;
	}
	CHECK(vasprintf(&text, format, args) >= 0);
	problems_error(reader->problems, place_of(cfg), "%s", text);
	free(text);
	reader->said = true;
}

/* ---- includes ---- */

static int parse_text(cfg_t *cfg, const struct source *source)
{
	FILE *file = fmemopen(source->text, strlen(source->text), "r");
	char *outer_name = cfg->filename;
	int outer_line = cfg->line, result;

	CHECK(file);
	CHECK((cfg->filename = strdup(source->name)));
	result = cfg_parse_fp(cfg, file);
	(void)fclose(file); /* memory */
	if (outer_name) {
		free(cfg->filename);
		cfg->filename = outer_name;
		cfg->line = outer_line;
	}
	return result;
}

/* A file that does not exist or is broken costs its own content only. */
static int include_file(cfg_t *cfg, const char *path)
{
	struct place from = place_of(cfg);
	const struct source *source;
	int result;

	if (reader->depth >= INCLUDE_DEPTH_MOST ||
		reader->include_count >= INCLUDES_MOST) {
		problems_error(reader->problems, from,
			"too many files in each other (allowed: %d deep, %d "
			"in all)",
			INCLUDE_DEPTH_MOST, INCLUDES_MOST);
		reader->said = true;
		return 1;
	}
	source = source_load(reader->sources, path, from, reader->problems);
	reader->draft->blocks[SECTION_global].damaged |=
		!source || !source->text;
	if (!source || !source->text)
		return 0;
	reader->depth++;
	reader->include_count++;
	result = parse_text(cfg, source);
	reader->depth--;
	return result;
}

/* All *.conf of a folder, sorted. */
static int include_folder(cfg_t *cfg, const char *path)
{
	char *pattern = NULL;
	int result = 0;
	glob_t found;

	CHECK(asprintf(&pattern, "%s/*.conf", path) >= 0);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
			result = include_file(cfg, found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
	return result;
}

/* Relative to the file that says include(), wherever postern was started. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	int n = slash && *path != '/' ? (int)(slash - file) + 1 : 0;
	char *whole = NULL;

	CHECK(asprintf(&whole, "%.*s%s", n, file, path) >= 0);
	return whole;
}

static int include_seen(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct stat st;
	char *path;
	int result;

	if (argc != 1 || !*argv[0]) {
		problems_error(reader->problems, place_of(cfg),
			"include takes one file or folder");
		return 0;
	}
	path = path_beside(cfg->filename, argv[0]);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		result = include_folder(cfg, path);
	else
		result = include_file(cfg, path);
	free(path);
	return result;
}

/* ---- the parser's own tables ---- */

enum { OPTS_MOST = 80 };

static cfg_opt_t opt_value(const struct schema_option *option)
{
	cfg_opt_t opt =
		CFG_STR_LIST_CB(option->name, NULL, CFGF_NONE, value_seen);

	return opt;
}

static cfg_opt_t opt_begin(void)
{
	cfg_opt_t opt = CFG_STR_CB(begin_name, NULL, CFGF_NONE, block_begins);

	opt.def.parsed = begin_value;
	return opt;
}

static void opts_of(
	const struct schema_section *section, cfg_opt_t opts[OPTS_MOST])
{
	cfg_opt_t end = CFG_END();
	size_t n = 0;

	CHECK(section->option_count + 2 <= OPTS_MOST);
	opts[n++] = opt_begin();
	for (size_t i = 0; i < section->option_count; i++)
		opts[n++] = opt_value(&section->options[i]);
	opts[n] = end;
}

static cfg_t *grammar_new(void)
{
	static cfg_opt_t blocks[SECTION_COUNT][OPTS_MOST];
	const struct schema_section *global = schema_section(SECTION_global);
	cfg_opt_t root[OPTS_MOST], end = CFG_END();
	cfg_opt_t include = CFG_FUNC("include", include_seen);
	size_t n = 0;
	cfg_t *cfg;

	CHECK(global->option_count + SECTION_COUNT + 2 <= OPTS_MOST);
	for (size_t i = 0; i < global->option_count; i++)
		root[n++] = opt_value(&global->options[i]);
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);
		cfg_opt_t opt = CFG_SEC(section->name, blocks[i],
			section->titled ? CFGF_MULTI | CFGF_TITLE : CFGF_MULTI);

		if (!*section->name)
			continue;
		opts_of(section, blocks[i]);
		root[n++] = opt;
	}
	root[n++] = include;
	root[n] = end;
	CHECK((cfg = cfg_init(root, CFGF_NONE)));
	cfg_set_error_function(cfg, error_seen);
	return cfg;
}

/* ---- reading ---- */

void draft_done(struct draft *draft)
{
	for (size_t i = 0; i < draft->block_count; i++)
		free(draft->blocks[i].title);
	for (size_t i = 0; i < draft->entry_count; i++) {
		struct conf_list *words = &draft->entries[i].words;

		for (size_t j = 0; j < words->count; j++)
			free(words->items[j]);
		free(words->items);
	}
	free(draft->blocks);
	free(draft->entries);
	*draft = (struct draft){0};
}

/* The sections without title are there before they are named. */
static void draft_begin(struct draft *draft, const struct source *source)
{
	struct place place = {source->name, 0};

	draft->blocks = calloc(SECTION_COUNT, sizeof(*draft->blocks));
	CHECK(draft->blocks);
	draft->block_count = SECTION_COUNT;
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);

		draft->blocks[i].place = place;
		if (!section->titled)
			draft->blocks[i].section = section;
	}
}

/* `window = {}`: no value, so no callback told of it, and its line is lost. */
static void find_empty(cfg_t *cfg, const struct schema_section *section)
{
	struct place place = place_of(cfg);

	place.line = cfg_is_root(cfg) ? 0 : place.line;
	for (size_t i = 0; i < section->option_count; i++) {
		const struct schema_option *option = &section->options[i];
		const cfg_opt_t *opt = cfg_getopt(cfg, option->name);

		if (!(opt->flags & CFGF_MODIFIED) || opt->nvalues ||
			option->type == SCHEMA_LIST ||
			option->type == SCHEMA_PREFIXES)
			continue;
		problems_error(reader->problems, place,
			"%s%s%s takes one value, not a list", section->name,
			*section->name ? "." : "", option->name);
	}
}

static void find_all_empty(cfg_t *cfg)
{
	find_empty(cfg, schema_section(SECTION_global));
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);
		unsigned n = *section->name ? cfg_size(cfg, section->name) : 0;

		for (unsigned j = 0; j < n; j++)
			find_empty(cfg_getnsec(cfg, section->name, j), section);
	}
}

/* One run of the parser over all texts. */
static bool read_once(const struct source *source)
{
	cfg_t *cfg = grammar_new();
	bool read;

	reader->current = SECTION_global;
	reader->said = reader->unknown = false;
	reader->depth = reader->include_count = 0;
	draft_begin(reader->draft, source);
	read = parse_text(cfg, source) == CFG_SUCCESS;
	if (read)
		find_all_empty(cfg);
	else if (!reader->said)
		problems_error(reader->problems, place_of(cfg),
			"this is no statement (allowed: name = value, name "
			"{ … })");
	cfg_free(cfg);
	return read;
}

bool draft_read(struct draft *draft, const struct source *source,
	struct sources *sources, struct problems *problems)
{
	struct reader here = {
		.draft = draft, .sources = sources, .problems = problems};
	bool read;

	reader = &here;
	while (!(read = read_once(source)) && here.unknown)
		draft_done(draft);
	for (size_t i = 0; i < here.damaged_count; i++)
		if (here.damaged[i] < draft->block_count)
			draft->blocks[here.damaged[i]].damaged = true;
	reader = NULL;
	return read;
}

/* ---- looking into it ---- */

size_t draft_count(
	const struct draft *draft, const struct schema_section *section)
{
	size_t count = 0;

	for (size_t i = 0; i < draft->block_count; i++)
		count += draft->blocks[i].section == section;
	return count;
}

const struct draft_block *draft_block(const struct draft *draft,
	const struct schema_section *section, size_t index)
{
	for (size_t i = 0; i < draft->block_count; i++)
		if (draft->blocks[i].section == section &&
			draft->blocks[i].index == index)
			return &draft->blocks[i];
	return NULL;
}

struct place draft_place(const struct draft *draft,
	const struct draft_block *block, const char *option)
{
	size_t index = (size_t)(block - draft->blocks);

	for (size_t i = 0; option && i < draft->entry_count; i++) {
		const struct draft_entry *entry = &draft->entries[i];

		if (entry->block == index &&
			strcmp(entry->option->name, option) == 0)
			return entry->place;
	}
	return block->place;
}
