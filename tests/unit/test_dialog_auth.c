/*
 * The dialogue, AUTH: when is asked, what is settled and how, what is never
 * forwarded, and that both ends agree on where an exchange ends.
 */
#include "dialog_script.h"

#define PLAIN	  "AUTH PLAIN AHUAcA==\r\n"
#define XO	  "dXNlcj11AWF1dGg9QmVhcmVyIHQBAQ=="
#define OB	  "bixhPXUsAWF1dGg9QmVhcmVyIHQBAQ=="
#define ASK_PLAIN "ASK PLAIN u p"
#define PASSED                                                                 \
	{                                                                      \
		.act = HAPPENS_PASS, .to_s = PLAIN,                            \
		.at = DIALOG_STATE_AUTH_SERVER                                 \
	}
#define ASKED                                                                  \
	{                                                                      \
		.c = PLAIN, .note = ASK_PLAIN, .at = DIALOG_STATE_AUTH_ASKING  \
	}
#define SETTLED(text)                                                          \
	{                                                                      \
		.act = HAPPENS_SETTLED, .to_c = text,                          \
		.at = DIALOG_STATE_COMMAND                                     \
	}
#define FINAL(text, outcome)                                                   \
	{.s = text,                                                            \
		.note = "SETTLE " outcome,                                     \
		.at = DIALOG_STATE_AUTH_SETTLING},                             \
		SETTLED(text)
#define PROMPT(text)                                                           \
	{                                                                      \
		.s = text, .to_c = text, .at = DIALOG_STATE_AUTH_CLIENT        \
	}
#define ANSWER(text)                                                           \
	{                                                                      \
		.c = text, .to_s = text, .at = DIALOG_STATE_AUTH_SERVER        \
	}
#define GUESS(text, ask)                                                       \
	{.c = text, .note = "ASK " ask, .at = DIALOG_STATE_AUTH_ASKING},       \
	{                                                                      \
		.act = HAPPENS_PASS, .to_s = text,                             \
		.at = DIALOG_STATE_AUTH_SERVER                                 \
	}
