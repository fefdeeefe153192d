/*
 * A line of the log, read back: its fields, in either format.
 *
 * Pure. Lines come from all processes, one of which may be an attacker's: any
 * octets will do.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../proto/slice.h"
#include "log.h"

struct log_field {
	struct slice key;
	struct slice value; /* as it stands, without quotes */
	bool quoted;
};

struct log_reader {
	struct slice line;
	size_t at;
	unsigned index; /* fields so far */
	enum log_format format;
};

/* The line without its newline. A line in somebody else's words (log_phrase)
 * has a time and one field more, `text`. */
void log_reader_begin(struct log_reader *reader, struct slice line);
/* The next field: time, level, process and event come first. false: no more. */
bool log_reader_next(struct log_reader *reader, struct log_field *ret_field);
/* What the field says, its escapes undone; cut at `room`. Returns octets. */
size_t log_field_text(const struct log_reader *reader,
	const struct log_field *field, char *out, size_t room);

#endif
