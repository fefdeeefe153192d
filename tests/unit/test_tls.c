/*
 * tls/: both ends in one process, over a socketpair.
 *
 * The certificates are made here, into a folder of the test's own. Where a
 * peer must do what tls/ never does (ALPN, resumption, renegotiation, chosen
 * ciphers) the other end is bare OpenSSL.
 */
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

/* --- certificates -------------------------------------------------------- */

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
	{ "ca", NULL, "Test CA", NULL, false, true, -1, 30 },
	{ "a-rsa", "DNS:a.test", "a.test", "ca", true, false, -1, 30 },
	{ "a-ec", "DNS:a.test,DNS:aa.test", "x", "ca", false, false, -1, 30 },
	{ "b-rsa", "DNS:b.test", "b.test", "ca", true, false, -1, 30 },
	{ "wild-ec", "DNS:*.w.test", "w", "ca", false, false, -1, 30 },
	{ "exact-rsa", "DNS:mail.w.test", "w", "ca", true, false, -1, 30 },
	{ "self", "DNS:a.test", "a.test", NULL, false, false, -1, 30 },
	{ "old", "DNS:a.test", "a.test", "ca", false, false, -9, -2 },
	{ "early", "DNS:a.test", "a.test", "ca", false, false, 5, 30 },
	{ "evil", "DNS:bad name\n", "z", "ca", false, false, -1, 30 },
	{ "common", NULL, "cn.test", "ca", false, false, -1, 30 },
	{ "address", "IP:192.0.2.1", "ip", "ca", false, false, -1, 30 },
};

/* A few at a time; enough for one expression. */
static const char *path_of(const char *file, const char *ending)
{
	static char paths[8][PATH_LONGEST];
	static unsigned int turn;
	char *path = paths[turn++ % 8];

	assert_true(snprintf(path, PATH_LONGEST, "%s/%s%s", folder, file,
			    ending) < PATH_LONGEST);
	return path;
}

static FILE *open_in_folder(
	const char *file, const char *ending, const char *how)
{
	FILE *f = fopen(path_of(file, ending), how);

	assert_non_null(f);
	return f;
}

static EVP_PKEY *load_key(const char *file)
{
	FILE *f = open_in_folder(file, ".key", "r");
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	(void)fclose(f);
	assert_non_null(key);
	return key;
}

static X509 *load_leaf(const char *file)
{
	FILE *f = open_in_folder(file, ".pem", "r");
	X509 *leaf = PEM_read_X509(f, NULL, NULL, NULL);

	(void)fclose(f);
	assert_non_null(leaf);
	return leaf;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void write_pair(const char *file, X509 *x, X509 *issuer, EVP_PKEY *key)
{
	FILE *f = open_in_folder(file, ".pem", "w");

	assert_int_equal(PEM_write_X509(f, x), 1);
	if (issuer != x)
		assert_int_equal(PEM_write_X509(f, issuer), 1);
	(void)fclose(f);
	f = open_in_folder(file, ".key", "w");
	assert_int_equal(PEM_write_PrivateKey(
				 f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	(void)fclose(f);
}

static void make_pair(const struct recipe *recipe)
{
	static long serial = 1;
	EVP_PKEY *key = recipe->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
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

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++)
		make_pair(&recipes[i]);
	return 0;
}

static int remove_folder(void **state)
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

static void hex_pin_of(const char *file, char hex[65])
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

/* --- contexts ------------------------------------------------------------ */

enum { FILES_MOST = 4 };

static struct tls_context *server_of(const char *name, enum tls_version least,
	const char *ciphers, const char *const files[FILES_MOST],
	char error[TLS_ERROR_LONGEST])
{
	struct tls_certificate certificates[FILES_MOST];
	struct tls_server_conf conf = { .name = name,
		.certificates = certificates,
		.version_least = least,
		.ciphers = ciphers };

	while (conf.certificate_count < FILES_MOST &&
		files[conf.certificate_count] != NULL) {
		const char *file = files[conf.certificate_count];

		certificates[conf.certificate_count++] =
			(struct tls_certificate){ .name = file,
				.chain = path_of(file, ".pem"),
				.key = path_of(file, ".key") };
	}
	return tls_server_new(&conf, error);
}

static struct tls_context *server_new(const char *const files[FILES_MOST])
{
	char error[TLS_ERROR_LONGEST];
	struct tls_context *context =
		server_of("mx", TLS_1_2, NULL, files, error);

	assert_string_equal(error, "");
	assert_non_null(context);
	return context;
}

static const char *const only_a[FILES_MOST] = { "a-ec" };

static struct tls_context *client_new(struct tls_client_conf conf)
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

static struct tls_context *easy_client(void)
{
	return client_new(
		(struct tls_client_conf){ .version_least = TLS_1_2 });
}

/* --- pairs --------------------------------------------------------------- */

static void make_sockets(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
					 SOCK_CLOEXEC, 0, fds), 0);
}

static bool is_wait(enum tls_result result)
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

static void pair_shake(struct pair *pair)
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
static struct pair pair_new(struct tls_context *server,
	struct tls_context *client)
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

static struct pair easy_pair(void)
{
	struct pair pair = pair_new(server_new(only_a), easy_client());

	assert_int_equal(pair.server_result, TLS_OK);
	assert_int_equal(pair.client_result, TLS_OK);
	return pair;
}

static void pair_free(struct pair *pair)
{
	tls_free(&pair->server);
	tls_free(&pair->client);
	(void)close(pair->fds[0]);
	(void)close(pair->fds[1]);
}

static void say(struct tls_connection *from, const char *text)
{
	size_t n = 0;

	assert_int_equal(tls_write(from, text, strlen(text), &n), TLS_OK);
	assert_int_equal(n, strlen(text));
}

static void hear(struct tls_connection *at, const char *text)
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

static enum tls_result read_end(struct tls_connection *at)
{
	char out[64];
	size_t n = 77;
	enum tls_result result = TLS_WANT_READ;

