/*
 * The dialogue, messages: DATA and BDAT, where they begin and end, and who may
 * say that they were taken.
 */
#include "dialog_script.h"

#define MORE_TEXT(text)                                                        \
	{                                                                      \
		.c = text, .to_s = text, .at = DIALOG_STATE_DATA               \
	}
#define LAST_TEXT(text)                                                        \
	{                                                                      \
		.c = text, .to_s = text, .at = DIALOG_STATE_COMMAND            \
	}
#define TAKEN                                                                  \
	{                                                                      \
		.s = "250 taken\r\n", .to_c = "250 taken\r\n",                 \
		.note = "ACCEPTED"                                             \
	}
#define FAULT(text, reply)                                                     \
	{                                                                      \
		.s = text, .to_s = "{DROPserver-protocol}",                    \
		.to_c = "{" reply "}{CLOSE server-protocol}"                   \
	}

/* clang-format off */
static const struct script messages[] = {
	{"a message", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
			.at = DIALOG_STATE_DATA_WAIT},
		{.s = "250 1\r\n250 2\r\n354 go\r\n",
			.to_c = "250 1\r\n250 2\r\n354 go\r\n",
			.at = DIALOG_STATE_DATA},
		MORE_TEXT("S: x\r\n\r\nQUIT\r\n."), LAST_TEXT("\r\n"),
		TAKEN}},
	{"an empty message", FROM_DATA, .turns = {
		LAST_TEXT(".\r\n"), TAKEN}},
	{"stuffed dots and dots with company are text", FROM_DATA, .turns = {
		MORE_TEXT("..\r\n. \r\n.\t\r\n.x\r\n..\r\n"),
		LAST_TEXT(".\r\n"), TAKEN}},
	{"a second message in the same write", FROM_DATA, .turns = {
		{.c = "a\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
			.to_s = "a\r\n.\r\nMAIL FROM:<a@b>\r\n"
				"RCPT TO:<c@d>\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n", .note = "ACCEPTED"},
		{.s = "250 2\r\n250 3\r\n", .to_c = "250 2\r\n250 3\r\n"}}},
	{"a refused message, then DATA without MAIL", FROM_DATA, .turns = {
		LAST_TEXT("a\r\n.\r\n"),
		{.s = "550 no\r\n", .to_c = "550 no\r\n"},
		{.c = "RCPT TO:<c@d>\r\nDATA\r\n",
			.to_s = "RCPT TO:<c@d>\r\nDATA\r\n"},
		{.s = "503 1\r\n503 2\r\n", .to_c = "503 1\r\n503 2\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"421 for a message", FROM_DATA, .turns = {
		LAST_TEXT("a\r\n.\r\n"),
		{.s = "421 bye\r\n",
			.to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"354 for a message", FROM_DATA, .turns = {
		LAST_TEXT("a\r\n.\r\n"), {.s = "354 x\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-protocol}"}}},
	{"two codes for a message", FROM_DATA, .turns = {
		LAST_TEXT("a\r\n.\r\n"), {.s = "250-x\r\n554 y\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-protocol}"}}},
	{"QUIT right behind", FROM_DATA, .turns = {
		{.c = "a\r\n.\r\nQUIT\r\n", .to_s = "a\r\n.\r\nQUIT\r\n"},
		TAKEN,
		{.s = "221 bye\r\n", .to_c = "221 bye\r\n{CLOSE quit}"}}},
	{"a Received field on top", FROM_RCPT, .conf.received = true, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "354 go\r\n", .to_c = "354 go\r\n",
			.to_s = WORLD_RECEIVED},
		LAST_TEXT("a\r\n.\r\n"), TAKEN}},
};

