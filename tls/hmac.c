/*
 * HMAC-SHA256 (see hmac.h).
 */
#include "hmac.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

bool hmac_sha256_hex(const void *key, size_t key_n, const void *text,
	size_t text_n, char ret_hex[HMAC_HEX_LONGEST])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (key_n > INT_MAX ||
		!HMAC(EVP_sha256(), key, (int)key_n, text, text_n, sum, &n) ||
		n * 2 + 1 != HMAC_HEX_LONGEST)
		return false;
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(ret_hex + 2 * (size_t)i, 3, "%02x", sum[i]);
	return true;
}
