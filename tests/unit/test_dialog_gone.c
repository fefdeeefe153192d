/*
 * The dialogue, one of its peers lost, at each state: what the other one is
 * told, that no message is completed (D-03), and that a login that was asked
 * about is settled.
 */
#include "dialog_script.h"

#define PLAIN "AUTH PLAIN AHUAcA==\r\n"
#define LOST  .act = HAPPENS_SERVER_GONE
#define LEFT  .act = HAPPENS_CLIENT_GONE
#define NO_SERVER                                                              \
	{                                                                      \
		LOST, .to_c = "{SERVER_LOST}{CLOSE server-closed}",            \
		      .at = DIALOG_STATE_CLOSED                                \
	}

/* clang-format off */
static const struct script server_gone[] = {
	{"before its banner", FROM_ACCEPT, .turns = {
		{LOST, .to_c = "{SERVER_AWAY}{CLOSE server-closed}"}}},
	{"in its banner", FROM_ACCEPT, .turns = {
		{.s = "220-d\r\n22"},
		{LOST, .to_c = "{SERVER_AWAY}{CLOSE server-closed}"}}},
	{"upon our EHLO", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		NO_SERVER}},
	{"upon our STARTTLS", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "250-d\r\n250 STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		NO_SERVER}},
	{"between commands", FROM_EHLO, .turns = {NO_SERVER}},
	{"behind a command", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nNOOP\r\n", .to_s = "NOOP\r\nNOOP\r\n"},
		{.s = "250-a\r\n25"},
		NO_SERVER}},
	{"own replies before the first that waits still go out", FROM_EHLO,
		.turns = {
		{.c = "NOOP\r\nTURN\r\nNOOP\r\nETRN\r\n",
			.to_s = "NOOP\r\nNOOP\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n{NOT_IMPLEMENTED}"},
		NO_SERVER}},
	{"STARTTLS waits", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "NOOP\r\nSTARTTLS\r\n", .to_s = "NOOP\r\n"},
		NO_SERVER}},
	{"in the client's handshake: said inside TLS", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{LOST, .at = DIALOG_STATE_CLIENT_HANDSHAKE},
		{.act = HAPPENS_TLS_CLIENT,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"a verdict is awaited", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		NO_SERVER,
		{.act = HAPPENS_PASS, .at = DIALOG_STATE_CLOSED}}},
	{"a second verdict is awaited: the first attempt is over", FROM_EHLO,
		.turns = {
		{.c = "AUTH PLAIN !\r\n", .note = "ASK PLAIN  "},
		{.act = HAPPENS_PASS, .to_s = "AUTH PLAIN !\r\n"},
		{.s = "334 \r\n", .to_c = "334 \r\n"},
		{.c = "AHUAcA==\r\n", .note = "ASK PLAIN u p"},
		NO_SERVER}},
	{"has the secret: temporary", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{LOST, .note = "SETTLE temporary 0",
			.at = DIALOG_STATE_AUTH_SETTLING},
		{.act = HAPPENS_SETTLED,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"has the secret, and half a reply", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{.s = "535 n"},
		{LOST, .note = "SETTLE temporary 0"},
		{.act = HAPPENS_SETTLED,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"AUTH without a secret yet", FROM_EHLO, .turns = {
		{.c = "AUTH LOGIN\r\n", .to_s = "AUTH LOGIN\r\n"},
		NO_SERVER}},
	{"an answer is awaited", FROM_EHLO, .turns = {
		{.c = "AUTH LOGIN\r\n", .to_s = "AUTH LOGIN\r\n"},
		{.s = "334 x\r\n", .to_c = "334 x\r\n"},
		NO_SERVER}},
	{"while its refusal is delayed", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{LOST, .at = DIALOG_STATE_AUTH_SETTLING},
		{.act = HAPPENS_SETTLED,
			.to_c = "535 no\r\n{SERVER_LOST}{CLOSE server-closed}"}}},
	{"upon DATA", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"}, NO_SERVER}},
	{"in mid-message: told at the dot", FROM_DATA, .turns = {
		{.c = "abc\r\n", .to_s = "abc\r\n"},
		{LOST, .at = DIALOG_STATE_DATA_DRAIN},
		{.c = "x\r\n..\r\ny\n.\n"},
		{.c = "\r\n.\r\nQUIT\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"in mid-message, and in the middle of a dot", FROM_DATA, .turns = {
		{.c = "abc\r\n.", .to_s = "abc\r\n."},
		{LOST, .at = DIALOG_STATE_DATA_DRAIN},
		{.c = "\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"behind the dot: nobody knows (D-05)", FROM_DATA, .turns = {
		{.c = "abc\r\n.\r\n", .to_s = "abc\r\n.\r\n"},
		{.s = "250 tak"},
		{LOST, .to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"behind the dot and QUIT", FROM_DATA, .turns = {
		{.c = "abc\r\n.\r\nQUIT\r\n", .to_s = "abc\r\n.\r\nQUIT\r\n"},
		{LOST, .to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"behind the dot's reply", FROM_DATA, .turns = {
		{.c = "abc\r\n.\r\n", .to_s = "abc\r\n.\r\n"},
		{.s = "250 taken\r\n", .to_c = "250 taken\r\n",
			.note = "ACCEPTED"},
		NO_SERVER}},
	{"in a chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 4 LAST\r\nab", .to_s = "BDAT 4 LAST\r\nab"},
		{LOST, .at = DIALOG_STATE_CHUNK_DRAIN},
		{.c = "cdNOOP\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"in a chunk that is not the last", FROM_RCPT, .turns = {
		{.c = "BDAT 4\r\nab", .to_s = "BDAT 4\r\nab"},
		{LOST},
		{.c = "cd", .to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"behind the last chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 2 LAST\r\nab", .to_s = "BDAT 2 LAST\r\nab"},
		{LOST, .to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"upon QUIT", FROM_EHLO, .turns = {
		{.c = "QUIT\r\n", .to_s = "QUIT\r\n"},
		{LOST, .to_c = "{CLOSE server-closed}"}}},
	{"with more than QUIT open", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nQUIT\r\n", .to_s = "NOOP\r\nQUIT\r\n"},
		NO_SERVER}},
	{"behind its 421", FROM_EHLO, .turns = {
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"},
		{LOST}}},
	{"and the client, too", FROM_DATA, .turns = {
		{LOST}, {LEFT, .to_s = "{DROP}", .to_c = "{CLOSE client-left}"}}},
};

static const struct script client_gone[] = {
	{"before the banner", FROM_ACCEPT, .turns = {
		{LEFT, .to_c = "{CLOSE client-left}"}}},
	{"while TLS is made with the server", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{LEFT, .to_c = "{CLOSE client-left}"}}},
	{"between commands", FROM_EHLO, .turns = {
		{LEFT, .to_c = "{CLOSE client-closed}"}}},
	{"in a command", FROM_EHLO, .turns = {
		{.c = "MAIL FR"}, {LEFT, .to_c = "{CLOSE client-closed}"}}},
	{"half, behind commands: still answered", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nTURN\r\nNOOP\r\n", .to_s = "NOOP\r\nNOOP\r\n"},
		{LEFT, .at = DIALOG_STATE_COMMAND},
		{.s = "250 1\r\n", .to_c = "250 1\r\n{NOT_IMPLEMENTED}"},
		{.s = "250 2\r\n", .to_c = "250 2\r\n{CLOSE client-closed}"}}},
	{"STARTTLS waits", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "NOOP\r\nSTARTTLS\r\n", .to_s = "NOOP\r\n"},
		{LEFT, .to_c = "{CLOSE client-left}"}}},
	{"a verdict is awaited", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{LEFT, .to_c = "{CLOSE client-left}"},
		{.act = HAPPENS_PASS}}},
	{"an answer is awaited", FROM_EHLO, .turns = {
		{.c = "AUTH LOGIN\r\n", .to_s = "AUTH LOGIN\r\n"},
		{.s = "334 x\r\n", .to_c = "334 x\r\n"},
		{LEFT, .to_c = "{CLOSE client-left}"}}},
	{"the server has the secret: settled all the same", FROM_EHLO,
		.turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{LEFT, .at = DIALOG_STATE_AUTH_SERVER},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{.act = HAPPENS_SETTLED,
			.to_c = "535 no\r\n{CLOSE client-closed}"}}},
	{"while the refusal is delayed", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{LEFT, .at = DIALOG_STATE_AUTH_SETTLING},
		{.act = HAPPENS_SETTLED,
			.to_c = "535 no\r\n{CLOSE client-closed}"}}},
	{"the server has the secret and asks on", FROM_EHLO, .turns = {
		{.c = PLAIN, .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{LEFT},
		{.s = "334 x\r\n", .to_c = "334 x\r\n{CLOSE client-left}"}}},
	{"upon DATA, refused", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{LEFT, .at = DIALOG_STATE_DATA_WAIT},
		{.s = "554 no\r\n", .to_c = "554 no\r\n{CLOSE client-closed}"}}},
	{"upon DATA, begun: nothing is completed", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{LEFT},
		{.s = "354 go\r\n", .to_c = "354 go\r\n{CLOSE client-left}",
			.to_s = "{DROP}"}}},
	{"in mid-message: nothing is completed (D-03)", FROM_DATA, .turns = {
		{.c = "abc\r\n", .to_s = "abc\r\n"},
		{LEFT, .to_s = "{DROP}", .to_c = "{CLOSE client-left}"}}},
	{"in the middle of a dot", FROM_DATA, .conf.newline = PAYLOAD_PASS,
		.turns = {
		{.c = "abc\r\n.\r", .to_s = "abc\r\n.\r"},
		{LEFT, .to_s = "{DROP}", .to_c = "{CLOSE client-left}"}}},
	{"while a refusal is kept", FROM_DATA, .turns = {
		{.s = "552 no\r\n", .to_s = "{DROP}"},
		{LEFT, .to_c = "{CLOSE client-left}"}}},
	{"half, behind the dot: the reply is delivered", FROM_DATA, .turns = {
		{.c = "abc\r\n.\r\n", .to_s = "abc\r\n.\r\n"},
		{LEFT, .at = DIALOG_STATE_COMMAND},
		{.s = "250 taken\r\n", .note = "ACCEPTED",
			.to_c = "250 taken\r\n{CLOSE client-closed}"}}},
	{"in a chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 4 LAST\r\nab", .to_s = "BDAT 4 LAST\r\nab"},
		{LEFT, .to_s = "{DROP}", .to_c = "{CLOSE client-left}"}}},
	{"half, behind the last chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 2 LAST\r\nab", .to_s = "BDAT 2 LAST\r\nab"},
		{LEFT},
		{.s = "250 taken\r\n", .note = "ACCEPTED",
			.to_c = "250 taken\r\n{CLOSE client-closed}"}}},
	{"half, behind QUIT", FROM_EHLO, .turns = {
		{.c = "QUIT\r\n", .to_s = "QUIT\r\n"},
		{LEFT, .at = DIALOG_STATE_QUITTING},
		{.s = "221 bye\r\n", .to_c = "221 bye\r\n{CLOSE quit}"}}},
	{"and then the server", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{LEFT},
		{LOST, .to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"half, with a refusal of ours in its turn", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nBDAT x\r\n", .to_s = "NOOP\r\n"},
		{LEFT},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{BAD_CHUNK}{CLOSE bad-chunk}"}}},
};
/* clang-format on */

static void client_is_told_once_that_the_server_is_gone(void **state)
{
	PLAY(server_gone);
}

static void nothing_is_completed_for_a_client_that_left(void **state)
{
	PLAY(client_gone);
}

/* What the caller may ask: who is read, who owes, when a session may end. */
struct question {
	const char *name;
	enum from from;
	const char *c, *s;
	bool reads_client, reads_server, payload, may_end, owes, verdict;
};

/* clang-format off */
static const struct question questions[] = {
	{"greeting", FROM_ACCEPT, NULL, NULL, 0, 1, 0, 1, 1, 0},
	{"command", FROM_EHLO, NULL, NULL, 1, 1, 0, 1, 0, 0},
	{"a reply open", FROM_EHLO, "NOOP\r\n", NULL, 1, 1, 0, 1, 1, 0},
	{"asking", FROM_EHLO, PLAIN, NULL, 0, 1, 0, 1, 0, 0},
	{"auth", FROM_EHLO, "AUTH LOGIN\r\n", NULL, 1, 1, 0, 1, 1, 0},
	{"answer", FROM_EHLO, "AUTH LOGIN\r\n", "334 x\r\n", 1, 1, 0, 1, 0, 0},
	{"data wait", FROM_RCPT, "DATA\r\n", NULL, 1, 1, 0, 1, 1, 0},
	{"data", FROM_DATA, NULL, NULL, 1, 1, 1, 0, 0, 0},
	{"drain", FROM_DATA, NULL, "552 x\r\n", 1, 1, 1, 0, 0, 0},
	{"dot", FROM_DATA, ".\r\n", NULL, 1, 1, 0, 0, 1, 1},
	{"dot and more", FROM_DATA, ".\r\nNOOP\r\n", NULL, 1, 1, 0, 0, 1, 1},
	{"dot answered", FROM_DATA, ".\r\n", "250 x\r\n", 1, 1, 0, 1, 0, 0},
	{"chunk", FROM_RCPT, "BDAT 2\r\nx", NULL, 1, 1, 1, 0, 1, 0},
	{"chunk is out", FROM_RCPT, "BDAT 1\r\nx", NULL, 1, 1, 0, 0, 1, 0},
	{"last chunk", FROM_RCPT, "BDAT 1 LAST\r\nx", NULL, 1, 1, 0, 0, 1, 1},
	{"quitting", FROM_EHLO, "QUIT\r\n", NULL, 0, 1, 0, 1, 1, 0},
	{"closed", FROM_EHLO, "QUIT\r\n", "221 x\r\n", 0, 0, 0, 1, 0, 0},
};
/* clang-format on */

static void caller_is_told_whom_to_read_and_when_to_end(void **state)
{
	static const struct script plain = {.name = "questions"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	for (size_t i = 0; i < COUNT(questions); i++) {
		const struct question *q = &questions[i];

		world_begin(&w, q->name, &conf, false);
		come_to(&w, q->from);
		say(&w, q->c, q->s);
		HOLDS(&w, dialog_reads(&w.dialog, DIALOG_CLIENT) ==
				  q->reads_client);
		HOLDS(&w, dialog_reads(&w.dialog, DIALOG_SERVER) ==
				  q->reads_server);
		HOLDS(&w, dialog_in_payload(&w.dialog) == q->payload);
		HOLDS(&w, dialog_may_end(&w.dialog) == q->may_end);
		HOLDS(&w, dialog_server_owes(&w.dialog) == q->owes);
		HOLDS(&w, dialog_owes_verdict(&w.dialog) == q->verdict);
	}
}

static void who_is_gone_is_not_read(void **state)
{
	static const struct script plain = {.name = "gone"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_EHLO);
	say(&w, "AUTH LOGIN\r\n", NULL);
	say(&w, "x", NULL);
	assert_false(dialog_reads(&w.dialog, DIALOG_CLIENT));
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_DATA);
	say(&w, ".\r\n", NULL);
	world_gone(&w, DIALOG_CLIENT);
	assert_false(dialog_reads(&w.dialog, DIALOG_CLIENT));
	assert_true(dialog_reads(&w.dialog, DIALOG_SERVER));
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_DATA);
	world_gone(&w, DIALOG_SERVER);
	assert_true(dialog_reads(&w.dialog, DIALOG_CLIENT));
	assert_false(dialog_reads(&w.dialog, DIALOG_SERVER));
	assert_false(dialog_server_owes(&w.dialog));
}

