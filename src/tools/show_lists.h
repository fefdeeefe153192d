/* What the daemon says of lists in the DNS, for eyes. */
#ifndef TOOLS_SHOW_LISTS_H
#define TOOLS_SHOW_LISTS_H

#include <jansson.h>
#include <stddef.h>

/* "dns_lists" of the status: a table; nothing where there is no list. */
void show_lists(const json_t *lists);
/* "lists" of the status: those of others; likewise. */
void show_rolls(const json_t *rolls);
/* "listed" of explain, in words; "" where lists say nothing. Returns `out`. */
const char *show_listed(const json_t *listed, char *out, size_t room);

#endif
