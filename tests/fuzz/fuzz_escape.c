/*
 * What a peer says, in the log. Input: two octets of room, then the octets.
 *
 *	- log_escape writes printable ASCII alone, no quote that ends a value,
 *	  and reads back octet by octet;
 *	- too little room gives the beginning of it, cut between escapes;
 *	- a line with such a value is one line of printable ASCII, whose
 *	  quotes are paired, and in JSON the value reads back from it.
 */
#include "../../src/base/log.h"
#include "fuzz.h"

#include <sys/socket.h>

enum { INPUT_MOST = 2048, OUT_ROOM = 6 * INPUT_MOST };

static struct guard guard_in, guard_out, guard_full;

static unsigned hex(uint8_t c)
{
	MUST((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return c <= '9' ? c - '0' : c - 'a' + 10u;
}

/* The octet that the escape at *in stands for. */
static uint8_t unescape(struct slice *in, enum log_format format)
{
	uint8_t c = fuzz_octet(in);

	MUST(c >= 0x20 && c < 0x7f && c != '"');
	if (c != '\\')
		return c;
	MUST(in->n > 0);
	c = fuzz_octet(in);
	if (c == '"' || c == '\\')
		return c;
	MUST(c == (format == LOG_JSON ? 'u' : 'x'));
	MUST(in->n >= (format == LOG_JSON ? 4u : 2u));
	if (format == LOG_JSON)
		MUST(fuzz_octet(in) == '0' && fuzz_octet(in) == '0');
	c = (uint8_t)(hex(fuzz_octet(in)) << 4);
	return (uint8_t)(c | hex(fuzz_octet(in)));
}

/* Returns how many octets of `in` the text stands for. */
static size_t check_text(
	struct slice text, struct slice in, enum log_format format)
{
	size_t n = 0;

	while (text.n) {
		MUST(n < in.n);
		MUST(unescape(&text, format) == in.p[n]);
		n++;
	}
	return n;
}

static void check_escape(struct slice in, enum log_format format, size_t room)
{
	char *full = (char *)guard_room(&guard_full, 6 * in.n);
	char *some = (char *)guard_room(&guard_out, room);
	size_t full_n = log_escape(in, format, full, 6 * in.n);
	size_t some_n = log_escape(in, format, some, room);
	size_t octets;

	MUST(check_text(slice_of(full, full_n), in, format) == in.n);
	MUST(some_n <= room && some_n <= full_n);
	MUST(memcmp(some, full, some_n) == 0);
	octets = check_text(slice_of(some, some_n), in, format);
	/* The next escape would have found no room. */
	MUST(octets == in.n || room - some_n < 6);
	if (room >= full_n)
		MUST(some_n == full_n);
}

/* One line as it leaves the process. */
static size_t log_line(
	struct slice in, enum log_format format, char *out, size_t room)
{
	static int ends[2] = {-1, -1};
	ssize_t n;

	if (ends[0] < 0)
		MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	log_init("fuzz", ends[0], LOG_INFO, format);
	log_begin(LOG_INFO, "event");
	log_peer("said", in);
	log_int("behind", 7);
	log_end();
	log_flush();
	n = recv(ends[1], out, room, MSG_DONTWAIT);
	MUST(n > 0 && (size_t)n <= LOG_LINE_LONGEST);
	MUST(log_dropped_count() == 0);
	log_done();
	return (size_t)n;
}

static void check_line(struct slice in, enum log_format format)
{
	static char out[LOG_LINE_LONGEST + 1];
	static const char key[] = ",\"said\":\"", behind[] = "\",\"behind\":7";
	size_t n = log_line(in, format, out, sizeof out);
	struct slice line = slice_of(out, n);
	const uint8_t *at, *end;
	unsigned quotes = 0;

	MUST(n > 0 && out[n - 1] == '\n');
	for (size_t i = 0; i + 1 < n; i++) {
		MUST(out[i] >= 0x20 && out[i] < 0x7f);
		if (out[i] == '\\')
			i++;
		else
			quotes += out[i] == '"';
	}
	MUST(quotes % 2 == 0);
	if (format != LOG_JSON)
		return;
	at = memmem(line.p, line.n, key, sizeof key - 1);
	MUST(at != NULL);
	at += sizeof key - 1;
	/* Its quotes are escaped, so the first of these ends the value. */
	end = memmem(at, (size_t)(line.p + n - at), behind, sizeof behind - 1);
	MUST(end != NULL && (size_t)(end - at) <= LOG_VALUE_LONGEST);
	(void)check_text(slice_of(at, (size_t)(end - at)), in, format);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	size_t room = fuzz_number(&in, 2) % OUT_ROOM;

	if (in.n > INPUT_MOST)
		return 0;
	in = fuzz_guarded(&guard_in, in);
	check_escape(in, LOG_TEXT, room);
	check_escape(in, LOG_JSON, room);
	check_line(in, LOG_TEXT);
	check_line(in, LOG_JSON);
	return 0;
}
