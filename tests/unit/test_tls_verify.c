/*
 * Is the backend who it should be, and what a wrong file or setting is
 * answered with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_ends.h"

/* --- verification ------------------------------------------------------ */

struct verify_case {
	const char *file;
	enum tls_verify verify;
	const char *name;
	const char *ca;	   /* file, or NULL: the system's */
	const char *pin;   /* of that file */
	const char *error; /* NULL: verified */
};

static void check_verify(const struct verify_case *one)
{
	const char *const files[FILES_MOST] = {one->file};
	char error[TLS_ERROR_LONGEST];
	char hex[65];
	struct tls_client_conf conf = {.version_least = TLS_1_2,
		.verify = one->verify,
		.verify_name = one->name,
		.ca_file = one->ca ? path_of(one->ca, ".pem") : NULL};
	struct pair pair;

	if (one->pin != NULL) {
		hex_pin_of(one->pin, hex);
		conf.pin_sha256 = hex;
	}
	pair = pair_new(
		server_of("mx", TLS_1_2, NULL, files, error), client_new(conf));
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
		{"self", TLS_VERIFY_OFF, "zzz", NULL, NULL, NULL},
		{"old", TLS_VERIFY_OFF, NULL, NULL, NULL, NULL},
		{"a-ec", TLS_VERIFY_CA, NULL, "ca", NULL, NULL},
		{"a-rsa", TLS_VERIFY_CA, "zzz", "ca", NULL, NULL},
		{"a-rsa", TLS_VERIFY_NAME, "a.test", "ca", NULL, NULL},
		{"wild-ec", TLS_VERIFY_NAME, "q.w.test", "ca", NULL, NULL},
		{"common", TLS_VERIFY_NAME, "cn.test", "ca", NULL, NULL},
		{"address", TLS_VERIFY_NAME, "192.0.2.1", "ca", NULL, NULL},
		{"self", TLS_VERIFY_NAME, "a.test", "self", NULL, NULL},
		{"self", TLS_VERIFY_CA, NULL, "ca", NULL,
			"self-signed certificate of domino"},
		{"a-ec", TLS_VERIFY_CA, NULL, "self", NULL,
			"no issuer of the certificate of domino is in /tmp"},
		{"a-ec", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"the certificate of domino is for a.test,aa.test, "
			"not b.test"},
		{"common", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"is for cn.test, not b.test"},
		{"evil", TLS_VERIFY_NAME, "b.test", "ca", NULL,
			"is for bad?name?, not b.test"},
		{"address", TLS_VERIFY_NAME, "192.0.2.2", "ca", NULL,
			"not 192.0.2.2"},
		{"old", TLS_VERIFY_CA, NULL, "ca", NULL,
			"the certificate of domino has expired"},
		{"early", TLS_VERIFY_CA, NULL, "ca", NULL, "not valid yet"},
		{"self", TLS_VERIFY_OFF, NULL, NULL, "self", NULL},
		{"self", TLS_VERIFY_OFF, NULL, NULL, "ca",
			"is not the pinned one; its SHA-256 is "},
		{"a-ec", TLS_VERIFY_NAME, "a.test", "ca", "a-ec", NULL},
		{"a-ec", TLS_VERIFY_NAME, "a.test", "ca", "self",
			"is not the pinned one"},
		{"self", TLS_VERIFY_CA, NULL, "ca", "self", "self-signed"},
		{"a-ec", TLS_VERIFY_CA, NULL, "ca", "ca",
			"is not the pinned one"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_verify(&cases[i]);
}

static void system_cas_do_not_trust_a_stranger(void **state)
{
	struct verify_case one = {
		"self", TLS_VERIFY_CA, NULL, NULL, NULL, "self-signed"};

	(void)state;
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
		skip();
	check_verify(&one);
}

static void client_asks_for_the_name_but_not_for_an_address(void **state)
{
	static const char *const names[][2] = {
		{"a.test", "a.test"}, {"192.0.2.1", ""}, {"2001:db8::1", ""}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair pair = pair_new(server_new(only_a),
			client_new((struct tls_client_conf){
				.version_least = TLS_1_2,
				.verify_name = names[i][0]}));

		assert_int_equal(pair.server_result, TLS_OK);
		assert_string_equal(tls_server_name(pair.server), names[i][1]);
		pair_free(&pair);
	}
}

static void old_backend_works_with_level_0_only(void **state)
{
	(void)state;
	for (int level = 0; level < 2; level++) {
		struct tls_client_conf conf = {.name = "domino",
			.version_least = TLS_1_0,
			.level = level};
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
		assert_int_equal(
			tls_handshake(c), level == 0 ? TLS_OK : TLS_FAILED);
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

/* --- what can be wrong with files -------------------------------------- */

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
	static const char *const none[FILES_MOST] = {NULL};
	struct tls_client_conf conf = {.name = "domino",
		.version_least = TLS_1_2,
		.level = 2,
		.verify = TLS_VERIFY_NAME};

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
	struct tls_client_conf conf = {
		.name = "domino", .version_least = TLS_1_2, .pin_sha256 = text};
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