	for (int i = 0; i < 8 && result == TLS_WANT_READ; i++)
		result = tls_read(at, out, sizeof(out), &n);
	assert_int_equal(n, 77);
	return result;
}

/* --- a bare client ------------------------------------------------------- */

struct bare {
	int fds[2];
	SSL *ssl;
	struct tls_connection *server;
	enum tls_result server_result;
	bool is_done;
};

static SSL_CTX *bare_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	return ctx;
}

static struct bare bare_new(struct tls_context *server, SSL_CTX *ctx,
	const char *name, SSL_SESSION *session)
{
	struct bare bare = { .server_result = TLS_WANT_READ };

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

static void bare_shake(struct bare *bare)
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

static void bare_free(struct bare *bare)
{
	tls_free(&bare->server);
	SSL_free(bare->ssl);
	(void)close(bare->fds[0]);
	(void)close(bare->fds[1]);
}

/* --- handshakes ---------------------------------------------------------- */

static void handshake_takes_the_best_common_version(void **state)
{
	static const struct {
		int client_most;
		enum tls_version least;
		const char *name; /* NULL: refused */
	} cases[] = {
		{ TLS1_3_VERSION, TLS_1_2, "TLSv1.3" },
		{ TLS1_2_VERSION, TLS_1_2, "TLSv1.2" },
		{ TLS1_1_VERSION, TLS_1_2, NULL },
		{ TLS1_VERSION, TLS_1_2, NULL },
		{ TLS1_2_VERSION, TLS_1_3, NULL },
		{ TLS1_1_VERSION, TLS_1_0, "TLSv1.1" },
		{ TLS1_VERSION, TLS_1_0, "TLSv1" },
		{ TLS1_VERSION, TLS_1_1, NULL },
		{ TLS1_3_VERSION, TLS_1_0, "TLSv1.3" },
	};
	char error[TLS_ERROR_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_context *server = server_of("mx", cases[i].least,
			NULL, only_a, error);
		SSL_CTX *ctx = bare_ctx(cases[i].client_most);
		struct bare bare;

		assert_non_null(server);
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		bare = bare_new(server, ctx, NULL, NULL);
		bare_shake(&bare);
		if (cases[i].name != NULL) {
			assert_int_equal(bare.server_result, TLS_OK);
			assert_string_equal(tls_version_name(bare.server),
				cases[i].name);
		} else {
			assert_int_equal(bare.server_result, TLS_FAILED);
			assert_string_equal(tls_error(bare.server),
				"the peer's TLS version is too old");
		}
		bare_free(&bare);
		SSL_CTX_free(ctx);
		tls_context_free(&server);
	}
}

static void octets_pass_both_ways(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.server, "220 hello\r\n");
	hear(pair.client, "220 hello\r\n");
	say(pair.client, "EHLO x\r\n");
	hear(pair.server, "EHLO x\r\n");
	assert_string_equal(tls_error(pair.server), "");
	assert_string_equal(tls_server_name(pair.server), "");
	assert_false(tls_resumed(pair.server));
	assert_true(strlen(tls_cipher_name(pair.client)) > 8);
	pair_free(&pair);
}

static void read_leaves_the_rest_pending(void **state)
{
	struct pair pair = easy_pair();
	char out[4];
	size_t n = 0;

	(void)state;
	say(pair.client, "0123456789");
	assert_int_equal(tls_read(pair.server, out, 4, &n), TLS_OK);
	assert_int_equal(n, 4);
	assert_int_equal(tls_pending(pair.server), 6);
	hear(pair.server, "456789");
	assert_int_equal(tls_pending(pair.server), 0);
	pair_free(&pair);
}

static void only_ecdhe_with_aead_by_default(void **state)
{
	static const struct {
		const char *list;
		bool works;
	} cases[] = {
		{ "ECDHE-RSA-AES128-GCM-SHA256", true },
		{ "ECDHE-ECDSA-CHACHA20-POLY1305", true },
		{ "ECDHE-RSA-AES256-SHA384", false },
		{ "DHE-RSA-AES256-GCM-SHA384", false },
		{ "AES128-GCM-SHA256", false },
		{ "AES256-SHA", false },
		{ "ECDHE-ECDSA-AES128-CCM", false },
		{ "aNULL@SECLEVEL=0", false },
	};
	static const char *const files[FILES_MOST] = { "a-rsa", "a-ec" };
	struct tls_context *server = server_new(files);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SSL_CTX *ctx = bare_ctx(TLS1_2_VERSION);
		struct bare bare;

		assert_int_equal(
			SSL_CTX_set_cipher_list(ctx, cases[i].list), 1);
		bare = bare_new(server, ctx, NULL, NULL);
		bare_shake(&bare);
		assert_int_equal(bare.server_result,
			cases[i].works ? TLS_OK : TLS_FAILED);
		if (!cases[i].works)
			assert_string_equal(tls_error(bare.server),
				"no cipher in common with the peer");
		bare_free(&bare);
		SSL_CTX_free(ctx);
	}
	tls_context_free(&server);
}

static void finite_field_groups_of_tls13_are_off(void **state)
{
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);
	struct bare bare;

	(void)state;
	assert_int_equal(SSL_CTX_set1_groups_list(ctx, "ffdhe2048"), 1);
	bare = bare_new(server, ctx, NULL, NULL);
	bare_shake(&bare);
	assert_int_equal(bare.server_result, TLS_FAILED);
	bare_free(&bare);
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

static void second_hello_after_retry_request_is_fine(void **state)
{
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);
	struct bare bare;

	(void)state;
	/* The client guesses ffdhe2048, and is asked for P-256 */
	assert_int_equal(SSL_CTX_set1_groups_list(ctx, "ffdhe2048:P-256"), 1);
	bare = bare_new(server, ctx, NULL, NULL);
	bare_shake(&bare);
	assert_int_equal(bare.server_result, TLS_OK);
	bare_free(&bare);
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

