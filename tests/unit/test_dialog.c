/*
 * The dialogue: greeting, commands and replies, EHLO, STARTTLS on either leg,
 * limits, the end. AUTH, messages and lost peers have files of their own.
 */
#include "dialog_script.h"

/* clang-format off */
static const struct script greetings[] = {
	{"banner passes as it is", FROM_ACCEPT, .turns = {
		{.s = "220-d\r\n220 ESMTP\r\n", .to_c = "220-d\r\n220 ESMTP\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"own banner stands for the server's", FROM_ACCEPT,
		.conf.own_banner = true, .turns = {
		{.s = "220-d\r\n220 ESMTP\r\n", .to_c = "{BANNER}",
			.at = DIALOG_STATE_COMMAND}}},
	{"refusal keeps the server's words", FROM_ACCEPT,
		.conf.own_banner = true, .turns = {
		{.s = "554-no\r\n554 go away\r\n",
			.to_c = "554-no\r\n554 go away\r\n{CLOSE server-refused}",
			.at = DIALOG_STATE_CLOSED}}},
	{"421 for a banner", FROM_ACCEPT, .turns = {
		{.s = "421 busy\r\n",
			.to_c = "421 busy\r\n{CLOSE server-refused}"}}},
	{"250 for a banner", FROM_ACCEPT, .turns = {
		{.s = "250 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"221 for a banner", FROM_ACCEPT, .turns = {
		{.s = "221 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"354 for a banner", FROM_ACCEPT, .turns = {
		{.s = "354 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"banner of two codes", FROM_ACCEPT, .turns = {
		{.s = "220-x\r\n", .at = DIALOG_STATE_GREETING},
		{.s = "250 x\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"no reply for a banner", FROM_ACCEPT, .turns = {
		{.s = "HTTP/1.1 400\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"more behind the banner, at once", FROM_ACCEPT, .turns = {
		{.s = BANNER "250 x\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"more behind the banner, later", FROM_ACCEPT, .turns = {
		{.s = BANNER, .to_c = BANNER},
		{.s = "250 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"client that is too early waits", FROM_ACCEPT, .turns = {
		{.c = "NOOP\r\n", .at = DIALOG_STATE_GREETING},
		{.s = BANNER, .to_c = BANNER, .to_s = "NOOP\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
};

static const struct script pipelines[] = {
	{"commands pass in order, replies in order", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
				"RCPT TO:<e@f>\r\n"},
		{.s = "250 1\r\n250-2a\r\n250 2\r\n550 3\r\n",
			.to_c = "250 1\r\n250-2a\r\n250 2\r\n550 3\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"own refusal comes in its turn", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nBURL imap://x LAST\r\nRCPT TO:<c@d>\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"},
		{.s = "250-a\r\n"},
		{.s = "250 b\r\n",
			.to_c = "250-a\r\n250 b\r\n{NOT_IMPLEMENTED}"},
		{.s = "251 c\r\n", .to_c = "251 c\r\n"}}},
	{"own refusals one behind the other", FROM_EHLO, .turns = {
		{.c = "XCLIENT A=b\r\nPROXY TCP4\r\nNOOP\r\nXFORWARD x\r\n"
		      "ETRN x\r\n",
			.to_s = "NOOP\r\n",
			.to_c = "{NOT_IMPLEMENTED}{NOT_IMPLEMENTED}"},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{NOT_IMPLEMENTED}{NOT_IMPLEMENTED}"}}},
	{"one at a time where it is not offered", FROM_LOCKSTEP, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nTURN\r\nRCPT TO:<c@d>\r\nNOOP\r\n",
			.to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "250 1\r\n",
			.to_c = "250 1\r\n{NOT_IMPLEMENTED}",
			.to_s = "RCPT TO:<c@d>\r\n"},
		{.s = "250-2\r\n"},
		{.s = "250 2\r\n", .to_c = "250-2\r\n250 2\r\n",
			.to_s = "NOOP\r\n"},
		{.s = "250 3\r\n", .to_c = "250 3\r\n"}}},
	{"one at a time before EHLO and behind HELO", FROM_BANNER, .turns = {
		{.c = "NOOP\r\nHELO c\r\nNOOP\r\nNOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 2\r\n", .to_c = "250 2\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 3\r\n", .to_c = "250 3\r\n", .to_s = "NOOP\r\n"}}},
	{"HELO takes back what EHLO offered", FROM_EHLO, .turns = {
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = "NOOP\r\nNOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n", .to_s = "NOOP\r\n"}}},
	{"EHLO in a pipeline holds what follows", FROM_EHLO, .turns = {
		{.c = "RSET\r\nEHLO c\r\nNOOP\r\nNOOP\r\n",
			.to_s = "RSET\r\nEHLO c\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n"},
		{.s = "250-d\r\n250 SIZE 9\r\n",
			.to_c = "250-d\r\n250 SIZE 9\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 3\r\n", .to_c = "250 3\r\n", .to_s = "NOOP\r\n"}}},
	{"unknown verbs are the server's", FROM_EHLO, .turns = {
		{.c = "FROP x\r\n\r\n", .to_s = "FROP x\r\n\r\n"},
		{.s = "500 FROP x\r\n500 \r\n",
			.to_c = "500 FROP x\r\n500 \r\n"}}},
	{"masked commands are not", FROM_EHLO, .turns = {
		{.c = " AUTH PLAIN\r\nAUTH\tPLAIN\r\nDA\x01TA\r\n"
		      "D\xc3\xa1TA\r\n\tBDA 5\r\n",
			.to_c = "{NOT_A_COMMAND}{NOT_A_COMMAND}{NOT_A_COMMAND}"
				"{NOT_A_COMMAND}{NOT_A_COMMAND}"}}},
	{"short replies pass", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nNOOP\r\nNOOP\r\n",
			.to_s = "NOOP\r\nNOOP\r\nNOOP\r\n"},
		{.s = "250\r\n250 \r\n250-\r\n250\r\n",
			.to_c = "250\r\n250 \r\n250-\r\n250\r\n"}}},
	{"221 to MAIL ends nothing", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "221 x\r\n", .to_c = "221 x\r\n",
			.at = DIALOG_STATE_COMMAND}}},
};

#define QUEUED(command, reply)                                                 \
	{.c = command, .to_s = command},                                       \
	{.s = reply, .whole = true, .to_s = "{DROPserver-protocol}",           \
		.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}",            \
		.at = DIALOG_STATE_CLOSED}

#define FAULT(unread)                                                          \
	{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},                                 \
	{.s = unread, .whole = true, .to_s = "{DROPserver-protocol}",          \
		.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}",            \
		.at = DIALOG_STATE_CLOSED}

static const struct script faults[] = {
	{"354 to NOOP", FROM_EHLO, .turns = {FAULT("354 x\r\n")}},
	{"334 to NOOP", FROM_EHLO, .turns = {FAULT("334 x\r\n")}},
	{"699", FROM_EHLO, .turns = {FAULT("699 x\r\n")}},
	{"100", FROM_EHLO, .turns = {FAULT("100 x\r\n")}},
	{"bare LF", FROM_EHLO, .turns = {FAULT("250 x\n")}},
	{"bare CR", FROM_EHLO, .turns = {FAULT("250 x\ry\r\n")}},
	{"no separator", FROM_EHLO, .turns = {FAULT("250x\r\n")}},
	{"no code", FROM_EHLO, .turns = {FAULT("\r\n")}},
	{"two codes in one reply", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250-x\r\n"},
		{.s = "251 x\r\n", .whole = true, .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"354 to MAIL changes no mode", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "354 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"surplus reply, at once", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 1\r\n250 2\r\n",
			.to_c = "250 1\r\n{SERVER_CONFUSED}"
				"{CLOSE server-protocol}",
			.to_s = "{DROPserver-protocol}"}}},
	{"a reply to a command that waits in a queue", FROM_LOCKSTEP,
		.turns = {
		{.act = HAPPENS_UNSENT}, QUEUED("NOOP\r\n", "250 ok\r\n")}},
	{"a refusal of a command that waits in a queue", FROM_LOCKSTEP,
		.turns = {
		{.act = HAPPENS_UNSENT}, QUEUED("NOOP\r\n", "550 no\r\n")}},
	{"421 while a command waits in a queue", FROM_LOCKSTEP, .turns = {
		{.act = HAPPENS_UNSENT},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"a reply that begins while its command waits", FROM_LOCKSTEP,
		.turns = {
		{.act = HAPPENS_UNSENT}, QUEUED("NOOP\r\n", "2")}},
	{"a reply to an EHLO that waits in a queue", FROM_BANNER, .turns = {
		{.act = HAPPENS_UNSENT}, QUEUED("EHLO c\r\n", "250 d\r\n")}},
	{"354 to a DATA that waits in a queue", FROM_RCPT, .turns = {
		{.act = HAPPENS_UNSENT}, QUEUED("DATA\r\n", "354 go\r\n")}},
	{"334 to an AUTH that waits in a queue", FROM_EHLO, .turns = {
		{.act = HAPPENS_UNSENT},
		QUEUED("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n")}},
	{"a reply to the one that is out, one to that which is not", FROM_EHLO,
		.turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.act = HAPPENS_UNSENT},
		{.c = "RSET\r\n", .to_s = "RSET\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.s = "250 ok\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"a command that waited and went out", FROM_LOCKSTEP, .turns = {
		{.act = HAPPENS_UNSENT},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.act = HAPPENS_SENT},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
	{"surplus reply to EHLO", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "250 ok\r\n250 extra\r\n",
			.to_c = "250 ok\r\n{SERVER_CONFUSED}"
				"{CLOSE server-protocol}",
			.to_s = "{DROPserver-protocol}"}}},
	{"a surplus reply that is not whole yet answers nothing", FROM_EHLO,
		.turns = {
		{.s = "250 ex", .whole = true,
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}",
			.to_s = "{DROPserver-protocol}"},
		{.c = "NOOP\r\n"}}},
	{"421 may come unasked", FROM_EHLO, .turns = {
		{.s = "421-idle\r\n421 bye\r\n",
			.to_c = "421-idle\r\n421 bye\r\n{CLOSE server-closed}"}}},
	{"421 is the last reply, whatever was asked", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nTURN\r\nNOOP\r\n", .to_s = "NOOP\r\nNOOP\r\n"},
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"421 to EHLO", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"354 to EHLO", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "354 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"334 to EHLO", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "334 x\r\n", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"a 2yz to EHLO that no filter has seen", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "220-d\r\n220 XCLIENT\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"EHLO of two codes", FROM_BANNER, .turns = {
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "250-d\r\n", .at = DIALOG_STATE_COMMAND},
		{.s = "251 x\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
};

#define EHLO_WILD                                                              \
	"250-d hi\r\n250-XCLIENT A\r\n250-starttls\r\n250-AUTH LOGIN\r\n"      \
	"250-AUTH=LOGIN\r\n250-X-FOO\r\n250-Size 5\r\n250-BINARYMIME\r\n"      \
	"250 BURL\r\n"
#define EHLO_TURN(out)                                                         \
	{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},                             \
	{.s = EHLO_WILD, .to_c = out, .at = DIALOG_STATE_COMMAND}

static const struct script ehlos[] = {
	{"offers what can be framed", FROM_BANNER, .turns = {
		EHLO_TURN("250-d hi\r\n250-AUTH LOGIN\r\n250-AUTH=LOGIN\r\n"
			  "250 Size 5\r\n")}},
	{"unknown keywords where asked for", FROM_BANNER,
		.conf.pass_unknown_keywords = true, .turns = {
		EHLO_TURN("250-d hi\r\n250-AUTH LOGIN\r\n250-AUTH=LOGIN\r\n"
			  "250-X-FOO\r\n250 Size 5\r\n")}},
	{"own STARTTLS stands where the server's stood", FROM_BANNER,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		EHLO_TURN("250-d hi\r\n250-STARTTLS\r\n250-AUTH LOGIN\r\n"
			  "250-AUTH=LOGIN\r\n250 Size 5\r\n")}},
	{"AUTH hidden until TLS", FROM_BANNER,
		.conf = {.auth = DIALOG_AUTH_TLS,
			.starttls = DIALOG_STARTTLS_REQUIRED}, .turns = {
		EHLO_TURN("250-d hi\r\n250-STARTTLS\r\n250 Size 5\r\n"),
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		EHLO_TURN("250-d hi\r\n250-AUTH LOGIN\r\n250-AUTH=LOGIN\r\n"
			  "250 Size 5\r\n")}},
	{"AUTH hidden, always", FROM_BANNER, .implicit_tls = true,
		.conf = {.auth = DIALOG_AUTH_HIDE,
			.starttls = DIALOG_STARTTLS_OPTIONAL}, .turns = {
		EHLO_TURN("250-d hi\r\n250 Size 5\r\n")}},
	{"AUTH offered in implicit TLS", FROM_BANNER, .implicit_tls = true,
		.conf.auth = DIALOG_AUTH_TLS, .turns = {
		EHLO_TURN("250-d hi\r\n250-AUTH LOGIN\r\n250-AUTH=LOGIN\r\n"
			  "250 Size 5\r\n")}},
	{"refused EHLO behind TLS is said to a new server", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "EHLO c\r\nNOOP\r\n", .to_s = "EHLO c\r\n"},
		{.s = "503 twice\r\n", .to_s = "{RECONNECT}",
			.at = DIALOG_STATE_GREETING},
		{.s = BANNER, .to_s = "EHLO c\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN, .to_s = "NOOP\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
	{"refused EHLO behind TLS, and by the new server, too", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "503 twice\r\n", .to_s = "{RECONNECT}"},
		{.s = BANNER, .to_s = "EHLO c\r\n"},
		{.s = "503 no\r\n", .to_c = "503 no\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"the new server refuses: 421", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "503 twice\r\n", .to_s = "{RECONNECT}"},
		{.s = "554 go\r\n", .to_s = "{DROPserver-refused}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-refused}"}}},
	{"the EHLO that stays is taken once", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "EHLO c\r\nEHLO d\r\n", .to_s = "EHLO c\r\n"},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN, .to_s = "EHLO d\r\n"},
		{.s = "503 twice\r\n", .to_c = "503 twice\r\n"}}},
	{"refused EHLO changes nothing", FROM_EHLO, .turns = {
		{.c = "EHLO\r\n", .to_s = "EHLO\r\n"},
		{.s = "501-no\r\n501 name\r\n",
			.to_c = "501-no\r\n501 name\r\n"},
		{.c = "NOOP\r\nNOOP\r\n", .to_s = "NOOP\r\nNOOP\r\n"}}},
};

static const struct script starttls[] = {
	{"not offered", FROM_EHLO, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{NO_STARTTLS}"},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"EHLO must follow", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "StartTLS \r\n", .to_c = "{TLS_READY}{TLS}",
			.at = DIALOG_STATE_CLIENT_HANDSHAKE},
		{.act = HAPPENS_TLS_CLIENT, .at = DIALOG_STATE_COMMAND},
		{.c = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nAUTH PLAIN\r\n"
		      "DATA\r\n",
			.to_c = "{EHLO_FIRST}{EHLO_FIRST}{EHLO_FIRST}"
				"{EHLO_FIRST}"},
		{.c = "NOOP\r\nNOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 2\r\n", .to_c = "250 2\r\n"},
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN},
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"}}},
	{"BDAT in the place of that EHLO ends it", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "BDAT 16 LAST\r\nMAIL FROM:<a@b>\r\n",
			.to_c = "{EHLO_FIRST}{CLOSE bad-chunk}"}}},
	{"HELO will do", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"}}},
	{"waits for the replies before it", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nBURL\r\nSTARTTLS\r\n",
			.to_s = "MAIL FROM:<a@b>\r\n",
			.at = DIALOG_STATE_STARTTLS},
		{.s = "250 1\r\n",
			.to_c = "250 1\r\n{NOT_IMPLEMENTED}{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "RCPT TO:<c@d>\r\n", .to_c = "{EHLO_FIRST}"}}},
	{"twice", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.act = HAPPENS_TLS_CLIENT},
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}",
			.at = DIALOG_STATE_COMMAND}}},
	{"inside implicit TLS", FROM_EHLO, .implicit_tls = true,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}"}}},
	{"in a transaction", FROM_RCPT,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}"},
		{.c = "RSET\r\n", .to_s = "RSET\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"}}},
	{"behind AUTH", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "AUTH PLAIN AHUAcA==\r\n", .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = "AUTH PLAIN AHUAcA==\r\n"},
		{.s = "235 ok\r\n", .note = "SETTLE ok 235"},
		{.act = HAPPENS_SETTLED, .to_c = "235 ok\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}"},
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN}}},
	{"behind an AUTH that failed", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "AUTH PLAIN AHUAcA==\r\n", .note = "ASK PLAIN u p"},
		{.act = HAPPENS_PASS, .to_s = "AUTH PLAIN AHUAcA==\r\n"},
		{.s = "535 no\r\n", .note = "SETTLE failed 535"},
		{.act = HAPPENS_SETTLED, .to_c = "535 no\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"}}},
	{"behind a message", FROM_DATA,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = ".\r\n", .to_s = ".\r\n"},
		{.s = "550 no\r\n", .to_c = "550 no\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"}}},
	{"behind a MAIL that was refused", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "MAIL FROM:<a@b>\r\n", .to_s = "MAIL FROM:<a@b>\r\n"},
		{.s = "550 no\r\n", .to_c = "550 no\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"}}},
	{"behind a RSET that was refused", FROM_RCPT,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "RSET x\r\n", .to_s = "RSET x\r\n"},
		{.s = "501 no\r\n", .to_c = "501 no\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}"}}},
	{"between chunks", FROM_RCPT,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "BDAT 1\r\nx", .to_s = "BDAT 1\r\nx"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{STARTTLS_NOT_NOW}"}}},
	{"behind a chunk that was refused", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "BDAT 1\r\nx", .to_s = "BDAT 1\r\nx"},
		{.s = "503 no\r\n", .to_c = "503 no\r\n"},
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"}}},
	{"with an argument", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS x\r\nNOOP\r\n", .to_c = "{BAD_ARGUMENT}",
			.to_s = "NOOP\r\n"}}},
	{"injection in the same write", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\nEHLO x\r\n", .whole = true,
			.to_c = "{CLOSE starttls-injection}"}}},
	{"injection of one octet", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "NOOP\r\nSTARTTLS\r\nN", .whole = true,
			.to_s = "NOOP\r\n", .at = DIALOG_STATE_CLOSING},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{CLOSE starttls-injection}"}}},
	{"injection in a later write", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "NOOP\r\nSTARTTLS\r\n", .to_s = "NOOP\r\n",
			.at = DIALOG_STATE_STARTTLS},
		{.c = "EHLO x\r\nNOOP\r\n", .at = DIALOG_STATE_CLOSING},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{CLOSE starttls-injection}"}}},
	{"required: little is taken in clear", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nAUTH PLAIN x\r\nRSET\r\nVRFY x\r\n"
		      "FROP\r\nXCLIENT x\r\nDATA\r\nHELP\r\n",
			.to_c = "{TLS_FIRST}{TLS_FIRST}{TLS_FIRST}{TLS_FIRST}"
				"{TLS_FIRST}{TLS_FIRST}{TLS_FIRST}"
				"{TLS_FIRST}"},
		{.c = "NOOP\r\nEHLO c\r\n", .to_s = "NOOP\r\nEHLO c\r\n"},
		{.s = "250 ok\r\n" EHLO_PLAIN,
			.to_c = "250 ok\r\n250-d\r\n250-AUTH PLAIN LOGIN\r\n"
				"250-SIZE 9\r\n250 STARTTLS\r\n"},
		{.c = "QUIT\r\n", .to_s = "QUIT\r\n"}}},
	{"required: a chunk in clear is the end", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		{.c = "BDAT 5 LAST\r\nNOOP\r\n",
			.to_c = "{TLS_FIRST}{CLOSE bad-chunk}"}}},
	{"the server's word during the handshake waits", FROM_EHLO,
		.conf.starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.c = "STARTTLS\r\n", .to_c = "{TLS_READY}{TLS}"},
		{.s = "421 bye\r\n", .at = DIALOG_STATE_CLIENT_HANDSHAKE},
		{.act = HAPPENS_TLS_CLIENT,
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
};

