/*
 * Handshakes of a listener: versions, ciphers, certificates by name and
 * offer, ALPN, tickets, and what a stranger may send in their place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tls/ticket.h"
#include "tls_ends.h"

/* --- handshakes -------------------------------------------------------- */

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
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

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
				bare.server_result = tls_handshake(bare.server);
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

/* Each octet of the hello in a record of its own (TLS-18). The long one is
 * more than is collected before OpenSSL is asked. */
static void hello_in_one_octet_records(void **state)
{
	static const size_t alpn_counts[] = {1, 900};
	struct tls_context *server = server_new(only_a);
	SSL_CTX *ctx = bare_ctx(TLS1_3_VERSION);

	(void)state;
	for (size_t a = 0; a < 2; a++) {
		BIO *out = BIO_new(BIO_s_mem());
		struct bare bare = bare_new(server, ctx, "a.test", NULL);
		unsigned char alpn[900 * 5];
		char *hello;
		long n;
		int size = 1 << 20;

		for (size_t i = 0; i < alpn_counts[a]; i++)
			memcpy(alpn + 5 * i, "\x04smtp", 5);
		SSL_set_alpn_protos(
			bare.ssl, alpn, (unsigned int)alpn_counts[a] * 5);
		BIO_up_ref(out);
		SSL_set0_wbio(bare.ssl, out);
		(void)SSL_do_handshake(bare.ssl);
		n = BIO_get_mem_data(out, &hello);
		assert_true(n > 200);
		assert_int_equal(setsockopt(bare.fds[1], SOL_SOCKET, SO_SNDBUF,
					 &size, sizeof(size)),
			0);
		for (long i = 5; i < n; i++) {
			const char record[] = {22, 3, 1, 0, 1, hello[i]};

			assert_int_equal(write(bare.fds[1], record, 6), 6);
			if (i % 200 == 0 || i == n - 1)
				bare.server_result = tls_handshake(bare.server);
		}
		SSL_set_fd(bare.ssl, bare.fds[1]);
		bare_shake(&bare);
		assert_int_equal(bare.server_result, TLS_OK);
		BIO_free(out);
		bare_free(&bare);
	}
	SSL_CTX_free(ctx);
	tls_context_free(&server);
}

/* What a stranger may send in place of a handshake. */
static void nonsense_in_place_of_a_hello_fails(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *error;
	} cases[] = {
		{"EHLO x\r\nMAIL FROM:<>\r\n", 22,
			"the peer does not speak TLS"},
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 28,
			"the peer speaks HTTP, not TLS"},
		{"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00", 11,
			"the peer does not speak TLS"},
		{"SSH-2.0-x\r\n", 11, "the peer does not speak TLS"},
		/* a hello of 131,000 octets; in one and in three records */
		{"\x16\x03\x01\x40\x00\x01\x01\xff\x00\x03\x03", 11,
			"the ClientHello is too long"},
		{"\x16\x03\x01\0\1\1\x16\x03\x01\0\2\1\xff\x16\x03\x01\0\1\0",
			19, "the ClientHello is too long"},
	};
	struct tls_context *server = server_new(only_a);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_connection *c;
		int fds[2];

		make_sockets(fds);
		c = tls_accept_new(server, fds[0]);
		assert_int_equal(
			write(fds[1], cases[i].octets, cases[i].n), cases[i].n);
		assert_int_equal(tls_handshake(c), TLS_FAILED);
		assert_string_equal(tls_error(c), cases[i].error);
		assert_int_equal(tls_handshake(c), TLS_FAILED);
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
	assert_string_equal(tls_error(c), "the peer left during the handshake");
	tls_free(&c);
	(void)close(fds[0]);
	tls_context_free(&server);
}

/* --- which certificate ------------------------------------------------- */

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

#define EC_ONLY	 "ECDSA+SHA256"
#define RSA_ONLY "RSA-PSS+SHA256:RSA+SHA256"
#define BOTH	 RSA_ONLY ":" EC_ONLY

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

/* --- ALPN -------------------------------------------------------------- */

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

/* --- resumption -------------------------------------------------------- */

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
		cmocka_unit_test(hello_in_one_octet_records),
		cmocka_unit_test(nonsense_in_place_of_a_hello_fails),
		cmocka_unit_test(
			peer_that_leaves_in_the_handshake_is_truncated),
		cmocka_unit_test(certificate_fits_name_and_offer),
		cmocka_unit_test(spelled_out_name_goes_before_a_wildcard),
		cmocka_unit_test(long_and_odd_server_names_do_no_harm),
		cmocka_unit_test(alpn_of_another_protocol_is_refused),
		cmocka_unit_test(ticket_resumes_at_its_own_listener_only),
		cmocka_unit_test(rotation_keeps_tickets_valid_once),
		cmocka_unit_test(workers_that_rotated_equally_often_agree),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