static void handshake_one_octet_at_a_time(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct tls_context *server = server_new(only_a);
		SSL_CTX *ctx = bare_ctx(versions[v]);
		BIO *in = BIO_new(BIO_s_mem());
		BIO *out = BIO_new(BIO_s_mem());
		struct bare bare = bare_new(server, ctx, "a.test", NULL);
		char c;

		BIO_set_mem_eof_return(in, -1);
		SSL_set_bio(bare.ssl, in, out);
		for (int i = 0; i < 20 && !bare.is_done; i++) {
			char flight[8192];
			ssize_t n;

			bare.is_done = SSL_do_handshake(bare.ssl) == 1;
			while (BIO_read(out, &c, 1) == 1) {
				assert_int_equal(write(bare.fds[1], &c, 1), 1);
				bare.server_result =
					tls_handshake(bare.server);
				assert_int_not_equal(
					bare.server_result, TLS_FAILED);
			}
			n = read(bare.fds[1], flight, sizeof(flight));
			if (n > 0)
				BIO_write(in, flight, (int)n);
		}
		assert_true(bare.is_done);
		assert_int_equal(bare.server_result, TLS_OK);
		bare_free(&bare);
		SSL_CTX_free(ctx);
		tls_context_free(&server);
	}
}

/* What a stranger may send in place of a handshake. */
static void nonsense_in_place_of_a_hello_fails(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *error;
	} cases[] = {
		{ "EHLO x\r\nMAIL FROM:<>\r\n", 22,
			"the peer does not speak TLS" },
		{ "POST / HTTP/1.1\r\nHost: x\r\n\r\n", 28,
			"the peer speaks HTTP, not TLS" },
		{ "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00", 11,
			"the peer does not speak TLS" },
		{ "SSH-2.0-x\r\n", 11, "the peer does not speak TLS" },
		/* a hello of 131,000 octets; in one and in three records */
		{ "\x16\x03\x01\x40\x00\x01\x01\xff\x00\x03\x03", 11,
			"the ClientHello is too long" },
		{ "\x16\x03\x01\0\1\1\x16\x03\x01\0\2\1\xff\x16\x03\x01\0\1\0",
			19, "the ClientHello is too long" },
	};
	struct tls_context *server = server_new(only_a);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_connection *c;
		int fds[2];
		char out[1];
		size_t n;

		make_sockets(fds);
		c = tls_accept_new(server, fds[0]);
		assert_int_equal(write(fds[1], cases[i].octets, cases[i].n),
			cases[i].n);
		assert_int_equal(tls_handshake(c), TLS_FAILED);
		assert_string_equal(tls_error(c), cases[i].error);
		assert_int_equal(tls_handshake(c), TLS_FAILED);
		(void)out;
		(void)n;
		tls_free(&c);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	tls_context_free(&server);
}

static void peer_that_leaves_in_the_handshake_is_truncated(void **state)
{
	struct tls_context *server = server_new(only_a);
	struct tls_connection *c;
	int fds[2];

	(void)state;
	make_sockets(fds);
	c = tls_accept_new(server, fds[0]);
	assert_int_equal(write(fds[1], "\x16\x03", 2), 2);
	assert_int_equal(tls_handshake(c), TLS_WANT_READ);
	(void)close(fds[1]);
	assert_int_equal(tls_handshake(c), TLS_TRUNCATED);
	assert_string_equal(
		tls_error(c), "the peer left during the handshake");
	tls_free(&c);
	(void)close(fds[0]);
	tls_context_free(&server);
}

/* --- which certificate --------------------------------------------------- */

static void check_certificate(struct tls_context *server, int version,
	const char *sigalgs, const char *name, const char *file)
{
	SSL_CTX *ctx = bare_ctx(version);
	struct bare bare;
	X509 *got;
	X509 *want;

	assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, sigalgs), 1);
	bare = bare_new(server, ctx, name, NULL);
	bare_shake(&bare);
	if (file == NULL) {
		assert_int_equal(bare.server_result, TLS_FAILED);
	} else {
		if (bare.server_result != TLS_OK)
			print_error("%s %s: %s\n", sigalgs, name ? name : "-",
				tls_error(bare.server));
		assert_int_equal(bare.server_result, TLS_OK);
		assert_string_equal(
			tls_server_name(bare.server), name ? name : "");
		got = SSL_get1_peer_certificate(bare.ssl);
		want = load_leaf(file);
		if (X509_cmp(got, want) != 0)
			print_error("%s %s\n", sigalgs, name ? name : "-");
		assert_int_equal(X509_cmp(got, want), 0);
		assert_int_equal(
			sk_X509_num(SSL_get_peer_cert_chain(bare.ssl)), 2);
		X509_free(got);
		X509_free(want);
	}
	bare_free(&bare);
	SSL_CTX_free(ctx);
}

#define EC_ONLY "ECDSA+SHA256"
#define RSA_ONLY "RSA-PSS+SHA256:RSA+SHA256"
#define BOTH RSA_ONLY ":" EC_ONLY

static void certificate_fits_name_and_offer(void **state)
{
	static const char *const files[FILES_MOST] = { "a-rsa", "b-rsa",
		"wild-ec", "a-ec" };
	static const struct {
		const char *sigalgs;
		const char *name;
		const char *file; /* NULL: no handshake */
	} cases[] = {
		{ BOTH, NULL, "a-ec" },
		{ RSA_ONLY, NULL, "a-rsa" },
		{ EC_ONLY, NULL, "a-ec" },
		{ BOTH, "a.test", "a-ec" },
		{ RSA_ONLY, "a.test", "a-rsa" },
		{ BOTH, "A.TEST", "a-ec" },
		{ BOTH, "aa.test", "a-ec" },
		{ RSA_ONLY, "aa.test", NULL },
		{ BOTH, "b.test", "b-rsa" },
		{ EC_ONLY, "b.test", NULL },
		{ BOTH, "x.w.test", "wild-ec" },
		{ BOTH, "x.y.w.test", "a-ec" },
		{ BOTH, "w.test", "a-ec" },
		{ BOTH, ".w.test", "a-ec" },
		{ RSA_ONLY, "unknown.test", "a-rsa" },
		{ BOTH, "a.test.", "a-ec" },
		{ BOTH, "192.0.2.1", "a-ec" },
		{ BOTH, "x\\", "a-ec" },
		{ BOTH, "*", "a-ec" },
	};
	struct tls_context *server = server_new(files);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_certificate(server, TLS1_3_VERSION, cases[i].sigalgs,
			cases[i].name, cases[i].file);
		check_certificate(server, TLS1_2_VERSION, cases[i].sigalgs,
			cases[i].name, cases[i].file);
	}
	tls_context_free(&server);
}

