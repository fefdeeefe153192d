/*
 * Where a message ends, and what becomes of its bare newlines
 * (RFC 5321 §4.1.1.4, §4.5.2; RFC 5321 §2.3.8 forbids bare CR and LF).
 *
 * The dialogue calls payload_next with what has come, passes the pieces on
 * in order, and calls again. No header, no line length, no octet but CR, LF
 * and "." has a meaning here.
 *
 * What can go wrong: that the server sees an end where postern does not
 * (smuggling). A server that takes LF or CR for a line end would see one in
 * LF "." LF, in CRLF "." LF and so on. REJECT stops in front of the first
 * such octet. NORMALIZE makes each a CRLF, and stuffs a dot that stands
 * alone between two of them from whichever side it still can.
 *
 * The hot path of postern: what is well made is skipped by lines of one length
 * (ruled.h) and by blocks (crlf.h), and a run is as long as `in` allows. The
 * line that stopped it is looked over by memchr, in a window only, since
 * looking for the next LF to the far end of `in` again after each CR would be
 * quadratic.
 */
#include "payload.h"

#include "crlf.h"
#include "ruled.h"

enum state {
	AT_START = 0, /* behind CRLF */
	AT_TEXT,      /* within a line */
	AT_DOT,	      /* behind CRLF "." */
	AT_CR,	      /* behind a CR in a line; the CR has passed */
	AT_DOT_CR,    /* behind CRLF "." CR; the CR has passed */
	AT_HELD,      /* as AT_CR, but the CR is withheld */
	AT_DOT_HELD,  /* as AT_DOT_CR, but the CR is withheld */
	AT_NEWLINE,   /* NORMALIZE: behind a CRLF that was a bare CR or LF */
};

enum { WINDOW_BYTES = 256 };

void payload_init(struct payload *payload)
{
	*payload = (struct payload){.state = AT_START};
}

/* The first CR or LF in [p, end), or end. */
static const uint8_t *newline_find(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		size_t left = (size_t)(end - p);
		size_t n = left < WINDOW_BYTES ? left : WINDOW_BYTES;
		const uint8_t *lf = memchr(p, '\n', n);
		const uint8_t *cr;

		if (lf)
			n = (size_t)(lf - p);
		cr = n ? memchr(p, '\r', n) : NULL;
		if (cr || lf)
			return cr ? cr : lf;
		p += n;
	}
	return end;
}

static enum payload_piece insert(struct payload *payload, enum state to,
	const char *s, struct slice *ret)
{
	payload->state = (uint8_t)to;
	*ret = slice_str(s);
	return PAYLOAD_INSERT;
}

/*
 * A bare CR or LF stands in front (or a bare CR is withheld): what of it
 * passes, and `used` octets of `in` are it. Not for PASS.
 */
static enum payload_piece bare(struct payload *payload, enum payload_rule rule,
	size_t used, bool behind_dot, size_t *ret_used,
	struct slice *ret_insert)
{
	payload->bare_seen = true;
	if (rule == PAYLOAD_REJECT)
		return PAYLOAD_BARE;
	*ret_used = used;
	/* CRLF "." has passed: with CRLF behind it, that would be the end. */
	return insert(
		payload, AT_NEWLINE, behind_dot ? ".\r\n" : "\r\n", ret_insert);
}

/* The first octet of `in` comes behind a withheld CR. */
static enum payload_piece held_next(struct payload *payload,
	enum payload_rule rule, uint8_t c, size_t *ret_used,
	struct slice *ret_insert)
{
	bool dot = payload->state == AT_DOT_HELD;

	if (c == '\n' || rule == PAYLOAD_PASS)
		return insert(
			payload, dot ? AT_DOT_CR : AT_CR, "\r", ret_insert);
	return bare(payload, rule, 0, dot, ret_used, ret_insert);
}

/* A run: [from, at) passes, [at, end) has not been looked at. */
struct run {
	const uint8_t *from, *at, *end;
	enum state state;
	bool ended; /* `at` is behind the end of the message */
};

static void run_crlf(struct run *run, size_t n, bool behind_dot)
{
	run->at += n;
	run->state = AT_START;
	run->ended = behind_dot; /* RFC 5321 §4.1.1.4 */
}

/*
 * run->at is a CR or LF in AT_TEXT or AT_DOT. False: the run stops in front
 * of it, since it is bare, or a CR that is the last octet for now.
 */
