/*
 * What the daemon says of lists in the DNS and of those of others, for eyes.
 *
 * A part of show.c in a file of its own. Called by it.
 */
#include "show_lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/duration.h"
#include "member.h"
#include "table.h"

enum { NUMBER_LONGEST = 24, AGE_LONGEST = 48, MS_PER_S = 1000 };

static void add_list(struct table *table, const json_t *list)
{
	static const char *const numbers[] = {
		"weight", "asked", "hits", "failures"};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	char n[NUMBERS][NUMBER_LONGEST];
	const char *cells[] = {member_text(list, "list"),
		member_text(list, "zone"), n[0], member_text(list, "state"),
		n[1], n[2], n[3], member_text(list, "why")};

	for (size_t i = 0; i < NUMBERS; i++)
		(void)snprintf(n[i], sizeof(n[i]), "%" PRId64,
			member_number(list, numbers[i]));
	table_add(table, cells);
}

void show_lists(const json_t *lists)
{
	static const char *const heads[] = {"LIST", "ZONE", "WEIGHT", "STATE",
		"ASKED", "HITS", "FAILURES", "WHY"};
	const json_t *all = json_object_get(lists, "lists");
	struct table *table;

	if (json_array_size(all) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(all); i++)
		add_list(table, json_array_get(all, i));
	(void)putchar('\n');
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

/* "3m 2s ago", or "never". */
static void age(const json_t *list, char out[AGE_LONGEST])
{
	const json_t *age_s = json_object_get(list, "age_s");
	char span[DURATION_TEXT_LONGEST];

	if (json_is_integer(age_s))
		(void)snprintf(out, AGE_LONGEST, "%s ago",
			duration_format(
				(uint64_t)json_integer_value(age_s) * MS_PER_S,
				span));
	else
		(void)snprintf(out, AGE_LONGEST, "never");
}

static void add_roll(struct table *table, const json_t *list)
{
	static const char *const numbers[] = {
		"entries", "banned", "no_room", "refused"};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	char n[NUMBERS][NUMBER_LONGEST], read[AGE_LONGEST];
	const char *cells[] = {member_text(list, "list"),
		member_text(list, "as"), n[0], n[1], n[2], read, n[3],
		member_text(list, "error")};

	for (size_t i = 0; i < NUMBERS; i++)
		(void)snprintf(n[i], sizeof(n[i]), "%" PRId64,
			member_number(list, numbers[i]));
	age(list, read);
	table_add(table, cells);
}

void show_rolls(const json_t *rolls)
{
	static const char *const heads[] = {"LIST", "AS", "ENTRIES", "BANNED",
		"NO ROOM", "READ", "REFUSED", "TROUBLE"};
	struct table *table;

	if (json_array_size(rolls) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(rolls); i++)
		add_roll(table, json_array_get(rolls, i));
	(void)putchar('\n');
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

const char *show_listed(const json_t *listed, char *out, size_t room)
{
	char span[DURATION_TEXT_LONGEST];
	int64_t left_s = member_number(listed, "left_s");

	out[0] = '\0';
	if (json_is_object(listed))
		(void)snprintf(out, room, "score %" PRId64 " by %s, for %s",
			member_number(listed, "score"),
			member_text(listed, "lists"),
			duration_format(
				left_s > 0 ? (uint64_t)left_s * MS_PER_S : 0,
				span));
	return out;
}
