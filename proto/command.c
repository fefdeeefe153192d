/*
 * Commands: which verb a line holds, and the two arguments that change the
 * framing (RFC 5321 §4.1.1, RFC 3030 §2).
 *
 * Must not know what state the session is in, nor what an answer will be.
 * The dialogue calls command_parse for each line in command phase and
 * command_alien for the first octets of a connection.
 *
 * What can go wrong: this file reads a line one way and the server reads it
 * another. So only the exact form is a verb; a line that a laxer reader may
 * take for one is `masked`, and the caller must not pass that on. A verb
 * that is new in verbs.def has to be put into verb_of() as well; the unit
 * test walks through verbs.def and finds a forgotten one.
 */
#include "command.h"

static const struct {
	const char *name;
	enum verb_class class;
} verbs[VERB_COUNT] = {
	[VERB_UNKNOWN] = {"UNKNOWN", VERB_CLASS_PASS},
#define VERB(id, name, class) [VERB_##id] = {name, VERB_CLASS_##class},
#include "verbs.def"
#undef VERB
};

/* Four letters as one number, so that one switch finds the verb. */
#define KEY(a, b, c, d)                                                        \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 |      \
		(uint32_t)(d))

static enum verb verb_of_four(const uint8_t *p)
{
	/* No octet but a letter's two cases becomes a small letter by this. */
	switch (KEY(p[0], p[1], p[2], p[3]) | 0x20202020u) {
	case KEY('m', 'a', 'i', 'l'): return VERB_MAIL;
	case KEY('r', 'c', 'p', 't'): return VERB_RCPT;
	case KEY('d', 'a', 't', 'a'): return VERB_DATA;
	case KEY('b', 'd', 'a', 't'): return VERB_BDAT;
	case KEY('e', 'h', 'l', 'o'): return VERB_EHLO;
	case KEY('h', 'e', 'l', 'o'): return VERB_HELO;
	case KEY('a', 'u', 't', 'h'): return VERB_AUTH;
	case KEY('q', 'u', 'i', 't'): return VERB_QUIT;
	case KEY('r', 's', 'e', 't'): return VERB_RSET;
	case KEY('n', 'o', 'o', 'p'): return VERB_NOOP;
	case KEY('v', 'r', 'f', 'y'): return VERB_VRFY;
	case KEY('e', 'x', 'p', 'n'): return VERB_EXPN;
	case KEY('h', 'e', 'l', 'p'): return VERB_HELP;
	case KEY('s', 'e', 'n', 'd'): return VERB_SEND;
	case KEY('s', 'o', 'm', 'l'): return VERB_SOML;
	case KEY('s', 'a', 'm', 'l'): return VERB_SAML;
	case KEY('t', 'u', 'r', 'n'): return VERB_TURN;
	case KEY('a', 't', 'r', 'n'): return VERB_ATRN;
	case KEY('e', 't', 'r', 'n'): return VERB_ETRN;
	case KEY('b', 'u', 'r', 'l'): return VERB_BURL;
	}
	return VERB_UNKNOWN;
}

static enum verb either(struct slice word, enum verb a, enum verb b)
{
	if (slice_eq_nocase(word, verbs[a].name))
		return a;
	return slice_eq_nocase(word, verbs[b].name) ? b : VERB_UNKNOWN;
}

static enum verb verb_of(struct slice word)
{
	switch (word.n) {
	case 4: return verb_of_four(word.p);
	case 5: return either(word, VERB_XDATA, VERB_PROXY);
	case 7: return either(word, VERB_XCLIENT, VERB_XEXCH50);
	case 8: return either(word, VERB_STARTTLS, VERB_XFORWARD);
	}
	return VERB_UNKNOWN;
}

/* The octets in front of the first that is not visible ASCII. */
static size_t visible_n(struct slice in)
{
	size_t n = 0;

	while (n < in.n && in.p[n] > ' ' && in.p[n] < 0x7f)
		n++;
	return n;
}

