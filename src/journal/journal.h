/*
 * Reading a journal that was written by a postern, also by a running one.
 *
 * For replays: give each START to policy_new() (numbers_of() of its words),
 * each EVENT to policy_step(), each TICK to policy_tick(), CONFIGURED to
 * policy_configure(), at the row's `now`; behind each empty the queue of
 * actions and let time pass as long as policy_deadline() has come. Behind a
 * GAP, and before the first START, verdicts may differ.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row.h"

struct journal_reader;

/* Is it a file that journal_open() may take? By its first octets. */
bool journal_is(const char *path);
/* NULL: `error` says why. Caller closes. */
struct journal_reader *journal_open(
	const char *path, char *error, size_t error_room);
void journal_close(struct journal_reader **reader);
/* How many rows there are, about; for a progress bar. */
uint64_t journal_count(const struct journal_reader *reader);
/*
 * The next row in order, until there is none: a row of a newer postern is
 * passed over and counted. Give it back with journal_row_done().
 */
bool journal_next(struct journal_reader *reader, struct journal_row *ret_row);
uint64_t journal_unknown_count(const struct journal_reader *reader);

#endif