static const struct script not_begun[] = {
	{"DATA refused", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "554 no\r\n", .to_c = "554 no\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.c = "a\r\n.\r\n", .to_s = "a\r\n.\r\n"},
		{.s = "500 1\r\n500 2\r\n", .to_c = "500 1\r\n500 2\r\n"}}},
	{"250 to DATA changes no mode", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "250 x\r\n", .to_c = "250 x\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"334 to DATA", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "334 x\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}",
			.to_c = "{SERVER_CONFUSED}{CLOSE server-protocol}"}}},
	{"421 to DATA", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "421 x\r\n", .to_c = "421 x\r\n{CLOSE server-closed}"}}},
	{"text in the same write", FROM_RCPT, .turns = {
		{.c = "DATA\r\nS: x\r\n\r\nMAIL FROM:<i@x>\r\n.\r\n",
			.whole = true,
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"text in a later write, and 354", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.c = "S: x\r\n\r\nMAIL FROM:<i@x>\r\n.\r\n",
			.at = DIALOG_STATE_DATA_WAIT},
		{.s = "354 go\r\n", .to_s = "{DROP}",
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"text in a later write, and a refusal", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.c = "S: x\r\n\r\nMAIL FROM:<i@x>\r\n.\r\n"},
		{.s = "554 no\r\n",
			.to_c = "554 no\r\n{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"text in a later write, behind others' replies", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nDATA\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nDATA\r\n"},
		{.c = "x"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.s = "354 go\r\n", .to_s = "{DROP}",
			.to_c = "{PIPELINED_PAST}{CLOSE pipelining}"}}},
	{"reply behind the 354", FROM_RCPT, .turns = {
		{.c = "DATA\r\n", .to_s = "DATA\r\n"},
		{.s = "354 go\r\n250 taken\r\n", .to_c = "354 go\r\n",
			.to_s = "{DROPserver-protocol}",
			.at = DIALOG_STATE_DATA_DRAIN},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
};

static const struct script early[] = {
	{"refusal is kept for the dot", FROM_DATA, .turns = {
		MORE_TEXT("abc\r\n"),
		{.s = "552-too\r\n552 big\r\n", .to_s = "{DROP}",
			.at = DIALOG_STATE_DATA_DRAIN},
		{.c = "def\r\n..\r\nghi\r\n"},
		{.c = ".\r\n", .to_c = "552-too\r\n552 big\r\n{SERVER_LOST}"
				"{CLOSE server-closed}"}}},
	{"421 is kept for the dot, and said once", FROM_DATA, .turns = {
		{.s = "421 bye\r\n", .to_s = "{DROP}"},
		{.c = "a\r\n.\r\n", .to_c = "421 bye\r\n{CLOSE server-closed}"}}},
	{"drained text may hold bare newlines", FROM_DATA, .turns = {
		{.s = "552 big\r\n", .to_s = "{DROP}"},
		{.c = "a\nb\rc\n.\n\r\n.\r\nQUIT\r\n",
			.to_c = "552 big\r\n{SERVER_LOST}"
				"{CLOSE server-closed}"}}},
	{"two refusals are one too many", FROM_DATA, .turns = {
		{.s = "552 a\r\n552 b\r\n", .whole = true,
			.to_s = "{DROPserver-protocol}"},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"refusal that is not whole passes for the dot's", FROM_DATA, .turns = {
		{.s = "552 to", .at = DIALOG_STATE_DATA},
		LAST_TEXT("a\r\n.\r\n"),
		{.s = "o big\r\n", .to_c = "552 too big\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"acceptance before the dot (D-02)", FROM_DATA, .turns = {
		MORE_TEXT("abc\r\n"),
		{.s = "250 taken\r\n", .to_s = "{DROPserver-protocol}",
			.at = DIALOG_STATE_DATA_DRAIN},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"acceptance begun before the dot (D-02)", FROM_DATA, .turns = {
		{.s = "2", .to_s = "{DROPserver-protocol}"},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"354 once more", FROM_DATA, .turns = {
		{.s = "354 go\r\n", .to_s = "{DROPserver-protocol}"},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"garbage in mid-message", FROM_DATA, .turns = {
		{.s = "x", .to_s = "{DROPserver-protocol}"},
		{.c = "a\r\n.\r\n",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"acceptance while the dot waits in a queue (D-02)", FROM_DATA,
		.turns = {
		{.act = HAPPENS_UNSENT}, LAST_TEXT("a\r\n.\r\n"),
		FAULT("250 taken\r\n", "MESSAGE_UNKNOWN")}},
	{"acceptance begun while the dot waits in a queue", FROM_DATA,
		.turns = {
		{.act = HAPPENS_UNSENT}, LAST_TEXT("a\r\n.\r\n"),
		FAULT("25", "MESSAGE_UNKNOWN")}},
	{"acceptance when the dot is out", FROM_DATA, .turns = {
		{.act = HAPPENS_UNSENT}, LAST_TEXT("a\r\n.\r\n"),
		{.act = HAPPENS_SENT}, TAKEN}},
	{"acceptance when the dot is out, but not what follows", FROM_DATA,
		.turns = {
		LAST_TEXT("a\r\n.\r\n"), {.s = "2"}, {.act = HAPPENS_UNSENT},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "50 ok\r\n", .to_c = "250 ok\r\n", .note = "ACCEPTED"}}},
	{"refusal while the dot waits in a queue", FROM_DATA, .turns = {
		{.act = HAPPENS_UNSENT}, LAST_TEXT("a\r\n.\r\n"),
		{.s = "552 no\r\n", .to_c = "552 no\r\n"}}},
};

static const struct script newlines[] = {
	{"reject: bare LF", FROM_DATA, .turns = {
		{.c = "ab\n.\r\nMAIL FROM:<s@x>\r\n", .to_s = "ab{DROP}",
			.to_c = "{BARE_NEWLINE}{CLOSE bare-newline}"}}},
	{"reject: bare CR", FROM_DATA, .turns = {
		{.c = "ab\r.\r\nMAIL FROM:<s@x>\r\n", .to_s = "ab{DROP}",
			.to_c = "{BARE_NEWLINE}{CLOSE bare-newline}"}}},
	{"reject: CRLF.LF", FROM_DATA, .turns = {
		{.c = "ab\r\n.\nMAIL FROM:<s@x>\r\n", .to_s = "ab\r\n.{DROP}",
			.to_c = "{BARE_NEWLINE}{CLOSE bare-newline}"}}},
	{"reject: CRLF.CRCRLF", FROM_DATA, .turns = {
		{.c = "ab\r\n.\r\r\nMAIL FROM:<s@x>\r\n",
			.to_s = "ab\r\n.{DROP}",
			.to_c = "{BARE_NEWLINE}{CLOSE bare-newline}"}}},
	{"normalize: no end but the client's", FROM_DATA,
		.conf.newline = PAYLOAD_NORMALIZE, .turns = {
		{.c = "ab\n.\nMAIL FROM:<s@x>\r.\r\nz\r\n.\nq",
			.to_s = "ab\r\n..\r\nMAIL FROM:<s@x>\r\n..\r\nz\r\n"
				"..\r\nq",
			.at = DIALOG_STATE_DATA},
		LAST_TEXT("\r\n.\r\n"), TAKEN}},
	{"pass: as is, and no end but CRLF.CRLF", FROM_DATA,
		.conf.newline = PAYLOAD_PASS, .turns = {
		MORE_TEXT("ab\n.\nc\r.\rd\r\n.\ne\r.\r\nf\r\n.\r\r\n"),
		LAST_TEXT(".\r\n"), TAKEN}},
	{"newlines in a chunk are octets", FROM_RCPT, .turns = {
		{.c = "BDAT 9 LAST\r\na\n.\n\r.\r\r\n",
			.to_s = "BDAT 9 LAST\r\na\n.\n\r.\r\r\n",
			.at = DIALOG_STATE_COMMAND}, TAKEN}},
};

static const struct script chunks[] = {
	{"one chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 5 LAST\r\nhello", .to_s = "BDAT 5 LAST\r\nhello"},
		TAKEN}},
	{"framed by count alone", FROM_RCPT, .turns = {
		{.c = "BDAT 20\r\n\r\n.\r\nQUIT\r\nRSET\r\n\r\nX"
		      "bdat 3 last\r\nxyzNOOP\r\n",
			.to_s = "BDAT 20\r\n\r\n.\r\nQUIT\r\nRSET\r\n\r\nX"
				"bdat 3 last\r\nxyzNOOP\r\n"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n"},
		{.s = "250 2\r\n", .to_c = "250 2\r\n", .note = "ACCEPTED"},
		{.s = "250 3\r\n", .to_c = "250 3\r\n"}}},
	{"empty chunks", FROM_RCPT, .turns = {
		{.c = "BDAT 0\r\nBDAT 2\r\nab", .to_s = "BDAT 0\r\nBDAT 2\r\nab"},
		{.s = "250 1\r\n250 2\r\n", .to_c = "250 1\r\n250 2\r\n",
			.at = DIALOG_STATE_COMMAND},
		{.c = "BDAT 0 LAST\r\n", .to_s = "BDAT 0 LAST\r\n"}, TAKEN}},
	{"chunks behind a refusal are still octets", FROM_EHLO, .turns = {
		{.c = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6\r\nQUIT\r\n"
		      "BDAT 6 LAST\r\nRSET\r\nNOOP\r\n",
			.to_s = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6\r\n"
				"QUIT\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n"},
		{.s = "250 1\r\n550 2\r\n503 3\r\n503 4\r\n250 5\r\n",
			.to_c = "250 1\r\n550 2\r\n503 3\r\n503 4\r\n"
				"250 5\r\n"}}},
	{"refusal while the chunk arrives", FROM_RCPT, .turns = {
		{.c = "BDAT 8 LAST\r\nRSET", .to_s = "BDAT 8 LAST\r\nRSET",
			.at = DIALOG_STATE_CHUNK},
		{.s = "552 no\r\n", .to_c = "552 no\r\n",
			.at = DIALOG_STATE_CHUNK},
		{.c = "\r\nAB", .to_s = "\r\nAB", .at = DIALOG_STATE_COMMAND},
		{.c = "NOOP\r\n", .to_s = "NOOP\r\n"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
	{"421 while the chunk arrives", FROM_RCPT, .turns = {
		{.c = "BDAT 8 LAST\r\nRSET", .to_s = "BDAT 8 LAST\r\nRSET"},
		{.s = "421 no\r\n", .to_c = "421 no\r\n{CLOSE server-closed}"},
		{.c = "NOOP"}}},
	{"acceptance before the last octet (D-02)", FROM_RCPT, .turns = {
		{.c = "BDAT 4 LAST\r\nabc", .to_s = "BDAT 4 LAST\r\nabc"},
		{.s = "250 ok\r\n", .to_s = "{DROPserver-protocol}",
			.at = DIALOG_STATE_CHUNK_DRAIN},
		{.c = "d", .to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"acceptance begun before the last octet (D-02)", FROM_RCPT, .turns = {
		{.c = "BDAT 4 LAST\r\nabc", .to_s = "BDAT 4 LAST\r\nabc"},
		{.s = "25", .to_s = "{DROPserver-protocol}"},
		{.c = "d", .to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"250 for a chunk that is not whole", FROM_RCPT, .turns = {
		{.c = "BDAT 4\r\nabc", .to_s = "BDAT 4\r\nabc"},
		{.s = "250 ok\r\n", .to_s = "{DROPserver-protocol}"},
		{.c = "d", .to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"250 for the chunk before this one", FROM_RCPT, .turns = {
		{.c = "BDAT 1\r\naBDAT 3\r\nb", .to_s = "BDAT 1\r\naBDAT 3\r\nb"},
		{.act = HAPPENS_UNSENT},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"},
		{.c = "cd", .to_s = "cd"},
		{.act = HAPPENS_SENT},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n"}}},
	{"acceptance while the chunk waits in a queue (D-02)", FROM_RCPT,
		.turns = {
		{.act = HAPPENS_UNSENT},
		{.c = "BDAT 1 LAST\r\na", .to_s = "BDAT 1 LAST\r\na"},
		FAULT("250 ok\r\n", "MESSAGE_UNKNOWN")}},
	{"acceptance when the chunk is out, but not the next", FROM_RCPT,
		.turns = {
		{.c = "BDAT 1 LAST\r\na", .to_s = "BDAT 1 LAST\r\na"},
		{.act = HAPPENS_UNSENT},
		{.c = "BDAT 5 LAST\r\nb", .to_s = "BDAT 5 LAST\r\nb"},
		{.s = "250 ok\r\n", .to_c = "250 ok\r\n", .note = "ACCEPTED"},
		{.act = HAPPENS_SENT},
		{.s = "250 ok\r\n", .to_s = "{DROPserver-protocol}"},
		{.c = "cdef",
			.to_c = "{MESSAGE_UNKNOWN}{CLOSE server-closed}"}}},
	{"two replies for one chunk", FROM_RCPT, .turns = {
		{.c = "BDAT 4\r\nabc", .to_s = "BDAT 4\r\nabc"},
		{.s = "552 no\r\n", .to_c = "552 no\r\n"},
		{.s = "552 no\r\n", .to_s = "{DROPserver-protocol}"},
		{.c = "d", .to_c = "{SERVER_LOST}{CLOSE server-closed}"}}},
	{"DATA between chunks is the server's to refuse", FROM_RCPT, .turns = {
		{.c = "BDAT 1\r\naDATA\r\n", .to_s = "BDAT 1\r\naDATA\r\n"},
		{.s = "250 ok\r\n503 no\r\n", .to_c = "250 ok\r\n503 no\r\n",
			.at = DIALOG_STATE_COMMAND}}},
	{"BDAT in a text is text", FROM_DATA, .turns = {
		MORE_TEXT("BDAT 5 LAST\r\n"), LAST_TEXT(".\r\n"), TAKEN}},
	{"not offered: nobody can tell chunk from command", FROM_LOCKSTEP,
		.turns = {
		{.c = "BDAT 9 LAST\r\nQUIT\r\nxx\r\n",
			.to_c = "{NO_CHUNKING}{CLOSE bad-chunk}"}}},
	{"not offered, in its turn", FROM_BANNER, .turns = {
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.c = "BDAT 9 LAST\r\nQUIT\r\nxx\r\n"},
		{.s = "250 d\r\n",
			.to_c = "250 d\r\n{NO_CHUNKING}{CLOSE bad-chunk}"}}},
};

#define BAD_LINE(line)                                                         \
	{line, FROM_RCPT, .turns = {                                           \
		{.c = "NOOP\r\n" line "\r\nRSET\r\n", .to_s = "NOOP\r\n"},     \
		{.s = "250 ok\r\n",                                            \
			.to_c = "250 ok\r\n{BAD_CHUNK}{CLOSE bad-chunk}"}}}
#define BAD_SIZE(args) BAD_LINE("BDAT " args)
#define GOOD_SIZE(args)                                                        \
	{"BDAT " args, FROM_RCPT, .turns = {                                   \
		{.c = "BDAT " args "\r\nRSET\r\n",                             \
			.to_s = "BDAT " args "\r\nRSET\r\n",                   \
			.at = DIALOG_STATE_CHUNK}}}

static const struct script sizes[] = {
	/* No BDAT, but somebody might read one. */
	BAD_LINE("BDAT\t5"), BAD_LINE("\tBDAT 5"), BAD_LINE(" bdat 5"),
	BAD_LINE("BDAT5 LAST"), BAD_LINE("BDAT:5"), BAD_LINE("BD\x01" "AT 5"),
	BAD_SIZE(""), BAD_SIZE("-1"), BAD_SIZE("+5"), BAD_SIZE("0x10"),
	BAD_SIZE("010"), BAD_SIZE("5.0"), BAD_SIZE("\xd9\xa5"),
	BAD_SIZE(" 5 LAST"), BAD_SIZE("5 LAST x"), BAD_SIZE("5LAST"),
	BAD_SIZE("5 LAST "), BAD_SIZE("5 "), BAD_SIZE("LAST"),
	BAD_SIZE("18446744073709551616"), BAD_SIZE("18446744073709551615"),
	BAD_SIZE("9223372036854775808"),
	GOOD_SIZE("4294967297 LAST"), GOOD_SIZE("2147483648"),
	GOOD_SIZE("9223372036854775807"),
};

static const struct script received[] = {
	{"the first chunk holds it", FROM_RCPT, .conf.received = true,
		.turns = {
		{.c = "BDAT 5 LAST\r\nhello",
			.to_s = "BDAT 33 LAST\r\n" WORLD_RECEIVED "hello"},
		TAKEN}},
	{"and no other chunk", FROM_RCPT, .conf.received = true, .turns = {
		{.c = "BDAT 2\r\nheBDAT 3 LAST\r\nllo",
			.to_s = "BDAT 30\r\n" WORLD_RECEIVED "he"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n",
			.to_s = "BDAT 3 LAST\r\nllo"},
		TAKEN}},
	{"an empty first chunk", FROM_RCPT, .conf.received = true, .turns = {
		{.c = "BDAT 0 LAST\r\n",
			.to_s = "BDAT 28 LAST\r\n" WORLD_RECEIVED},
		TAKEN}},
	{"each message of a pipeline", FROM_RCPT, .conf.received = true,
		.turns = {
		{.c = "BDAT 1 LAST\r\naMAIL FROM:<a@b>\r\nBDAT 1\r\nb"
		      "BDAT 1 LAST\r\nc",
			.to_s = "BDAT 29 LAST\r\n" WORLD_RECEIVED
				"aMAIL FROM:<a@b>\r\n"},
		{.s = "250 1\r\n250 2\r\n", .to_c = "250 1\r\n250 2\r\n",
			.note = "ACCEPTED",
			.to_s = "BDAT 29\r\n" WORLD_RECEIVED "b"},
		{.s = "250 3\r\n", .to_c = "250 3\r\n",
			.to_s = "BDAT 1 LAST\r\nc"},
		TAKEN}},
	{"anew behind RSET", FROM_RCPT, .conf.received = true, .turns = {
		{.c = "BDAT 1\r\naRSET\r\nMAIL FROM:<a@b>\r\nBDAT 1\r\nb",
			.to_s = "BDAT 29\r\n" WORLD_RECEIVED
				"aRSET\r\nMAIL FROM:<a@b>\r\n"},
		{.s = "250 1\r\n250 2\r\n250 3\r\n",
			.to_c = "250 1\r\n250 2\r\n250 3\r\n",
			.to_s = "BDAT 29\r\n" WORLD_RECEIVED "b"}}},
	{"anew behind HELO", FROM_RCPT, .conf.received = true, .turns = {
		{.c = "BDAT 1\r\na", .to_s = "BDAT 29\r\n" WORLD_RECEIVED "a"},
		{.s = "250 1\r\n", .to_c = "250 1\r\n"},
		{.c = "HELO c\r\n", .to_s = "HELO c\r\n"},
		{.s = "250 d\r\n", .to_c = "250 d\r\n"},
		{.c = "EHLO c\r\n", .to_s = "EHLO c\r\n"},
		{.s = "250-d\r\n250 CHUNKING\r\n",
			.to_c = "250-d\r\n250 CHUNKING\r\n"},
		{.c = "BDAT 1\r\na", .to_s = "BDAT 29\r\n" WORLD_RECEIVED "a"}}},
	{"a size that leaves no room for it", FROM_RCPT, .conf.received = true,
		.turns = {
		{.c = "BDAT 9223372036854775807\r\n",
			.to_c = "{BAD_CHUNK}{CLOSE bad-chunk}"}}},
};
/* clang-format on */

static void message_begins_at_354_and_ends_at_the_dot(void **state)
{
	PLAY(messages);
}

static void message_does_not_begin_otherwise(void **state)
{
	PLAY(not_begun);
}

static void reply_before_the_end_is_no_acceptance(void **state)
{
	PLAY(early);
}

static void bare_newlines_are_met_by_the_rule(void **state)
{
	PLAY(newlines);
}

static void chunks_are_counted(void **state)
{
	PLAY(chunks);
}

static void chunk_sizes_are_exact(void **state)
{
	PLAY(sizes);
}

static void received_field_makes_one_chunk_longer(void **state)
{
	PLAY(received);
}

/* The caller gathers what goes to the server: `unsent` tells of the past. */
static void end_of_data_is_not_out_before_the_caller_says_so(void **state)
{
	static const struct script plain = {.name = "gathered"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);
	struct dialog_step step;

	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_DATA);
	world_step(&w, DIALOG_CLIENT, slice_str(".\r\n"), &step);
	world_step(&w, DIALOG_CLIENT, slice_str(""), &step);
	assert_int_equal(step.act, DIALOG_MORE);
	world_queue(&w, true);
	w.unsent_n = 1;
	world_step(&w, DIALOG_SERVER, slice_str("250 ok\r\n"), &step);
	assert_int_equal(step.act, DIALOG_DROP_SERVER);
	assert_false(step.message_accepted);
}

/* A queue that never runs dry: only what is behind the dot still waits. */
static void acceptance_counts_while_later_commands_wait(void **state)
{
	static const struct script plain = {.name = "behind the dot"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);

	(void)state;
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_DATA);
	world_queue(&w, true);
	say(&w, "a\r\n.\r\nMAIL FROM:<a@b>\r\n", NULL);
	world_queue(&w, false);
	w.unsent_n = 17; /* MAIL, all of it */
	say(&w, NULL, "250 taken\r\n");
	assert_int_equal(w.accepted, 1);
	assert_int_equal(w.dialog.state, DIALOG_STATE_COMMAND);
}

/* All of it is written, as it is in the world. */
static void pass(struct dialog *d, size_t n)
{
	const struct dialog_room room = {.server_unsent_bytes = 0};
	struct dialog_step step;

	dialog_chunk_passed(d, n);
	dialog_feed(d, DIALOG_SERVER, slice_str(""), &room, &step);
	assert_int_equal(step.act, DIALOG_MORE);
}

/* Octets that were not fed leave the dialogue as those that were. */
static void chunk_that_passes_unread_counts_as_if_fed(void **state)
{
	static const struct script plain = {.name = "unread"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);
	struct dialog passed;

	(void)state;
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_RCPT);
	assert_int_equal(dialog_chunk_left(&w.dialog), 0);
	say(&w, "BDAT 20 LAST\r\n12345", NULL);
	assert_int_equal(dialog_chunk_left(&w.dialog), 15);
	passed = w.dialog;
	say(&w, "1234567890", NULL);
	pass(&passed, 10);
	assert_int_equal(dialog_chunk_left(&passed), 5);
	assert_memory_equal(&passed, &w.dialog, sizeof passed);
	say(&w, "12345", NULL);
	pass(&passed, 5);
	assert_int_equal(passed.state, DIALOG_STATE_COMMAND);
	assert_int_equal(dialog_chunk_left(&passed), 0);
	assert_memory_equal(&passed, &w.dialog, sizeof passed);
	say(&w, NULL, "250 taken\r\n");
	assert_int_equal(w.accepted, 1);
}

static void no_chunk_passes_unread_where_something_is_due(void **state)
{
	static const struct script plain = {.name = "due"};
	static struct world w;
	struct dialog_conf conf = conf_of(&plain);
	struct dialog gone;

	(void)state;
	world_begin(&w, plain.name, &conf, false);
	come_to(&w, FROM_RCPT);
	say(&w, "BDAT 20\r\n12345", NULL);
	for (int side = 0; side < 2; side++) {
		gone = w.dialog;
		dialog_gone(&gone, side ? DIALOG_SERVER : DIALOG_CLIENT);
		assert_int_equal(dialog_chunk_left(&gone), 0);
	}
	gone = w.dialog;
	gone.received_due = true;
	assert_int_equal(dialog_chunk_left(&gone), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_begins_at_354_and_ends_at_the_dot),
		cmocka_unit_test(message_does_not_begin_otherwise),
		cmocka_unit_test(reply_before_the_end_is_no_acceptance),
		cmocka_unit_test(
			end_of_data_is_not_out_before_the_caller_says_so),
		cmocka_unit_test(acceptance_counts_while_later_commands_wait),
		cmocka_unit_test(bare_newlines_are_met_by_the_rule),
		cmocka_unit_test(chunks_are_counted),
		cmocka_unit_test(chunk_that_passes_unread_counts_as_if_fed),
		cmocka_unit_test(no_chunk_passes_unread_where_something_is_due),
		cmocka_unit_test(chunk_sizes_are_exact),
		cmocka_unit_test(received_field_makes_one_chunk_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
