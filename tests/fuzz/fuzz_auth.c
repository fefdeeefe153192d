/*
 * Reading along with AUTH. Input: one octet of flags, then lines that LF ends:
 * the arguments of AUTH, then answers.
 *
 *	- a credential lies in the room that was lent, its user within 255;
 *	- it is made of this exchange alone: the same whatever the rooms held
 *	  before;
 *	- a secret was legal base64, read by another decoder;
 *	- PLAIN's user is what stands between its two NULs;
 *	- "*" alone cancels, and behind a secret nothing is one.
 */
#include "../../proto/auth.h"
#include "../../proto/base64.h"
#include "fuzz.h"

/* One reader of the exchange, with memory of its own. */
struct reader {
	struct guard in, scratch, user;
	struct auth auth;
	size_t user_n;
	uint8_t user_kept[AUTH_USER_LONGEST];
	/* of the last line */
	enum auth_step step;
	struct auth_credential credential;
};

static size_t value_of(uint8_t c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (size_t)(at - digits) : 64;
}

/* RFC 4648 §4, octet by octet; false where it is not exact. */
static bool naive_base64(struct slice in, uint8_t *out, size_t *ret_n)
{
	size_t bits = 0, held = 0, n = 0, pads = 0;

	if (in.n % 4)
		return false;
	while (pads < 2 && in.n && in.p[in.n - 1] == '=') {
		in.n--;
		pads++;
	}
	for (size_t i = 0; i < in.n; i++) {
		if (value_of(in.p[i]) > 63)
			return false;
		held = (held << 6 | value_of(in.p[i])) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(held >> bits);
		}
	}
	*ret_n = n;
	return bits == 2 * pads && (held & ((1u << bits) - 1)) == 0;
}

static void check_base64(struct slice line)
{
	static struct guard is_room, want_room;
	size_t room = line.n / 4 * 3, n = 0, want_n = 0;
	uint8_t *is = guard_room(&is_room, room);
	uint8_t *want = guard_room(&want_room, line.n);
	bool good = base64_decode(line, is, room, &n);

	MUST(good == naive_base64(line, want, &want_n));
	MUST(!good || slice_eq(slice_of(is, n), slice_of(want, want_n)));
	MUST(!good || n == 0 || !base64_decode(line, is, n - 1, &n));
}

static void check_credential(const struct reader *r, struct slice scratch,
	struct slice user_room, struct slice line)
{
	struct slice user = r->credential.user, secret = r->credential.secret;

	MUST(fuzz_inside(secret, scratch));
	MUST(user.n <= AUTH_USER_LONGEST);
	MUST(fuzz_inside(user, scratch) ||
		(r->auth.mech == AUTH_MECH_LOGIN &&
			fuzz_inside(user, slice_head(user_room, r->user_n))));
	MUST(secret.n == 0 || r->auth.mech != AUTH_MECH_CRAM_MD5);
	MUST(secret.n == 0 || r->auth.complete);
	MUST(user.n + secret.n <= line.n + AUTH_USER_LONGEST);
	if (r->auth.mech != AUTH_MECH_PLAIN || user.n == 0)
		return;
	MUST(user.p[-1] == '\0' && user.p[user.n] == '\0');
	MUST(secret.p == user.p + user.n + 1);
	MUST(!memchr(user.p, '\0', user.n));
	MUST(secret.n == 0 || !memchr(secret.p, '\0', secret.n));
}

static void check_step(const struct reader *r, struct slice line, bool first,
	const struct auth *before)
{
	bool cancel = !first && line.n == 1 && line.p[0] == '*';

	MUST((r->step == AUTH_STEP_CANCEL) == cancel);
	MUST((r->step == AUTH_STEP_SYNTAX) ==
		(first && r->auth.mech == AUTH_MECH_NONE));
	MUST(r->auth.mech <= AUTH_MECH_OPAQUE);
	MUST(auth_mech_name((enum auth_mech)r->auth.mech)[0] != '\0');
	MUST(r->user_n <= AUTH_USER_LONGEST);
	if (first)
		return;
	MUST(r->auth.mech == before->mech);
	MUST(!before->complete || r->auth.complete);
	MUST(!before->complete || r->step != AUTH_STEP_SECRET);
	MUST(!cancel || memcmp(&r->auth, before, sizeof *before) == 0);
}

/* `fill`: what the rooms hold before the line is read. */
static void read_line(
	struct reader *r, struct slice line, bool first, uint8_t fill)
{
	struct slice in = fuzz_guarded(&r->in, line);
	uint8_t *scratch = guard_room(&r->scratch, line.n);
	uint8_t *user = guard_room(&r->user, AUTH_USER_LONGEST);
	struct auth before = r->auth;

	memset(scratch, fill, line.n);
	memset(user, fill, AUTH_USER_LONGEST);
	if (!first)
		memcpy(user, r->user_kept, r->user_n);
	memset(&r->credential, 0, sizeof r->credential);
	r->step = (first ? auth_begin : auth_answer)(&r->auth, in, scratch,
		line.n, user, &r->user_n, &r->credential);
	memcpy(r->user_kept, user, AUTH_USER_LONGEST);
	check_step(r, in, first, &before);
	if (r->step == AUTH_STEP_SECRET)
		check_credential(r, slice_of(scratch, line.n),
			slice_of(user, AUTH_USER_LONGEST), in);
	else
		MUST(!r->credential.user.p && !r->credential.secret.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct reader a, b;
	struct slice in = slice_of(p, n);
	uint8_t fill = fuzz_octet(&in);
	bool first = true;

	a.user_n = b.user_n = 0;
	do {
		const uint8_t *lf = in.n ? memchr(in.p, '\n', in.n) : NULL;
		struct slice line =
			slice_head(in, lf ? (size_t)(lf - in.p) : in.n);

		read_line(&a, line, first, fill);
		read_line(&b, line, first, (uint8_t)~fill);
		MUST(a.step == b.step && a.user_n == b.user_n);
		MUST(memcmp(&a.auth, &b.auth, sizeof a.auth) == 0);
		MUST(slice_eq(a.credential.user, b.credential.user));
		MUST(slice_eq(a.credential.secret, b.credential.secret));
		check_base64(line);
		in = slice_skip(in, line.n + 1);
		first = false;
	} while (in.n && a.step != AUTH_STEP_SYNTAX);
	return 0;
}