#define FAULT(text)                                                            \
	{                                                                      \
		.s = text, .whole = true, .to_s = "{DROPserver-protocol}",     \
		.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"             \
	}

/* clang-format off */
static const struct script passed[] = {
	{"PLAIN, initial response", FROM_EHLO, .turns = {
		ASKED, PASSED, FINAL("235 welcome\r\n", "ok 235"),
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"}}},
	{"PLAIN, answer", FROM_EHLO, .turns = {
		ANSWER("AUTH PLAIN\r\n"), PROMPT("334 \r\n"),
		GUESS("AHUAcA==\r\n", "PLAIN u p"),
		FINAL("235 ok\r\n", "ok 235")}},
	{"PLAIN, empty initial response is asked about", FROM_EHLO, .turns = {
		GUESS("AUTH PLAIN =\r\n", "PLAIN  "),
		PROMPT("334 \r\n"),
		GUESS("AHUAcA==\r\n", "PLAIN u p"),
		FINAL("235 ok\r\n", "ok 235")}},
	{"PLAIN, what cannot be decoded passes", FROM_EHLO, .turns = {
		GUESS("AUTH PLAIN !!!!\r\n", "PLAIN  "),
		FINAL("501 what\r\n", "cancelled 501")}},
	{"LOGIN", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		GUESS("cA==\r\n", "LOGIN u p"),
		FINAL("535 no\r\n", "failed 535")}},
	{"LOGIN, initial response", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		GUESS("cA==\r\n", "LOGIN u p"),
		FINAL("535 no\r\n", "failed 535")}},
	{"LOGIN, initial response that the server does not take", FROM_EHLO,
		.turns = {
		ANSWER("AUTH LOGIN eA==\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		GUESS("cA==\r\n", "LOGIN u p"),
		FINAL("535 no\r\n", "failed 535")}},
	{"CRAM-MD5", FROM_EHLO, .turns = {
		ANSWER("AUTH CRAM-MD5\r\n"), PROMPT("334 PDEyMz4=\r\n"),
		GUESS("dSBhYmM=\r\n", "CRAM-MD5 u "),
		FINAL("235 ok\r\n", "ok 235")}},
	{"XOAUTH2, told wrong by a challenge", FROM_EHLO, .turns = {
		GUESS("AUTH XOAUTH2 " XO "\r\n", "XOAUTH2 u Bearer t"),
		PROMPT("334 e30=\r\n"), ANSWER("\r\n"),
		FINAL("535 no\r\n", "failed 535")}},
	{"XOAUTH2, told wrong, cancelled: a failure all the same", FROM_EHLO,
		.turns = {
		GUESS("AUTH XOAUTH2 " XO "\r\n", "XOAUTH2 u Bearer t"),
		PROMPT("334 e30=\r\n"), ANSWER("*\r\n"),
		FINAL("501 cancelled\r\n", "failed 501")}},
	{"OAUTHBEARER", FROM_EHLO, .turns = {
		GUESS("AUTH OAUTHBEARER " OB "\r\n",
			"OAUTHBEARER u Bearer t"),
		PROMPT("334 e30=\r\n"), ANSWER("AQ==\r\n"),
		FINAL("535-a\r\n535 b\r\n", "failed 535")}},
	{"any other mechanism, asked about at its first data", FROM_EHLO,
		.turns = {
		ANSWER("AUTH FOO\r\n"), PROMPT("334 \r\n"),
		ANSWER("\r\n"), PROMPT("334 eA==\r\n"),
		GUESS("eHl6\r\n", "OPAQUE  "), PROMPT("334 eQ==\r\n"),
		ANSWER("eA==\r\n"), FINAL("535 no\r\n", "failed 535")}},
	{"any other mechanism: its challenge tells nothing", FROM_EHLO,
		.turns = {
		GUESS("AUTH FOO eA==\r\n", "OPAQUE  "), PROMPT("334 eQ==\r\n"),
		ANSWER("*\r\n"),
		FINAL("501 cancelled\r\n", "cancelled 501")}},
	{"no mechanism", FROM_EHLO, .turns = {
		ANSWER("AUTH\r\n"),
		{.s = "501 what\r\n", .to_c = "501 what\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"LOGIN refused before any secret is not settled", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"),
		{.s = "504 no\r\n", .to_c = "504 no\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"535 to MAIL settles nothing", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "535 5.7.8 no\r\n", .to_c = "535 5.7.8 no\r\n"}}},
	{"behind commands that are not answered yet", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nTURN\r\n" PLAIN, .to_s = "NOOP\r\n",
			.note = ASK_PLAIN},
		{.act = HAPPENS_PASS, .to_s = PLAIN},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n{NOT_IMPLEMENTED}"},
		FINAL("535 no\r\n", "failed 535")}},
	{"tries in a row share nothing", FROM_EHLO, .turns = {
		ASKED, PASSED, FINAL("535 no\r\n", "failed 535"),
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("*\r\n"),
		{.s = "501 cancelled\r\n", .to_c = "501 cancelled\r\n"},
		ANSWER("AUTH CRAM-MD5\r\n"), PROMPT("334 PDEyMz4=\r\n"),
		GUESS("dSBhYmM=\r\n", "CRAM-MD5 u "),
		FINAL("535 no\r\n", "failed 535")}},
};

#define OUTCOME(text, outcome)                                                 \
	{text, FROM_EHLO, .turns = {ASKED, PASSED, FINAL(text, outcome)}}

static const struct script outcomes[] = {
	OUTCOME("235 ok\r\n", "ok 235"),
	OUTCOME("235-a\r\n235 b\r\n", "ok 235"),
	OUTCOME("535\r\n", "failed 535"),
	OUTCOME("535-5.7.8 a\r\n535-5.7.8 b\r\n535 c\r\n", "failed 535"),
	OUTCOME("454 later\r\n", "temporary 454"),
	OUTCOME("432 change\r\n", "temporary 432"),
	OUTCOME("501 syntax\r\n", "cancelled 501"),
	OUTCOME("502 " PLAIN, "other 502"),
	OUTCOME("500 what\r\n", "other 500"),
	OUTCOME("503 again\r\n", "other 503"),
	OUTCOME("504 mechanism\r\n", "other 504"),
	OUTCOME("530 tls\r\n", "other 530"),
	OUTCOME("534 weak\r\n", "other 534"),
	OUTCOME("538 tls\r\n", "other 538"),
	OUTCOME("554 policy\r\n", "other 554"),
	{"421 is temporary and the end, said once", FROM_EHLO, .turns = {
		ASKED, PASSED,
		{.s = "421 bye\r\n", .note = "SETTLE temporary 421"},
		{.act = HAPPENS_SETTLED,
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"421 to AUTH that was not asked about", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"),
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"421 in the place of an answer", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"told wrong, then 421 in the place of an answer", FROM_EHLO, .turns = {
		GUESS("AUTH XOAUTH2 " XO "\r\n", "XOAUTH2 u Bearer t"),
		PROMPT("334 e30=\r\n"),
		{.s = "421 bye\r\n", .to_c = "421 bye\r\n",
			.note = "SETTLE failed 0"},
		{.act = HAPPENS_SETTLED, .to_c = "{CLOSE server-closed}"}}},
	{"421 to a command before AUTH", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}, ASKED, PASSED,
		{.s = "421 bye\r\n", .to_c = "421 bye\r\n",
			.note = "SETTLE temporary 0"},
		{.act = HAPPENS_SETTLED, .to_c = "{CLOSE server-closed}"}}},
	{"nothing is said behind a 421", FROM_EHLO, .turns = {
		ASKED, PASSED, {.c = "NOOP\r\n"},
		{.s = "421 bye\r\n", .note = "SETTLE temporary 421"},
		{.act = HAPPENS_SETTLED,
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"354 to AUTH", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), FAULT("354 x\r\n")}},
	{"two codes to AUTH", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), FAULT("334-x\r\n235 y\r\n")}},
	{"334 with a bare LF", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), FAULT("334 x\ny\r\n")}},
	{"334 that is no base64 passes", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 !\x01\xff\r\n"),
		ANSWER("dQ==\r\n")}},
	{"334 of two lines passes", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"),
		PROMPT("334-x\r\n334 VXNlcm5hbWU6\r\n")}},
	{"a reply behind the 334", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"),
		{.s = "334 x\r\n235 ok\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "334 x\r\n{SERVER_CONFUSED}"
				"{CLOSE server-protocol}"}}},
	{"a reply behind the final one waits for the delay", FROM_EHLO,
		.turns = {
		ASKED, PASSED,
		{.s = "535 no\r\n250 x\r\n", .note = "SETTLE failed 535"},
		{.act = HAPPENS_SETTLED, .to_s = "{DROPserver-protocol}",
			.to_c = "535 no\r\n{SERVER_CONFUSED}"
				"{CLOSE server-protocol}"}}},
};

