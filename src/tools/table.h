/* Rows of words in aligned columns. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MOST = 12 };

struct table;

/* The first row is the head. NULL: no memory. Caller frees. */
struct table *table_new(size_t column_count, const char *const *heads);
void table_free(struct table **table);
/* Copies column_count texts; octets that steer a terminal become "?". */
void table_add(struct table *table, const char *const *cells);
void table_print(const struct table *table, FILE *out);

#endif
