/*
 * Lines, commands, chunk sizes and replies: line_next, command_parse,
 * command_alien, command_bdat, reply_next.
 *
 * Input: one octet of limit, two of a place to cut at, then a stream.
 *
 *	- a result on the octets in front of the cut is the result on all of
 *	  them, or MORE; it is what an octet-by-octet reader finds;
 *	- a line's parts lie within it and make the line again;
 *	- a verb is its name and nothing else, whatever the case;
 *	- a chunk size that is taken is the only way to write that size.
 */
#include "../../proto/command.h"
#include "../../proto/line.h"
#include "../../proto/reply.h"
#include "fuzz.h"

static struct guard guard_whole, guard_part, guard_line;

/* RFC 5321 §2.3.8, read one octet at a time. */
static enum line_result naive_line(struct slice in, size_t most)
{
	for (size_t i = 0; i < in.n && i < most; i++) {
		if (in.p[i] == '\0')
			return LINE_NUL;
		if (in.p[i] == '\n')
			return i && in.p[i - 1] == '\r' ? LINE_OK
							: LINE_BARE_LF;
		if (i && in.p[i - 1] == '\r')
			return LINE_BARE_CR;
	}
	return in.n >= most ? LINE_TOO_LONG : LINE_MORE;
}

/* The naive reader sees a bare CR one octet late. */
static enum line_result expected_line(struct slice in, size_t most)
{
	for (size_t i = 0; i + 1 < in.n && i + 1 < most; i++) {
		if (in.p[i] == '\0' || in.p[i] == '\n')
			break;
		if (in.p[i] == '\r' && in.p[i + 1] != '\n')
			return LINE_BARE_CR;
	}
	return naive_line(in, most);
}

static void check_bdat(struct slice args)
{
	char text[32];
	uint64_t size;
	bool last;
	size_t digits = 0;

	while (digits < args.n && args.p[digits] >= '0' &&
		args.p[digits] <= '9')
		digits++;
	if (!command_bdat(args, &size, &last)) {
		bool plain = digits > 0 && digits < 19 && args.p[0] != '0' &&
			     digits == args.n;

		MUST(!plain);
		return;
	}
	MUST(size <= INT64_MAX);
	(void)snprintf(text, sizeof text, "%llu%s", (unsigned long long)size,
		last ? " LAST" : "");
	MUST(slice_eq_nocase(args, text));
}

static bool is_clean(struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] <= ' ' || word.p[i] > 0x7e)
			return false;
	return true;
}

static void check_verb(struct slice line, const struct command *cmd)
{
	uint8_t *p = guard_copy(&guard_line, line.p, line.n);
	struct command other;

	for (size_t i = 0; i < cmd->word.n; i++)
		if (slice_lower(p[i]) >= 'a' && slice_lower(p[i]) <= 'z')
			p[i] ^= 0x20;
	command_parse(slice_of(p, line.n), &other);
	MUST(other.verb == cmd->verb && other.masked == cmd->masked);
	MUST(verb_class(cmd->verb) <= VERB_CLASS_REFUSE);
	if (cmd->verb == VERB_UNKNOWN)
		return;
	MUST(!cmd->masked && slice_eq_nocase(cmd->word, verb_name(cmd->verb)));
}

static void check_command(struct slice line)
{
	struct command cmd;
	size_t n;

	command_parse(line, &cmd);
	n = cmd.word.n;
	MUST(fuzz_inside(cmd.word, line) && fuzz_inside(cmd.args, line));
	MUST(n + cmd.args.n + (n < line.n) == line.n);
	MUST(n == 0 || cmd.word.p == line.p);
	MUST(n == line.n || line.p[n] == ' ' || line.p[n] == '\t');
	MUST(cmd.masked ==
		(line.n > 0 && (n == 0 || !is_clean(cmd.word) ||
				       (n < line.n && line.p[n] == '\t'))));
	check_verb(line, &cmd);
	check_bdat(cmd.args);
	check_bdat(line);
}

/* Returns the octets of the first line, 0 where there is none. */
static size_t check_line(struct slice in, size_t cut, size_t most)
{
	struct slice part = fuzz_guarded(&guard_part, slice_head(in, cut));
	struct slice line, part_line;
	size_t used = 0, part_used = 0;
	enum line_result result = line_next(in, most, &line, &used);
	enum line_result early = line_next(part, most, &part_line, &part_used);

	MUST(result == expected_line(in, most));
	MUST(early == expected_line(part, most));
	MUST(early == result || early == LINE_MORE);
	MUST(used <= in.n && part_used <= used);
	if (result == LINE_MORE || result == LINE_TOO_LONG)
		return 0;
	MUST(used > 0 && (in.p[used - 1] == '\n' || used == in.n));
	if (result != LINE_OK)
		return used;
	MUST(line.p == in.p && used == line.n + 2 && used <= most);
	MUST(early == (part.n >= used ? LINE_OK : LINE_MORE));
	MUST(early != LINE_OK || slice_eq(line, part_line));
	check_command(line);
	return used;
}

static void check_reply(struct slice in, size_t cut, size_t most)
{
	struct slice part = fuzz_guarded(&guard_part, slice_head(in, cut));
	struct reply_line line, early_line;
	size_t used = 0, early_used = 0, text_at;
	enum reply_result result = reply_next(in, most, &line, &used);
	enum reply_result early =
		reply_next(part, most, &early_line, &early_used);
	char code[8];

	MUST(early == result || early == REPLY_MORE);
	MUST(result == REPLY_OK || used == 0);
	if (result != REPLY_OK)
		return;
	MUST(early == (part.n >= used ? REPLY_OK : REPLY_MORE));
	MUST(expected_line(in, most) == LINE_OK);
	MUST(line.code >= 200 && line.code <= 599);
	(void)snprintf(code, sizeof code, "%u", line.code);
	MUST(memcmp(in.p, code, 3) == 0);
	MUST(fuzz_inside(line.text, slice_head(in, used - 2)));
	text_at = used - 2 - line.text.n;
	MUST(text_at == (used == 5 ? 3u : 4u));
	MUST(line.last ? text_at == 3 || in.p[3] == ' ' : in.p[3] == '-');
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	size_t most = 2 + fuzz_octet(&in), cut = fuzz_number(&in, 2), used;
	enum alien early;

	cut = in.n ? cut % (in.n + 1) : 0;
	early = command_alien(slice_head(in, cut));
	MUST(early == ALIEN_MAYBE || early == command_alien(in));
	in = fuzz_guarded(&guard_whole, in);
	do {
		check_reply(in, cut, most + 3); /* at least 5 */
		used = check_line(in, cut, most);
		in = slice_skip(in, used);
		cut = cut > used ? cut - used : 0;
	} while (used > 0);
	return 0;
}
