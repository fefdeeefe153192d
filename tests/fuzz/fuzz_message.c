/*
 * What a taken-over worker says to the keeper. Input: octets that say what
 * comes next, and the octets of it:
 *	- a datagram as it stands, in no form at all;
 *	- a message of a worker's types, its fields as they come (an address is
 *	  IPv4 more often than not);
 *	- time that goes by.
 *
 *	- not more verdicts than questions; none is hurt that must never be
 *	  banned (keeper_play.h);
 *	- afterwards the keeper still answers its operator.
 */
#include "keeper_play.h"

enum { INPUT_MOST = 4096 };

static struct slice input;
static char answer[65536];
static size_t answer_n;
static bool came, asked;

static void play_answer(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && answer_n < sizeof answer; i++)
		answer[answer_n++] = (char)p[i];
}

static void raw(void)
{
	size_t n = fuzz_octet(&input);
	struct slice datagram = slice_head(input, n);

	if (datagram.n)
		(void)send(channel_fd(play.worker), datagram.p, datagram.n,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	input = slice_skip(input, n);
}

/* The address is octets 16 to 31 of ASK and SETTLE, and 0 to 15 of NOTE. */
static void typed(enum message_type type, size_t n, size_t addr_at)
{
	union {
		struct message_hello hello;
		struct message_ask ask;
		struct message_settle settle;
		struct message_note note;
		struct message_stats stats;
		struct message_server server;
		uint8_t octets[512];
	} body;
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t how = fuzz_octet(&input);
	struct slice in = slice_head(input, how % 64u);

	memset(&body, 0, sizeof body);
	if (in.n)
		memcpy(body.octets, in.p, in.n < n ? in.n : n);
	input = slice_skip(input, in.n);
	if (addr_at < n && (how & 0xc0))
		memcpy(body.octets + addr_at, v4, sizeof v4);
	play.ask_count += type == MESSAGE_ASK || type == MESSAGE_SETTLE;
	(void)channel_send(play.worker, type, &body, n);
	(void)channel_flush(play.worker);
}

static bool ask_operator(void)
{
	static const char line[] = "{\"command\":\"status\"}\n";

	if (asked)
		return false;
	if (!came) {
		play_connect();
		came = true;
		return true;
	}
	asked = true;
	MUST(play.client >= 0);
	return send(play.client, line, sizeof line - 1, MSG_NOSIGNAL) > 0;
}

static bool play_step(void)
{
	if (input.n == 0)
		return ask_operator();
	switch (fuzz_octet(&input) % 8) {
	case 0: raw(); break;
	case 1:
		typed(MESSAGE_HELLO, sizeof(struct message_hello), SIZE_MAX);
		break;
	case 2:
	case 3:
		typed(MESSAGE_ASK, sizeof(struct message_ask),
			offsetof(struct message_ask, addr));
		break;
	case 4:
	case 5:
		typed(MESSAGE_SETTLE, sizeof(struct message_settle),
			offsetof(struct message_settle, addr));
		break;
	case 6:
		typed(MESSAGE_NOTE, sizeof(struct message_note),
			offsetof(struct message_note, addr));
		break;
	case 7:
		if (input.n && input.p[0] & 1)
			typed(MESSAGE_STATS, sizeof(struct message_stats),
				SIZE_MAX);
		else if (input.n && input.p[0] & 2)
			typed(MESSAGE_SERVER, sizeof(struct message_server),
				SIZE_MAX);
		else
			play_wait(100u * fuzz_octet(&input));
		break;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > INPUT_MOST)
		return 0;
	input = slice_of(p, n);
	answer_n = 0;
	came = asked = false;
	play_keeper();
	MUST(asked && answer_n > 0 && answer[answer_n - 1] == '\n');
	MUST(memmem(answer, answer_n, "\"ok\":true", 9));
	return 0;
}
