/*
 * Reading along with a SASL exchange (RFC 4954, RFC 4422).
 *
 * The dialogue calls auth_begin for an AUTH command and auth_answer for each
 * line that answers a 334; it asks the policy when a line carries the secret.
 * Nothing here decides or answers, and nothing here outlives a call but
 * struct auth and, for LOGIN, the user's name in the caller's room.
 *
 * What can go wrong: a length that outlives its data (CVE-2025-53859,
 * CVE-2026-27651), so a credential is built anew, and empty, in each call;
 * and a secret that postern does not see as one and so never asks about.
 * Where in doubt a line is a secret: an exchange in which nothing could be
 * decoded yet is not complete, and its next line is asked about again.
 *
 * Deviation: more than one SP, or a HT, around the mechanism is read as one
 * SP (RFC 4954 §4 has exactly one). Servers that are lax would take such a
 * line as a try; those that are strict refuse it, and nothing is lost.
 */
#include "auth.h"
#include "base64.h"

/* RFC 4422 §3.1: sasl-mech = 1*20mech-char */
enum { MECH_LONGEST = 20 };

static const char *const mech_names[] = {
	[AUTH_MECH_NONE] = "NONE",
	[AUTH_MECH_PLAIN] = "PLAIN",
	[AUTH_MECH_LOGIN] = "LOGIN",
	[AUTH_MECH_CRAM_MD5] = "CRAM-MD5",
	[AUTH_MECH_XOAUTH2] = "XOAUTH2",
	[AUTH_MECH_OAUTHBEARER] = "OAUTHBEARER",
	[AUTH_MECH_OPAQUE] = "OPAQUE",
};

/* One decoded answer; `p` is the caller's scratch, so it may be rewritten. */
struct answer {
	uint8_t *p;
	size_t n;
};

static struct slice answer_slice(struct answer answer)
{
	return slice_of(answer.p, answer.n);
}

/* The octets of `in` in front of the first `c`, or all of them. */
static size_t find(struct slice in, uint8_t c)
{
	const uint8_t *at = in.n ? memchr(in.p, c, in.n) : NULL;

	return at ? (size_t)(at - in.p) : in.n;
}

/* A longer name is no name: RFC 4616 §2 ends an authcid at 255 octets. */
static struct slice user_of(struct slice name)
{
	return name.n <= AUTH_USER_LONGEST ? name : slice_of(NULL, 0);
}

/* RFC 4616 §2: [authzid] NUL authcid NUL passwd, none with a NUL inside. */
static void plain_split(struct slice text, struct auth_credential *ret)
{
	size_t first = find(text, '\0'), second;
	struct slice rest, password;

	ret->secret = text;
	if (first == text.n)
		return;
	rest = slice_skip(text, first + 1);
	second = find(rest, '\0');
	if (second == rest.n)
		return;
	password = slice_skip(rest, second + 1);
	if (find(password, '\0') != password.n)
		return;
	ret->user = user_of(slice_head(rest, second));
	ret->secret = password;
}

/* RFC 2195 §2: user SP digest; a user may hold SP, a digest cannot. */
static void cram_split(struct slice text, struct auth_credential *ret)
{
	for (size_t n = text.n; n > 0; n--)
		if (text.p[n - 1] == ' ') {
			ret->user = user_of(slice_head(text, n - 1));
			return;
		}
}

/*
 * The value of the first field `name` ("auth=") among fields that 0x01 ends;
 * empty where there is none (RFC 7628 §3.1).
 */
static struct slice field(struct slice text, const char *name)
{
	size_t n = strlen(name);

	while (text.n) {
		struct slice one = slice_head(text, find(text, 0x01));

		if (slice_eq_nocase(slice_head(one, n), name))
			return slice_skip(one, n);
		text = slice_skip(text, one.n + 1);
	}
	return slice_of(NULL, 0);
}

/* Some clients write "user= name". */
static struct slice spaces_skip(struct slice in)
{
	while (in.n && (in.p[0] == ' ' || in.p[0] == '\t'))
		in = slice_skip(in, 1);
	return in;
}

static void xoauth2_split(struct slice text, struct auth_credential *ret)
{
	ret->user = user_of(spaces_skip(field(text, "user=")));
	ret->secret = field(text, "auth=");
}

/*
 * RFC 5801 §4: in a saslname "=2C" is a comma and "=3D" an equals sign, which
 * Domino's own long names have ("CN=Jo Doe/O=Acme"). Rewrites in place.
 */
static size_t saslname_decode(uint8_t *p, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++, to++) {
		struct slice code = slice_of(p + i, n - i < 3 ? n - i : 3);

		p[to] = p[i];
		if (slice_eq_nocase(code, "=2C"))
			p[to] = ',';
		else if (!slice_eq_nocase(code, "=3D"))
			continue;
		i += 2;
	}
	return to;
}

/* RFC 5801 §4, RFC 7628 §3.1: gs2 flag "," ["a=" saslname] "," 0x01 fields */
static void oauthbearer_split(struct answer answer, struct auth_credential *ret)
{
	struct slice text = answer_slice(answer);
	size_t head_n = find(text, 0x01);
	size_t flag_n = find(slice_head(text, head_n), ',');
	size_t at = flag_n + 3, n;

	ret->secret = field(slice_skip(text, head_n), "auth=");
	if (at > head_n ||
		!slice_eq_nocase(slice_of(text.p + flag_n, 3), ",a="))
		return;
	n = find(slice_of(text.p + at, head_n - at), ',');
	if (at + n < head_n) /* without the second comma it is no gs2 header */
		ret->user = user_of(slice_of(
			text.p + at, saslname_decode(answer.p + at, n)));
}

