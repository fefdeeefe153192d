/*
 * auth_begin and auth_answer, as dialogues: each row is one exchange, the
 * AUTH arguments and then the answers, each with what it must be taken for.
 * Lines end, and the scratch is just as large as the line, in front of guard
 * pages. AUT-04 to AUT-08 are rows here.
 */
#include "../../proto/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s)	 (s), sizeof(s) - 1
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { LINES = 4 };

#define PROMPT AUTH_STEP_PROMPT
#define SECRET AUTH_STEP_SECRET
#define CANCEL AUTH_STEP_CANCEL
#define SYNTAX AUTH_STEP_SYNTAX

struct line {
	const char *text; /* NULL: no more */
	enum auth_step step;
	const char *user; /* of a SECRET */
	size_t user_n;
	const char *secret;
	size_t secret_n;
};

struct row {
	const char *name;
	enum auth_mech mech;
	struct line lines[LINES];
};

#define NOTHING LIT(""), LIT("")

static const struct row rows[] = {
	{"PLAIN with its initial response", AUTH_MECH_PLAIN,
		{{"PLAIN AHVzZXIAcGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"", PROMPT, NOTHING}}},
	{"PLAIN in two steps, any case", AUTH_MECH_PLAIN,
		{{"pLaIn", PROMPT, NOTHING},
			{"AHVzZXIAcGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"AHVzZXIAcGFzcw==", PROMPT, NOTHING}}},
	{"AUT-04 PLAIN, empty response", AUTH_MECH_PLAIN,
		{{"PLAIN =", SECRET, NOTHING},
			{"AHVzZXIAcGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"", PROMPT, NOTHING}}},
	{"AUT-04 PLAIN and a SP", AUTH_MECH_PLAIN,
		{{"PLAIN ", PROMPT, NOTHING},
			{"AHVzZXIAcGFzcw==", SECRET, LIT("user"),
				LIT("pass")}}},
	{"AUT-04 LOGIN, empty response", AUTH_MECH_LOGIN,
		{{"LOGIN =", PROMPT, NOTHING},
			{"cGFzcw==", SECRET, LIT(""), LIT("pass")}}},
	{"AUT-04 nothing", AUTH_MECH_NONE, {{"", SYNTAX, NOTHING}}},
	{"AUT-04 only an equals sign", AUTH_MECH_NONE,
		{{"=", SYNTAX, NOTHING}}},
	{"only spaces", AUTH_MECH_NONE, {{"  \t ", SYNTAX, NOTHING}}},
	{"no mechanism's letters", AUTH_MECH_NONE,
		{{"PLAIN! AHVzZXIAcGFzcw==", SYNTAX, NOTHING}}},
	{"PLAIN glued by an equals sign", AUTH_MECH_NONE,
		{{"PLAIN=AHVzZXIAcGFzcw==", SYNTAX, NOTHING}}},
	{"a mechanism of 20 letters", AUTH_MECH_OPAQUE,
		{{"ABCDEFGHIJKLMNOPQRST", PROMPT, NOTHING}}},
	{"a mechanism of 21 letters", AUTH_MECH_NONE,
		{{"ABCDEFGHIJKLMNOPQRSTU", SYNTAX, NOTHING}}},
	{"SEC-01 spaces around do not hide a try", AUTH_MECH_PLAIN,
		{{"  PLAIN  AHVzZXIAcGFzcw== ", SECRET, LIT("user"),
			LIT("pass")}}},
	{"tabs do not hide a try", AUTH_MECH_PLAIN,
		{{"\tPLAIN\tAHVzZXIAcGFzcw==\t", SECRET, LIT("user"),
			LIT("pass")}}},
	{"AUT-05 four parts", AUTH_MECH_PLAIN,
		{{"PLAIN YQBiAGMAZA==", SECRET, LIT(""), LIT("a\0b\0c\0d")}}},
	{"AUT-05 one part", AUTH_MECH_PLAIN,
		{{"PLAIN anVzdHVzZXI=", SECRET, LIT(""), LIT("justuser")}}},
	{"two parts", AUTH_MECH_PLAIN,
		{{"PLAIN dXNlcgBwYXNz", SECRET, LIT(""), LIT("user\0pass")}}},
	{"AUT-05 all empty", AUTH_MECH_PLAIN,
		{{"PLAIN AAA=", SECRET, NOTHING}, {"", PROMPT, NOTHING}}},
	{"AUT-05 authzid is not the user", AUTH_MECH_PLAIN,
		{{"PLAIN YWRtaW4AdXNlcgBwYXNz", SECRET, LIT("user"),
			LIT("pass")}}},
	{"AUT-05 NUL in the password", AUTH_MECH_PLAIN,
		{{"PLAIN AHVzZXIAcGEAc3M=", SECRET, LIT(""),
			LIT("\0user\0pa\0ss")}}},
	{"AUT-06 escapes stay raw", AUTH_MECH_PLAIN,
		{{"PLAIN ABtbMkobXTA7cHduB3Jvb3QAcA==", SECRET,
			LIT("\x1b[2J\x1b]0;pwn\x07root"), LIT("p")}}},
	{"AUT-06 CRLF stays raw", AUTH_MECH_PLAIN,
		{{"PLAIN AHUNClJDUFQgVE86PHZAeC50ZXN0PgBw", SECRET,
			LIT("u\r\nRCPT TO:<v@x.test>"), LIT("p")}}},
	{"AUT-06 a forged log line stays raw", AUTH_MECH_PLAIN,
		{{"PLAIN AHgKIGlwPTIwMy4wLjExMy43IGV2ZW50PWJhbgBw", SECRET,
			LIT("x\n ip=203.0.113.7 event=ban"), LIT("p")}}},
	{"AUT-06 bidi stays raw", AUTH_MECH_PLAIN,
		{{"PLAIN AGFkbeKArm5pbWRhAHA=", SECRET,
			LIT("adm\xe2\x80\xaenimda"), LIT("p")}}},
	{"AUT-07 no base64", AUTH_MECH_PLAIN,
		{{"PLAIN !!!!", SECRET, NOTHING},
			{"AHVzZXIAcGFzcw==", SECRET, LIT("user"),
				LIT("pass")}}},
	{"AUT-07 one letter", AUTH_MECH_PLAIN, {{"PLAIN A", SECRET, NOTHING}}},
	{"AUT-07 too much padding", AUTH_MECH_PLAIN,
		{{"PLAIN A===", SECRET, NOTHING}}},
	{"AUT-07 space inside", AUTH_MECH_PLAIN,
		{{"PLAIN AHVz ZXI=", SECRET, NOTHING}}},
	{"AUT-07 3 mod 4", AUTH_MECH_PLAIN,
		{{"PLAIN AHVzZXIAcGFzcw=", SECRET, NOTHING}}},
	{"AUT-07 junk behind", AUTH_MECH_PLAIN,
		{{"PLAIN AHVzZXIAcGFzcw==junk", SECRET, NOTHING}}},
	{"AUT-02 LOGIN, cancelled", AUTH_MECH_LOGIN,
		{{"LOGIN", PROMPT, NOTHING}, {"dXNlcg==", PROMPT, NOTHING},
			{"*", CANCEL, NOTHING}}},
	{"LOGIN", AUTH_MECH_LOGIN,
		{{"LOGIN", PROMPT, NOTHING}, {"dXNlcg==", PROMPT, NOTHING},
			{"cGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"cGFzcw==", PROMPT, NOTHING}}},
	{"LOGIN with its initial response", AUTH_MECH_LOGIN,
		{{"login dXNlcg==", PROMPT, NOTHING},
			{"cGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"cGFzcw==", PROMPT, NOTHING}}},
	{"LOGIN, the user cannot be decoded", AUTH_MECH_LOGIN,
		{{"LOGIN", PROMPT, NOTHING}, {"us er", PROMPT, NOTHING},
			{"cGFzcw==", SECRET, LIT(""), LIT("pass")}}},
	{"LOGIN, the password cannot be decoded", AUTH_MECH_LOGIN,
		{{"LOGIN dXNlcg==", PROMPT, NOTHING},
			{"pass!", SECRET, LIT("user"), LIT("")},
			{"cGFzcw==", SECRET, LIT("user"), LIT("pass")},
			{"cGFzcw==", PROMPT, NOTHING}}},
	{"LOGIN, empty password", AUTH_MECH_LOGIN,
		{{"LOGIN dXNlcg==", PROMPT, NOTHING},
			{"", SECRET, LIT("user"), LIT("")}}},
	{"AUT-03 commands are answers", AUTH_MECH_LOGIN,
		{{"LOGIN", PROMPT, NOTHING}, {"QUIT", PROMPT, NOTHING},
			{"STARTTLS", SECRET, LIT("\x41\x42\x13"),
				LIT("\x49\x30\x11\x4d\x32\xd2")}}},
	{"CRAM-MD5 (RFC 2195)", AUTH_MECH_CRAM_MD5,
		{{"CRAM-MD5", PROMPT, NOTHING},
			{"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw",
				SECRET, LIT("tim"), LIT("")},
			{"", PROMPT, NOTHING}}},
	{"CRAM-MD5, a user with spaces", AUTH_MECH_CRAM_MD5,
		{{"cram-md5", PROMPT, NOTHING},
			{"Sm8gRG9lIGFiYw==", SECRET, LIT("Jo Doe"), LIT("")}}},
	{"CRAM-MD5 without a space", AUTH_MECH_CRAM_MD5,
		{{"CRAM-MD5", PROMPT, NOTHING}, {"dXNlcg==", SECRET, NOTHING}}},
	{"CRAM-MD5, empty answer, then *", AUTH_MECH_CRAM_MD5,
		{{"CRAM-MD5", PROMPT, NOTHING}, {"", SECRET, NOTHING},
			{"*", CANCEL, NOTHING}}},
	{"XOAUTH2", AUTH_MECH_XOAUTH2,
		{{"XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB"
		  "0b2tlbgEB",
			 SECRET, LIT("someuser@example.com"),
			 LIT("Bearer token")},
			{"", PROMPT, NOTHING}}},
	{"XOAUTH2, a space behind user=", AUTH_MECH_XOAUTH2,
		{{"XOAUTH2", PROMPT, NOTHING},
			{"dXNlcj0gdQFhdXRoPUJlYXJlciB0AQE=", SECRET, LIT("u"),
				LIT("Bearer t")}}},
	{"XOAUTH2, other order, first field counts", AUTH_MECH_XOAUTH2,
		/* auth=A ^A user=u ^A user=v ^A auth=B ^A ^A */
		{{"XOAUTH2 YXV0aD1BAXVzZXI9dQF1c2VyPXYBYXV0aD1CAQE=", SECRET,
			LIT("u"), LIT("A")}}},
	{"XOAUTH2 without fields", AUTH_MECH_XOAUTH2,
		{{"XOAUTH2 dXNlcg==", SECRET, NOTHING}}},
	{"XOAUTH2, an empty last field", AUTH_MECH_XOAUTH2,
		{{"XOAUTH2 dXNlcj0=", SECRET, NOTHING}}},
	{"OAUTHBEARER (RFC 7628)", AUTH_MECH_OAUTHBEARER,
		/* n,a=user@example.com,^Ahost=server.example.com^Aport=587
		   ^Aauth=Bearer vF9dft4q^A^A */
		{{"OAUTHBEARER bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV"
		  "4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxAQE=",
			 SECRET, LIT("user@example.com"),
			 LIT("Bearer vF9dft4q")},
			{"AQ==", PROMPT, NOTHING}, {"", PROMPT, NOTHING}}},
	{"OAUTHBEARER, saslname is decoded", AUTH_MECH_OAUTHBEARER,
		/* n,a=CN=3DJo=2c=4D=,^Aauth=x^A^A */
		{{"OAUTHBEARER bixhPUNOPTNESm89MmM9NEQ9LAFhdXRoPXgBAQ==",
			SECRET, LIT("CN=Jo,=4D="), LIT("x")}}},
	{"OAUTHBEARER without a user", AUTH_MECH_OAUTHBEARER,
		/* n,,^Aauth=x^A^A */
		{{"OAUTHBEARER biwsAWF1dGg9eAEB", SECRET, LIT(""), LIT("x")}}},
	{"OAUTHBEARER, header not ended", AUTH_MECH_OAUTHBEARER,
		/* n,a=u^Aauth=x^A^A */
		{{"OAUTHBEARER bixhPXUBYXV0aD14AQE=", SECRET, LIT(""),
			LIT("x")}}},
	{"OAUTHBEARER, header is all", AUTH_MECH_OAUTHBEARER,
		/* n,a=u, */
		{{"OAUTHBEARER bixhPXUs", SECRET, LIT("u"), LIT("")}}},
	{"OAUTHBEARER, header of two octets", AUTH_MECH_OAUTHBEARER,
		/* n, */
		{{"OAUTHBEARER biw=", SECRET, NOTHING}}},
	{"OAUTHBEARER, auth= in the header is no field", AUTH_MECH_OAUTHBEARER,
		/* auth=x */
		{{"OAUTHBEARER YXV0aD14", SECRET, NOTHING}}},
	{"AUT-18 unknown, with data", AUTH_MECH_OPAQUE,
		{{"FOO abc", SECRET, NOTHING}, {"abc", PROMPT, NOTHING}}},
	{"AUT-18 NTLM", AUTH_MECH_OPAQUE,
		{{"NTLM", PROMPT, NOTHING},
			{"TlRMTVNTUAABAAAA", SECRET, NOTHING},
			{"TlRMTVNTUAADAAAA", PROMPT, NOTHING},
			{"*", CANCEL, NOTHING}}},
	{"AUT-18 EXTERNAL, empty", AUTH_MECH_OPAQUE,
		{{"EXTERNAL =", PROMPT, NOTHING}, {"", PROMPT, NOTHING},
			{"dXNlcg==", SECRET, NOTHING},
			{"dXNlcg==", PROMPT, NOTHING}}},
	{"NONE is no name of ours", AUTH_MECH_OPAQUE,
		{{"NONE", PROMPT, NOTHING}}},
	{"a star as initial response is no cancel", AUTH_MECH_PLAIN,
		{{"PLAIN *", SECRET, NOTHING}}},
	{"only a star alone cancels", AUTH_MECH_PLAIN,
		{{"PLAIN", PROMPT, NOTHING}, {"**", SECRET, NOTHING},
			{"* ", SECRET, NOTHING}, {"*", CANCEL, NOTHING}}},
};

static struct guard line_guard, scratch_guard, user_guard;

/* One session's end of an exchange. */
struct peer {
	struct auth auth;
	uint8_t *user;
	size_t user_n;
	struct auth_credential credential;
};

static const struct slice untouched = {(const uint8_t *)"untouched", 9};

static enum auth_step say(
	struct peer *peer, bool is_first, const char *text, size_t n)
{
	struct slice line = slice_of(guard_copy(&line_guard, text, n), n);
	uint8_t *scratch = guard_room(&scratch_guard, n);

	peer->credential = (struct auth_credential){untouched, untouched};
	return (is_first ? auth_begin : auth_answer)(&peer->auth, line, scratch,
		n, peer->user, &peer->user_n, &peer->credential);
}

static void assert_slice(struct slice is, const char *want, size_t n)
{
	assert_int_equal(is.n, n);
	if (n)
		assert_memory_equal(is.p, want, n);
}

static void check(
	const struct peer *peer, enum auth_step step, const struct line *want)
{
	assert_int_equal(step, want->step);
	if (step == AUTH_STEP_SECRET) {
		assert_slice(peer->credential.user, want->user, want->user_n);
		assert_slice(
			peer->credential.secret, want->secret, want->secret_n);
	} else {
		assert_ptr_equal(peer->credential.user.p, untouched.p);
		assert_ptr_equal(peer->credential.secret.p, untouched.p);
	}
}

static void start(struct peer *peer)
{
	*peer = (struct peer){
		.user = guard_room(&user_guard, AUTH_USER_LONGEST),
		.user_n = 77};
	memset(peer->user, 'S', AUTH_USER_LONGEST); /* stale */
}

static void auth_exchanges_are_read_as_their_mechanism_has_it(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peer peer;

		print_message("  %s\n", rows[i].name);
		start(&peer);
		for (size_t k = 0; k < LINES && rows[i].lines[k].text; k++) {
			const struct line *line = &rows[i].lines[k];

			check(&peer,
				say(&peer, k == 0, line->text,
					strlen(line->text)),
				line);
		}
		assert_int_equal(peer.auth.mech, rows[i].mech);
	}
}

/* AUT-10: each exchange behind each other one, in the same memory. */
static void auth_begin_forgets_the_exchange_before(void **state)
{
	for (size_t a = 0; a < COUNT(rows); a++)
		for (size_t b = 0; b < COUNT(rows); b++) {
			const struct row *two[] = {&rows[a], &rows[b]};
			struct peer peer;

			start(&peer);
			for (size_t k = 0; k < 2 * LINES; k++) {
				const struct line *line =
					&two[k / LINES]->lines[k % LINES];

				if (!line->text)
					continue;
				check(&peer,
					say(&peer, k % LINES == 0, line->text,
						strlen(line->text)),
					line);
			}
		}
}

/* Every row's lines cut short: no fault, and never more than is there. */
static void auth_lines_cut_anywhere_do_no_harm(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; k < LINES && rows[i].lines[k].text; k++) {
			const char *text = rows[i].lines[k].text;

			for (size_t n = 0; n < strlen(text); n++) {
				struct peer peer;

				start(&peer);
				if (k > 0)
					say(&peer, true, rows[i].lines[0].text,
						strlen(rows[i].lines[0].text));
				if (say(&peer, k == 0, text, n) !=
					AUTH_STEP_SECRET)
					continue;
				assert_true(peer.credential.user.n <= n ||
					    peer.auth.mech == AUTH_MECH_LOGIN);
				assert_true(peer.credential.secret.n <= n);
			}
		}
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* The base64 of `n` octets, n a multiple of 3; returns its length. */
static size_t encode(const char *p, size_t n, char *to)
{
	size_t at = 0;

	assert_int_equal(n % 3, 0);
	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)(uint8_t)p[i] << 16 |
				(uint32_t)(uint8_t)p[i + 1] << 8 |
				(uint8_t)p[i + 2];

		for (unsigned shift = 24; shift > 0; shift -= 6)
			to[at++] = b64[bits >> (shift - 6) & 63];
	}
	return at;
}

/* NUL, `n` letters, NUL, then a password that fills up a group of three. */
static size_t plain_of(size_t n, char *text)
{
	size_t all = (n + 2 + 1 + 2) / 3 * 3;

	memset(text, 'p', all);
	text[0] = text[n + 1] = '\0';
	memset(text + 1, 'u', n);
	return all;
}

static void auth_plain_user_of_255_is_known_of_256_unknown(void **state)
{
	char text[1024], line[2048];

	for (size_t n = 250; n <= 600; n++) {
		size_t all = plain_of(n, text);
		struct peer peer;

		start(&peer);
		say(&peer, true, "PLAIN", 5);
		assert_int_equal(
			say(&peer, false, line, encode(text, all, line)),
			AUTH_STEP_SECRET);
		assert_int_equal(peer.credential.user.n, n <= 255 ? n : 0);
		assert_int_equal(peer.credential.secret.n, all - n - 2);
	}
}

static void auth_login_user_of_255_is_known_longer_unknown(void **state)
{
	static const size_t lengths[] = {252, 255, 258, 600};
	char text[1024], line[2048];

	memset(text, 'u', sizeof(text));
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t known = lengths[i] <= 255 ? lengths[i] : 0;
		struct peer peer;

		start(&peer);
		say(&peer, true, "LOGIN", 5);
		assert_int_equal(
			say(&peer, false, line, encode(text, lengths[i], line)),
			AUTH_STEP_PROMPT);
		assert_int_equal(peer.user_n, known);
		assert_int_equal(
			say(&peer, false, "cGFzcw==", 8), AUTH_STEP_SECRET);
		assert_slice(peer.credential.user, text, known);
		assert_slice(peer.credential.secret, "pass", 4);
	}
}

/* AUT-08: 12,288 octets with CRLF are the longest answer. */
static void auth_longest_answer_is_read(void **state)
{
	static char text[9216], line[12288];
	struct peer peer;
	size_t n;

	memset(text, 't', sizeof(text));
	memcpy(text, "user=u\001auth=", 12);
	n = encode(text, 9213, line);
	assert_int_equal(n, 12284);
	start(&peer);
	say(&peer, true, "XOAUTH2", 7);
	assert_int_equal(say(&peer, false, line, n), AUTH_STEP_SECRET);
	assert_slice(peer.credential.user, "u", 1);
	assert_slice(peer.credential.secret, text + 12, 9213 - 12);
}

/* Too little scratch: unknown, as what cannot be decoded. */
static void auth_small_scratch_is_unknown_and_not_overrun(void **state)
{
	static const char line[] = "AHVzZXIAcGFzcw==";

	for (size_t room = 0; room <= 10; room++) {
		struct peer peer;
		uint8_t *scratch;

		start(&peer);
		say(&peer, true, "PLAIN", 5);
		scratch = guard_room(&scratch_guard, room);
		assert_int_equal(
			auth_answer(&peer.auth, slice_str(line), scratch, room,
				peer.user, &peer.user_n, &peer.credential),
			AUTH_STEP_SECRET);
		assert_int_equal(peer.credential.user.n, room < 10 ? 0 : 4);
		assert_int_equal(peer.credential.secret.n, room < 10 ? 0 : 4);
	}
}

static void auth_answer_count_stops_at_its_largest(void **state)
{
	struct peer peer;

	start(&peer);
	say(&peer, true, "NTLM abc", 8);
	assert_int_equal(peer.auth.answer_count, 1);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(say(&peer, false, "abc", 3), AUTH_STEP_PROMPT);
	assert_int_equal(peer.auth.answer_count, 255);
}

static void auth_mechanisms_have_names(void **state)
{
	assert_string_equal(auth_mech_name(AUTH_MECH_NONE), "NONE");
	assert_string_equal(auth_mech_name(AUTH_MECH_PLAIN), "PLAIN");
	assert_string_equal(auth_mech_name(AUTH_MECH_LOGIN), "LOGIN");
	assert_string_equal(auth_mech_name(AUTH_MECH_CRAM_MD5), "CRAM-MD5");
	assert_string_equal(auth_mech_name(AUTH_MECH_XOAUTH2), "XOAUTH2");
	assert_string_equal(
		auth_mech_name(AUTH_MECH_OAUTHBEARER), "OAUTHBEARER");
	assert_string_equal(auth_mech_name(AUTH_MECH_OPAQUE), "OPAQUE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			auth_exchanges_are_read_as_their_mechanism_has_it),
		cmocka_unit_test(auth_begin_forgets_the_exchange_before),
		cmocka_unit_test(auth_lines_cut_anywhere_do_no_harm),
		cmocka_unit_test(
			auth_plain_user_of_255_is_known_of_256_unknown),
		cmocka_unit_test(
			auth_login_user_of_255_is_known_longer_unknown),
		cmocka_unit_test(auth_longest_answer_is_read),
		cmocka_unit_test(auth_small_scratch_is_unknown_and_not_overrun),
		cmocka_unit_test(auth_answer_count_stops_at_its_largest),
		cmocka_unit_test(auth_mechanisms_have_names),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
