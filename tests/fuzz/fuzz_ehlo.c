/*
 * The EHLO filter. Input: one octet of rules, two of room, then a reply.
 *
 *	- what comes out is one well-formed 250 reply that the filter takes
 *	  again and leaves as it is;
 *	- a keyword that postern must not offer is not in it, and its own
 *	  STARTTLS once where it is offered;
 *	- all other lines are lines of the input, in their order;
 *	- it is larger than the input by that STARTTLS line at most, and by the
 *	  SP of a bare "250";
 *	- only the room decides between a result and none; a reply that is cut
 *	  short is not one.
 */
#include "../../proto/ehlo.h"
#include "fuzz.h"

enum { OWN_LINE = sizeof("250-STARTTLS\r\n") - 1, ROOM = 8192 };

static struct guard guard_in, guard_out, guard_again, guard_part;

static const char *const never[] = {"XCLIENT", "XFORWARD", "BURL", "BINARYMIME",
	"ETRN", "ATRN", "TURN", "XEXCH50", "LIMITS", "REQUIRETLS"};
static const char *const known[] = {"PIPELINING", "SIZE", "8BITMIME", "HELP",
	"DSN", "VRFY", "EXPN", "AUTH", "ENHANCEDSTATUSCODES", "CHUNKING",
	"SMTPUTF8", "DELIVERBY", "NO-SOLICITING", "MT-PRIORITY",
	"FUTURERELEASE", "STARTTLS"};

/* The first line of a stream, found by its CRLF; it must be there. */
static struct slice next_line(struct slice *rest)
{
	const uint8_t *end = memmem(rest->p, rest->n, "\r\n", 2);
	struct slice line;

	MUST(end != NULL);
	line = slice_of(rest->p, (size_t)(end - rest->p));
	*rest = slice_skip(*rest, line.n + 2);
	return line;
}

static bool listed(struct slice word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(word, list[i]))
			return true;
	return false;
}

/* Up to the first SP or "=": what a lax client takes for a keyword. */
static struct slice lax_word(struct slice text)
{
	size_t n = 0;

	while (n < text.n && !strchr(" =\t", text.p[n] ? text.p[n] : ' '))
		n++;
	return slice_head(text, n);
}

static void check_keyword(struct slice text, const struct ehlo_rules *rules)
{
	struct slice word = lax_word(text);

	MUST(word.n > 0);
	MUST(!listed(word, never, sizeof never / sizeof *never));
	MUST(!rules->hide_auth || !slice_eq_nocase(word, "AUTH"));
	MUST(rules->pass_unknown ||
		listed(word, known, sizeof known / sizeof *known));
	for (size_t i = 0; i < word.n; i++)
		MUST(word.p[i] > ' ' && word.p[i] < 0x7f);
}

/* Finds the line's text among the input's lines from *rest on. */
static bool came_from(struct slice text, struct slice *rest)
{
	while (rest->n)
		if (slice_eq(text, slice_skip(next_line(rest), 4)))
			return true;
	return false;
}

static void check_lines(
	struct slice out, struct slice in, const struct ehlo_rules *rules)
{
	unsigned lines = 0, own = 0;

	while (out.n) {
		struct slice line = next_line(&out);
		struct slice text = slice_skip(line, 4);

		MUST(line.n >= 4 && memcmp(line.p, "250", 3) == 0);
		MUST(line.p[3] == (out.n ? '-' : ' '));
		MUST(!memchr(line.p, '\n', line.n) &&
			!memchr(line.p, '\r', line.n) &&
			!memchr(line.p, '\0', line.n));
		if (lines++ > 0 && rules->offer_starttls &&
			slice_eq_nocase(text, "STARTTLS")) {
			own++;
			continue;
		}
		MUST(came_from(text, &in));
		if (lines > 1)
			check_keyword(text, rules);
	}
	MUST(own == (rules->offer_starttls ? 1u : 0u));
}

static void check_again(struct slice out, const struct ehlo_rules *rules)
{
	uint8_t *again = guard_room(&guard_again, out.n + OWN_LINE + 1);
	uint32_t caps;
	size_t n;

	MUST(ehlo_filter(out, rules, again, out.n + OWN_LINE + 1, &n, &caps) ==
		EHLO_OK);
	MUST(slice_eq(slice_of(again, n), out));
}

static void check_cut(
	struct slice in, size_t cut, const struct ehlo_rules *rules)
{
	uint8_t *out = guard_room(&guard_again, ROOM);
	uint32_t caps;
	size_t n;

	if (cut >= in.n)
		return;
	in = fuzz_guarded(&guard_part, slice_head(in, cut));
	MUST(ehlo_filter(in, rules, out, ROOM, &n, &caps) == EHLO_BAD);
	MUST(ehlo_caps(in) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	unsigned flags = fuzz_octet(&in);
	struct ehlo_rules rules = {
		.hide_auth = flags & 1,
		.offer_starttls = flags & 2,
		.pass_unknown = flags & 4,
		.pass_starttls = (flags & 10) == 8,
	};
	size_t some = fuzz_number(&in, 2) % ROOM, out_n = 0, full_n = 0;
	uint32_t caps = 0, full_caps = 0;
	enum ehlo_result result, full;
	uint8_t *out;

	if (in.n > ROOM - OWN_LINE - 1)
		return 0;
	in = fuzz_guarded(&guard_in, in);
	out = guard_room(&guard_out, some);
	result = ehlo_filter(in, &rules, out, some, &out_n, &caps);
	MUST(result != EHLO_OK || out_n <= some);
	out = guard_room(&guard_out, in.n + OWN_LINE + 1);
	full = ehlo_filter(
		in, &rules, out, in.n + OWN_LINE + 1, &full_n, &full_caps);
	MUST(full != EHLO_NO_SPACE);
	MUST(result == full || result == EHLO_NO_SPACE);
	MUST(result != EHLO_OK || (out_n == full_n && caps == full_caps));
	if (full != EHLO_OK)
		return 0;
	MUST(full_n <= in.n + 1 + (rules.offer_starttls ? OWN_LINE : 0));
	MUST(ehlo_caps(in) == full_caps);
	check_lines(slice_of(out, full_n), in, &rules);
	check_again(slice_of(out, full_n), &rules);
	check_cut(in, some, &rules);
	return 0;
}
