/*
 * The blocks of a struct conf, reached through the schema.
 *
 * The one place that turns offsets of the schema into pointers, so that
 * reading, dumping and comparing need no code for a single option.
 */
#include "block.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "value.h"

#define HEAD_MATCHES(type)                                                     \
	_Static_assert(offsetof(struct type, title) ==                         \
				       offsetof(struct block_head, title) &&   \
			       offsetof(struct type, line) ==                  \
				       offsetof(struct block_head, line),      \
		"the head of struct " #type)
HEAD_MATCHES(conf_listener);
HEAD_MATCHES(conf_backend);
HEAD_MATCHES(conf_certificate);
HEAD_MATCHES(conf_dns_zone);
HEAD_MATCHES(conf_address_list);
HEAD_MATCHES(conf_global);

size_t block_count(
	const struct conf *conf, const struct schema_section *section)
{
	size_t count = 1;

	if (section->titled)
		memcpy(&count, (const char *)conf + section->count_offset,
			sizeof(count));
	return count;
}

const void *block_peek(const struct conf *conf,
	const struct schema_section *section, size_t index)
{
	const char *field = (const char *)conf + section->offset;
	const char *at = field; /* the block itself, or where they are */

	if (section->titled)
		memcpy(&at, field, sizeof(at));
	return at + index * section->bytes;
}

void *block_at(
	struct conf *conf, const struct schema_section *section, size_t index)
{
	return (void *)(uintptr_t)block_peek(conf, section, index);
}

const void *block_find(const struct conf *conf,
	const struct schema_section *section, const char *title)
{
	for (size_t i = 0; i < block_count(conf, section); i++) {
		const struct block_head *head = block_peek(conf, section, i);

		if (strcmp(head->title, title) == 0)
			return head;
	}
	return NULL;
}

void block_default(const struct schema_section *section, void *block)
{
	for (size_t i = 0; i < section->option_count; i++) {
		const struct schema_option *option = &section->options[i];

		value_default(option, block_field(block, option));
	}
}

void block_make(
	struct conf *conf, const struct schema_section *section, size_t count)
{
	char *blocks = calloc(count ? count : 1, section->bytes);

	CHECK(blocks);
	memcpy((char *)conf + section->offset, &blocks, sizeof(blocks));
	memcpy((char *)conf + section->count_offset, &count, sizeof(count));
	for (size_t i = 0; i < count; i++)
		block_default(section, blocks + i * section->bytes);
}

void *block_field(void *block, const struct schema_option *option)
{
	return (char *)block + option->offset;
}

const void *block_field_peek(
	const void *block, const struct schema_option *option)
{
	return (const char *)block + option->offset;
}
