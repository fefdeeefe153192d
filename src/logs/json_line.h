/* A line of postern's own log (format json) as an entry. */
#ifndef LOGS_JSON_LINE_H
#define LOGS_JSON_LINE_H

#include "entry.h"

struct json_entry {
	struct entry entry; /* user points to `name` */
	char name[ENTRY_USER_LONGEST + 1];
};

/* false: it says nothing of a login or a ban. */
bool json_line_read(struct slice line, struct json_entry *ret_entry);

#endif
