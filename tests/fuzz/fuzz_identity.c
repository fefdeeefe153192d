/*
 * What says who a client is: the PROXY header, XCLIENT, and whom a RCPT is
 * for. Input: one octet that chooses, then the text.
 *
 *	- a header is whole at one length only: every shorter start is MORE,
 *	  what stands behind changes nothing, and it is no longer than
 *PROXY_LONGEST;
 *	- what is read, written and read again is the same, in both versions;
 *	- addresses of version 1 are those that the C library reads, and no text
 *	  that it refuses is taken;
 *	- XCLIENT is one line of printable octets that has as many attributes as
 *	  were offered;
 *	- a local recipient's path ends, for the laxest of readers, in a domain
 *	  that is listed, and has nothing in it that routes.
 */
#include "../../proto/ip_text.h"
#include "../../proto/proxy_header.h"
#include "../../proto/recipient.h"
#include "../../proto/xclient.h"
#include "fuzz.h"

#include <arpa/inet.h>

static struct guard guard_in, guard_part, guard_out;

static const char *const listed[] = {"example.test", ".a.test"};
static const struct recipient_domains domains = {listed, 2};

static bool same(const struct proxy_header *a, const struct proxy_header *b)
{
	return a->unknown == b->unknown && a->source_port == b->source_port &&
	       a->target_port == b->target_port &&
	       memcmp(a->source, b->source, 16) == 0 &&
	       memcmp(a->target, b->target, 16) == 0;
}

static void check_written(const struct proxy_header *header)
{
	for (unsigned version = 1; version <= 2; version++) {
		uint8_t *out = guard_room(&guard_out, PROXY_WRITTEN_LONGEST);
		struct proxy_header again;
		size_t n = version == 1 ? proxy_header_write_v1(header, out)
					: proxy_header_write_v2(header, out);
		size_t used;

		MUST(n <= PROXY_WRITTEN_LONGEST);
		MUST(proxy_header_read(slice_of(out, n), &again, &used) ==
			PROXY_OK);
		MUST(used == n && same(header, &again));
	}
}

static void check_starts(
	struct slice in, size_t used, const struct proxy_header *header)
{
	struct proxy_header part;
	size_t n;

	for (size_t cut = 0; cut < used; cut++)
		MUST(proxy_header_read(
			     fuzz_guarded(&guard_part, slice_head(in, cut)),
			     &part, &n) == PROXY_MORE);
	MUST(proxy_header_read(fuzz_guarded(&guard_part, slice_head(in, used)),
		     &part, &n) == PROXY_OK);
	MUST(n == used && same(header, &part));
}

static void fuzz_header(struct slice in)
{
	struct proxy_header header;
	size_t used;

	switch (proxy_header_read(in, &header, &used)) {
	case PROXY_OK:
		MUST(used > 0 && used <= in.n && used <= PROXY_LONGEST);
		check_starts(in, used, &header);
		check_written(&header);
		return;
	case PROXY_MORE: MUST(in.n < PROXY_LONGEST); return;
	case PROXY_BAD: return;
	}
}

/* Both ways: what we take the library takes alike, and a text that it takes
 * without anything odd in it we take. */
static void fuzz_address(struct slice in)
{
	uint8_t ours[16], theirs[16] = {[10] = 0xff, [11] = 0xff};
	char text[64];
	bool v4, v6;

	if (in.n >= sizeof text || memchr(in.p ? in.p : (void *)"", 0, in.n))
		return;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	v4 = inet_pton(AF_INET, text, theirs + 12) == 1;
	MUST(ip_text_read_v4(in, ours) == v4);
	MUST(!v4 || memcmp(ours, theirs, 16) == 0);
	v6 = inet_pton(AF_INET6, text, theirs) == 1;
	MUST(ip_text_read_v6(in, ours) == v6);
	MUST(!v6 || memcmp(ours, theirs, 16) == 0);
	if (v6) {
		uint8_t out[IP_TEXT_LONGEST], again[16];
		size_t n = ip_text_write(ours, out);

		MUST(ip_text_is_v4(ours)
				? ip_text_read_v4(slice_of(out, n), again)
				: ip_text_read_v6(slice_of(out, n), again));
		MUST(memcmp(ours, again, 16) == 0);
	}
}

static void fuzz_xclient(struct slice in)
{
	uint8_t *out = guard_room(&guard_out, XCLIENT_LONGEST);
	struct xclient client = {0};
	uint32_t offered;
	size_t n, equals = 0, spaces = 0;

	for (unsigned i = 0; i < 16; i++) {
		client.source[i] = fuzz_octet(&in);
		client.target[i] = fuzz_octet(&in);
	}
	client.source_port = (uint16_t)fuzz_number(&in, 2);
	client.target_port = (uint16_t)fuzz_number(&in, 2);
	offered = xclient_offered(in);
	n = xclient_compose(&client, offered, out);
	MUST((n > 0) == ((offered & XCLIENT_ADDR) != 0));
	if (n == 0)
		return;
	MUST(n <= XCLIENT_LONGEST && memcmp(out, "XCLIENT ", 8) == 0 &&
		out[n - 2] == '\r' && out[n - 1] == '\n');
	for (size_t i = 0; i < n - 2; i++) {
		MUST(out[i] >= ' ' && out[i] <= '~');
		equals += out[i] == '=';
		spaces += out[i] == ' ';
	}
	MUST(equals == spaces);
	MUST(equals == (size_t)__builtin_popcount(
			       offered &
			       (XCLIENT_ADDR | XCLIENT_NAME | XCLIENT_PORT |
				       XCLIENT_DESTADDR | XCLIENT_DESTPORT)));
}

static bool ends_in(struct slice text, const char *end)
{
	size_t n = strlen(end);

	return text.n >= n &&
	       slice_eq_nocase(slice_skip(text, text.n - n), end);
}

static void fuzz_recipient(struct slice in)
{
	const uint8_t *open = in.n ? memchr(in.p, '<', in.n) : NULL;
	const uint8_t *close = in.n ? memrchr(in.p, '>', in.n) : NULL;
	struct slice path;

	if (recipient_read(in, &domains) != RECIPIENT_LOCAL)
		return;
	/* From the first "<" to the last ">": there is one of each. */
	MUST(open && close && open < close);
	path = slice_of(open + 1, (size_t)(close - open) - 1);
	MUST(!memchr(path.p, '<', path.n) && !memchr(path.p, '>', path.n));
	for (size_t i = 0; i < path.n; i++)
		MUST(path.p[i] >= ' ' && path.p[i] < 0x7f &&
			!strchr("%!:;,()[]\\<>", path.p[i]));
	if (slice_eq_nocase(path, "postmaster"))
		return;
	MUST(memchr(path.p, '@', path.n) == memrchr(path.p, '@', path.n));
	MUST(ends_in(path, "@example.test") || ends_in(path, ".a.test"));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	unsigned what = fuzz_octet(&in);

	in = fuzz_guarded(&guard_in, in);
	switch (what % 4) {
	case 0: fuzz_header(in); break;
	case 1: fuzz_address(in); break;
	case 2: fuzz_xclient(in); break;
	default: fuzz_recipient(in); break;
	}
	return 0;
}