/* Between two steps of one feed, as when writing to the client fails. */
static void own_reply_whose_turn_it_is_survives_the_server(void **state)
{
	static const struct script plain = {.name = "between steps"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);
	struct dialog_step step;

	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_EHLO);
	say(&w, "NOOP\r\nTURN\r\nNOOP\r\n", NULL);
	world_step(&w, DIALOG_SERVER, slice_str("250 ok\r\n"), &step);
	assert_int_equal(step.act, DIALOG_FORWARD);
	world_gone(&w, DIALOG_SERVER);
	assert_int_equal(
		w.to_c.n, strlen("250 ok\r\n{NOT_IMPLEMENTED}"
				 "{SERVER_LOST}{CLOSE server-closed}"));
	world_step(&w, DIALOG_CLIENT, slice_str("NOOP\r\n"), &step);
	assert_int_equal(step.act, DIALOG_WAIT);
	assert_int_equal(step.used, 0);
}

static void judged_line_that_the_caller_lost_is_the_end(void **state)
{
	static const struct script plain = {.name = "lost line"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_EHLO);
	say(&w, PLAIN, NULL);
	w.c_in.n = 0;
	happen(&w, HAPPENS_PASS);
	assert_int_equal(w.to_s.n, 0);
	assert_int_equal(w.dialog.close_reason, CLOSE_LINE_BAD);
	assert_true(w.ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_told_once_that_the_server_is_gone),
		cmocka_unit_test(nothing_is_completed_for_a_client_that_left),
		cmocka_unit_test(caller_is_told_whom_to_read_and_when_to_end),
		cmocka_unit_test(who_is_gone_is_not_read),
		cmocka_unit_test(
			own_reply_whose_turn_it_is_survives_the_server),
		cmocka_unit_test(judged_line_that_the_caller_lost_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
