/*
 * Who has the token (see token.h).
 */
#include "token.h"

#include <string.h>

#include "../../proto/slice.h"
#include "../base/secret.h"
#include "dash.h"

/* All octets of both, whatever they are. */
static bool same(
	const char a[DASH_TOKEN_LONGEST], const char b[DASH_TOKEN_LONGEST])
{
	unsigned char differ = 0;

	for (size_t i = 0; i < DASH_TOKEN_LONGEST; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	__asm__ volatile("" : "+r"(differ)); /* no early end of the loop */
	return differ == 0;
}

static void pad(char out[DASH_TOKEN_LONGEST], const char *text)
{
	size_t n = strnlen(text, DASH_TOKEN_LONGEST);

	memset(out, 0, DASH_TOKEN_LONGEST);
	if (n < DASH_TOKEN_LONGEST)
		memcpy(out, text, n);
}

bool token_fits(const char *header, const char *token)
{
	static const char scheme[] = "Bearer ";
	const size_t scheme_n = sizeof(scheme) - 1;
	char given[DASH_TOKEN_LONGEST], wanted[DASH_TOKEN_LONGEST];
	bool fits;

	if (!header || token[0] == '\0' ||
		!slice_eq_nocase(
			slice_of(header, strnlen(header, scheme_n)), scheme))
		return false;
	header += scheme_n;
	pad(given, header + strspn(header, " "));
	pad(wanted, token);
	fits = same(given, wanted);
	secret_wipe(given, sizeof(given));
	secret_wipe(wanted, sizeof(wanted));
	return fits;
}
