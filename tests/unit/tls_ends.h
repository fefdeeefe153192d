/*
 * The two ends of a TLS connection in one process, for test_tls*.c.
 *
 * Certificates are made here, into a folder of the test's own. A `pair` has
 * tls/ at both ends of a socketpair; a `bare` has OpenSSL itself at the
 * client's end, for what tls/ never does (ALPN, resumption, renegotiation,
 * chosen ciphers). Functions, not a library: each test is one file, and not
 * every file uses all of them.
 */
#ifndef TESTS_UNIT_TLS_ENDS_H
#define TESTS_UNIT_TLS_ENDS_H

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "../../tls/connection.h"
#include "../../tls/context.h"

enum { PATH_LONGEST = 256, ROUNDS_MOST = 100000 };

static char folder[] = "/tmp/postern-tls-XXXXXX";

/* --- certificates ------------------------------------------------------ */

struct recipe {
	const char *file; /* FILE.pem has the chain, FILE.key the key */
	const char *san;  /* "DNS:a,DNS:b" or NULL */
	const char *common;
	const char *issuer; /* FILE, or NULL: signs itself */
	bool is_rsa;
	bool is_ca;
	int days_from, days_to;
};

static const struct recipe recipes[] = {
	{"ca", NULL, "Test CA", NULL, false, true, -1, 30},
	{"a-rsa", "DNS:a.test", "a.test", "ca", true, false, -1, 30},
	{"a-ec", "DNS:a.test,DNS:aa.test", "x", "ca", false, false, -1, 30},
	{"b-rsa", "DNS:b.test", "b.test", "ca", true, false, -1, 30},
	{"wild-ec", "DNS:*.w.test", "w", "ca", false, false, -1, 30},
	{"exact-rsa", "DNS:mail.w.test", "w", "ca", true, false, -1, 30},
	{"exact-ec", "DNS:mail.w.test", "w", "ca", false, false, -1, 30},
	{"self", "DNS:a.test", "a.test", NULL, false, false, -1, 30},
	{"old", "DNS:a.test", "a.test", "ca", false, false, -9, -2},
	{"early", "DNS:a.test", "a.test", "ca", false, false, 5, 30},
	{"evil", "DNS:bad name\x7f", "z", "ca", false, false, -1, 30},
	{"common", NULL, "cn.test", "ca", false, false, -1, 30},
	{"address", "IP:192.0.2.1", "ip", "ca", false, false, -1, 30},
};

/* A few at a time; enough for one expression. */
static inline const char *path_of(const char *file, const char *ending)
{
	static char paths[8][PATH_LONGEST];
	static unsigned int turn;
	char *path = paths[turn++ % 8];

	assert_true(snprintf(path, PATH_LONGEST, "%s/%s%s", folder, file,
			    ending) < PATH_LONGEST);
	return path;
}

static inline FILE *open_in_folder(
	const char *file, const char *ending, const char *how)
{
	FILE *f = fopen(path_of(file, ending), how);

	assert_non_null(f);
	return f;
}

static inline EVP_PKEY *load_key(const char *file)
{
	FILE *f = open_in_folder(file, ".key", "r");
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	(void)fclose(f);
	assert_non_null(key);
	return key;
}

static inline X509 *load_leaf(const char *file)
{
	FILE *f = open_in_folder(file, ".pem", "r");
	X509 *leaf = PEM_read_X509(f, NULL, NULL, NULL);

	(void)fclose(f);
	assert_non_null(leaf);
	return leaf;
}

