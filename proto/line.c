/*
 * Lines out of a stream (RFC 5321 §2.3.8: CRLF is the only line end).
 *
 * Knows nothing of commands or replies; command reading, AUTH answers and
 * reply_next use it. It holds no state: the caller calls again with the same
 * octets and more behind them, so a long line that trickles in is scanned
 * more than once; `most` bounds that.
 *
 * What can go wrong: a result that depends on how the octets were cut. So
 * everything is decided on the first `most` octets alone, and a CR is only a
 * bare one once the octet behind it lies within them too.
 */
#include "line.h"

/*
 * The fault of a text that must not hold CR or NUL: the first of them
 * decides. LINE_OK where there is neither.
 */
static enum line_result text_fault(const uint8_t *p, size_t n)
{
	const uint8_t *cr = n ? memchr(p, '\r', n) : NULL;
	size_t to = cr ? (size_t)(cr - p) : n;

	if (to && memchr(p, '\0', to))
		return LINE_NUL;
	return cr ? LINE_BARE_CR : LINE_OK;
}

/* The octets up to and with the first LF, or all. */
static size_t through_lf(struct slice in)
{
	const uint8_t *lf = memchr(in.p, '\n', in.n);

	return lf ? (size_t)(lf - in.p) + 1 : in.n;
}

/* No LF among the first `most` octets: too early, too long or at fault. */
static enum line_result unended(struct slice in, size_t most, size_t *ret_used)
{
	size_t n = slice_head(in, most).n;
	enum line_result fault;

	if (n && in.p[n - 1] == '\r')
		n--; /* its LF may still come */
	fault = text_fault(in.p, n);
	if (fault != LINE_OK)
		*ret_used = through_lf(in);
	else
		fault = in.n >= most ? LINE_TOO_LONG : LINE_MORE;
	return fault;
}

enum line_result line_next(
	struct slice in, size_t most, struct slice *ret_line, size_t *ret_used)
{
	struct slice head = slice_head(in, most);
	const uint8_t *lf = head.n ? memchr(head.p, '\n', head.n) : NULL;
	enum line_result fault;
	size_t n;

	if (!lf)
		return unended(in, most, ret_used);
	n = (size_t)(lf - in.p);
	if (n && in.p[n - 1] == '\r') {
		fault = text_fault(in.p, n - 1);
		if (fault == LINE_OK)
			*ret_line = slice_of(in.p, n - 1);
	} else {
		fault = text_fault(in.p, n);
		if (fault == LINE_OK)
			fault = LINE_BARE_LF;
	}
	*ret_used = n + 1;
	return fault;
}
