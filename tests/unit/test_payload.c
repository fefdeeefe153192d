/*
 * payload_next, under each of the three rules:
 *  - EOD-01 to EOD-19, whole, octet by octet, and cut at every place;
 *  - every string of up to six octets over an alphabet of five, cut at every
 *    set of places, and 200,000 longer ones cut at random, against a naive
 *    automaton that sees the whole string;
 *  - whatever passes is read again by a reader that takes CRLF, LF or CR for
 *    a line end and stops a line at a NUL, as lax servers do: it must not
 *    find an end before the end.
 */
#include "payload_reference.h"

#define LIT(s) (s), sizeof(s) - 1

static bool cut_nowhere(size_t at, uint64_t arg)
{
	return false;
}

static bool cut_everywhere(size_t at, uint64_t arg)
{
	return true;
}

static bool cut_once(size_t at, uint64_t arg)
{
	return at == arg;
}

/* --- EOD ---------------------------------------------------------------- */

static const struct {
	const char *id;
	const char *s;
	size_t n;
	bool bare; /* S holds a bare CR or LF, or CRLF "." NUL */
} ends[] = {
	{"EOD-01", LIT("\n.\n"), true},
	{"EOD-02", LIT("\n.\r\n"), true},
	{"EOD-03", LIT("\r\n.\n"), true},
	{"EOD-04", LIT("\r.\r\n"), true},
	{"EOD-05", LIT("\r.\n"), true},
	{"EOD-06", LIT("\n.\r"), true},
	{"EOD-07", LIT("\r.\r"), true},
	{"EOD-08", LIT("\r\n.\r"), true},
	{"EOD-09", LIT("\r\n.\r\r\n"), true},
	{"EOD-10", LIT("\r\r\n.\r\r\n"), true},
	{"EOD-11", LIT("\r\n\0.\r\n"), false},
	{"EOD-12", LIT("\r\n.\0\r\n"), true},
	{"EOD-12 text", LIT("\r\n.\0x\r\n"), true},
	{"EOD-12 stuffed", LIT("\r\n..\0\r\n"), false},
	{"EOD-13", LIT("\r\n..\r\n"), false},
	{"EOD-14 space", LIT("\r\n. \r\n"), false},
	{"EOD-14 tab", LIT("\r\n.\t\r\n"), false},
	{"EOD-18 NEL", LIT("\x85.\x85"), false},
	{"EOD-18 VT", LIT("\x0b.\x0b"), false},
	{"EOD-18 FF", LIT("\x0c.\x0c"), false},
	{"EOD-18 LS", LIT("\xe2\x80\xa8.\xe2\x80\xa8"), false},
	{"LF CR . LF", LIT("\n\r.\n"), true},
	{"CR CR . CRLF", LIT("\r\r.\r\n"), true},
	{"CRLF . LF CR", LIT("\r\n.\n\r"), true},
	{"LF .. LF", LIT("\n..\n"), true},
};

static const char before[] = "Subject: s\r\n\r\ntext";
static const char behind[] = "MAIL FROM:<smuggled@x.test>\r\n"
			     "RCPT TO:<v@y.test>\r\nDATA\r\nSubject: t\r\n\r\n"
			     "b\r\n.\r\n";

static size_t message_of(uint8_t *to, const char *s, size_t n)
{
	memcpy(to, before, sizeof(before) - 1);
	memcpy(to + sizeof(before) - 1, s, n);
	memcpy(to + sizeof(before) - 1 + n, behind, sizeof(behind) - 1);
	return sizeof(before) - 1 + n + sizeof(behind) - 1;
}

/* ONE or REJ, and never two: the end is the last octet, or there is none. */
static void check_end(enum payload_rule rule, bool is_bare, const uint8_t *text,
	size_t n, const struct outcome *is)
{
	assert_int_equal(is->bare_seen, is_bare);
	if (is_bare && rule == PAYLOAD_REJECT) {
		assert_int_equal(is->piece, PAYLOAD_BARE);
		assert_true(is->n <= n);
		assert_memory_equal(is->out, text, is->n);
	} else {
		assert_int_equal(is->piece, PAYLOAD_END);
		assert_int_equal(is->used, n);
	}
	if (!is_bare || rule == PAYLOAD_PASS) {
		assert_int_equal(is->n, n);
		assert_memory_equal(is->out, text, n);
	}
	assert_safe(rule, is);
}

static void payload_smuggled_end_is_no_end_however_it_is_cut(void **state)
{
	static struct outcome is;
	uint8_t text[256];

	for (size_t i = 0; i < COUNT(ends); i++)
		for (size_t r = 0; r < COUNT(rules); r++) {
			size_t n = message_of(text, ends[i].s, ends[i].n);

			print_message("  %s, rule %zu\n", ends[i].id, r);
			run(rules[r], text, n, cut_nowhere, 0, &is);
			check_end(rules[r], ends[i].bare, text, n, &is);
			run(rules[r], text, n, cut_everywhere, 0, &is);
			check_end(rules[r], ends[i].bare, text, n, &is);
			for (size_t at = 1; at < n; at++) {
				run(rules[r], text, n, cut_once, at, &is);
				check_end(rules[r], ends[i].bare, text, n, &is);
			}
		}
}

