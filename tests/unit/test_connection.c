/*
 * A TLS connection: both ways, its ends, floods, much data, and what it
 * costs while idle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_ends.h"

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

/* Read ahead: one call takes what has come, in order, and says what is left. */
static void one_call_reads_many_records(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.client, "MAIL FROM:<>\r\n");
	say(pair.client, "RCPT TO:<a@b>\r\n");
	say(pair.client, "DATA\r\n");
	hear(pair.server, "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n");
	assert_int_equal(tls_pending(pair.server), 0);
	pair_free(&pair);
}

/* A client that puts each octet into a record does not keep the loop, and
 * what is kept for the next call is no more than was asked for. */
static void small_records_are_bounded_in_a_call(void **state)
{
	enum { OCTETS = 200, ROOM = 16384 };
	struct pair pair = easy_pair();
	uint8_t out[ROOM];
	size_t before = used_bytes(), got = 0, n = 0, kept_most = 0;
	int size = 1 << 20;

	(void)state;
	assert_int_equal(setsockopt(pair.fds[1], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size)),
		0);
	for (unsigned int i = 0; i < OCTETS; i++) {
		uint8_t octet = (uint8_t)i;

		assert_int_equal(tls_write(pair.client, &octet, 1, &n), TLS_OK);
	}
	for (unsigned int calls = 0; got < OCTETS; calls++) {
		assert_in_range(calls, 0, OCTETS);
		assert_int_equal(
			tls_read(pair.server, out, sizeof(out), &n), TLS_OK);
		assert_in_range(n, 1, 64);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i], (uint8_t)(got + i));
		got += n;
		if (used_bytes() - before > kept_most)
			kept_most = used_bytes() - before;
	}
	assert_int_equal(tls_pending(pair.server), 0);
	assert_in_range(kept_most, 0, (size_t)2 * ROOM + 4096);
	pair_free(&pair);
}

/* What is kept in a large read is counted, for all of it is bounded. */
static void what_is_kept_is_counted(void **state)
{
	enum { OCTETS = 200, ROOM = 1 << 18 };
	struct pair pair = easy_pair();
	static uint8_t out[ROOM];
	size_t n = 0;
	int size = 1 << 20;

	(void)state;
	assert_int_equal(tls_kept_by_all(), 0);
	assert_int_equal(setsockopt(pair.fds[1], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size)),
		0);
	for (unsigned int i = 0; i < OCTETS; i++)
		assert_int_equal(tls_write(pair.client, "x", 1, &n), TLS_OK);
	assert_int_equal(tls_read(pair.server, out, sizeof(out), &n), TLS_OK);
	assert_in_range(tls_kept_by_all(), OCTETS, 128 << 10);
	tls_free(&pair.server);
	assert_int_equal(tls_kept_by_all(), 0);
	pair_free(&pair);
}

/* The end came with the octets: the socket may stay silent about it. */
static void an_end_behind_octets_is_told_by_the_next_call(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.client, "QUIT\r\n");
	tls_shutdown(pair.client);
	hear(pair.server, "QUIT\r\n");
	assert_true(tls_pending(pair.server) > 0);
	assert_int_equal(read_end(pair.server), TLS_CLOSED);
	assert_int_equal(tls_pending(pair.server), 0);
	pair_free(&pair);
}

/* The same of a cut stream and of a damaged record. */
static void a_failure_behind_octets_comes_after_them(void **state)
{
	struct pair pair = easy_pair();

	(void)state;
	say(pair.client, "DATA\r\n");
	assert_int_equal(write(pair.fds[1],
				 "\x17\x03\x03\0\x11"
				 "12345678901234567",
				 22),
		22);
	hear(pair.server, "DATA\r\n");
	assert_true(tls_pending(pair.server) > 0);
	assert_int_equal(read_end(pair.server), TLS_FAILED);
	pair_free(&pair);
	pair = easy_pair();
	say(pair.client, "DATA\r\n");
	assert_int_equal(write(pair.fds[1], "\x17\x03\x03\0", 4), 4);
	(void)shutdown(pair.fds[1], SHUT_WR);
	hear(pair.server, "DATA\r\n");
	assert_int_equal(read_end(pair.server), TLS_TRUNCATED);
	pair_free(&pair);
}

/* A client that does not wait: its last flight and its first command come in
 * one piece, and no event of the socket tells of the second. */