static void spelled_out_name_goes_before_a_wildcard(void **state)
{
	static const char *const files[FILES_MOST] = { "a-rsa", "wild-ec",
		"exact-rsa" };
	struct tls_context *server = server_new(files);

	(void)state;
	check_certificate(server, TLS1_3_VERSION, RSA_ONLY, "mail.w.test",
		"exact-rsa");
	check_certificate(
		server, TLS1_3_VERSION, BOTH, "mail.w.test", "wild-ec");
	/* the kind that is not among the default's must not leak into it */
	check_certificate(server, TLS1_3_VERSION, EC_ONLY, NULL, NULL);
	tls_context_free(&server);
}

static void long_and_odd_server_names_do_no_harm(void **state)
{
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);
	char name[256];

	(void)state;
	for (size_t n = 200; n <= 255; n += 11) {
		struct bare bare;

		for (size_t i = 0; i < n; i++)
			name[i] = i % 2 == 0 ? 'a' : '.';
		name[n] = '\0';
		bare = bare_new(server, ctx, name, NULL);
		bare_shake(&bare);
		assert_int_equal(bare.server_result, TLS_OK);
		bare_free(&bare);
	}
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

/* --- ALPN ---------------------------------------------------------------- */

static void alpn_of_another_protocol_is_refused(void **state)
{
	static const struct {
		const char *list;
		unsigned int n;
		bool works;
	} cases[] = {
		{ "\x08http/1.1", 9, false },
		{ "\x02h2\x08http/1.1", 12, false },
		{ "\x04smtp", 5, true },
		{ "\x02h2\x04smtp", 8, true },
		{ "\x05smtps", 6, false },
		{ "\x04SMTP", 5, false },
		{ "", 0, true },
	};
	struct tls_context *server = server_new(only_a);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);
		const unsigned char *chosen;
		unsigned int n;
		struct bare bare;

		SSL_CTX_set_alpn_protos(
			ctx, (const unsigned char *)cases[i].list, cases[i].n);
		bare = bare_new(server, ctx, NULL, NULL);
		bare_shake(&bare);
		assert_int_equal(bare.server_result,
			cases[i].works ? TLS_OK : TLS_FAILED);
		SSL_get0_alpn_selected(bare.ssl, &chosen, &n);
		assert_int_equal(n, cases[i].works && cases[i].n > 0 ? 4 : 0);
		if (!cases[i].works)
			assert_string_equal(tls_error(bare.server),
				"no application protocol");
		bare_free(&bare);
		SSL_CTX_free(ctx);
	}
	tls_context_free(&server);
}

/* --- resumption ---------------------------------------------------------- */

/* Connects, with `session` when there is one; returns the new session and
 * says whether the old one was taken. Frees `session`. */
static SSL_SESSION *resume(struct tls_context *server, int version,
	SSL_SESSION *session, bool *ret_resumed)
{
	SSL_CTX *ctx = bare_ctx(version);
	struct bare bare = bare_new(server, ctx, "a.test", session);
	SSL_SESSION *next;
	char c;

	bare_shake(&bare);
	assert_int_equal(bare.server_result, TLS_OK);
	*ret_resumed = tls_resumed(bare.server);
	assert_string_equal(tls_server_name(bare.server), "a.test");
	assert_true(SSL_read(bare.ssl, &c, 1) <= 0); /* takes the ticket in */
	next = SSL_get1_session(bare.ssl);
	(void)SSL_shutdown(bare.ssl);
	bare_free(&bare);
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
	return next;
}

static const int both_versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void ticket_resumes_at_its_own_listener_only(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		char error[TLS_ERROR_LONGEST];
		struct tls_context *mx = server_of(
			"mx", TLS_1_2, NULL, only_a, error);
		struct tls_context *submission = server_of(
			"submission", TLS_1_2, NULL, only_a, error);
		bool resumed = true;
		SSL_SESSION *session =
			resume(mx, both_versions[v], NULL, &resumed);

		assert_false(resumed);
		session = resume(mx, both_versions[v], session, &resumed);
		assert_true(resumed);
		session = resume(
			submission, both_versions[v], session, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(session);
		tls_context_free(&mx);
		tls_context_free(&submission);
	}
}

static void rotation_keeps_tickets_valid_once(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct tls_context *server = server_new(only_a);
		bool resumed;
		SSL_SESSION *old =
			resume(server, both_versions[v], NULL, &resumed);

		tls_context_rotate_tickets(server);
		/* renewed with the new key, so good after one more */
		old = resume(server, both_versions[v], old, &resumed);
		assert_true(resumed);
		tls_context_rotate_tickets(server);
		old = resume(server, both_versions[v], old, &resumed);
		assert_true(resumed);
		tls_context_rotate_tickets(server);
		tls_context_rotate_tickets(server);
		old = resume(server, both_versions[v], old, &resumed);
		assert_false(resumed);
		SSL_SESSION_free(old);
		tls_context_free(&server);
	}
}

/* --- after the handshake ------------------------------------------------- */

static void renegotiation_ends_the_connection(void **state)
{
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_2_VERSION);
	struct bare bare = bare_new(server, ctx, NULL, NULL);

	(void)state;
	bare_shake(&bare);
	assert_int_equal(bare.server_result, TLS_OK);
	assert_int_equal(SSL_renegotiate(bare.ssl), 1);
	(void)SSL_do_handshake(bare.ssl);
	assert_int_equal(read_end(bare.server), TLS_FAILED);
	assert_string_equal(
		tls_error(bare.server), "the peer asked for renegotiation");
	assert_int_equal(read_end(bare.server), TLS_FAILED);
	bare_free(&bare);
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

