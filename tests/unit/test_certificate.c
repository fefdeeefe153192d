/*
 * Which certificate a client gets, and what a wrong file is answered with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_ends.h"

#define EC_ONLY	 "ECDSA+SHA256"
#define RSA_ONLY "RSA-PSS+SHA256:RSA+SHA256"
#define BOTH	 RSA_ONLY ":" EC_ONLY

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

static void certificate_fits_name_and_offer(void **state)
{
	static const char *const files[FILES_MOST] = {
		"a-rsa", "b-rsa", "wild-ec", "a-ec"};
	static const struct {
		const char *sigalgs;
		const char *name;
		const char *file; /* NULL: no handshake */
	} cases[] = {
		{BOTH, NULL, "a-ec"},
		{RSA_ONLY, NULL, "a-rsa"},
		{EC_ONLY, NULL, "a-ec"},
		{BOTH, "a.test", "a-ec"},
		{RSA_ONLY, "a.test", "a-rsa"},
		{BOTH, "A.TEST", "a-ec"},
		{BOTH, "aa.test", "a-ec"},
		{RSA_ONLY, "aa.test", NULL},
		{BOTH, "b.test", "b-rsa"},
		{EC_ONLY, "b.test", NULL},
		{BOTH, "x.w.test", "wild-ec"},
		{BOTH, "x.y.w.test", "a-ec"},
		{BOTH, "w.test", "a-ec"},
		{BOTH, ".w.test", "a-ec"},
		{RSA_ONLY, "unknown.test", "a-rsa"},
		{BOTH, "a.test.", "a-ec"},
		{BOTH, "192.0.2.1", "a-ec"},
		{BOTH, "x\\", "a-ec"},
		{BOTH, "*", "a-ec"},
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
	static const char *const files[FILES_MOST] = {
		"a-rsa", "wild-ec", "exact-rsa"};
	struct tls_context *server = server_new(files);

	(void)state;
	check_certificate(
		server, TLS1_3_VERSION, RSA_ONLY, "mail.w.test", "exact-rsa");
	check_certificate(
		server, TLS1_3_VERSION, BOTH, "mail.w.test", "wild-ec");
	/* the kind that is not among the default's must not leak into it */
	check_certificate(server, TLS1_3_VERSION, EC_ONLY, NULL, NULL);
	tls_context_free(&server);
}

static void exact_name_goes_before_a_wildcard_of_its_kind(void **state)
{
	static const char *const files[FILES_MOST] = {
		"a-rsa", "wild-ec", "exact-ec"};
	struct tls_context *server = server_new(files);

	(void)state;
	check_certificate(
		server, TLS1_3_VERSION, BOTH, "mail.w.test", "exact-ec");
	check_certificate(server, TLS1_3_VERSION, BOTH, "x.w.test", "wild-ec");
	tls_context_free(&server);
}

static void default_wildcard_has_the_name_below_as_sibling(void **state)
{
	static const char *const orders[2][FILES_MOST] = {
		{"wild-ec", "a-rsa", "exact-rsa"},
		{"exact-rsa", "a-ec", "wild-ec"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tls_context *server = server_new(orders[i]);

		check_certificate(
			server, TLS1_3_VERSION, RSA_ONLY, NULL, "exact-rsa");
		check_certificate(
			server, TLS1_3_VERSION, EC_ONLY, NULL, "wild-ec");
		tls_context_free(&server);
	}
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

static void load(const char *chain, const char *key,
	char error[TLS_ERROR_LONGEST], bool expected)
{
	struct tls_certificate certificate = {
		.name = "mail", .chain = chain, .key = key};
	struct tls_server_conf conf = {.name = "mx",
		.certificates = &certificate,
		.certificate_count = 1,
		.version_least = TLS_1_2};
	struct tls_context *context = tls_server_new(&conf, error);

	if ((context != NULL) != expected)
		print_error("%s\n", error);
	assert_int_equal(context != NULL, expected);
	tls_context_free(&context);
}

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
				 "secret", 6, NULL, NULL),
		1);
	(void)fclose(f);
	EVP_PKEY_free(key);
	load(path_of("a-ec", ".pem"), path_of("made", ".key"), error, false);
	assert_says(error, "made.key: it has a password");
}

static void weak_key_is_refused_at_the_start(void **state)
{
	char error[TLS_ERROR_LONGEST];
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *x = load_leaf("self");
	X509 *y = X509_dup(x);

	(void)state;
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_fits_name_and_offer),
		cmocka_unit_test(spelled_out_name_goes_before_a_wildcard),
		cmocka_unit_test(exact_name_goes_before_a_wildcard_of_its_kind),
		cmocka_unit_test(
			default_wildcard_has_the_name_below_as_sibling),
		cmocka_unit_test(long_and_odd_server_names_do_no_harm),
		cmocka_unit_test(wrong_files_are_named),
		cmocka_unit_test(key_with_a_password_is_refused_without_asking),
		cmocka_unit_test(weak_key_is_refused_at_the_start),
		cmocka_unit_test(warnings_do_not_stop),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
