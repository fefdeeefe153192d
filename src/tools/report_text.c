/*
 * The attack brief for eyes: a table a section, what to do below it.
 *
 * Sections without rows stand in one line at the end, so that nothing looks
 * forgotten. Values come from strangers; the table takes what steers a
 * terminal out.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "member.h"
#include "table.h"

enum { CELL_LONGEST = 64, WHEN_LONGEST = 40 };

static const char *cell_of(const json_t *value, char out[CELL_LONGEST])
{
	if (json_is_string(value))
		return json_string_value(value);
	(void)snprintf(out, CELL_LONGEST, "%" PRId64,
		(int64_t)json_integer_value(value));
	return out;
}

/* "banned_by" as the head of a column. */
static const char *head_of(const char *key, char out[CELL_LONGEST])
{
	size_t n = 0;

	for (; key[n] != '\0' && n + 1 < CELL_LONGEST; n++)
		out[n] = key[n] == '_'			  ? ' '
			 : key[n] >= 'a' && key[n] <= 'z' ? (char)(key[n] - 32)
							  : key[n];
	out[n] = '\0';
	return out;
}

static size_t columns_shown(const json_t *section)
{
	size_t count = json_array_size(json_object_get(section, "columns"));

	return count < TABLE_COLUMNS_MOST ? count : TABLE_COLUMNS_MOST;
}

static void print_table(const json_t *section, FILE *out)
{
	const json_t *columns = json_object_get(section, "columns");
	const json_t *rows = json_object_get(section, "rows");
	char room[TABLE_COLUMNS_MOST][CELL_LONGEST];
	const char *cells[TABLE_COLUMNS_MOST];
	size_t count = columns_shown(section);
	struct table *table;

	for (size_t i = 0; i < count; i++)
		cells[i] = head_of(
			json_string_value(json_array_get(columns, i)), room[i]);
	table = table_new(count, cells);
	for (size_t r = 0; table != NULL && r < json_array_size(rows); r++) {
		const json_t *row = json_array_get(rows, r);

		for (size_t i = 0; i < count; i++)
			cells[i] = cell_of(
				json_object_get(row,
					json_string_value(
						json_array_get(columns, i))),
				room[i]);
		table_add(table, cells);
	}
	if (table != NULL)
		table_print(table, out);
	table_free(&table);
}

/* One row of figures, one below the other. */
static void print_figures(const json_t *section, FILE *out)
{
	const json_t *row = json_array_get(json_object_get(section, "rows"), 0);
	char head[CELL_LONGEST], cell[CELL_LONGEST];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)row, key, value)
	{
		(void)snprintf(head, sizeof(head), "%s", key);
		for (char *p = head; *p != '\0'; p++)
			*p = *p == '_' ? ' ' : *p;
		(void)fprintf(out, "%-16s %s\n", head, cell_of(value, cell));
	}
}

static void print_section(const json_t *section, FILE *out)
{
	(void)fprintf(out, "\n%s\n", member_text(section, "title"));
	if (member_text(section, "text")[0] != '\0')
		(void)fprintf(out, "%s\n", member_text(section, "text"));
	(void)fputc('\n', out);
	if (strcmp(member_text(section, "name"), "summary") == 0)
		print_figures(section, out);
	else
		print_table(section, out);
	if (member_text(section, "advice")[0] != '\0')
		(void)fprintf(out, "-> %s\n", member_text(section, "advice"));
}

static const char *when(
	const json_t *report, const char *key, char out[WHEN_LONGEST])
{
	time_t at = (time_t)json_integer_value(json_object_get(report, key));
	struct tm tm;

	if (localtime_r(&at, &tm) == NULL ||
		strftime(out, WHEN_LONGEST, "%Y-%m-%d %H:%M %Z", &tm) == 0)
		return "?";
	return out;
}

void report_print_text(const json_t *report, FILE *out)
{
	const json_t *sections = json_object_get(report, "sections");
	char since[WHEN_LONGEST], until[WHEN_LONGEST];
	bool none = false;
	const json_t *section;
	size_t i;

	(void)fprintf(out, "postern on %s, %s to %s\n",
		member_text(report, "host"), when(report, "since", since),
		when(report, "until", until));
	json_array_foreach((json_t *)sections, i, section)
	{
		if (json_array_size(json_object_get(section, "rows")) > 0)
			print_section(section, out);
	}
	json_array_foreach((json_t *)sections, i, section)
	{
		if (json_array_size(json_object_get(section, "rows")) > 0)
			continue;
		(void)fprintf(out, "%s%s", none ? ", " : "\nNothing of: ",
			member_text(section, "title"));
		none = true;
	}
	if (none)
		(void)fputs(".\n", out);
}