static void key_updates_are_counted(void **state)
{
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);
	struct bare bare = bare_new(server, ctx, NULL, NULL);
	enum tls_result result = TLS_WANT_READ;
	int calls_count = 0;
	char out[8];
	size_t n;

	(void)state;
	bare_shake(&bare);
	for (int i = 0; i < 10; i++) {
		SSL_key_update(bare.ssl, SSL_KEY_UPDATE_REQUESTED);
		assert_int_equal(SSL_do_handshake(bare.ssl), 1);
	}
	assert_int_equal(SSL_write(bare.ssl, "abc", 3), 3);
	/* one call, one record */
	while ((result = tls_read(bare.server, out, 8, &n)) == TLS_WANT_READ)
		calls_count++;
	assert_in_range(calls_count, 10, 20);
	assert_int_equal(result, TLS_OK);
	say(bare.server, "answer"); /* under the new key */
	for (int i = 0; i < 100; i++) {
		SSL_key_update(bare.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		(void)SSL_do_handshake(bare.ssl);
	}
	while (is_wait(result = tls_read(bare.server, out, 8, &n)) &&
		calls_count < 200)
		calls_count++;
	assert_int_equal(result, TLS_FAILED);
	assert_in_range(calls_count, 64, 80);
	assert_string_equal(tls_error(bare.server),
		"too many messages about keys after the handshake");
	bare_free(&bare);
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

static void close_notify_is_closed_and_nothing_is_read_behind_it(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.client, "QUIT\r\n");
	tls_shutdown(pair.client);
	tls_shutdown(pair.client);
	assert_int_equal(write(pair.fds[1], "DATA\r\n", 6), 6);
	hear(pair.server, "QUIT\r\n");
	assert_int_equal(read_end(pair.server), TLS_CLOSED);
	assert_int_equal(read_end(pair.server), TLS_CLOSED);
	assert_int_equal(tls_pending(pair.server), 0);
	/* it may still be answered: only one direction is closed */
	say(pair.server, "221 bye\r\n");
	hear(pair.client, "221 bye\r\n");
	pair_free(&pair);
}

static void end_without_close_notify_is_truncated(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.client, "DATA");
	(void)shutdown(pair.fds[1], SHUT_WR);
	hear(pair.server, "DATA");
	assert_int_equal(read_end(pair.server), TLS_TRUNCATED);
	assert_int_equal(read_end(pair.server), TLS_TRUNCATED);
	assert_string_equal(
		tls_error(pair.server), "the peer left without close_notify");
	pair_free(&pair);
}

static void failed_write_leaves_the_last_words_readable(void **state)
{
	struct pair pair = easy_pair();
	size_t n = 0;

	(void)state;
	say(pair.server, "421 too many\r\n");
	tls_shutdown(pair.server);
	tls_free(&pair.server);
	(void)close(pair.fds[0]);
	assert_int_equal(tls_write(pair.client, "x", 1, &n), TLS_TRUNCATED);
	assert_int_equal(n, 0);
	hear(pair.client, "421 too many\r\n");
	assert_int_equal(read_end(pair.client), TLS_CLOSED);
	tls_free(&pair.client);
	(void)close(pair.fds[1]);
}

static void damaged_record_fails(void **state)
{
	struct pair pair = easy_pair();
	size_t n;

	(void)state;
	assert_int_equal(write(pair.fds[1],
				 "\x17\x03\x03\0\x14" "01234567890123456789",
				 25), 25);
	assert_int_equal(read_end(pair.server), TLS_FAILED);
	assert_string_equal(tls_error(pair.server),
		"decryption failed or bad record mac");
	assert_int_equal(tls_write(pair.server, "x", 1, &n), TLS_FAILED);
	pair_free(&pair);
}

static void free_says_nothing_to_the_peer(void **state)
{
	struct pair pair = easy_pair();
	char c[512];

	(void)state;
	(void)read_end(pair.client); /* the ticket */
	while (read(pair.fds[1], c, sizeof(c)) > 0)
		continue;
	tls_free(&pair.server);
	assert_int_equal(read(pair.fds[1], c, sizeof(c)), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(pair.fds[0], "x", 1), 1); /* still open */
	pair_free(&pair);
}

static void context_lives_as_long_as_its_connections(void **state)
{
	struct tls_context *server = server_new(only_a);
	struct tls_context *client = easy_client();
	struct pair pair;

	(void)state;
	make_sockets(pair.fds);
	pair.server = tls_accept_new(server, pair.fds[0]);
	pair.client = tls_connect_new(client, pair.fds[1]);
	tls_context_free(&server);
	tls_context_free(&client);
	assert_null(server);
	pair_shake(&pair);
	assert_int_equal(pair.server_result, TLS_OK);
	pair_free(&pair);
	tls_context_free(&server); /* NULL is fine */
}

/* --- large transfers ----------------------------------------------------- */

enum { LARGE_BYTES = 5 * 1024 * 1024 };

struct flow {
	struct tls_connection *from;
	struct tls_connection *to;
	size_t sent, got;
	unsigned int waits_count;
	uint8_t salt;
};

static uint8_t octet_at(const struct flow *flow, size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) + flow->salt);
}

static void flow_send(struct flow *flow)
{
	uint8_t *p; /* other memory each time */
	size_t n = LARGE_BYTES - flow->sent;
	size_t taken = 0;
	enum tls_result result;

	if (n == 0)
		return;
	if (n > 40000)
		n = 40000;
	p = malloc(n);
	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = octet_at(flow, flow->sent + i);
	result = tls_write(flow->from, p, n, &taken);
	if (result == TLS_OK) {
		assert_true(taken > 0 && taken <= n);
		flow->sent += taken;
	} else {
		assert_int_equal(result, TLS_WANT_WRITE);
		flow->waits_count++;
	}
	free(p);
}