void command_parse(struct slice line, struct command *ret_command)
{
	size_t seen = visible_n(line), n = seen;
	bool clean = line.n == 0 ||
		     (seen > 0 && (seen == line.n || line.p[seen] == ' '));

	if (!clean)
		while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
			n++;
	ret_command->word = slice_head(line, n);
	ret_command->args = slice_skip(line, n + 1);
	ret_command->verb = clean ? verb_of(ret_command->word) : VERB_UNKNOWN;
	ret_command->masked = !clean;
}

enum verb_class verb_class(enum verb verb)
{
	return verbs[verb].class;
}

const char *verb_name(enum verb verb)
{
	return verbs[verb].name;
}

/* Does `in` begin with `word`? MAYBE while it is shorter and fits so far. */
static enum alien begins(struct slice in, const char *word, enum alien as)
{
	size_t n = strlen(word);

	if (in.n >= n)
		return memcmp(in.p, word, n) == 0 ? as : ALIEN_NO;
	if (in.n == 0 || memcmp(in.p, word, in.n) == 0)
		return ALIEN_MAYBE;
	return ALIEN_NO;
}

static enum alien alien_http(struct slice in)
{
	static const char methods[][9] = {"GET ", "POST ", "PUT ", "HEAD ",
		"DELETE ", "OPTIONS ", "CONNECT ", "PRI ", "TRACE ", "PATCH "};
	enum alien found = ALIEN_NO;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		enum alien one = begins(in, methods[i], ALIEN_HTTP);

		if (one == ALIEN_HTTP)
			return one;
		if (one == ALIEN_MAYBE)
			found = one;
	}
	return found;
}

/*
 * An SSLv2 hello: two octets of length with the top bit set, type 1, then a
 * version 0.2 or 3.x (RFC 5246 appendix E.2).
 */
static enum alien alien_ssl2(struct slice in)
{
	if (in.n > 0 && !(in.p[0] & 0x80))
		return ALIEN_NO;
	if (in.n > 2 && in.p[2] != 1)
		return ALIEN_NO;
	if (in.n > 3 && in.p[3] != 0 && in.p[3] != 3)
		return ALIEN_NO;
	return in.n > 3 ? ALIEN_TLS : ALIEN_MAYBE;
}

static enum alien alien_pair(
	struct slice in, uint8_t first, uint8_t second, enum alien as)
{
	if (in.n > 0 && in.p[0] != first)
		return ALIEN_NO;
	if (in.n > 1 && in.p[1] != second)
		return ALIEN_NO;
	return in.n > 1 ? as : ALIEN_MAYBE;
}

enum alien command_alien(struct slice in)
{
	const enum alien each[] = {alien_http(in), alien_ssl2(in),
		alien_pair(in, 0x16, 0x03, ALIEN_TLS),
		alien_pair(in, 0x03, 0x00, ALIEN_RDP),
		begins(in, "SSH-", ALIEN_SSH)};
	enum alien found = ALIEN_NO;

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (each[i] > found)
			found = each[i];
	return found;
}

bool command_bdat(struct slice args, uint64_t *ret_size_bytes, bool *ret_last)
{
	uint64_t size = 0;
	size_t n = 0;

	for (; n < args.n && args.p[n] >= '0' && args.p[n] <= '9'; n++) {
		uint64_t digit = (uint64_t)(args.p[n] - '0');

		if (size > (INT64_MAX - digit) / 10)
			return false;
		size = size * 10 + digit;
	}
	if (n == 0 || (n > 1 && args.p[0] == '0'))
		return false; /* 010 is 8 to some and 10 to others */
	if (n < args.n && !slice_eq_nocase(slice_skip(args, n), " LAST"))
		return false;
	*ret_size_bytes = size;
	*ret_last = n < args.n;
	return true;
}

bool command_like_bdat(struct slice line)
{
	static const char bdat[] = "BDAT";
	size_t met = 0;

	for (size_t i = 0; i < line.n && met < sizeof(bdat) - 1; i++) {
		if (line.p[i] <= ' ' || line.p[i] > 0x7e)
			continue;
		if ((line.p[i] & ~0x20) != bdat[met])
			return false;
		met++;
	}
	return met == sizeof(bdat) - 1;
}