#define TO_SERVER_TLS                                                          \
	{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n",       \
		.at = DIALOG_STATE_SERVER_EHLO},                               \
	{.s = "250-d\r\n250-SIZE 5\r\n250 STARTTLS\r\n",                       \
		.to_s = "STARTTLS\r\n", .at = DIALOG_STATE_SERVER_STARTTLS}
#define AWAY "{SERVER_AWAY}{CLOSE server-tls}"

static const struct script server_tls[] = {
	{"made before the client is heard", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS,
		{.c = "EHLO c\r\n"},
		{.s = "220 go\r\n", .to_s = "{TLS}",
			.at = DIALOG_STATE_SERVER_HANDSHAKE},
		{.act = HAPPENS_TLS_SERVER, .to_s = "EHLO c\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.s = EHLO_PLAIN, .to_c = EHLO_PLAIN}}},
	{"optional, not offered", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "250-d\r\n250 SIZE 5\r\n", .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"optional, EHLO refused", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "502 x\r\n", .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"optional, refused", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		TO_SERVER_TLS,
		{.s = "454 not now\r\n", .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"}}},
	{"required, not offered", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "250 d\r\n", .to_s = "{DROP}", .to_c = AWAY}}},
	{"required, refused with 502", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS, {.s = "502 x\r\n", .to_s = "{DROP}", .to_c = AWAY}}},
	{"required, refused with 454", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS, {.s = "454 x\r\n", .to_s = "{DROP}", .to_c = AWAY}}},
	{"required, 250 is no 220", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS, {.s = "250 x\r\n", .to_s = "{DROP}", .to_c = AWAY}}},
	{"required, 421", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS, {.s = "421 x\r\n", .to_s = "{DROP}", .to_c = AWAY}}},
	{"injection behind 220", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		TO_SERVER_TLS,
		{.s = "220 go\r\n250-injected\r\n250 XCLIENT\r\n", .whole = true,
			.to_s = "{DROPserver-injection}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-injection}"}}},
	{"injection of half a line behind 220", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_REQUIRED, .turns = {
		TO_SERVER_TLS,
		{.s = "220 go\r\n250-XCLI", .whole = true,
			.to_s = "{DROPserver-injection}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-injection}"}}},
	{"more behind the reply to our EHLO", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "250 STARTTLS\r\n220 go\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"garbage for our EHLO", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		{.s = BANNER, .to_c = BANNER, .to_s = "EHLO " WORLD_HOST "\r\n"},
		{.s = "x", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"garbage for our STARTTLS", FROM_ACCEPT,
		.conf.server_starttls = DIALOG_STARTTLS_OPTIONAL, .turns = {
		TO_SERVER_TLS,
		{.s = "x", .to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
};

static const struct script ends[] = {
	{"QUIT", FROM_EHLO, .turns = {
		{.c = "QUIT\r\n", .to_s = "QUIT\r\n",
			.at = DIALOG_STATE_QUITTING},
		{.s = "221 bye\r\n", .to_c = "221 bye\r\n{CLOSE quit}",
			.at = DIALOG_STATE_CLOSED}}},
	{"nothing counts behind QUIT", FROM_EHLO, .turns = {
		{.c = "NOOP\r\nQUIT\r\nMAIL FROM:<a@b>\r\nGET / x\r\n\x16\x03",
			.to_s = "NOOP\r\nQUIT\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n"},
		{.s = "221-bye\r\n"},
		{.s = "221 bye\r\n",
			.to_c = "221-bye\r\n221 bye\r\n{CLOSE quit}"}}},
	{"QUIT refused ends all the same", FROM_EHLO, .turns = {
		{.c = "QUIT\r\n", .to_s = "QUIT\r\n"},
		{.s = "500 what\r\n", .to_c = "500 what\r\n{CLOSE quit}"}}},
	{"HTTP", FROM_BANNER, .turns = {
		{.c = "POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\n",
			.to_c = "{CLOSE alien}"}}},
	{"TLS", FROM_BANNER, .turns = {
		{.c = "\x16\x03\x01", .to_c = "{CLOSE alien}"}}},
	{"SSLv2", FROM_BANNER, .turns = {
		{.c = "\x80\x2e\x01\x03\x01", .to_c = "{CLOSE alien}"}}},
	{"SSLv2 with a NUL in its length", FROM_BANNER, .turns = {
		{.c = "\xb0\0\1\3\1", .n = 5, .to_c = "{CLOSE alien}"}}},
	{"RDP", FROM_BANNER, .turns = {
		{.c = "\x03\0\0\x13", .n = 4, .to_c = "{CLOSE alien}"}}},
	{"SSH", FROM_BANNER, .turns = {
		{.c = "SSH-2.0-x\r\n", .to_c = "{CLOSE alien}"}}},
	{"HTTP as a second line", FROM_BANNER, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.c = "GET / HTTP/1.0\r\n", .to_c = "{CLOSE alien}"}}},
	{"GET behind EHLO is but unknown", FROM_EHLO, .turns = {
		{.c = "GET / HTTP/1.0\r\n", .to_s = "GET / HTTP/1.0\r\n"}}},
	{"GET behind HELO, too", FROM_BANNER, .turns = {
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = "GET / HTTP/1.0\r\n", .to_s = "GET / HTTP/1.0\r\n"}}},
	{"GETX is no HTTP", FROM_BANNER, .turns = {
		{.c = "GETX\r\n", .to_s = "GETX\r\n"}}},
	{"bare LF in a command", FROM_EHLO, .turns = {
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.c = "EHLO a\nMAIL FROM:<a@b>\r\nNOOP\r\n"},
		{.s = "250 ok\r\n",
			.to_c = "250 ok\r\n{LINE_BAD}{CLOSE line-bad}"}}},
	{"bare CR in a command", FROM_EHLO, .turns = {
		{.c = "RSET\rQUIT\r\n", .to_c = "{LINE_BAD}{CLOSE line-bad}"}}},
	{"NUL in a command", FROM_EHLO, .turns = {
		{.c = "MA\0IL x\r\n", .n = 9,
			.to_c = "{LINE_BAD}{CLOSE line-bad}"}}},
};
/* clang-format on */

