/* The keys of one listener's session tickets. */
#ifndef TLS_TICKET_H
#define TLS_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum { TICKET_NAME_BYTES = 16, TICKET_KEY_BYTES = 32 };

struct ticket_key {
	uint8_t name[TICKET_NAME_BYTES];
	uint8_t cipher[TICKET_KEY_BYTES];
	uint8_t mac[TICKET_KEY_BYTES];
};

struct ticket_keys {
	uint8_t seed[TICKET_KEY_BYTES]; /* the next key comes from it */
	struct ticket_key now;
	struct ticket_key before;
	bool has_before;
	EVP_CIPHER *aes; /* fetched once: a fetch costs more than its use */
};

bool ticket_keys_init(struct ticket_keys *keys)
	__attribute__((warn_unused_result));
void ticket_keys_rotate(struct ticket_keys *keys);
void ticket_keys_done(struct ticket_keys *keys);

/* One ticket is sealed or opened: OpenSSL's callback, less the SSL. */
int ticket_handle(const struct ticket_keys *keys, uint8_t *name, uint8_t *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);

#endif
