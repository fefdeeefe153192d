/*
 * The keys of one listener's session tickets.
 *
 * Key number k is made from seed k, and so is seed k + 1, by HMAC. The first
 * seed is random and is made before the workers are forked, so all workers
 * that rotated equally often have the same keys and open each other's
 * tickets, with no word between them. Old seeds are wiped: who learns a seed
 * learns the keys to come, not those that were. A worker that is forked later
 * agrees with the others when its parent rotated along with them; when it
 * did not, tickets are not opened and full handshakes follow, nothing worse.
 *
 * The key before is kept for opening only; a ticket under it is renewed.
 *
 * Must not know: time (the caller says when to rotate). Called by context.c.
 */
#include "ticket.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include "../src/base/check.h"
#include "../src/base/secret.h"

static void derive(const uint8_t seed[TICKET_KEY_BYTES], const char *label,
	uint8_t *out, size_t n)
{
	uint8_t all[TICKET_KEY_BYTES];
	unsigned int count = 0;

	/* Fails without memory only, and without a key there is no going on:
	 * a ticket under a known key would be worse than a restart. */
	CHECK(HMAC(EVP_sha256(), seed, TICKET_KEY_BYTES, (const uint8_t *)label,
		      strlen(label), all, &count) != NULL);
	CHECK(count == sizeof(all) && n <= sizeof(all));
	memcpy(out, all, n);
	secret_wipe(all, sizeof(all));
}

static void key_make(struct ticket_keys *keys)
{
	uint8_t next[TICKET_KEY_BYTES];

	derive(keys->seed, "name", keys->now.name, sizeof(keys->now.name));
	derive(keys->seed, "cipher", keys->now.cipher,
		sizeof(keys->now.cipher));
	derive(keys->seed, "mac", keys->now.mac, sizeof(keys->now.mac));
	derive(keys->seed, "next", next, sizeof(next));
	memcpy(keys->seed, next, sizeof(next));
	secret_wipe(next, sizeof(next));
}

bool ticket_keys_init(struct ticket_keys *keys)
{
	keys->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (keys->aes == NULL)
		return false;
	secret_random(keys->seed, sizeof(keys->seed));
	keys->has_before = false;
	key_make(keys);
	return true;
}

void ticket_keys_rotate(struct ticket_keys *keys)
{
	keys->before = keys->now;
	keys->has_before = true;
	key_make(keys);
}

void ticket_keys_done(struct ticket_keys *keys)
{
	EVP_CIPHER_free(keys->aes);
	secret_wipe(keys, sizeof(*keys));
}

static bool mac_start(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	uint8_t octets[TICKET_KEY_BYTES];
	char digest[] = "SHA256";
	OSSL_PARAM params[3];
	bool ok;

	memcpy(octets, key->mac, sizeof(octets)); /* OSSL_PARAM is not const */
	params[0] = OSSL_PARAM_construct_octet_string(
		OSSL_MAC_PARAM_KEY, octets, sizeof(octets));
	params[1] = OSSL_PARAM_construct_utf8_string(
		OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	ok = EVP_MAC_CTX_set_params(mac, params) == 1;
	secret_wipe(octets, sizeof(octets));
	return ok;
}

static int ticket_seal(const struct ticket_keys *keys, uint8_t *name,
	uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	memcpy(name, keys->now.name, TICKET_NAME_BYTES);
	secret_random(iv, (size_t)EVP_CIPHER_get_iv_length(keys->aes));
	if (EVP_EncryptInit_ex2(
		    cipher, keys->aes, keys->now.cipher, iv, NULL) != 1 ||
		!mac_start(mac, &keys->now))
		return -1;
	return 1;
}

static int ticket_open(const struct ticket_keys *keys, const uint8_t *name,
	const uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_key *key = &keys->now;

	if (memcmp(name, key->name, TICKET_NAME_BYTES) != 0) {
		key = &keys->before;
		if (!keys->has_before ||
			memcmp(name, key->name, TICKET_NAME_BYTES) != 0)
			return 0; /* a full handshake */
	}
	if (!mac_start(mac, key) || EVP_DecryptInit_ex2(cipher, keys->aes,
					    key->cipher, iv, NULL) != 1)
		return -1;
	return key == &keys->now ? 1 : 2; /* 2: open it and send a new one */
}

int ticket_handle(const struct ticket_keys *keys, uint8_t *name, uint8_t *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	return sealing ? ticket_seal(keys, name, iv, cipher, mac)
		       : ticket_open(keys, name, iv, cipher, mac);
}