static void flow_take(struct flow *flow)
{
	uint8_t out[3000];
	size_t n = 0;
	enum tls_result result = tls_read(flow->to, out, sizeof(out), &n);

	if (result != TLS_OK) {
		assert_int_equal(result, TLS_WANT_READ);
		return;
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i], octet_at(flow, flow->got + i));
	flow->got += n;
}

static void five_megabytes_both_ways_through_small_sockets(void **state)
{
	struct pair pair = easy_pair();
	struct flow up = { .from = pair.client, .to = pair.server };
	struct flow down = { .from = pair.server,
		.to = pair.client,
		.salt = 99 };
	int size = 4096;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(pair.fds[i], SOL_SOCKET, SO_SNDBUF,
					 &size, sizeof(size)), 0);
	for (int i = 0; i < ROUNDS_MOST; i++) {
		flow_send(&up);
		flow_send(&down);
		flow_take(&up);
		flow_take(&down);
		if (up.got == LARGE_BYTES && down.got == LARGE_BYTES)
			break;
	}
	assert_int_equal(up.got, LARGE_BYTES);
	assert_int_equal(down.got, LARGE_BYTES);
	assert_true(up.waits_count > 100);
	assert_true(down.waits_count > 100);
	pair_free(&pair);
}

/* --- verification -------------------------------------------------------- */

struct verify_case {
	const char *file;
	enum tls_verify verify;
	const char *name;
	const char *ca;    /* file, or NULL: the system's */
	const char *pin;   /* of that file */
	const char *error; /* NULL: verified */
};

static void check_verify(const struct verify_case *one)
{
	const char *const files[FILES_MOST] = { one->file };
	char error[TLS_ERROR_LONGEST];
	char hex[65];
	struct tls_client_conf conf = { .version_least = TLS_1_2,
		.verify = one->verify,
		.verify_name = one->name,
		.ca_file = one->ca ? path_of(one->ca, ".pem") : NULL };
	struct pair pair;

	if (one->pin != NULL) {
		hex_pin_of(one->pin, hex);
		conf.pin_sha256 = hex;
	}
	pair = pair_new(server_of("mx", TLS_1_2, NULL, files, error),
		client_new(conf));
	if (one->error == NULL) {
		assert_string_equal(tls_error(pair.client), "");
		assert_int_equal(pair.client_result, TLS_OK);
	} else {
		assert_int_equal(pair.client_result, TLS_FAILED);
		if (strstr(tls_error(pair.client), one->error) == NULL)
			print_error("%s\n", tls_error(pair.client));
		assert_non_null(strstr(tls_error(pair.client), one->error));
		assert_int_not_equal(pair.server_result, TLS_OK);
		assert_int_equal(tls_handshake(pair.client), TLS_FAILED);
	}
	pair_free(&pair);
}

