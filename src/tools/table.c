/*
 * Rows of words in aligned columns, two spaces between them.
 *
 * Keeps all rows, since a width is known only at the end. Words may come from
 * strangers (a user's name as tried): what could steer a terminal is replaced.
 * Without memory rows are lost and table_print() says so. Called by show.
 */
#include "table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"

struct table {
	size_t columns;
	size_t widths[TABLE_COLUMNS_MOST];
	char **cells; /* count * columns */
	size_t count, room;
	bool lost;
};

static char *clean_copy(const char *text)
{
	char *copy = strdup(text);

	if (copy != NULL)
		printable_tame(copy);
	return copy;
}

/* Characters, not octets, in UTF-8. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			n++;
	return n;
}

struct table *table_new(size_t column_count, const char *const *heads)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = column_count;
	table_add(table, heads);
	return table;
}

void table_free(struct table **table)
{
	if (*table == NULL)
		return;
	for (size_t i = 0; i < (*table)->count * (*table)->columns; i++)
		free((*table)->cells[i]);
	free((*table)->cells);
	free(*table);
	*table = NULL;
}

static bool make_room(struct table *table)
{
	size_t room = table->room == 0 ? 16 : table->room * 2;
	char **cells;

	if (table->count < table->room)
		return true;
	cells = realloc(
		table->cells, room * table->columns * sizeof(*table->cells));
	if (cells == NULL)
		return false;
	table->cells = cells;
	table->room = room;
	return true;
}

void table_add(struct table *table, const char *const *cells)
{
	char **row;

	if (!make_room(table)) {
		table->lost = true;
		return;
	}
	row = table->cells + table->count * table->columns;
	for (size_t i = 0; i < table->columns; i++) {
		size_t width;

		row[i] = clean_copy(cells[i]);
		if (row[i] == NULL) {
			table->lost = true;
			continue;
		}
		width = width_of(row[i]);
		if (width > table->widths[i])
			table->widths[i] = width;
	}
	table->count++;
}

static void print_row(const struct table *table, char *const *row, FILE *out)
{
	size_t last = table->columns;
	size_t gap = 0;

	/* No blanks at the end of a line. */
	while (last > 0 && (row[last - 1] == NULL || row[last - 1][0] == '\0'))
		last--;
	for (size_t i = 0; i < last; i++) {
		const char *cell = row[i] != NULL ? row[i] : "";

		(void)fprintf(out, "%*s%s", (int)gap, "", cell);
		gap = table->widths[i] - width_of(cell) + 2;
	}
	(void)fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++)
		print_row(table, table->cells + i * table->columns, out);
	if (table->lost)
		(void)fputs("(not all: out of memory)\n", out);
}
