/*
 * What the daemon says of webhooks and programs, for eyes.
 *
 * A part of show.c in a file of its own. Called by it.
 */
#include "show_hooks.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "member.h"
#include "table.h"

enum { NUMBER_LONGEST = 24, LAST_LONGEST = 240 };

static const char *last_of(const json_t *hook, char out[LAST_LONGEST])
{
	bool away = !json_is_true(json_object_get(hook, "connected"));
	bool ok = member_number(hook, "last_ok") != 0;

	if (away)
		return "its process is not there";
	if (member_number(hook, "last_at") == 0)
		return "nothing yet";
	(void)snprintf(out, LAST_LONGEST, "%s: %s", ok ? "ok" : "failed",
		member_text(hook, "last"));
	return out;
}

static void add_hook(struct table *table, const json_t *hook)
{
	static const char *const numbers[] = {
		"delivered", "failed", "waiting", "dropped", "merged"};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	char n[NUMBERS][NUMBER_LONGEST], last[LAST_LONGEST];
	const char *cells[] = {member_text(hook, "hook"),
		member_text(hook, "kind"), n[0], n[1], n[2], n[3], n[4],
		last_of(hook, last)};

	for (size_t i = 0; i < NUMBERS; i++)
		(void)snprintf(n[i], sizeof(n[i]), "%" PRId64,
			member_number(hook, numbers[i]));
	table_add(table, cells);
}

void show_hooks(const json_t *hooks)
{
	static const char *const heads[] = {"HOOK", "KIND", "TOLD", "FAILED",
		"WAITING", "DROPPED", "SUMMED UP", "LAST"};
	struct table *table;

	if (json_array_size(hooks) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(hooks); i++)
		add_hook(table, json_array_get(hooks, i));
	(void)putchar('\n');
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

void show_hook_test(const json_t *answer)
{
	(void)printf("a test event is on its way to %s; posternctl status says "
		     "how it ended\n",
		member_text(answer, "hook"));
}