/* EOD-15, EOD-16, EOD-17. */
static void payload_true_end_is_met_exactly_at_its_last_octet(void **state)
{
	static const struct {
		const char *in;
		size_t used;
	} good[] = {
		{".\r\n", 3},
		{".\r\nQUIT\r\n", 3},
		{"a\r\n.\r\nMAIL FROM:<a@b.test>\r\n", 6},
		{"\r\n.\r\n", 5},
		{"..\r\n.\r\n.\r\n", 7},
		{"a\r\n\r\n.\r\n\r\n.\r\n", 8},
	};
	static struct outcome is;

	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t r = 0; r < COUNT(rules); r++)
			for (size_t at = 0; at <= strlen(good[i].in); at++) {
				const uint8_t *in = (const uint8_t *)good[i].in;
				size_t n = strlen(good[i].in);

				run(rules[r], in, n,
					at ? cut_once : cut_everywhere, at,
					&is);
				assert_int_equal(is.piece, PAYLOAD_END);
				assert_int_equal(is.used, good[i].used);
				assert_int_equal(is.n, good[i].used);
				assert_memory_equal(is.out, in, is.n);
				run(rules[r], in, good[i].used - 1, cut_once,
					at, &is);
				assert_int_equal(is.piece, PAYLOAD_MORE);
			}
}

/* EOD-19: behind `pass` such a server is fooled; behind the others not. */
static void payload_pass_is_needed_to_fool_a_server_that_ends_on_lf(
	void **state)
{
	static struct outcome is;
	uint8_t text[256];
	size_t n = message_of(text, "\n.\n", 3);

	run(PAYLOAD_PASS, text, n, cut_nowhere, 0, &is);
	assert_true(lax_end(is.out, is.n) < n);
	assert_int_equal(is.piece, PAYLOAD_END);
	run(PAYLOAD_NORMALIZE, text, n, cut_nowhere, 0, &is);
	assert_int_equal(lax_end(is.out, is.n), is.n);
	run(PAYLOAD_REJECT, text, n, cut_nowhere, 0, &is);
	assert_int_equal(lax_end(is.out, is.n), 0);
	assert_null(memchr(is.out + sizeof(before) - 1, '\n',
		is.n - (sizeof(before) - 1)));
}

/* What NORMALIZE makes of each, in so many words. */
static void payload_normalized_text_is_what_it_should_be(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} made[] = {
		{"a\nb", "a\r\nb"},
		{"a\rb", "a\r\nb"},
		{"a\n\nb", "a\r\n\r\nb"},
		{"a\n\rb", "a\r\n\r\nb"},
		{"a\r\r\nb", "a\r\n\r\nb"},
		{"\nb", "\r\nb"},
		{"a\n.b", "a\r\n..b"},
		{"a\r..b", "a\r\n...b"},
		{"a\n.\r\nb", "a\r\n..\r\nb"},
		{"a\r\n.\nb", "a\r\n..\r\nb"},
		{".\rb", "..\r\nb"},
		{"a\r\n..\nb", "a\r\n..\r\nb"},
		{"a\r\n.b\n", "a\r\n.b\r\n"},
		{"a\r\n..b\r\n", "a\r\n..b\r\n"},
		{"a.\nb.\r\n", "a.\r\nb.\r\n"},
	};
	static struct outcome is;

	for (size_t i = 0; i < COUNT(made); i++)
		for (unsigned cut = 0; cut < 2; cut++) {
			run(PAYLOAD_NORMALIZE, (const uint8_t *)made[i].in,
				strlen(made[i].in),
				cut ? cut_everywhere : cut_nowhere, 0, &is);
			assert_int_equal(is.n, strlen(made[i].out));
			assert_memory_equal(is.out, made[i].out, is.n);
			assert_int_equal(is.piece, PAYLOAD_MORE);
		}
}

/* The withheld CR: it passes with its LF, and else not at all. */
static void payload_reject_withholds_a_last_cr_until_its_lf(void **state)
{
	static const char *const next[] = {"\n", "a", "\r", ".", "\r\n"};
	static struct outcome is;

	for (size_t i = 0; i < COUNT(next); i++) {
		struct payload payload;

		payload_init(&payload);
		is.n = is.used = 0;
		feed(&payload, PAYLOAD_REJECT, (const uint8_t *)"ab\r", 3, &is);
		assert_int_equal(is.piece, PAYLOAD_MORE);
		assert_int_equal(is.n, 2);
		assert_false(payload.bare_seen);
		feed(&payload, PAYLOAD_REJECT, (const uint8_t *)"", 0, &is);
		assert_int_equal(is.n, 2);
		feed(&payload, PAYLOAD_REJECT, (const uint8_t *)next[i],
			strlen(next[i]), &is);
		assert_int_equal(
			is.piece, i == 0 ? PAYLOAD_MORE : PAYLOAD_BARE);
		assert_int_equal(is.n, i == 0 ? 4 : 2);
		assert_memory_equal(is.out, "ab\r\n", is.n);
		assert_int_equal(payload.bare_seen, i != 0);
	}
}

