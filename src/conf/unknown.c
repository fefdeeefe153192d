/*
 * A name that the schema does not know: what may have been meant.
 *
 * Most are slips of a typing hand, values without quotes, or known options in
 * the wrong block; each gets its own hint, since a bare "unknown" sends people
 * to the manual. Called by draft.c alone.
 */
#include "unknown.h"

#include <stdio.h>
#include <string.h>

#include "near.h"

static void near_offer_all(
	struct near *near, const struct schema_section *section, bool blocks)
{
	for (size_t i = 0; !blocks && i < section->option_count; i++)
		near_offer(near, section->options[i].name);
	for (int i = 0; blocks && i < SECTION_COUNT; i++)
		near_offer(near, schema_section((unsigned)i)->name);
}

/* The section that does know the option; NULL: none. */
static const struct schema_section *section_knowing(const char *name)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);

		if (schema_option_find(section, name))
			return section;
	}
	return NULL;
}

void unknown_say(struct problems *problems, struct place place,
	const struct schema_section *section, const char *name,
	enum source_shape shape)
{
	const struct schema_section *other = section_knowing(name);
	bool block = shape == SHAPE_BLOCK;
	struct near near = near_begin(name);
	char hint[128] = "";

	if (shape == SHAPE_WORD) {
		problems_error(problems, place,
			"\"%.60s\" stands alone (a value with spaces needs "
			"quotes)",
			name);
		return;
	}
	near_offer_all(&near, section, block);
	if (!block && other && other->name[0])
		snprintf(hint, sizeof(hint), " (it belongs into %s)",
			other->name);
	else if ((!block && other) ||
		 (*section->name && (strcmp(name, "include") == 0 ||
					    schema_section_find(name))))
		snprintf(hint, sizeof(hint), " (it belongs outside of %s)",
			section->name);
	else if (near.best)
		snprintf(hint, sizeof(hint), " (did you mean \"%s\"?)",
			near.best);
	problems_error(problems, place, "unknown %s \"%.60s\"%s%s%s",
		block ? "block" : "option", name, *section->name ? " in " : "",
		section->name, hint);
}
