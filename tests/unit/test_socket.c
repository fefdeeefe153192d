/*
 * A ClientHello in every form: in pieces, too long, stalled, or something
 * else in its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_ends.h"

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

/* Slow senders of a hello (TLS-10): their octets, not OpenSSL's buffers. */
static void stalled_hello_is_small(void **state)
{
	static const char part[] = "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
	struct tls_connection *servers[100];
	int fds[100][2];
	struct tls_context *context = server_new(only_a);
	size_t before = used_bytes();
	size_t each;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		make_sockets(fds[i]);
		servers[i] = tls_accept_new(context, fds[i][0]);
		assert_int_equal(write(fds[i][1], part, sizeof(part) - 1),
			sizeof(part) - 1);
		assert_int_equal(tls_handshake(servers[i]), TLS_WANT_READ);
	}
	each = (used_bytes() - before) / 100;
	print_message("stalled in the hello: %zu octets\n", each);
	assert_true(each < 1024);
	for (size_t i = 0; i < 100; i++) {
		tls_free(&servers[i]);
		(void)close(fds[i][0]);
		(void)close(fds[i][1]);
	}
	tls_context_free(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_one_octet_at_a_time),
		cmocka_unit_test(hello_in_one_octet_records),
		cmocka_unit_test(second_hello_after_retry_request_is_fine),
		cmocka_unit_test(nonsense_in_place_of_a_hello_fails),
		cmocka_unit_test(stalled_hello_is_small),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