static inline void add_extension(
	X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline void write_pair(
	const char *file, X509 *x, X509 *issuer, EVP_PKEY *key)
{
	FILE *f = open_in_folder(file, ".pem", "w");

	assert_int_equal(PEM_write_X509(f, x), 1);
	if (issuer != x)
		assert_int_equal(PEM_write_X509(f, issuer), 1);
	(void)fclose(f);
	f = open_in_folder(file, ".key", "w");
	assert_int_equal(
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	(void)fclose(f);
}

static inline void make_pair(const struct recipe *recipe)
{
	static long serial = 1;
	EVP_PKEY *key =
		recipe->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509 *issuer = recipe->issuer ? load_leaf(recipe->issuer) : x;
	EVP_PKEY *signer = recipe->issuer ? load_key(recipe->issuer) : key;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), recipe->days_from * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(x), recipe->days_to * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)recipe->common, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	add_extension(x, issuer, NID_basic_constraints,
		recipe->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (recipe->san != NULL)
		add_extension(x, issuer, NID_subject_alt_name, recipe->san);
	assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
	write_pair(recipe->file, x, issuer, key);
	if (signer != key)
		EVP_PKEY_free(signer);
	if (issuer != x)
		X509_free(issuer);
	X509_free(x);
	EVP_PKEY_free(key);
}

static inline int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
		make_pair(&recipes[i]);
	return 0;
}

static inline int remove_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
		(void)unlink(path_of(recipes[i].file, ".pem"));
		(void)unlink(path_of(recipes[i].file, ".key"));
	}
	(void)unlink(path_of("made", ".pem"));
	(void)unlink(path_of("made", ".key"));
	return rmdir(folder);
}

static inline void hex_pin_of(const char *file, char hex[65])
{
	X509 *leaf = load_leaf(file);
	unsigned char *der = NULL;
	unsigned char hash[32];
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);

	assert_true(n > 0);
	EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02X", hash[i]);
	OPENSSL_free(der);
	X509_free(leaf);
}

/* --- contexts ---------------------------------------------------------- */

enum { FILES_MOST = 4 };

static inline struct tls_context *server_of(const char *name,
	enum tls_version least, const char *ciphers,
	const char *const files[FILES_MOST], char error[TLS_ERROR_LONGEST])
{
	struct tls_certificate certificates[FILES_MOST];
	struct tls_server_conf conf = {.name = name,
		.certificates = certificates,
		.version_least = least,
		.ciphers = ciphers};

	while (conf.certificate_count < FILES_MOST &&
		files[conf.certificate_count] != NULL) {
		const char *file = files[conf.certificate_count];

		certificates[conf.certificate_count++] =
			(struct tls_certificate){.name = file,
				.chain = path_of(file, ".pem"),
				.key = path_of(file, ".key")};
	}
	return tls_server_new(&conf, error);
}

static inline struct tls_context *server_new(
	const char *const files[FILES_MOST])
{
	char error[TLS_ERROR_LONGEST];
	struct tls_context *context =
		server_of("mx", TLS_1_2, NULL, files, error);

	assert_string_equal(error, "");
	assert_non_null(context);
	return context;
}

static const char *const only_a[FILES_MOST] = {"a-ec"};

static inline struct tls_context *client_new(struct tls_client_conf conf)
{
	char error[TLS_ERROR_LONGEST];
	struct tls_context *context;

	conf.name = "domino";
	if (conf.level == 0)
		conf.level = 2;
	context = tls_client_new(&conf, error);
	assert_string_equal(error, "");
	assert_non_null(context);
	return context;
}

static inline struct tls_context *easy_client(void)
{
	return client_new((struct tls_client_conf){.version_least = TLS_1_2});
}

/* --- pairs ------------------------------------------------------------- */

static inline void make_sockets(int fds[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0, fds),
		0);
}

static inline bool is_wait(enum tls_result result)
{
	return result == TLS_WANT_READ || result == TLS_WANT_WRITE;
}

struct pair {
	int fds[2]; /* server's, client's */
	struct tls_connection *server;
	struct tls_connection *client;
	enum tls_result server_result;
	enum tls_result client_result;
};

static inline void pair_shake(struct pair *pair)
{
	pair->server_result = TLS_WANT_READ;
	pair->client_result = TLS_WANT_READ;
	for (int i = 0; i < 100; i++) {
		if (is_wait(pair->client_result))
			pair->client_result = tls_handshake(pair->client);
		if (is_wait(pair->server_result))
			pair->server_result = tls_handshake(pair->server);
	}
}

