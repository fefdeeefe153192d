/*
 * What strangers chose, as a terminal may have it (see printable.h).
 *
 * Pure but for the locale, which says what a character is. Marks without a
 * width are escaped, too: among them are those that reverse what stands behind
 * them, and a name of a thousand accents is one column wide.
 */
#include "printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum { ESCAPE_OCTETS = 4 }; /* \xHH */

/* Octets of the character at `text` and its columns; 0: escape one octet. */
static size_t character_at(const char *text, size_t n, size_t *ret_columns)
{
	mbstate_t state = {0};
	wchar_t c;
	size_t octets = mbrtowc(&c, text, n, &state);
	int columns;

	if (octets == 0 || octets > n) /* (size_t)-1, -2: broken, or cut */
		return 0;
	columns = wcwidth(c);
	if (columns <= 0 || !iswprint((wint_t)c))
		return 0;
	*ret_columns = (size_t)columns;
	return octets;
}

void printable_tame(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		unsigned char c = (unsigned char)*from;
		/* U+0080 to U+009F: CSI and the like, for some terminals */
		bool c1 = c == 0xc2 && (unsigned char)from[1] >= 0x80 &&
			  (unsigned char)from[1] < 0xa0;

		*to++ = c < 0x20 || c == 0x7f || c1 ? '?' : *from;
		from += c1;
	}
	*to = '\0';
}

size_t printable_columns(const char *text)
{
	size_t left = strlen(text), columns = 0;

	while (left > 0) {
		size_t wide = ESCAPE_OCTETS;
		size_t octets = character_at(text, left, &wide);

		columns += wide;
		octets += octets == 0;
		text += octets;
		left -= octets;
	}
	return columns;
}

size_t printable_copy(
	const char *text, size_t columns_most, char *out, size_t room)
{
	size_t left = strlen(text), n = 0, columns = 0;

	while (left > 0) {
		char escape[ESCAPE_OCTETS + 1];
		size_t wide = 0, octets = character_at(text, left, &wide);
		const char *from = octets > 0 ? text : escape;
		size_t copied = octets > 0 ? octets : ESCAPE_OCTETS;

		if (octets == 0) {
			(void)snprintf(escape, sizeof(escape), "\\x%02x",
				(unsigned)(unsigned char)*text);
			octets = 1;
			wide = ESCAPE_OCTETS;
		}
		if (wide > columns_most - columns || copied >= room - n)
			break;
		memcpy(out + n, from, copied);
		n += copied;
		columns += wide;
		text += octets;
		left -= octets;
	}
	out[n] = '\0';
	return columns;
}