static void words_with_the_last_flight_are_pending(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct tls_context *server = server_new(only_a);
		SSL_CTX *ctx = bare_ctx(both_versions[v]);
		struct bare bare = bare_new(server, ctx, NULL, NULL);
		BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

		BIO_set_mem_eof_return(in, -1);
		SSL_set_bio(bare.ssl, in, out);
		/* A 1.2 client may speak behind its Finished only when it has
		 * heard the server's: there the flights do not meet. */
		for (int i = 0; i < 4; i++) {
			char flight[8192];
			int n;
			ssize_t got;

			bare.is_done = SSL_do_handshake(bare.ssl) == 1;
			if (bare.is_done)
				SSL_write(bare.ssl, "EHLO x\r\n", 8);
			n = BIO_read(out, flight, sizeof(flight));
			if (n > 0)
				assert_int_equal(
					write(bare.fds[1], flight, (size_t)n),
					n);
			if (is_wait(bare.server_result))
				bare.server_result = tls_handshake(bare.server);
			if (bare.is_done)
				break;
			got = read(bare.fds[1], flight, sizeof(flight));
			if (got > 0)
				BIO_write(in, flight, (int)got);
		}
		assert_true(bare.is_done);
		assert_int_equal(bare.server_result, TLS_OK);
		if (both_versions[v] == TLS1_3_VERSION)
			assert_true(tls_pending(bare.server) > 0);
		hear(bare.server, "EHLO x\r\n");
		bare_free(&bare);
		SSL_CTX_free(ctx);
		tls_context_free(&server);
	}
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

static void write_takes_a_record_at_a_time(void **state)
{
	static const char large[40000];
	struct pair pair = easy_pair();
	size_t n = 0;

	(void)state;
	assert_int_equal(
		tls_write(pair.server, large, sizeof(large), &n), TLS_OK);
	assert_int_equal(n, 16384);
	pair_free(&pair);
}

/* Sent into a full socket: the caller is told to come back, not blocked. */
static void shutdown_of_a_full_socket_does_not_wait(void **state)
{
	static const char large[40000];
	struct pair pair = easy_pair();
	enum tls_result result = TLS_OK;
	size_t n;

	(void)state;
	while (result == TLS_OK)
		result = tls_write(pair.server, large, sizeof(large), &n);
	assert_int_equal(result, TLS_WANT_WRITE);
	tls_shutdown(pair.server);
	assert_int_equal(
		tls_write(pair.server, large, sizeof(large), &n), TLS_CLOSED);
	pair_free(&pair);
}

static void damaged_record_fails(void **state)
{
	struct pair pair = easy_pair();
	size_t n;

	(void)state;
	assert_int_equal(write(pair.fds[1],
				 "\x17\x03\x03\0\x14"
				 "01234567890123456789",
				 25),
		25);
	assert_int_equal(read_end(pair.server), TLS_FAILED);
	assert_string_equal(
		tls_error(pair.server), "decryption failed or bad record mac");
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
	struct flow up = {.from = pair.client, .to = pair.server};
	struct flow down = {.from = pair.server, .to = pair.client, .salt = 99};
	int size = 4096;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(pair.fds[i], SOL_SOCKET, SO_SNDBUF,
					 &size, sizeof(size)),
			0);
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

enum { IDLE_COUNT = 300, IDLE_BYTES_MOST = 17 * 1024 };

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
		cmocka_unit_test(octets_pass_both_ways),
		cmocka_unit_test(read_leaves_the_rest_pending),
		cmocka_unit_test(one_call_reads_many_records),
		cmocka_unit_test(small_records_are_bounded_in_a_call),
		cmocka_unit_test(what_is_kept_is_counted),
		cmocka_unit_test(an_end_behind_octets_is_told_by_the_next_call),
		cmocka_unit_test(a_failure_behind_octets_comes_after_them),
		cmocka_unit_test(words_with_the_last_flight_are_pending),
		cmocka_unit_test(
			peer_that_leaves_in_the_handshake_is_truncated),
		cmocka_unit_test(renegotiation_ends_the_connection),
		cmocka_unit_test(key_updates_are_counted),
		cmocka_unit_test(
			close_notify_is_closed_and_nothing_is_read_behind_it),
		cmocka_unit_test(end_without_close_notify_is_truncated),
		cmocka_unit_test(failed_write_leaves_the_last_words_readable),
		cmocka_unit_test(write_takes_a_record_at_a_time),
		cmocka_unit_test(shutdown_of_a_full_socket_does_not_wait),
		cmocka_unit_test(damaged_record_fails),
		cmocka_unit_test(free_says_nothing_to_the_peer),
		cmocka_unit_test(context_lives_as_long_as_its_connections),
		cmocka_unit_test(clear_text_of_a_backend_before_tls_fails),
		cmocka_unit_test(
			five_megabytes_both_ways_through_small_sockets),
		cmocka_unit_test(idle_connection_is_small),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