/* One TAKE for all of it, however many lines and whatever their length. */
static void payload_legal_text_is_one_piece(void **state)
{
	static uint8_t text[200000];
	struct payload payload;
	struct slice insert;
	size_t used, n = 0;

	for (size_t line = 0; n + line + 3 < sizeof(text); line++) {
		memset(text + n, line % 7 ? 'x' : '.', line + 1);
		if (line == 0)
			text[n] = 'x';
		memcpy(text + n + line + 1, "\r\n", 2);
		n += line + 3;
	}
	for (size_t r = 0; r < COUNT(rules); r++) {
		payload_init(&payload);
		assert_int_equal(
			payload_next(&payload, rules[r],
				slice_of(guard_copy(&guard, text, n), n), &used,
				&insert),
			PAYLOAD_TAKE);
		assert_int_equal(used, n);
		assert_false(payload.bare_seen);
	}
}

/* --- against the automaton ---------------------------------------------- */

static const uint8_t alphabet[] = {'\r', '\n', '.', 'a', '\0'};

/* All strings of a length: `at` counts through them in base five. */
static void payload_every_short_string_cut_in_every_way(void **state)
{
	uint8_t text[6];
	size_t count = 1;

	for (size_t n = 1; n <= sizeof(text); n++) {
		count *= COUNT(alphabet);
		for (size_t at = 0; at < count; at++) {
			size_t rest = at;

			for (size_t i = 0; i < n; i++) {
				text[i] = alphabet[rest % COUNT(alphabet)];
				rest /= COUNT(alphabet);
			}
			for (uint64_t cuts = 0; cuts < 1u << n; cuts += 2)
				compare(text, n, cut_by_mask, cuts);
		}
	}
}

static uint64_t random_next(uint64_t *seed)
{
	/* splitmix64: the same strings in each run, on each machine */
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void payload_drained_message_ends_where_it_ends(void **state)
{
	uint64_t seed = 2920;
	uint8_t text[24];

	for (size_t count = 0; count < 50000; count++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = alphabet[random_next(&seed) % 3];
		for (size_t at = 0; at < sizeof(text); at++) {
			check_drained(PAYLOAD_REJECT, text, sizeof(text), at);
			check_drained(
				PAYLOAD_NORMALIZE, text, sizeof(text), at);
		}
	}
}

static void payload_random_strings_agree_with_the_automaton(void **state)
{
	uint64_t seed = 5321;
	uint8_t text[63];

	for (size_t count = 0; count < 200000; count++) {
		size_t n = 1 + random_next(&seed) % sizeof(text);
		/* from a cut at each octet to next to none */
		uint64_t cuts = random_next(&seed);

		for (uint64_t k = random_next(&seed) % 4; k > 0; k--)
			cuts &= random_next(&seed);
		for (size_t i = 0; i < n; i++) {
			uint64_t bits = random_next(&seed);
			bool legal = bits >> 32 & 1;

			text[i] = alphabet[bits % COUNT(alphabet)];
			if (legal && i && text[i - 1] == '\r')
				text[i] = '\n'; /* else most would be bare */
		}
		compare(text, n, cut_by_mask, cuts);
	}
}

/* Long enough for the blocks of crlf.h, with something odd now and then. */
static void payload_long_text_agrees_with_the_automaton(void **state)
{
	uint64_t seed = 2045;
	uint8_t text[700];

	for (size_t count = 0; count < 20000; count++) {
		size_t odd = random_next(&seed) % 4, width;
		uint64_t cuts = random_next(&seed) & random_next(&seed) &
				random_next(&seed) & random_next(&seed);

		memset(text, 'a', sizeof(text));
		width = 2 + random_next(&seed) % 150;
		for (size_t i = width; i <= sizeof(text); i += width)
			memcpy(text + i - 2, "\r\n", 2);
		while (odd--)
			text[random_next(&seed) % sizeof(text)] =
				alphabet[random_next(&seed) % COUNT(alphabet)];
		compare(text, sizeof(text), cut_nowhere, 0);
		compare(text, sizeof(text), cut_by_mask, cuts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			payload_smuggled_end_is_no_end_however_it_is_cut),
		cmocka_unit_test(
			payload_true_end_is_met_exactly_at_its_last_octet),
		cmocka_unit_test(
			payload_pass_is_needed_to_fool_a_server_that_ends_on_lf),
		cmocka_unit_test(payload_normalized_text_is_what_it_should_be),
		cmocka_unit_test(
			payload_reject_withholds_a_last_cr_until_its_lf),
		cmocka_unit_test(payload_legal_text_is_one_piece),
		cmocka_unit_test(payload_every_short_string_cut_in_every_way),
		cmocka_unit_test(
			payload_random_strings_agree_with_the_automaton),
		cmocka_unit_test(payload_long_text_agrees_with_the_automaton),
		cmocka_unit_test(payload_drained_message_ends_where_it_ends),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
