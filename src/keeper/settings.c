/*
 * The answer to `config`: the configuration in force, each option by name.
 *
 * Walks the schema, so an option is in it once it stands in options.def. There
 * is no secret in a configuration: it names files. Called by commands.
 */
#include "settings.h"

#include "../conf/schema.h"

static json_t *list_array(const struct conf_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(array, json_string(list->items[i]));
	return array;
}

static json_t *prefix_array(const struct conf_prefixes *prefixes)
{
	char text[PREFIX_TEXT_LONGEST];
	json_t *array = json_array();

	for (size_t i = 0; i < prefixes->count; i++)
		(void)json_array_append_new(array,
			json_string(prefix_format(&prefixes->items[i], text)));
	return array;
}

static json_t *value(const struct schema_option *option, const void *block)
{
	const void *field = (const char *)block + option->offset;

	switch (option->type) {
	case SCHEMA_BOOL: return json_boolean(*(const bool *)field);
	case SCHEMA_INT:
	case SCHEMA_MS:
	case SCHEMA_BYTES:
		return json_integer((json_int_t) * (const uint64_t *)field);
	case SCHEMA_TEXT: return json_string(*(char *const *)field);
	case SCHEMA_LIST: return list_array(field);
	case SCHEMA_PREFIXES: return prefix_array(field);
	case SCHEMA_CHOICE:
		return json_string(option->words[*(const unsigned *)field]);
	}
	return json_null();
}

static json_t *block_object(
	const struct schema_section *section, const void *block)
{
	json_t *object = json_object();

	if (section->titled) /* the first member of every block's struct */
		(void)json_object_set_new(
			object, "title", json_string(*(char *const *)block));
	for (size_t i = 0; i < section->option_count; i++)
		(void)json_object_set_new(object, section->options[i].name,
			value(&section->options[i], block));
	return object;
}

static json_t *blocks_array(
	const struct schema_section *section, const struct conf *conf)
{
	const char *at = (const char *)conf;
	const char *blocks = *(char *const *)(at + section->offset);
	size_t count = *(const size_t *)(at + section->count_offset);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array,
			block_object(section, blocks + i * section->bytes));
	return array;
}

json_t *settings_object(const struct conf *conf)
{
	json_t *object = json_pack("{s:b}", "ok", 1);

	for (unsigned i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((enum schema_section_id)i);
		const char *name = section->name[0] ? section->name : "global";

		(void)json_object_set_new(object, name,
			section->titled ? blocks_array(section, conf)
					: block_object(section,
						  (const char *)conf +
							  section->offset));
	}
	return object;
}