/* Takes both contexts: connections hold them. */
static inline struct pair pair_new(
	struct tls_context *server, struct tls_context *client)
{
	struct pair pair;

	make_sockets(pair.fds);
	pair.server = tls_accept_new(server, pair.fds[0]);
	pair.client = tls_connect_new(client, pair.fds[1]);
	assert_non_null(pair.server);
	assert_non_null(pair.client);
	tls_context_free(&server);
	tls_context_free(&client);
	pair_shake(&pair);
	return pair;
}

static inline struct pair easy_pair(void)
{
	struct pair pair = pair_new(server_new(only_a), easy_client());

	assert_int_equal(pair.server_result, TLS_OK);
	assert_int_equal(pair.client_result, TLS_OK);
	return pair;
}

static inline void pair_free(struct pair *pair)
{
	tls_free(&pair->server);
	tls_free(&pair->client);
	(void)close(pair->fds[0]);
	(void)close(pair->fds[1]);
}

static inline void say(struct tls_connection *from, const char *text)
{
	size_t n = 0;

	assert_int_equal(tls_write(from, text, strlen(text), &n), TLS_OK);
	assert_int_equal(n, strlen(text));
}

static inline void hear(struct tls_connection *at, const char *text)
{
	char out[256];
	size_t n = 0;
	enum tls_result result = TLS_WANT_READ;

	/* New tickets come first: each is a call that brings nothing. */
	for (int i = 0; i < 8 && result == TLS_WANT_READ; i++)
		result = tls_read(at, out, sizeof(out), &n);
	assert_int_equal(result, TLS_OK);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(out, text, n);
}

static inline enum tls_result read_end(struct tls_connection *at)
{
	char out[64];
	size_t n = 77;
	enum tls_result result = TLS_WANT_READ;

	for (int i = 0; i < 8 && result == TLS_WANT_READ; i++)
		result = tls_read(at, out, sizeof(out), &n);
	assert_int_equal(n, 77);
	return result;
}

/* --- a bare client ----------------------------------------------------- */

struct bare {
	int fds[2];
	SSL *ssl;
	struct tls_connection *server;
	enum tls_result server_result;
	bool is_done;
};

static const int both_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static inline SSL_CTX *bare_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	return ctx;
}

static inline struct bare bare_new(struct tls_context *server, SSL_CTX *ctx,
	const char *name, SSL_SESSION *session)
{
	struct bare bare = {.server_result = TLS_WANT_READ};

	make_sockets(bare.fds);
	bare.server = tls_accept_new(server, bare.fds[0]);
	bare.ssl = SSL_new(ctx);
	assert_non_null(bare.server);
	assert_non_null(bare.ssl);
	SSL_set_fd(bare.ssl, bare.fds[1]);
	SSL_set_connect_state(bare.ssl);
	if (name != NULL)
		SSL_set_tlsext_host_name(bare.ssl, name);
	if (session != NULL)
		SSL_set_session(bare.ssl, session);
	return bare;
}

static inline void bare_shake(struct bare *bare)
{
	int ret = -1;

	for (int i = 0; i < 100; i++) {
		ERR_clear_error();
		if (!bare->is_done) {
			ret = SSL_do_handshake(bare->ssl);
			bare->is_done = ret == 1;
		}
		if (is_wait(bare->server_result))
			bare->server_result = tls_handshake(bare->server);
	}
}

static inline void bare_free(struct bare *bare)
{
	tls_free(&bare->server);
	SSL_free(bare->ssl);
	(void)close(bare->fds[0]);
	(void)close(bare->fds[1]);
}

/* --- what tests share -------------------------------------------------- */

#define assert_says(error, text) assert_non_null(strstr(error, text))

static inline size_t used_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

#endif
