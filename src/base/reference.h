/*
 * The reference of a session, as a person reads it out over the telephone.
 *
 * A session id in Crockford's base32: digits and capitals without I, L, O and
 * U; no leading zeros. What people mistake is read as what was meant.
 */
#ifndef BASE_REFERENCE_H
#define BASE_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { REFERENCE_TEXT_LONGEST = 14 }; /* with NUL */

/* Returns `out`. */
const char *reference_format(uint64_t id, char out[REFERENCE_TEXT_LONGEST]);
/* Any case; O is 0, I and L are 1, "-" is skipped. */
bool reference_parse(const char *text, uint64_t *ret_id)
	__attribute__((warn_unused_result));

#endif
