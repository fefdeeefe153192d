/*
 * A walk over the blocks of a configuration, and the words that the checks of
 * all kinds of block have in common.
 */
#include "checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "near.h"

bool checker_turn(struct checker *c, enum schema_section_id id, size_t index)
{
	const struct schema_section *section = schema_section(id);

	c->block = draft_block(c->draft, section, index);
	snprintf(c->name, sizeof(c->name), "%s%s%s%s", section->name,
		c->block->title ? " " : "",
		c->block->title ? c->block->title : "",
		*section->name ? ": " : "");
	return !c->block->damaged;
}

/* ---- what is wrong ---- */

typedef void reporter(
	struct problems *problems, struct place place, const char *format, ...);

static void tell(const struct checker *c, const char *option, reporter *report,
	const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void tell(const struct checker *c, const char *option, reporter *report,
	const char *format, va_list args)
{
	char text[512];

	(void)vsnprintf(text, sizeof(text), format, args); /* cut is fine */
	report(c->problems, draft_place(c->draft, c->block, option), "%s%s",
		c->name, text);
}

void check_say(
	const struct checker *c, const char *option, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(c, option, problems_error, format, args);
	va_end(args);
}

void check_warn(
	const struct checker *c, const char *option, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(c, option, problems_warn, format, args);
	va_end(args);
}

void check_unknown_name(const struct checker *c, const char *option,
	enum schema_section_id id, const char *title)
{
	const struct schema_section *section = schema_section(id);
	struct near near = near_begin(title);

	for (size_t i = 0;; i++) {
		const struct draft_block *block =
			draft_block(c->draft, section, i);

		if (!block)
			break;
		near_offer(&near, block->title);
	}
	check_say(c, option, "%s: there is no %s \"%.60s\"%s%s%s", option,
		section->name, title, near.best ? " (did you mean \"" : "",
		near.best ? near.best : "", near.best ? "\"?)" : "");
}

/* ---- words ---- */

bool check_bind_parse(const char *text, struct endpoint *ret_endpoint)
{
	return addr_parse_port(
		       text, &ret_endpoint->addr, &ret_endpoint->port) &&
	       ret_endpoint->port > 0;
}

bool check_name_sound(const char *name, size_t n)
{
	const char *known = "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return n > 0 && n <= 253 && name[0] != '.' && name[0] != '-' &&
	       strspn(name, known) >= n;
}
