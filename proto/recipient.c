/*
 * Whom a RCPT is for (see recipient.h).
 *
 * The dialogue asks before a RCPT of somebody who has not logged in goes on.
 * What can go wrong: the server reads a path more generously than we do. So
 * every octet that some server takes for a route ("%", "!", ":", a second
 * "@"), for an end (">", ",") or for another octet (8 bit, controls, "\") makes
 * the path unclear.
 */
#include "recipient.h"

/* RFC 5321 §4.5.3.1: beyond these a server may cut. */
enum { LOCAL_PART_LONGEST = 64, DOMAIN_LONGEST = 255, LABEL_LONGEST = 63 };

static bool alnum(uint8_t c)
{
	c = slice_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 5322 §3.2.3 atext, less the two that route. */
static bool plain(uint8_t c)
{
	static const char marks[] = "#$&'*+-/=?^_`{|}~";

	return alnum(c) || memchr(marks, c, sizeof marks - 1);
}

/* "a.b", each part one octet or more. */
static bool dot_string(struct slice text)
{
	bool before = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '.' ? !before : !plain(text.p[i]))
			return false;
		before = text.p[i] != '.';
	}
	return before;
}

static bool quoted(struct slice text)
{
	if (text.n < 3 || text.p[0] != '"' || text.p[text.n - 1] != '"')
		return false;
	for (size_t i = 1; i < text.n - 1; i++)
		if (!plain(text.p[i]) && text.p[i] != '.' && text.p[i] != ' ')
			return false;
	return true;
}

static bool domain_sound(struct slice domain)
{
	size_t label = 0;

	if (domain.n == 0 || domain.n > DOMAIN_LONGEST)
		return false;
	for (size_t i = 0; i < domain.n; i++) {
		if (domain.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!alnum(domain.p[i]) && domain.p[i] != '-')
			return false;
		if (++label > LABEL_LONGEST)
			return false;
	}
	return label > 0;
}

static bool domain_is(struct slice domain, const char *item)
{
	size_t n = strlen(item);

	if (item[0] != '.')
		return slice_eq_nocase(domain, item);
	return domain.n > n &&
	       slice_eq_nocase(slice_skip(domain, domain.n - n), item);
}

static bool listed(struct slice domain, const struct recipient_domains *domains)
{
	for (size_t i = 0; i < domains->count; i++)
		if (domain_is(domain, domains->items[i]))
			return true;
	return false;
}

/* Between the brackets. */
static enum recipient read_mailbox(
	struct slice path, const struct recipient_domains *domains)
{
	const uint8_t *at = path.n ? memchr(path.p, '@', path.n) : NULL;
	struct slice local, domain;

	if (slice_eq_nocase(path, "postmaster"))
		return RECIPIENT_LOCAL;
	if (!at)
		return RECIPIENT_UNCLEAR;
	local = slice_head(path, (size_t)(at - path.p));
	domain = slice_skip(path, local.n + 1);
	if (local.n > LOCAL_PART_LONGEST || !domain_sound(domain) ||
		(!dot_string(local) && !quoted(local)))
		return RECIPIENT_UNCLEAR;
	return listed(domain, domains) ? RECIPIENT_LOCAL : RECIPIENT_FOREIGN;
}

/* Behind the path: nothing, or parameters in which nobody finds another. */
static bool parameters_sound(struct slice rest)
{
	if (rest.n > 0 && rest.p[0] != ' ')
		return false;
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] < ' ' || rest.p[i] > '~' || rest.p[i] == '<' ||
			rest.p[i] == '>')
			return false;
	return true;
}

enum recipient recipient_read(
	struct slice args, const struct recipient_domains *domains)
{
	const uint8_t *end;
	struct slice path;

	if (!slice_eq_nocase(slice_head(args, 3), "TO:"))
		return RECIPIENT_UNCLEAR;
	args = slice_skip(args, 3);
	while (args.n > 0 && args.p[0] == ' ') /* not by the RFC, but common */
		args = slice_skip(args, 1);
	if (args.n == 0 || args.p[0] != '<')
		return RECIPIENT_UNCLEAR;
	end = memchr(args.p, '>', args.n);
	if (!end)
		return RECIPIENT_UNCLEAR;
	path = slice_of(args.p + 1, (size_t)(end - args.p) - 1);
	if (!parameters_sound(slice_skip(args, path.n + 2)))
		return RECIPIENT_UNCLEAR;
	return read_mailbox(path, domains);
}