/* LOGIN: the first answer is the user, the next the password. */
static enum auth_step login_step(const struct auth *auth, struct answer answer,
	uint8_t *user_room, size_t *user_n, struct auth_credential *ret)
{
	if (auth->answer_count > 1) {
		ret->user = slice_of(user_room, *user_n);
		ret->secret = answer_slice(answer);
		return AUTH_STEP_SECRET;
	}
	if (answer.n <= AUTH_USER_LONGEST && answer.n > 0) {
		memcpy(user_room, answer.p, answer.n);
		*user_n = answer.n;
	}
	return AUTH_STEP_PROMPT;
}

/* One answer, decoded (empty where it could not be), of an open exchange. */
static enum auth_step step(struct auth *auth, struct answer answer,
	uint8_t *user_room, size_t *user_n, struct auth_credential *ret)
{
	struct slice text = answer_slice(answer);

	switch ((enum auth_mech)auth->mech) {
	case AUTH_MECH_LOGIN:
		return login_step(auth, answer, user_room, user_n, ret);
	case AUTH_MECH_PLAIN: plain_split(text, ret); break;
	case AUTH_MECH_CRAM_MD5: cram_split(text, ret); break;
	case AUTH_MECH_XOAUTH2: xoauth2_split(text, ret); break;
	case AUTH_MECH_OAUTHBEARER: oauthbearer_split(answer, ret); break;
	case AUTH_MECH_NONE:
	case AUTH_MECH_OPAQUE: break;
	}
	return AUTH_STEP_SECRET;
}

/*
 * `data`: an answer as sent, base64. An opaque mechanism's octets are not
 * decoded: any data in them may be the secret.
 */
static enum auth_step answer_take(struct auth *auth, struct slice data,
	uint8_t *scratch, size_t room, uint8_t *user_room, size_t *user_n,
	struct auth_credential *ret_credential)
{
	struct auth_credential credential = {{NULL, 0}, {NULL, 0}};
	struct answer answer = {scratch, 0};
	enum auth_step result;

	if (auth->answer_count < UINT8_MAX)
		auth->answer_count++;
	if (auth->complete || (auth->mech == AUTH_MECH_OPAQUE && data.n == 0))
		return AUTH_STEP_PROMPT;
	if (!base64_decode(data, scratch, room, &answer.n))
		answer.n = 0;
	result = step(auth, answer, user_room, user_n, &credential);
	if (result != AUTH_STEP_SECRET)
		return result;
	auth->complete = answer.n > 0 || auth->mech == AUTH_MECH_OPAQUE;
	*ret_credential = credential;
	return result;
}

static bool mech_char(uint8_t c)
{
	c = slice_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

static uint8_t mech_of(struct slice word)
{
	if (word.n == 0 || word.n > MECH_LONGEST)
		return AUTH_MECH_NONE;
	for (size_t i = 0; i < word.n; i++)
		if (!mech_char(word.p[i]))
			return AUTH_MECH_NONE;
	for (unsigned i = AUTH_MECH_PLAIN; i < AUTH_MECH_OPAQUE; i++)
		if (slice_eq_nocase(word, mech_names[i]))
			return (uint8_t)i;
	return AUTH_MECH_OPAQUE;
}

static struct slice spaces_trim(struct slice in)
{
	in = spaces_skip(in);
	while (in.n && (in.p[in.n - 1] == ' ' || in.p[in.n - 1] == '\t'))
		in.n--;
	return in;
}

enum auth_step auth_begin(struct auth *auth, struct slice args,
	uint8_t *scratch, size_t room, uint8_t *user_room, size_t *user_n,
	struct auth_credential *ret_credential)
{
	size_t n = 0;

	args = spaces_trim(args);
	while (n < args.n && args.p[n] != ' ' && args.p[n] != '\t')
		n++;
	*auth = (struct auth){.mech = mech_of(slice_head(args, n))};
	*user_n = 0;
	if (auth->mech == AUTH_MECH_NONE)
		return AUTH_STEP_SYNTAX;
	args = spaces_skip(slice_skip(args, n));
	if (args.n == 0)
		return AUTH_STEP_PROMPT;
	if (slice_eq_nocase(args, "=")) /* RFC 4954 §4: zero-length data */
		args.n = 0;
	return answer_take(
		auth, args, scratch, room, user_room, user_n, ret_credential);
}

enum auth_step auth_answer(struct auth *auth, struct slice line,
	uint8_t *scratch, size_t room, uint8_t *user_room, size_t *user_n,
	struct auth_credential *ret_credential)
{
	if (slice_eq_nocase(line, "*")) /* RFC 4954 §4 */
		return AUTH_STEP_CANCEL;
	return answer_take(auth, spaces_trim(line), scratch, room, user_room,
		user_n, ret_credential);
}

const char *auth_mech_name(enum auth_mech mech)
{
	return mech_names[mech];
}