static const struct script refused[] = {
	{"before the server hears of it", FROM_EHLO, .turns = {
		ASKED,
		{.act = HAPPENS_LATER, .to_c = "{AUTH_LATER}",
			.at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"in its turn", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n" PLAIN, .to_s = "NOOP\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_LATER},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n{AUTH_LATER}"}}},
	{"in mid-exchange: cancelled there, its reply stays here", FROM_EHLO,
		.turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		{.c = "cA==\r\n", .note = "ASK LOGIN u p"},
		{.act = HAPPENS_LATER, .to_s = "*\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "501-a\r\n501 cancelled\r\n", .to_c = "{AUTH_LATER}"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
	{"in lockstep nothing passes the cancel", FROM_LOCKSTEP, .turns = {
		ANSWER("AUTH PLAIN\r\n"), PROMPT("334 \r\n"),
		{.c = "AHUAcA==\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_LATER, .to_s = "*\r\n"},
		{.c = "NOOP\r\n"},
		{.s = "501 cancelled\r\n", .to_c = "{AUTH_LATER}",
			.to_s = "NOOP\r\n"}}},
	{"a server that goes on behind the cancel", FROM_EHLO, .turns = {
		ANSWER("AUTH PLAIN\r\n"), PROMPT("334 \r\n"),
		{.c = "AHUAcA==\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_LATER, .to_s = "*\r\n"},
		FAULT("334 more\r\n")}},
	{"a server that lets the cancel in", FROM_EHLO, .turns = {
		ANSWER("AUTH PLAIN\r\n"), PROMPT("334 \r\n"),
		{.c = "AHUAcA==\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_LATER, .to_s = "*\r\n"},
		FAULT("235 ok\r\n")}},
	{"a server that leaves upon the cancel", FROM_EHLO, .turns = {
		ANSWER("AUTH PLAIN\r\n"), PROMPT("334 \r\n"),
		{.c = "AHUAcA==\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_LATER, .to_s = "*\r\n"},
		{.act = HAPPENS_SERVER_GONE,
			.to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"as the server would have: the dialogue goes on", FROM_EHLO, .turns = {
		ASKED,
		{.act = HAPPENS_REFUSE, .to_c = "{AUTH_REFUSED}",
			.at = DIALOG_STATE_COMMAND},
		ASKED, PASSED, FINAL("535 no\r\n", "failed 535"),
		ASKED,
		{.act = HAPPENS_REFUSE, .to_c = "{AUTH_REFUSED}"},
		ASKED,
		{.act = HAPPENS_LATER, .to_c = "{AUTH_LATER}"},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"as the server would have, in its turn", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n" PLAIN, .to_s = "NOOP\r\n", .note = ASK_PLAIN},
		{.act = HAPPENS_REFUSE},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n{AUTH_REFUSED}"}}},
	{"as the server would have, in mid-exchange", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		{.c = "cA==\r\n", .note = "ASK LOGIN u p"},
		{.act = HAPPENS_REFUSE, .to_s = "*\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.s = "501 cancelled\r\n", .to_c = "{AUTH_REFUSED}"},
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"}}},
	{"as the server would have, pipelined behind it", FROM_EHLO, .turns = {
		ASKED, {.c = "NOOP\r\n"},
		{.act = HAPPENS_REFUSE, .to_c = "{AUTH_REFUSED}",
			.to_s = "NOOP\r\n"}}},
	{"hidden", FROM_EHLO, .conf.auth = DIALOG_AUTH_HIDE, .turns = {
		{.c = PLAIN, .to_c = "{NO_AUTH}", .note = "AUTH_REFUSED"},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"needs TLS", FROM_EHLO, .conf.auth = DIALOG_AUTH_TLS, .turns = {
		{.c = PLAIN, .to_c = "{AUTH_NEEDS_TLS}"}}},
	{"not offered by the server", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "250-d\r\n250 SIZE 1\r\n",
			.to_c = "250-d\r\n250 SIZE 1\r\n"},
		{.c = PLAIN, .to_c = "{NO_AUTH}", .note = "AUTH_REFUSED"}}},
	{"before EHLO", FROM_BANNER, .turns = {
		{.c = PLAIN, .to_c = "{EHLO_FIRST}"}}},
	{"behind HELO", FROM_EHLO, .turns = {
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = PLAIN, .to_c = "{EHLO_FIRST}"}}},
	{"a masked AUTH is none", FROM_EHLO, .turns = {
		{.c = "AUTH\tPLAIN AHUAcA==\r\n", .to_c = "{NOT_A_COMMAND}"}}},
	{"twice and in a transaction: the server's word", FROM_RCPT, .turns = {
		ASKED, PASSED, FINAL("503 in a transaction\r\n", "other 503")}},
};

static const struct script out_of_step[] = {
	{"an answer is no command", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("QUIT\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("STARTTLS\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		GUESS("RSET\r\n", "LOGIN I0\x11M2\xd2 E!\x13"),
		FINAL("535 no\r\n", "failed 535")}},
	{"pipelined behind AUTH, same write", FROM_EHLO, .turns = {
		{.c = PLAIN "MAIL FROM:<a@b>\r\n", .whole = true,
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"one octet behind AUTH, same write", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n" PLAIN "M", .whole = true, .to_s = "NOOP\r\n"},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"pipelined behind AUTH, later write", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"),
		{.c = "MAIL FROM:<a@b>\r\n"},
		{.s = "504 no\r\n",
			.to_c = "504 no\r\n{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"a secret sent before its 334", FROM_EHLO, .turns = {
		ANSWER("AUTH PLAIN\r\n"),
		{.c = "AHUAcA==\r\n"},
		{.s = "334 \r\n", .to_s = "{DROP}",
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"pipelined behind a try that fails: the failure counts", FROM_EHLO,
		.turns = {
		ASKED, PASSED,
		{.c = "QUIT\r\n"},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{.act = HAPPENS_SETTLED,
			.to_c = "535 no\r\n{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"pipelined behind a line that waits for its verdict", FROM_EHLO,
		.turns = {
		ASKED,
		{.c = "NOOP\r\n"},
		PASSED,
		{.s = "235 ok\r\n", .note = "SETTLE ok 235"},
		{.act = HAPPENS_SETTLED,
			.to_c = "235 ok\r\n{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"pipelined behind an answer", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		{.c = "dQ==\r\ncA==\r\n", .whole = true,
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"cancel", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		ANSWER("dQ==\r\n"), PROMPT("334 UGFzc3dvcmQ6\r\n"),
		ANSWER("*\r\n"),
		{.s = "501 cancelled\r\n", .to_c = "501 cancelled\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"bare LF in an answer", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		{.c = "dQ==\n", .to_c = "{LINE_BAD}{CLOSE line-bad}"}}},
	{"NUL in an answer", FROM_EHLO, .turns = {
		ANSWER("AUTH LOGIN\r\n"), PROMPT("334 VXNlcm5hbWU6\r\n"),
		{.c = "d\0Q\r\n", .n = 5,
			.to_c = "{LINE_BAD}{CLOSE line-bad}"}}},
	{"verdict that nobody waits for", FROM_EHLO, .turns = {
		{.act = HAPPENS_PASS, .at = DIALOG_STATE_COMMAND},
		{.act = HAPPENS_LATER, .at = DIALOG_STATE_COMMAND},
		{.act = HAPPENS_SETTLED, .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
};
/* clang-format on */

static void secret_is_asked_about_before_it_passes(void **state)
{
	PLAY(passed);
}

static void final_reply_settles_by_its_code(void **state)
{
	PLAY(outcomes);
}

static void refused_auth_never_reaches_the_server(void **state)
{
	PLAY(refused);
}

static void client_out_of_step_is_ended(void **state)
{
	PLAY(out_of_step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_is_asked_about_before_it_passes),
		cmocka_unit_test(final_reply_settles_by_its_code),
		cmocka_unit_test(refused_auth_never_reaches_the_server),
		cmocka_unit_test(client_out_of_step_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
