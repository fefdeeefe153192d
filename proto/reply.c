/*
 * Reply lines (RFC 5321 §4.2, §4.2.1).
 *
 * One line at a time; whether the lines of one reply agree in their code,
 * and which command a reply belongs to, is the dialogue's business. The EHLO
 * filter uses it as well.
 *
 * What can go wrong: a last line shorter than its neighbours. CVE-2020-8794
 * and CVE-2026-43964 were reads behind a bare "250" or "5.7.2", so nothing
 * here looks at an octet before it is known to be there.
 */
#include "reply.h"
#include "line.h"

/* Could these first octets begin a reply line? Each is checked by itself. */
static bool begins_well(struct slice in)
{
	if (in.n > 0 && (in.p[0] < '2' || in.p[0] > '5'))
		return false;
	for (size_t i = 1; i < 3 && i < in.n; i++)
		if (in.p[i] < '0' || in.p[i] > '9')
			return false;
	return in.n < 4 || in.p[3] == ' ' || in.p[3] == '-' || in.p[3] == '\r';
}

/* begins_well has seen three digits, so no CR is among them. */
static void split(struct slice line, struct reply_line *ret_line)
{
	ret_line->code = (uint16_t)((line.p[0] - '0') * 100 +
				    (line.p[1] - '0') * 10 + (line.p[2] - '0'));
	ret_line->last = line.n == 3 || line.p[3] == ' ';
	ret_line->text = slice_skip(line, 4);
}

enum reply_result reply_next(struct slice in, size_t most,
	struct reply_line *ret_line, size_t *ret_used)
{
	struct slice line;
	size_t used;

	if (!begins_well(in))
		return REPLY_BAD;
	switch (line_next(in, most, &line, &used)) {
	case LINE_OK: break;
	case LINE_MORE: return REPLY_MORE;
	case LINE_TOO_LONG: return REPLY_TOO_LONG;
	case LINE_BARE_LF:
	case LINE_BARE_CR:
	case LINE_NUL: return REPLY_BAD;
	}
	split(line, ret_line);
	*ret_used = used;
	return REPLY_OK;
}
