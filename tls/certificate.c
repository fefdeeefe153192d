/*
 * A listener's certificates and which of them a client gets.
 *
 * Certificates are grouped by the names in them, not by configuration: for
 * the name a client asks for (SNI) the first certificate of each kind (RSA,
 * ECDSA, ...) that is good for it is offered, those that spell the name out
 * before those with a wildcard. OpenSSL then chooses the kind by what the
 * client offers. No name, or a name of nobody: the first certificate and
 * those of another kind that share a name with it. That group sits in the
 * SSL_CTX, so that a listener with one name costs nothing per connection.
 *
 * The files are read at the start, by a process with rights, and never again.
 *
 * Must not know: listeners, logs. Called by context.c, and by OpenSSL in each
 * handshake. What can go wrong: all that files can be; it is said with the
 * file's name and what to do. A key that others may read, or a certificate
 * out of its time, is a warning: mail goes on. (Whether it is out of its time
 * OpenSSL decides by the wall clock.)
 */
#include "certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "message.h"

static bool kind_of(EVP_PKEY *key, enum certificate_kind *ret_kind)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA: *ret_kind = CERTIFICATE_RSA; return true;
	case EVP_PKEY_RSA_PSS: *ret_kind = CERTIFICATE_RSA_PSS; return true;
	case EVP_PKEY_EC: *ret_kind = CERTIFICATE_EC; return true;
	case EVP_PKEY_ED25519: *ret_kind = CERTIFICATE_ED25519; return true;
	case EVP_PKEY_ED448: *ret_kind = CERTIFICATE_ED448; return true;
	default: return false; /* OpenSSL's numbers, not an enum of ours */
	}
}

static bool complain(char error[TLS_ERROR_LONGEST],
	const struct tls_certificate *files, const char *what, const char *path,
	const char *why)
{
	error[0] = '\0'; /* warnings matter no more */
	message_add(error, TLS_ERROR_LONGEST, "certificate %s: %s %s: %s",
		files->name, what, path, why);
	ERR_clear_error();
	return false;
}

static FILE *open_file(const struct tls_certificate *files, const char *what,
	const char *path, char error[TLS_ERROR_LONGEST])
{
	FILE *file;

	if (path == NULL || path[0] == '\0') {
		(void)complain(error, files, what, "", "no file is given");
		return NULL;
	}
	file = fopen(path, "re");
	if (file == NULL)
		(void)complain(error, files, what, path, strerror(errno));
	return file;
}

/* In place of OpenSSL's own, which would ask at the terminal. */
static int no_password(char *out, int room, int writing, void *ret_asked)
{
	(void)out;
	(void)room;
	(void)writing;
	*(bool *)ret_asked = true;
	return -1;
}

static bool read_chain(struct certificate *certificate, FILE *file,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	bool asked = false;
	X509 *next;

	certificate->leaf = PEM_read_X509_AUX(file, NULL, no_password, &asked);
	if (certificate->leaf == NULL)
		return complain(error, files, "chain", files->chain,
			"no certificate in PEM form in it");
	certificate->chain = sk_X509_new_null();
	if (certificate->chain == NULL)
		return complain(
			error, files, "chain", files->chain, "out of memory");
	while ((next = PEM_read_X509(file, NULL, no_password, &asked))) {
		if (sk_X509_push(certificate->chain, next) > 0)
			continue;
		X509_free(next);
		return complain(
			error, files, "chain", files->chain, "out of memory");
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return complain(error, files, "chain", files->chain,
			"a certificate behind the first is damaged");
	ERR_clear_error(); /* the end of the file */
	return true;
}

static bool read_key(struct certificate *certificate, FILE *file,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	bool asked = false;

	certificate->key = PEM_read_PrivateKey(file, NULL, no_password, &asked);
	if (certificate->key == NULL)
		return complain(error, files, "key", files->key,
			asked ? "it has a password; store it without one and "
				"let only root read it (0600)"
			      : "no private key in PEM form in it");
	if (!kind_of(certificate->key, &certificate->kind))
		return complain(error, files, "key", files->key,
			"its kind cannot be used: take RSA or ECDSA");
	if (X509_check_private_key(certificate->leaf, certificate->key) == 1)
		return true;
	error[0] = '\0';
	message_add(error, TLS_ERROR_LONGEST,
		"certificate %s: key %s does not fit chain %s (the "
		"server's own certificate must be the first in it)",
		files->name, files->key, files->chain);
	ERR_clear_error();
	return false;
}

static void warn_of_dates(const struct certificate *certificate,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	if (X509_cmp_current_time(X509_get0_notAfter(certificate->leaf)) < 0)
		message_add(error, TLS_ERROR_LONGEST,
			"certificate %s: chain %s: the certificate has "
			"expired: renew it",
			files->name, files->chain);
	if (X509_cmp_current_time(X509_get0_notBefore(certificate->leaf)) > 0)
		message_add(error, TLS_ERROR_LONGEST,
			"certificate %s: chain %s: the certificate is not "
			"valid yet: is the clock right?",
			files->name, files->chain);
}

static bool load_one(struct certificate *certificate,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	FILE *file = open_file(files, "chain", files->chain, error);
	bool ok;

	if (file == NULL)
		return false;
	ok = read_chain(certificate, file, files, error);
	(void)fclose(file); /* was only read */
	if (!ok)
		return false;
	file = open_file(files, "key", files->key, error);
	if (file == NULL)
		return false;
	ok = read_key(certificate, file, files, error);
	if (ok)
		warn_of_dates(certificate, files, error);
	(void)fclose(file);
	return ok;
}

static void pick_add(
	struct certificate_pick *pick, const struct certificate *certificate)
{
	if (pick->of[certificate->kind] == NULL)
		pick->of[certificate->kind] = certificate;
}

/* false: the name is of nobody, *ret_pick as it was. */
static bool pick_by_name(const struct certificate_set *set, const char *name,
	struct certificate_pick *ret_pick)
{
	static const unsigned int flags[] = {X509_CHECK_FLAG_NO_WILDCARDS,
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS};
	struct certificate_pick pick = {0};
	size_t n = strlen(name);
	bool any = false;

	/* OpenSSL takes a leading dot for "any name below". */
	if (n == 0 || name[0] == '.')
		return false;
	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < set->count; i++)
			if (X509_check_host(set->items[i].leaf, name, n,
				    flags[f], NULL) == 1) {
				pick_add(&pick, &set->items[i]);
				any = true;
			}
	if (any)
		*ret_pick = pick;
	return any;
}

