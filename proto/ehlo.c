/*
 * The EHLO reply's keywords: what the server offers, and what of it the
 * client may see (RFC 5321 §4.1.1.1).
 *
 * Must not know a listener or a session: the rules come as four flags. The
 * dialogue calls it with the whole reply, kept until its last line.
 *
 * What can go wrong: an offer that postern cannot frame reaches the client.
 * So a line passes only when its keyword is legal and known (or unknown ones
 * are asked for); a keyword followed by anything but SP or the end is not
 * legal, whatever a client may make of it. One exception: "AUTH=LOGIN", the
 * form of clients from before RFC 2554, is an AUTH line.
 */
#include "ehlo.h"
#include "reply.h"

enum fate { FATE_PASS, FATE_DROP, FATE_AUTH, FATE_STARTTLS, FATE_UNKNOWN };

static const struct keyword {
	const char *name;
	enum fate fate;
	uint32_t cap;
} keywords[] = {
	{"PIPELINING", FATE_PASS, EHLO_PIPELINING},
	{"SIZE", FATE_PASS, EHLO_SIZE},
	{"8BITMIME", FATE_PASS, EHLO_8BITMIME},
	{"HELP", FATE_PASS, 0},
	{"DSN", FATE_PASS, 0},
	{"VRFY", FATE_PASS, 0},
	{"EXPN", FATE_PASS, 0},
	{"AUTH", FATE_AUTH, EHLO_AUTH},
	{"ENHANCEDSTATUSCODES", FATE_PASS, EHLO_ENHANCED},
	{"CHUNKING", FATE_PASS, EHLO_CHUNKING},
	{"SMTPUTF8", FATE_PASS, 0},
	{"DELIVERBY", FATE_PASS, 0},
	{"NO-SOLICITING", FATE_PASS, 0},
	{"MT-PRIORITY", FATE_PASS, 0},
	{"FUTURERELEASE", FATE_PASS, 0},
	{"STARTTLS", FATE_STARTTLS, EHLO_STARTTLS},
	{"XCLIENT", FATE_DROP, EHLO_XCLIENT},
	{"XFORWARD", FATE_DROP, 0},
	{"BURL", FATE_DROP, 0},
	{"BINARYMIME", FATE_DROP, 0},
	{"ETRN", FATE_DROP, 0},
	{"ATRN", FATE_DROP, 0},
	{"TURN", FATE_DROP, 0},
	{"XEXCH50", FATE_DROP, 0},
	{"LIMITS", FATE_DROP, 0},
	{"REQUIRETLS", FATE_DROP, 0},
};

static const struct keyword keyword_bad = {"", FATE_DROP, 0};
static const struct keyword keyword_unknown = {"", FATE_UNKNOWN, 0};
static const struct keyword keyword_auth_old = {"", FATE_AUTH, EHLO_AUTH};

/* What is being written, and where its last separator stands. */
struct writer {
	uint8_t *out;
	size_t room;
	size_t n;
	size_t separator;
};

static bool alnum(uint8_t c)
{
	c = slice_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static const struct keyword *keyword_of(struct slice text)
{
	struct slice word;
	size_t n = 0;

	/* RFC 5321 §4.1.1.1: ehlo-keyword */
	while (n < text.n && (alnum(text.p[n]) || (n && text.p[n] == '-')))
		n++;
	word = slice_head(text, n);
	if (n < text.n && text.p[n] == '=' && slice_eq_nocase(word, "AUTH"))
		return &keyword_auth_old;
	if (n == 0 || (n < text.n && text.p[n] != ' '))
		return &keyword_bad;
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (slice_eq_nocase(word, keywords[i].name))
			return &keywords[i];
	return &keyword_unknown;
}

/*
 * The next line of the reply; false where it is not a 250, where lines
 * follow the last one, or where there is no last one.
 */
static bool line_take(struct slice *reply, struct reply_line *ret_line)
{
	size_t used;

	if (reply_next(*reply, SIZE_MAX, ret_line, &used) != REPLY_OK)
		return false;
	*reply = slice_skip(*reply, used);
	return ret_line->code == 250 && ret_line->last == (reply->n == 0);
}

static bool put(struct writer *w, struct slice text)
{
	if (w->room - w->n < text.n + sizeof("250-\r\n") - 1)
		return false;
	memcpy(w->out + w->n, "250-", 4);
	w->separator = w->n + 3;
	if (text.n)
		memcpy(w->out + w->n + 4, text.p, text.n);
	memcpy(w->out + w->n + 4 + text.n, "\r\n", 2);
	w->n += text.n + 6;
	return true;
}

static bool passes(
	const struct keyword *keyword, const struct ehlo_rules *rules)
{
	switch (keyword->fate) {
	case FATE_PASS: return true;
	case FATE_AUTH: return !rules->hide_auth;
	case FATE_UNKNOWN: return rules->pass_unknown;
	case FATE_STARTTLS: return rules->pass_starttls;
	case FATE_DROP: break;
	}
	return false;
}

static enum ehlo_result filter_lines(struct slice reply,
	const struct ehlo_rules *rules, struct writer *w, uint32_t *caps)
{
	static const char own[] = "STARTTLS";
	bool own_due = rules->offer_starttls;
	struct reply_line line;

	while (reply.n) {
		const struct keyword *keyword;

		if (!line_take(&reply, &line))
			return EHLO_BAD;
		keyword = keyword_of(line.text);
		*caps |= keyword->cap;
		if (keyword->fate == FATE_STARTTLS && own_due) {
			own_due = false;
			if (!put(w, slice_str(own)))
				return EHLO_NO_SPACE;
		} else if (passes(keyword, rules) && !put(w, line.text)) {
			return EHLO_NO_SPACE;
		}
	}
	if (own_due && !put(w, slice_str(own)))
		return EHLO_NO_SPACE;
	return EHLO_OK;
}

enum ehlo_result ehlo_filter(struct slice reply, const struct ehlo_rules *rules,
	uint8_t *out, size_t room, size_t *ret_n, uint32_t *ret_caps)
{
	struct writer w = {.out = out, .room = room};
	struct reply_line greeting;
	enum ehlo_result result;
	uint32_t caps = 0;

	if (!line_take(&reply, &greeting))
		return EHLO_BAD;
	if (!put(&w, greeting.text))
		return EHLO_NO_SPACE;
	result = filter_lines(reply, rules, &w, &caps);
	if (result != EHLO_OK)
		return result;
	out[w.separator] = ' ';
	*ret_n = w.n;
	*ret_caps = caps;
	return EHLO_OK;
}

uint32_t ehlo_caps(struct slice reply)
{
	struct reply_line line;
	uint32_t caps = 0;

	if (!line_take(&reply, &line)) /* the greeting holds no keyword */
		return 0;
	while (reply.n) {
		if (!line_take(&reply, &line))
			return 0;
		caps |= keyword_of(line.text)->cap;
	}
	return caps;
}

struct slice ehlo_args(struct slice reply, const char *keyword)
{
	struct reply_line line;
	size_t n = strlen(keyword);

	if (!line_take(&reply, &line))
		return slice_of(NULL, 0);
	while (reply.n && line_take(&reply, &line))
		if (slice_eq_nocase(slice_head(line.text, n), keyword) &&
			(line.text.n == n || line.text.p[n] == ' '))
			return slice_skip(line.text, n + 1);
	return slice_of(NULL, 0);
}