static void backend_is_verified(void **state)
{
	static const struct verify_case cases[] = {
		{ "self", TLS_VERIFY_OFF, "zzz", NULL, NULL, NULL },
		{ "old", TLS_VERIFY_OFF, NULL, NULL, NULL, NULL },
		{ "a-ec", TLS_VERIFY_CA, NULL, "ca", NULL, NULL },
		{ "a-rsa", TLS_VERIFY_CA, "zzz", "ca", NULL, NULL },
		{ "a-rsa", TLS_VERIFY_NAME, "a.test", "ca", NULL, NULL },
		{ "wild-ec", TLS_VERIFY_NAME, "q.w.test", "ca", NULL, NULL },
		{ "common", TLS_VERIFY_NAME, "cn.test", "ca", NULL, NULL },
		{ "address", TLS_VERIFY_NAME, "192.0.2.1", "ca", NULL, NULL },
		{ "self", TLS_VERIFY_NAME, "a.test", "self", NULL, NULL },
		{ "self", TLS_VERIFY_CA, NULL, "ca", NULL,
			"self-signed certificate of domino" },
		{ "a-ec", TLS_VERIFY_CA, NULL, "self", NULL,
			"no issuer of the certificate of domino is in /tmp" },
		{ "a-ec", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"the certificate of domino is for a.test,aa.test, "
			"not b.test" },
		{ "common", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"is for cn.test, not b.test" },
		{ "evil", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"is for bad?name?, not b.test" },
		{ "address", TLS_VERIFY_NAME, "192.0.2.2", "ca", NULL,
			"not 192.0.2.2" },
		{ "old", TLS_VERIFY_CA, NULL, "ca", NULL,
			"the certificate of domino has expired" },
		{ "early", TLS_VERIFY_CA, NULL, "ca", NULL, "not valid yet" },
		{ "self", TLS_VERIFY_OFF, NULL, NULL, "self", NULL },
		{ "self", TLS_VERIFY_OFF, NULL, NULL, "ca",
			"is not the pinned one; its SHA-256 is " },
		{ "a-ec", TLS_VERIFY_NAME, "a.test", "ca", "a-ec", NULL },
		{ "a-ec", TLS_VERIFY_NAME, "a.test", "ca", "self",
			"is not the pinned one" },
		{ "self", TLS_VERIFY_CA, NULL, "ca", "self", "self-signed" },
		{ "a-ec", TLS_VERIFY_CA, NULL, "ca", "ca",
			"is not the pinned one" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_verify(&cases[i]);
}

static void system_cas_do_not_trust_a_stranger(void **state)
{
	struct verify_case one = { "self", TLS_VERIFY_CA, NULL, NULL, NULL,
		"self-signed" };

	(void)state;
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
		skip();
	check_verify(&one);
}

static void client_asks_for_the_name_but_not_for_an_address(void **state)
{
	static const char *const names[][2] = { { "a.test", "a.test" },
		{ "192.0.2.1", "" }, { "2001:db8::1", "" } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair pair = pair_new(server_new(only_a),
			client_new((struct tls_client_conf){
				.version_least = TLS_1_2,
				.verify_name = names[i][0] }));

		assert_int_equal(pair.server_result, TLS_OK);
		assert_string_equal(
			tls_server_name(pair.server), names[i][1]);
		pair_free(&pair);
	}
}

static void old_backend_works_with_level_0_only(void **state)
{
	(void)state;
	for (int level = 0; level < 2; level++) {
		struct tls_client_conf conf = { .name = "domino",
			.version_least = TLS_1_0,
			.level = level };
		char error[TLS_ERROR_LONGEST];
		struct tls_context *client = tls_client_new(&conf, error);
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		struct tls_connection *c;
		SSL *ssl;
		int fds[2];

		assert_non_null(client);
		assert_int_equal(strstr(error, "level 0") != NULL, level == 1);
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(ctx, TLS1_VERSION);
		SSL_CTX_use_certificate_file(
			ctx, path_of("a-rsa", ".pem"), SSL_FILETYPE_PEM);
		SSL_CTX_use_PrivateKey_file(
			ctx, path_of("a-rsa", ".key"), SSL_FILETYPE_PEM);
		make_sockets(fds);
		ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fds[1]);
		SSL_set_accept_state(ssl);
		c = tls_connect_new(client, fds[0]);
		for (int i = 0; i < 20; i++) {
			(void)!tls_handshake(c);
			(void)SSL_do_handshake(ssl);
		}
		assert_int_equal(tls_handshake(c),
			level == 0 ? TLS_OK : TLS_FAILED);
		tls_free(&c);
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		tls_context_free(&client);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

static void clear_text_of_a_backend_before_tls_fails(void **state)
{
	struct tls_context *client = easy_client();
	struct tls_connection *c;
	int fds[2];

	(void)state;
	make_sockets(fds);
	c = tls_connect_new(client, fds[0]);
	assert_int_equal(write(fds[1], "220 fake\r\n", 10), 10);
	assert_int_equal(tls_handshake(c), TLS_FAILED);
	assert_string_equal(tls_error(c), "the peer does not speak TLS");
	tls_free(&c);
	tls_context_free(&client);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* --- what can be wrong with files ---------------------------------------- */

static void load(const char *chain, const char *key,
	char error[TLS_ERROR_LONGEST], bool expected)
{
	struct tls_certificate certificate = { .name = "mail",
		.chain = chain,
		.key = key };
	struct tls_server_conf conf = { .name = "mx",
		.certificates = &certificate,
		.certificate_count = 1,
		.version_least = TLS_1_2 };
	struct tls_context *context = tls_server_new(&conf, error);

	if ((context != NULL) != expected)
		print_error("%s\n", error);
	assert_int_equal(context != NULL, expected);
	tls_context_free(&context);
}

#define assert_says(error, text) assert_non_null(strstr(error, text))

static void wrong_files_are_named(void **state)
{
	char error[TLS_ERROR_LONGEST];
	FILE *f;

	(void)state;
	load("/nonexistent/x.pem", path_of("ca", ".key"), error, false);
	assert_string_equal(error, "certificate mail: chain "
				   "/nonexistent/x.pem: No such file or "
				   "directory");
	load(path_of("ca", ".pem"), "/nonexistent/x.key", error, false);
	assert_says(error, "key /nonexistent/x.key: No such file");
	load(path_of("a-ec", ".pem"), path_of("self", ".key"), error, false);
	assert_says(error, "self.key does not fit chain ");
	load(path_of("ca", ".key"), path_of("ca", ".key"), error, false);
	assert_says(error, "ca.key: no certificate in PEM form");
	load(path_of("ca", ".pem"), path_of("ca", ".pem"), error, false);
	assert_says(error, "ca.pem: no private key in PEM form");
	load(NULL, NULL, error, false);
	assert_says(error, "no file is given");
	f = open_in_folder("made", ".pem", "w");
	(void)fprintf(f, "-----BEGIN CERTIFICATE-----\nMIIB\n");
	(void)fclose(f);
	load(path_of("made", ".pem"), path_of("ca", ".key"), error, false);
	assert_says(error, "made.pem");
}

static void key_with_a_password_is_refused_without_asking(void **state)
{
	char error[TLS_ERROR_LONGEST];
	EVP_PKEY *key = load_key("a-ec");
	FILE *f = open_in_folder("made", ".key", "w");

	(void)state;
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(),
				 "secret", 6, NULL, NULL), 1);
	(void)fclose(f);
	EVP_PKEY_free(key);
	load(path_of("a-ec", ".pem"), path_of("made", ".key"), error, false);
	assert_says(error, "made.key: it has a password");
}

static void weak_key_is_refused_at_the_start(void **state)
{
	static const struct recipe weak = { "made", NULL, "weak", NULL, true,
		false, -1, 1 };
	char error[TLS_ERROR_LONGEST];
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *x = load_leaf("self");
	X509 *y = X509_dup(x);

	(void)state;
	(void)weak;
	X509_set_pubkey(y, key);
	assert_true(X509_sign(y, key, EVP_sha256()) > 0);
	write_pair("made", y, y, key);
	X509_free(x);
	X509_free(y);
	EVP_PKEY_free(key);
	load(path_of("made", ".pem"), path_of("made", ".key"), error, false);
	assert_says(error, "key is too small for the security level");
}

static void warnings_do_not_stop(void **state)
{
	char error[TLS_ERROR_LONGEST];

	(void)state;
	load(path_of("old", ".pem"), path_of("old", ".key"), error, true);
	assert_says(error, "certificate mail: chain ");
	assert_says(error, "old.pem: the certificate has expired");
	load(path_of("early", ".pem"), path_of("early", ".key"), error, true);
	assert_says(error, "not valid yet");
	assert_int_equal(chmod(path_of("old", ".key"), 0644), 0);
	load(path_of("old", ".pem"), path_of("old", ".key"), error, true);
	assert_says(error, "can be read by everyone");
	assert_says(error, "; certificate mail: chain ");
	assert_int_equal(chmod(path_of("old", ".key"), 0640), 0);
	load(path_of("old", ".pem"), path_of("old", ".key"), error, true);
	assert_null(strstr(error, "everyone"));
}

static void wrong_settings_are_named(void **state)
{
	char error[TLS_ERROR_LONGEST];
	static const char *const none[FILES_MOST] = { NULL };
	struct tls_client_conf conf = { .name = "domino",
		.version_least = TLS_1_2,
		.level = 2,
		.verify = TLS_VERIFY_NAME };

	(void)state;
	assert_null(server_of("mx", TLS_1_2, NULL, none, error));
	assert_says(error, "listener mx: TLS needs a certificate");
	assert_null(server_of("mx", TLS_1_2, "GIBBERISH", only_a, error));
	assert_says(error, "listener mx: no usable cipher in \"GIBBERISH\"");
	assert_null(tls_client_new(&conf, error));
	assert_says(error, "backend domino: verification by name needs");
	conf.verify = TLS_VERIFY_CA;
	conf.ca_file = "/nonexistent/ca.pem";
	assert_null(tls_client_new(&conf, error));
	assert_says(error, "CA file /nonexistent/ca.pem cannot be used: No su");
	conf.verify = TLS_VERIFY_OFF;
	conf.pin_sha256 = "abcd";
	assert_null(tls_client_new(&conf, error));
	assert_says(error, "64 hexadecimal digits");
}

static void pin_may_have_colons(void **state)
{
	char hex[65];
	char text[96] = "";
	char error[TLS_ERROR_LONGEST];
	struct tls_client_conf conf = { .name = "domino",
		.version_least = TLS_1_2,
		.pin_sha256 = text };
	struct tls_context *context;

	(void)state;
	hex_pin_of("self", hex);
	for (int i = 0; i < 32; i++)
		(void)snprintf(text + 3 * i, 4, "%.2s%s", hex + 2 * i,
			i < 31 ? ":" : "");
	context = tls_client_new(&conf, error);
	assert_non_null(context);
	tls_context_free(&context);
	text[0] = 'g';
	assert_null(tls_client_new(&conf, error));
}

/* --- memory -------------------------------------------------------------- */

enum { IDLE_COUNT = 300, IDLE_BYTES_MOST = 17 * 1024 };

static size_t used_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void idle_connection_is_small(void **state)
{
	static struct tls_connection *servers[IDLE_COUNT];
	struct tls_context *context = server_new(only_a);

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		SSL_CTX *ctx = bare_ctx(both_versions[v]);
		size_t before = 0;
		size_t each;

		for (size_t i = 0; i < IDLE_COUNT; i++) {
			struct bare bare =
				bare_new(context, ctx, "a.test", NULL);

			bare_shake(&bare);
			assert_int_equal(bare.server_result, TLS_OK);
			SSL_write(bare.ssl, "EHLO x\r\n", 8);
			hear(bare.server, "EHLO x\r\n");
			say(bare.server, "250 x\r\n");
			servers[i] = bare.server;
			bare.server = NULL;
			bare_free(&bare);
			if (i == 0) /* what is there once is not counted */
				before = used_bytes();
		}
		each = (used_bytes() - before) / (IDLE_COUNT - 1);
		print_message("idle, version %x: %zu octets\n",
			(unsigned int)both_versions[v], each);
		assert_true(each < IDLE_BYTES_MOST);
		for (size_t i = 0; i < IDLE_COUNT; i++)
			tls_free(&servers[i]);
		SSL_CTX_free(ctx);
	}
	tls_context_free(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_takes_the_best_common_version),
		cmocka_unit_test(octets_pass_both_ways),
		cmocka_unit_test(read_leaves_the_rest_pending),
		cmocka_unit_test(only_ecdhe_with_aead_by_default),
		cmocka_unit_test(finite_field_groups_of_tls13_are_off),
		cmocka_unit_test(second_hello_after_retry_request_is_fine),
		cmocka_unit_test(handshake_one_octet_at_a_time),
		cmocka_unit_test(nonsense_in_place_of_a_hello_fails),
		cmocka_unit_test(peer_that_leaves_in_the_handshake_is_truncated),
		cmocka_unit_test(certificate_fits_name_and_offer),
		cmocka_unit_test(spelled_out_name_goes_before_a_wildcard),
		cmocka_unit_test(long_and_odd_server_names_do_no_harm),
		cmocka_unit_test(alpn_of_another_protocol_is_refused),
		cmocka_unit_test(ticket_resumes_at_its_own_listener_only),
		cmocka_unit_test(rotation_keeps_tickets_valid_once),
		cmocka_unit_test(renegotiation_ends_the_connection),
		cmocka_unit_test(key_updates_are_counted),
		cmocka_unit_test(
			close_notify_is_closed_and_nothing_is_read_behind_it),
		cmocka_unit_test(end_without_close_notify_is_truncated),
		cmocka_unit_test(failed_write_leaves_the_last_words_readable),
		cmocka_unit_test(damaged_record_fails),
		cmocka_unit_test(free_says_nothing_to_the_peer),
		cmocka_unit_test(context_lives_as_long_as_its_connections),
		cmocka_unit_test(five_megabytes_both_ways_through_small_sockets),
		cmocka_unit_test(backend_is_verified),
		cmocka_unit_test(system_cas_do_not_trust_a_stranger),
		cmocka_unit_test(
			client_asks_for_the_name_but_not_for_an_address),
		cmocka_unit_test(old_backend_works_with_level_0_only),
		cmocka_unit_test(clear_text_of_a_backend_before_tls_fails),
		cmocka_unit_test(wrong_files_are_named),
		cmocka_unit_test(key_with_a_password_is_refused_without_asking),
		cmocka_unit_test(weak_key_is_refused_at_the_start),
		cmocka_unit_test(warnings_do_not_stop),
		cmocka_unit_test(wrong_settings_are_named),
		cmocka_unit_test(pin_may_have_colons),
		cmocka_unit_test(idle_connection_is_small),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