/* Is any name in a's certificate one that b's is good for? A wildcard in a
 * matches only the same wildcard in b. */
static bool covers_one_of(X509 *b, X509 *a)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(a, NID_subject_alt_name, NULL, NULL);
	char common[256];
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		found = X509_check_host(b,
				(const char *)ASN1_STRING_get0_data(
					name->d.dNSName),
				(size_t)ASN1_STRING_length(name->d.dNSName), 0,
				NULL) == 1;
	}
	if (names == NULL &&
		X509_NAME_get_text_by_NID(X509_get_subject_name(a),
			NID_commonName, common, sizeof(common)) > 0)
		found = X509_check_host(b, common, 0, 0, NULL) == 1;
	GENERAL_NAMES_free(names);
	return found;
}

static void pick_usual(struct certificate_set *set)
{
	X509 *first = set->items[0].leaf;

	pick_add(&set->usual, &set->items[0]);
	for (size_t i = 1; i < set->count; i++)
		if (covers_one_of(set->items[i].leaf, first) ||
			covers_one_of(first, set->items[i].leaf))
			pick_add(&set->usual, &set->items[i]);
}

bool certificate_set_init(struct certificate_set *set,
	const struct tls_certificate *files, size_t count,
	char error[TLS_ERROR_LONGEST])
{
	*set = (struct certificate_set){0};
	set->items = calloc(count, sizeof(*set->items));
	if (set->items == NULL) {
		message_add(error, TLS_ERROR_LONGEST, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		set->count = i + 1; /* half-built is freed as well */
		if (!load_one(&set->items[i], &files[i], error))
			return false;
	}
	pick_usual(set);
	return true;
}

void certificate_set_done(struct certificate_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		X509_free(set->items[i].leaf);
		EVP_PKEY_free(set->items[i].key); /* wiped by OpenSSL */
		sk_X509_pop_free(set->items[i].chain, X509_free);
	}
	free(set->items);
	*set = (struct certificate_set){0};
}

/* What OpenSSL refuses (a key too small for the level) shall be known at the
 * start, for every certificate, not in somebody's handshake. */
static bool try_one(const struct certificate *one, SSL_CTX *ctx,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	SSL *ssl = SSL_new(ctx);
	char why[200] = "";
	bool ok = ssl != NULL && SSL_use_cert_and_key(ssl, one->leaf, one->key,
					 one->chain, 1) == 1;

	SSL_free(ssl);
	if (ok)
		return true;
	message_of_openssl(why, sizeof(why));
	return complain(error, files, "chain", files->chain, why);
}

bool certificate_set_use(const struct certificate_set *set, SSL_CTX *ctx,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
{
	for (size_t i = 0; i < set->count; i++)
		if (!try_one(&set->items[i], ctx, &files[i], error))
			return false;
	for (size_t i = 0; i < CERTIFICATE_KIND_COUNT; i++) {
		const struct certificate *one = set->usual.of[i];

		if (one != NULL && SSL_CTX_use_cert_and_key(ctx, one->leaf,
					   one->key, one->chain, 1) != 1) {
			message_of_openssl(error, TLS_ERROR_LONGEST);
			return false;
		}
	}
	return true;
}

int certificate_on_hello(SSL *ssl, void *arg)
{
	const struct certificate_set *set = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct certificate_pick pick;

	if (name == NULL || !pick_by_name(set, name, &pick) ||
		memcmp(&pick, &set->usual, sizeof(pick)) == 0)
		return 1;
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < CERTIFICATE_KIND_COUNT; i++) {
		const struct certificate *one = pick.of[i];

		if (one != NULL && SSL_use_cert_and_key(ssl, one->leaf,
					   one->key, one->chain, 1) != 1)
			return 0;
	}
	return 1;
}
