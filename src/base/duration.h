/* Spans of time as people write and read them: "1h30m", "9m 58s". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

enum { DURATION_TEXT_LONGEST = 48 }; /* with NUL */

#define DURATION_MOST_MS (3650ull * 86400 * 1000) /* ten years */

/* Numbers with ms, s, m, h, d or w, at most ten years; a bare "0" is none. */
bool duration_parse(const char *text, uint64_t *ret_ms)
	__attribute__((warn_unused_result));
/* The two largest units, "0s" at least. Returns `out`. */
const char *duration_format(uint64_t ms, char out[DURATION_TEXT_LONGEST]);

#endif
