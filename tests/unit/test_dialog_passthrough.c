/*
 * The dialogue with starttls = passthrough: the server's STARTTLS, and all that
 * is said in clear before and beside it.
 */
#include "dialog_script.h"

/* clang-format off */
#define OFFERED                                                                \
	{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},                             \
	{.s = EHLO_TLS, .to_c = EHLO_TLS}
#define PASSES .conf.starttls = DIALOG_STARTTLS_PASSTHROUGH

static const struct script passthrough[] = {
	{"offered and answered by the server", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "StartTLS\r\n", .to_s = "StartTLS\r\n",
			.at = DIALOG_STATE_STARTTLS_PASSED},
		{.s = "220-go\r\n220 now\r\n",
			.to_c = "220-go\r\n220 now\r\n{PASSTHROUGH}",
			.at = DIALOG_STATE_PASSTHROUGH},
		{.c = "\x16\x03\x01", .at = DIALOG_STATE_PASSTHROUGH}}},
	{"not offered by the server, not by us", FROM_EHLO, PASSES, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{NO_STARTTLS}",
			.at = DIALOG_STATE_COMMAND}}},
	{"before EHLO", FROM_BANNER, PASSES, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{NO_STARTTLS}"}}},
	{"HELO takes it back", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{NO_STARTTLS}"}}},
	{"with an argument", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS x\r\nNOOP\r\n", .to_c = "{BAD_ARGUMENT}",
			.to_s = "NOOP\r\n"}}},
	{"refused: in clear as before", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "454 no\r\n", .to_c = "454 no\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.c = "BURL\r\nMAIL FROM:<a@b>\r\n",
			.to_c = "{NOT_IMPLEMENTED}",
			.to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "220 go\r\n", .to_c = "220 go\r\n{PASSTHROUGH}"}}},
	{"refused for good", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"waits for the replies before it", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "NOOP\r\nBURL\r\nSTARTTLS\r\n",
			.to_s = "NOOP\r\nSTARTTLS\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n{NOT_IMPLEMENTED}",
			.at = DIALOG_STATE_STARTTLS_PASSED},
		{.s = "220 go\r\n", .to_c = "220 go\r\n{PASSTHROUGH}"}}},
	{"the auth option holds in clear", FROM_BANNER,
		.conf = {.auth = DIALOG_AUTH_TLS,
			.starttls = DIALOG_STARTTLS_PASSTHROUGH}, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "250-d\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
			.to_c = "250-d\r\n250 STARTTLS\r\n"},
		{.c = "AUTH PLAIN AHUAcA==\r\n", .to_c = "{AUTH_NEEDS_TLS}"},
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"}}},
	{"injection in the same write", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\nEHLO x\r\n", .whole = true,
			.to_c = "{CLOSE starttls-injection}"}}},
	{"injection behind a pipeline", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "NOOP\r\nSTARTTLS\r\nN", .whole = true,
			.to_s = "NOOP\r\n", .at = DIALOG_STATE_CLOSING},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{CLOSE starttls-injection}"}}},
	{"injection in a later write", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.c = "E", .to_c = "{CLOSE starttls-injection}"}}},
	{"a hello before the 220 is one, too", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "NOOP\r\nSTARTTLS\r\n",
			.to_s = "NOOP\r\nSTARTTLS\r\n"},
		{.c = "\x16\x03\x01", .at = DIALOG_STATE_CLOSING},
		{.s = "250 ok\r\n220 go\r\n", .whole = true,
			.to_c = "250 ok\r\n{CLOSE starttls-injection}"}}},
	{"more behind the server's 220", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "220 go\r\n2", .whole = true,
			.to_s = "{DROPserver-injection}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-injection}"}}},
	{"250 is no 220", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "250 go\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"354 is no 220", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "354 go\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"220 while STARTTLS waits in the queue", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.act = HAPPENS_UNSENT},
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.s = "220 go\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"the client leaves", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.act = HAPPENS_CLIENT_GONE, .to_c = "{CLOSE client-left}"}}},
	{"the server leaves", FROM_BANNER, PASSES, .turns = {
		OFFERED,
		{.c = "STARTTLS\r\n", .to_s = "STARTTLS\r\n"},
		{.act = HAPPENS_SERVER_GONE,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
};
/* clang-format on */

static void starttls_passed_on_is_the_servers(void **state)
{
	PLAY(passthrough);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starttls_passed_on_is_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
