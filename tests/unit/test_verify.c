/*
 * Is the backend who it should be? Chain, name and pin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_ends.h"

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

/* What the operator put into the file is trusted, root or not. */
static void leaf_alone_may_be_the_ca_file(void **state)
{
	struct verify_case one = {
		"a-ec", TLS_VERIFY_CA, NULL, "made", NULL, NULL};
	X509 *leaf = load_leaf("a-ec");
	FILE *f = open_in_folder("made", ".pem", "w");

	(void)state;
	assert_int_equal(PEM_write_X509(f, leaf), 1);
	(void)fclose(f);
	X509_free(leaf);
	check_verify(&one);
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
		cmocka_unit_test(leaf_alone_may_be_the_ca_file),
		cmocka_unit_test(system_cas_do_not_trust_a_stranger),
		cmocka_unit_test(pin_may_have_colons),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
