/*
 * What a listener and a backend allow: versions, ciphers, groups, ALPN,
 * tickets; and what a wrong setting is answered with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tls/ticket.h"
#include "tls_ends.h"

static void handshake_takes_the_best_common_version(void **state)
{
	static const struct {
		int client_most;
		enum tls_version least;
		const char *name; /* NULL: refused */
	} cases[] = {
		{TLS1_3_VERSION, TLS_1_2, "TLSv1.3"},
		{TLS1_2_VERSION, TLS_1_2, "TLSv1.2"},
		{TLS1_1_VERSION, TLS_1_2, NULL},
		{TLS1_VERSION, TLS_1_2, NULL},
		{TLS1_2_VERSION, TLS_1_3, NULL},
		{TLS1_1_VERSION, TLS_1_0, "TLSv1.1"},
		{TLS1_VERSION, TLS_1_0, "TLSv1"},
		{TLS1_VERSION, TLS_1_1, NULL},
		{TLS1_3_VERSION, TLS_1_0, "TLSv1.3"},
	};
	char error[TLS_ERROR_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_context *server =
			server_of("mx", cases[i].least, NULL, only_a, error);
		SSL_CTX *ctx = bare_ctx(cases[i].client_most);
		struct bare bare;

		assert_non_null(server);
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
		bare = bare_new(server, ctx, NULL, NULL);
		bare_shake(&bare);
		if (cases[i].name != NULL) {
			assert_int_equal(bare.server_result, TLS_OK);
			assert_string_equal(
				tls_version_name(bare.server), cases[i].name);
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

static void only_ecdhe_with_aead_by_default(void **state)
{
	static const struct {
		const char *list;
		bool works;
	} cases[] = {
		{"ECDHE-RSA-AES128-GCM-SHA256", true},
		{"ECDHE-ECDSA-CHACHA20-POLY1305", true},
		{"ECDHE-RSA-AES256-SHA384", false},
		{"DHE-RSA-AES256-GCM-SHA384", false},
		{"AES128-GCM-SHA256", false},
		{"AES256-SHA", false},
		{"ECDHE-ECDSA-AES128-CCM", false},
		{"aNULL@SECLEVEL=0", false},
	};
	static const char *const files[FILES_MOST] = {"a-rsa", "a-ec"};
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

static void alpn_of_another_protocol_is_refused(void **state)
{
	static const struct {
		const char *list;
		unsigned int n;
		bool works;
	} cases[] = {
		{"\x08http/1.1", 9, false},
		{"\x02h2\x08http/1.1", 12, false},
		{"\x04smtp", 5, true},
		{"\x02h2\x04smtp", 8, true},
		{"\x05smtps", 6, false},
		{"\x04SMTP", 5, false},
		{"", 0, true},
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

static void ticket_resumes_at_its_own_listener_only(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		char error[TLS_ERROR_LONGEST];
		struct tls_context *mx =
			server_of("mx", TLS_1_2, NULL, only_a, error);
		struct tls_context *submission =
			server_of("submission", TLS_1_2, NULL, only_a, error);
		bool resumed = true;
		SSL_SESSION *session =
			resume(mx, both_versions[v], NULL, &resumed);

		assert_false(resumed);
		session = resume(mx, both_versions[v], session, &resumed);
		assert_true(resumed);
		session =
			resume(submission, both_versions[v], session, &resumed);
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

/* A copy is what a fork gives a worker. */
static void workers_that_rotated_equally_often_agree(void **state)
{
	struct ticket_keys one = {0};
	struct ticket_keys two;
	struct ticket_keys stranger = {0};

	(void)state;
	assert_true(ticket_keys_init(&one));
	assert_true(ticket_keys_init(&stranger));
	assert_memory_not_equal(&one.now, &stranger.now, sizeof(one.now));
	two = one;
	for (int i = 0; i < 5; i++) {
		ticket_keys_rotate(&one);
		assert_memory_not_equal(&one.now, &two.now, sizeof(one.now));
		ticket_keys_rotate(&two);
		assert_memory_equal(&one.now, &two.now, sizeof(one.now));
		assert_memory_equal(
			&one.before, &two.before, sizeof(one.before));
		assert_memory_not_equal(&one.now, &one.before, sizeof(one.now));
		assert_memory_not_equal(
			one.now.cipher, one.now.mac, TICKET_KEY_BYTES);
	}
	ticket_keys_done(&one);
	ticket_keys_done(&stranger);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_takes_the_best_common_version),
		cmocka_unit_test(only_ecdhe_with_aead_by_default),
		cmocka_unit_test(finite_field_groups_of_tls13_are_off),
		cmocka_unit_test(alpn_of_another_protocol_is_refused),
		cmocka_unit_test(ticket_resumes_at_its_own_listener_only),
		cmocka_unit_test(rotation_keeps_tickets_valid_once),
		cmocka_unit_test(workers_that_rotated_equally_often_agree),
		cmocka_unit_test(
			client_asks_for_the_name_but_not_for_an_address),
		cmocka_unit_test(old_backend_works_with_level_0_only),
		cmocka_unit_test(wrong_settings_are_named),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
