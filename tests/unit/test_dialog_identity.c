/*
 * The dialogue: who the client is. XCLIENT to a server that asks for it, and
 * the recipients of those who have not logged in.
 */
#include "dialog_script.h"

/* clang-format off */
#define OFFERED "250-d\r\n250 XCLIENT NAME ADDR PORT PROTO DESTADDR DESTPORT\r\n"
#define CONFUSED(reason)                                                       \
	.to_s = "{DROP" reason "}",                                            \
	.to_c = "{SERVER_CONFUSED}{CLOSE " reason "}"
#define TO_EHLO                                                                \
	{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n",       \
		.at = DIALOG_STATE_SERVER_EHLO}
#define TO_XCLIENT                                                             \
	TO_EHLO, {.s = OFFERED, .to_s = WORLD_XCLIENT,                         \
		.at = DIALOG_STATE_SERVER_XCLIENT}

static const struct script xclients[] = {
	{"said before the client is heard; its banner stays with us",
		FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT,
		{.c = "EHLO c\r\n", .at = DIALOG_STATE_SERVER_XCLIENT},
		{.s = "220 d again\r\n", .to_s = "EHLO c\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN}}},
	{"only what is offered", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_EHLO,
		{.s = "250-d\r\n250-XCLIENTS PORT\r\n250 xclient addr\r\n",
			.to_s = "XCLIENT ADDR=192.0.2.7\r\n"},
		{.s = "250 ok\r\n", .at = DIALOG_STATE_COMMAND}}},
	{"XCL-04 not offered: not said", FROM_ACCEPT, .conf.xclient = true,
		.turns = {
		TO_EHLO,
		{.s = "250-d\r\n250 SIZE 5\r\n", .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"XCL-04 without ADDR: not said", FROM_ACCEPT, .conf.xclient = true,
		.turns = {
		TO_EHLO,
		{.s = "250-d\r\n250 XCLIENT NAME LOGIN\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"XCL-04 EHLO refused: not said", FROM_ACCEPT, .conf.xclient = true,
		.turns = {
		TO_EHLO,
		{.s = "502 XCLIENT ADDR\r\n", .at = DIALOG_STATE_COMMAND},
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"}}},
	{"XCL-04 502: taken as no", FROM_ACCEPT, .conf.xclient = true,
		.turns = {
		TO_XCLIENT,
		{.s = "502-no\r\n502 no\r\n", .note = "XCLIENT_REFUSED",
			.at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"550: taken as no", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT,
		{.s = "550 no\r\n", .note = "XCLIENT_REFUSED",
			.at = DIALOG_STATE_COMMAND}}},
	{"421", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "421 bye\r\n", CONFUSED("server-refused")}}},
	{"451", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "451 x\r\n", CONFUSED("server-protocol")}}},
	{"334", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "334 x\r\n", CONFUSED("server-protocol")}}},
	{"garbage", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "x", CONFUSED("server-protocol")}}},
	{"more behind its reply", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "220 d\r\n250 x\r\n", .whole = true,
			CONFUSED("server-protocol")}}},
	{"more behind the reply to our EHLO", FROM_ACCEPT,
		.conf.xclient = true, .turns = {
		TO_EHLO, {.s = OFFERED "220 d\r\n", .whole = true,
			CONFUSED("server-protocol")}}},
	{"server lost", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.act = HAPPENS_SERVER_GONE,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"client lost", FROM_ACCEPT, .conf.xclient = true, .turns = {
		TO_XCLIENT, {.act = HAPPENS_CLIENT_GONE,
			.to_c = "{CLOSE client-left}"}}},
	{"inside TLS, where it is offered there", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED,
		.conf.xclient = true, .turns = {
		TO_EHLO,
		{.s = "250-d\r\n250-XCLIENT ADDR\r\n250 STARTTLS\r\n",
			.to_s = "STARTTLS\r\n"},
		{.s = "220 go\r\n", .to_s = "{TLS}"},
		{.act = HAPPENS_TLS_SERVER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.c = "EHLO c\r\n"},
		{.s = OFFERED, .to_s = WORLD_XCLIENT},
		{.s = "220 d\r\n", .to_s = "EHLO c\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"inside TLS, where it was offered in clear only", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL,
		.conf.xclient = true, .turns = {
		TO_EHLO,
		{.s = "250-d\r\n250-XCLIENT ADDR\r\n250 STARTTLS\r\n",
			.to_s = "STARTTLS\r\n"},
		{.s = "220 go\r\n", .to_s = "{TLS}"},
		{.act = HAPPENS_TLS_SERVER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "250-d\r\n250 STARTTLS\r\n", .at = DIALOG_STATE_COMMAND}}},
	{"in clear, where TLS is optional and refused", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL,
		.conf.xclient = true, .turns = {
		TO_EHLO,
		{.s = "250-d\r\n250-XCLIENT ADDR\r\n250 STARTTLS\r\n",
			.to_s = "STARTTLS\r\n"},
		{.s = "454 x\r\n", .to_s = "XCLIENT ADDR=192.0.2.7\r\n",
			.at = DIALOG_STATE_SERVER_XCLIENT},
		{.s = "220 d\r\n", .at = DIALOG_STATE_COMMAND}}},
	{"in clear, where TLS is optional and not offered", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL,
		.conf.xclient = true, .turns = {
		TO_XCLIENT, {.s = "220 d\r\n", .at = DIALOG_STATE_COMMAND}}},
	{"required TLS is not given up for it", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED,
		.conf.xclient = true, .turns = {
		TO_EHLO,
		{.s = OFFERED, .to_s = "{DROP}",
			.to_c = "{SERVER_AWAY}{CLOSE server-tls}"}}},
	{"XCL-01 never a client's", FROM_EHLO, .turns = {
		{.c = "XCLIENT ADDR=127.0.0.1 LOGIN=admin\r\n"
		      "xclient ADDR=127.0.0.1\r\nXFORWARD ADDR=127.0.0.1\r\n"
		      "PROXY TCP4 1.2.3.4 1.2.3.4 1 25\r\n",
			.to_c = "{NOT_IMPLEMENTED}{NOT_IMPLEMENTED}"
				"{NOT_IMPLEMENTED}{NOT_IMPLEMENTED}"}}},
};

static const char *const local_names[] = {"here.test", ".here.test"};
#define LOCAL .conf.local_domains = {local_names, 2},                          \
	.conf.command_longest_bytes = 512

static const struct script relays[] = {
	{"local ones pass, others are refused in their turn", FROM_EHLO, LOCAL,
		.turns = {
		{.c = "MAIL FROM:<a@b>\r\nRCPT TO:<c@here.test>\r\n"
		      "RCPT TO:<c@there.test>\r\nRCPT TO:<c@x.here.test>\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nRCPT TO:<c@here.test>\r\n"
				"RCPT TO:<c@x.here.test>\r\n"},
		{.s = "250 1\r\n250 2\r\n250 3\r\n",
			.to_c = "250 1\r\n250 2\r\n{RELAY_DENIED}250 3\r\n"}}},
	{"what might be RCPT to another", FROM_EHLO, LOCAL, .turns = {
		{.c = "RCPTTO:<a@there.test>\r\nRCPT:<a@there.test>\r\n"
		      "rcptx TO:<a@there.test>\r\nRCPT\r\nRCPT \r\n",
			.to_c = "{RELAY_DENIED}{RELAY_DENIED}{RELAY_DENIED}"
				"{RELAY_DENIED}{RELAY_DENIED}"}}},
	{"too many are the end", FROM_EHLO, LOCAL,
		.conf.bad_commands_most = 2, .turns = {
		{.c = "RCPT TO:<a@x.test>\r\n", .to_c = "{RELAY_DENIED}"},
		{.c = "RCPT TO:<a@x.test>\r\n",
			.to_c = "{TOO_MANY_ERRORS}{CLOSE too-many-errors}"}}},
	{"behind a login any", FROM_EHLO, LOCAL, .turns = {
		{.c = "AUTH PLAIN AGEAYg==\r\n",
			.note = "ASK PLAIN a b"},
		{.act = HAPPENS_PASS, .to_s = "AUTH PLAIN AGEAYg==\r\n"},
		{.s = "235 in\r\n", .note = "SETTLE ok 235"},
		{.act = HAPPENS_SETTLED, .to_c = "235 in\r\n"},
		{.c = "RCPT TO:<a%b@there.test>\r\n",
			.to_s = "RCPT TO:<a%b@there.test>\r\n"}}},
	{"behind a failed login none", FROM_EHLO, LOCAL, .turns = {
		{.c = "AUTH PLAIN AGEAYg==\r\n",
			.note = "ASK PLAIN a b"},
		{.act = HAPPENS_PASS, .to_s = "AUTH PLAIN AGEAYg==\r\n"},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{.act = HAPPENS_SETTLED, .to_c = "535 no\r\n"},
		{.c = "RCPT TO:<a@there.test>\r\n", .to_c = "{RELAY_DENIED}"}}},
	{"a 235 to something else is no login", FROM_EHLO, LOCAL, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "235 in\r\n", .to_c = "235 in\r\n"},
		{.c = "RCPT TO:<a@there.test>\r\n", .to_c = "{RELAY_DENIED}"}}},
	{"nothing listed, nothing looked at", FROM_EHLO, .turns = {
		{.c = "RCPT TO:<a@there.test>\r\n",
			.to_s = "RCPT TO:<a@there.test>\r\n"}}},
};
/* clang-format on */

static void the_server_is_told_where_it_asks(void **state)
{
	PLAY(xclients);
}

static void nobody_relays_without_a_login(void **state)
{
	PLAY(relays);
}

static void whoever_may_relay_may(void **state)
{
	static struct world w;
	struct script script = {.name = "may relay", LOCAL};
	struct dialog_conf conf = conf_of(&script);

	world_begin(&w, script.name, &conf, false);
	dialog_may_relay(&w.dialog);
	come_to(&w, FROM_EHLO);
	say(&w, "RCPT TO:<a@there.test>\r\n", NULL);
	assert_int_equal(w.to_s.n, strlen("RCPT TO:<a@there.test>\r\n"));
	assert_int_equal(w.to_c.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_is_told_where_it_asks),
		cmocka_unit_test(nobody_relays_without_a_login),
		cmocka_unit_test(whoever_may_relay_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
