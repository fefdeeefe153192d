/*
 * The reference of a session: 64 bits in Crockford's base32.
 *
 * Shown to a client in postern's own replies and written in the log, so that
 * `posternctl explain REFERENCE` finds the address behind a complaint. Knows
 * nothing of sessions. A text that is no reference, or is larger than 64
 * bits, is refused.
 */
#include "reference.h"

#include <stddef.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { DIGITS_MOST = REFERENCE_TEXT_LONGEST - 1, DIGIT_BITS = 5 };

const char *reference_format(uint64_t id, char out[REFERENCE_TEXT_LONGEST])
{
	char text[REFERENCE_TEXT_LONGEST];
	size_t at = DIGITS_MOST;

	text[at] = '\0';
	do {
		text[--at] = digits[id % 32];
		id /= 32;
	} while (id > 0);
	memcpy(out, text + at, sizeof(text) - at);
	return out;
}

/* -1: not a digit. */
static int digit_value(char c)
{
	const char *found;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	if (c == '\0')
		return -1;
	found = strchr(digits, c);
	return found == NULL ? -1 : (int)(found - digits);
}

bool reference_parse(const char *text, uint64_t *ret_id)
{
	uint64_t id = 0;
	unsigned count = 0;

	for (; *text != '\0'; text++) {
		int value;

		if (*text == '-')
			continue;
		value = digit_value(*text);
		if (value < 0 || ++count > DIGITS_MOST)
			return false;
		if (id > UINT64_MAX >> DIGIT_BITS) /* more than 64 bits */
			return false;
		id = id << DIGIT_BITS | (uint64_t)value;
	}
	if (count == 0)
		return false;
	*ret_id = id;
	return true;
}