static bool run_newline(
	struct payload *payload, enum payload_rule rule, struct run *run)
{
	bool cr = *run->at == '\r', dot = run->state == AT_DOT;
	bool is_last = run->at + 1 == run->end;

	if (cr && !is_last && run->at[1] == '\n') {
		run_crlf(run, 2, dot);
		return true;
	}
	if (rule != PAYLOAD_PASS)
		return false;
	if (cr && is_last) {
		run->state = dot ? AT_DOT_CR : AT_CR;
	} else {
		run->state = AT_TEXT;
		payload->bare_seen = true;
	}
	run->at++;
	return true;
}

/* The octet behind a CR that has passed. */
static void run_behind_cr(struct payload *payload, struct run *run)
{
	if (*run->at == '\n') {
		run_crlf(run, 1, run->state == AT_DOT_CR);
		return;
	}
	run->state = AT_TEXT;
	payload->bare_seen = true;
}

/* Behind what is well made; a CR that is the last octet of it is left. */
static void run_skip(struct run *run)
{
	const uint8_t *to = run->at;

	if (run->at == run->from ||
		(run->state != AT_START && run->state != AT_TEXT))
		return; /* what stands before `at` is not here, or not plain */
	if (run->state == AT_START)
		to = ruled_skip(to, run->end);
	to = crlf_skip(to, run->end);
	if (to == run->at)
		return;
	if (to[-1] == '\r')
		to--;
	run->at = to;
	run->state = to[-1] == '\n' ? AT_START : AT_TEXT;
}

/* The longest run that `in` and the rule allow; may be empty. */
static void run_on(
	struct payload *payload, enum payload_rule rule, struct run *run)
{
	if (run->state == AT_CR || run->state == AT_DOT_CR)
		run_behind_cr(payload, run);
	while (run->at < run->end && !run->ended) {
		run_skip(run);
		if (run->at == run->end)
			break;
		if (run->state == AT_START && *run->at == '.') {
			run->state = AT_DOT;
			run->at++;
			continue;
		}
		if (run->state == AT_DOT && *run->at == '\0') {
			if (rule != PAYLOAD_PASS)
				break;
			payload->bare_seen = true;
		}
		if (run->state != AT_DOT ||
			(*run->at != '\r' && *run->at != '\n')) {
			run->state = AT_TEXT;
			run->at = newline_find(run->at, run->end);
		}
		if (run->at < run->end && !run_newline(payload, rule, run))
			break;
	}
}

/* The NUL behind CRLF "." stands in front: the dot must not stand alone. */
static enum payload_piece nul_piece(struct payload *payload,
	enum payload_rule rule, struct slice *ret_insert)
{
	payload->bare_seen = true;
	return rule == PAYLOAD_REJECT
		       ? PAYLOAD_BARE
		       : insert(payload, AT_TEXT, ".", ret_insert);
}

/* No run: a bare newline stands in front, or a CR that is all for now. */
static enum payload_piece newline_piece(struct payload *payload,
	enum payload_rule rule, struct slice in, bool behind_dot,
	size_t *ret_used, struct slice *ret_insert)
{
	if (in.p[0] == '\0')
		return nul_piece(payload, rule, ret_insert);
	if (in.p[0] == '\n' || in.n > 1)
		return bare(payload, rule, 1, behind_dot, ret_used, ret_insert);
	*ret_used = 1;
	return insert(
		payload, behind_dot ? AT_DOT_HELD : AT_HELD, "", ret_insert);
}

enum payload_piece payload_next(struct payload *payload, enum payload_rule rule,
	struct slice in, size_t *ret_used, struct slice *ret_insert)
{
	enum state state = (enum state)payload->state;
	struct run run = {.state = state};

	*ret_used = 0;
	*ret_insert = slice_of(NULL, 0);
	if (in.n == 0) /* perhaps NULL, of which there is no end */
		return PAYLOAD_MORE;
	run.from = run.at = in.p;
	run.end = in.p + in.n;
	if (state == AT_HELD || state == AT_DOT_HELD)
		return held_next(payload, rule, *in.p, ret_used, ret_insert);
	if (state == AT_NEWLINE && *in.p == '.')
		return insert(payload, AT_TEXT, ".", ret_insert);
	run_on(payload, rule, &run);
	if (run.at == run.from)
		return newline_piece(payload, rule, in, run.state == AT_DOT,
			ret_used, ret_insert);
	payload->state = (uint8_t)run.state;
	*ret_used = (size_t)(run.at - run.from);
	return run.ended ? PAYLOAD_END : PAYLOAD_TAKE;
}
