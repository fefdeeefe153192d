/*
 * Reads a log as it comes and tells what it says, entry by entry.
 *
 * A record is a line with a head (a time stamp) and the lines without one that
 * follow it: a name with a newline in it does not end its record. A log that
 * begins with "{" is postern's own. What is told, and what an attacker can
 * still do to a log: docs/logs.md.
 */
#ifndef LOGS_READER_H
#define LOGS_READER_H

#include "../base/units.h"
#include "entry.h"
#include "patterns.h"

struct reader;

/* The entry's user is valid during the call only. */
typedef void reader_tell(void *arg, const struct entry *entry);

struct reader_counts {
	uint64_t octets, lines;
	uint64_t entries; /* told */
	uint64_t skipped; /* records that no pattern knows */
	uint64_t twins;	  /* second lines of one login, not told */
	uint64_t limits;  /* records that took a pattern too long */
	uint64_t cut;	  /* records too long to be kept whole */
};

void reader_counts_add(
	struct reader_counts *sum, const struct reader_counts *more);

enum reader_kind {
	READER_GUESS, /* by its first octet */
	READER_TEXT,
	READER_FOLLOW, /* text, from its middle on: nothing counts before the
			  first head, or a log that shows none for long */
	READER_JSON,   /* postern's log */
};

/* patterns are borrowed. NULL without memory. Caller frees. */
struct reader *reader_new(const struct patterns *patterns,
	enum reader_kind kind, reader_tell *tell, void *arg);
void reader_free(struct reader **reader);

/* now: of the arrival; 0 for all where there is none. The last record is kept
 * until the next one begins, or reader_quiet(). */
void reader_feed(struct reader *reader, mono_ms_t now, struct slice octets);
/* Nothing has come for a moment: the last record is whole, if its line is. */
void reader_quiet(struct reader *reader);
/* The end of this file, and another one begins: a half line is a line. */
void reader_end(struct reader *reader);
/* The same for one that is followed: what is half a line is nobody's word, and
 * the shape of its heads stays. */
void reader_break(struct reader *reader);
const struct reader_counts *reader_counts(const struct reader *reader);

#endif