static void greeting_is_one_220_or_a_refusal(void **state)
{
	PLAY(greetings);
}

static void replies_pair_with_commands_in_order(void **state)
{
	PLAY(pipelines);
}

static void replies_that_answer_nothing_end_it(void **state)
{
	PLAY(faults);
}

/* The queue never runs dry: what has left it is counted by octets. */
static void commands_leave_the_queue_one_by_one(void **state)
{
	static const struct script plain = {.name = "one by one"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	(void)state;
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_EHLO);
	world_queue(&w, true);
	say(&w, "NOOP\r\nRSET\r\n", NULL);
	w.unsent_n = 6; /* "RSET" CRLF */
	say(&w, NULL, "250 one\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_COMMAND);
	w.unsent_n = 1;
	say(&w, NULL, "250 two\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_CLOSED);
}

/* As of a line that is too long. */
static void command_is_refused_before_its_end(void **state)
{
	static const struct script plain = {.name = "half a command"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	(void)state;
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_LOCKSTEP);
	world_queue(&w, true);
	say(&w, "NOOP\r\n", NULL);
	w.unsent_n = 5;
	say(&w, NULL, "500 no\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_COMMAND);
	assert_int_equal(w.dialog.fifo_count, 0);
}

static void ehlo_is_filtered_by_listener_and_tls(void **state)
{
	PLAY(ehlos);
}

static void starttls_forgets_and_lets_nothing_in(void **state)
{
	PLAY(starttls);
}

static void server_leg_tls_fails_closed(void **state)
{
	PLAY(server_tls);
}

static void ends_have_their_reason(void **state)
{
	PLAY(ends);
}

static void codes_are_enhanced_where_the_server_offers_it(void **state)
{
	static const struct script plain = {
		.name = "enhanced", .conf.starttls = DIALOG_STARTTLS_OPTIONAL};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_EHLO);
	assert_false(dialog_enhanced(&w.dialog));
	say(&w, "EHLO c\r\n", "250-d\r\n250 ENHANCEDSTATUSCODES\r\n");
	assert_true(dialog_enhanced(&w.dialog));
	say(&w, "STARTTLS\r\n", NULL);
	world_tls_done(&w, DIALOG_CLIENT);
	assert_false(dialog_enhanced(&w.dialog));
}

static bool is_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123-")];
}

static void states_and_reasons_have_names_for_the_log(void **state)
{
	for (unsigned i = 0; i < DIALOG_STATE_COUNT; i++)
		assert_true(is_name(dialog_state_name((enum dialog_state)i)));
	assert_string_equal(dialog_state_name(DIALOG_STATE_COUNT), "?");
	for (unsigned i = 0; i < CLOSE_COUNT; i++) {
		assert_true(is_name(close_reason_name((enum close_reason)i)));
		assert_true(*close_reason_text((enum close_reason)i));
	}
	assert_string_equal(close_reason_name(CLOSE_COUNT), "none");
	assert_string_equal(close_reason_text(CLOSE_COUNT), "still open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeting_is_one_220_or_a_refusal),
		cmocka_unit_test(replies_pair_with_commands_in_order),
		cmocka_unit_test(replies_that_answer_nothing_end_it),
		cmocka_unit_test(commands_leave_the_queue_one_by_one),
		cmocka_unit_test(command_is_refused_before_its_end),
		cmocka_unit_test(ehlo_is_filtered_by_listener_and_tls),
		cmocka_unit_test(starttls_forgets_and_lets_nothing_in),
		cmocka_unit_test(server_leg_tls_fails_closed),
		cmocka_unit_test(ends_have_their_reason),
		cmocka_unit_test(codes_are_enhanced_where_the_server_offers_it),
		cmocka_unit_test(states_and_reasons_have_names_for_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
