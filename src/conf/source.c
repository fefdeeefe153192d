/*
 * The texts of a configuration, made ready for the parser.
 *
 * libconfuse is a good grammar and a careless lexer (3.3): it counts a line
 * too many for each comment, takes the end of the file for any missing brace,
 * drops octets that it does not know ("*:25" becomes ":25"), and replaces
 * ${NAME} from the environment. So comments are blanked before it sees them,
 * and what it would swallow is refused here, with the right line. What passes
 * is a strict subset of its syntax on which its lexer cannot fail.
 *
 * A text is read once: the parser may run over it several times (draft.c).
 */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/check.h"

enum { TEXT_LONGEST = 1024 * 1024, DEPTH_MOST = 8 };

/* ---- lexical check ---- */

struct scan {
	char *p;
	struct place place;
	unsigned open[DEPTH_MOST]; /* the lines of the braces still open */
	unsigned depth;
	struct problems *problems;
};

static bool octet_ends_word(char c)
{
	return !c || strchr(" #\"'\t\n\r={}()+,*", c);
}

static bool octet_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void blank(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

static bool scan_fail(struct scan *scan, const char *what)
{
	problems_error(scan->problems, scan->place, "%s", what);
	return false;
}

static bool scan_line_comment(struct scan *scan)
{
	char *end = scan->p + strcspn(scan->p, "\n");

	blank(scan->p, end);
	scan->p = end;
	return true;
}

static bool scan_long_comment(struct scan *scan)
{
	char *end = strstr(scan->p + 2, "*/");

	if (!end)
		return scan_fail(scan, "a comment without its end (*/)");
	for (const char *p = scan->p; p < end; p++)
		scan->place.line += *p == '\n';
	blank(scan->p, end + 2);
	scan->p = end + 2;
	return true;
}

static bool scan_string(struct scan *scan)
{
	char quote = *scan->p++;

	for (; *scan->p != quote; scan->p++) {
		if (!*scan->p || *scan->p == '\n')
			return scan_fail(scan,
				"a string without its end (a string ends on "
				"its line)");
		if (octet_is_control(*scan->p))
			return scan_fail(
				scan, "a control character in a string");
		if (quote == '"' && scan->p[0] == '$' && scan->p[1] == '{')
			return scan_fail(
				scan, "${…} is not replaced here (write \\${)");
		if (*scan->p != '\\')
			continue;
		scan->p++;
		if (!*scan->p || !strchr("\\\"'$", *scan->p))
			return scan_fail(scan,
				"an unknown escape in a string (allowed: \\\\ "
				"\\\" \\' \\$)");
	}
	scan->p++;
	return true;
}

static bool scan_brace(struct scan *scan)
{
	if (*scan->p++ == '{') {
		if (scan->depth >= DEPTH_MOST)
			return scan_fail(scan, "braces nested too deeply");
		scan->open[scan->depth++] = scan->place.line;
		return true;
	}
	if (!scan->depth)
		return scan_fail(scan, "a \"}\" without its \"{\"");
	scan->depth--;
	return true;
}

static bool scan_word(struct scan *scan)
{
	static const char needs_quotes[] =
		"a value with * + or | needs quotes (\"…\")";

	for (; !octet_ends_word(*scan->p); scan->p++) {
		if (octet_is_control(*scan->p))
			return scan_fail(scan, "a control character");
		if (*scan->p == '|') /* "log|level" is a path to libconfuse */
			return scan_fail(scan, needs_quotes);
		if (scan->p[0] == '$' && scan->p[1] == '{')
			return scan_fail(scan,
				"${…} is not replaced here (write the value)");
	}
	if (*scan->p == '+' && scan->p[1] == '=')
		return scan_fail(scan,
			"\"+=\" is not allowed (give the whole list with =)");
	if (*scan->p == '*' || *scan->p == '+')
		return scan_fail(scan, needs_quotes);
	return true;
}

static bool scan_token(struct scan *scan)
{
	switch (*scan->p) {
	case '\n':
		scan->place.line++;
		scan->p++;
		return true;
	case '\r': *scan->p = ' '; return true;
	case ' ':
	case '\t':
	case '=':
	case '(':
	case ')':
	case ',': scan->p++; return true;
	case '#': return scan_line_comment(scan);
	case '"':
	case '\'': return scan_string(scan);
	case '{':
	case '}': return scan_brace(scan);
	case '/':
		if (scan->p[1] == '/')
			return scan_line_comment(scan);
		if (scan->p[1] == '*')
			return scan_long_comment(scan);
		return scan_word(scan);
	default: return scan_word(scan);
	}
}

static bool text_check(
	const char *name, char *text, size_t n, struct problems *problems)
{
	struct scan scan = {
		.p = text, .place = {name, 1}, .problems = problems};
	const char *nul = memchr(text, 0, n);

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		blank(text, text + 3); /* some editors' mark of UTF-8 */
	while (*scan.p)
		if (!scan_token(&scan))
			return false;
	if (nul)
		return scan_fail(&scan, "a control character");
	if (!scan.depth)
		return true;
	scan.place.line = scan.open[scan.depth - 1];
	return scan_fail(&scan, "a \"{\" without its \"}\"");
}

/* ---- loading ---- */

const struct source *source_by_name(
	const struct sources *sources, const char *name)
{
	for (size_t i = 0; i < sources->count; i++)
		if (strcmp(sources->items[i]->name, name) == 0)
			return sources->items[i];
	return NULL;
}

const struct source *source_add(struct sources *sources, const char *name,
	const char *text, size_t n, struct problems *problems)
{
	struct source *source = calloc(1, sizeof(*source));
	char *copy = malloc(n + 2);

	sources->items = realloc(
		sources->items, (sources->count + 1) * sizeof(struct source *));
	CHECK(source && copy && sources->items);
	sources->items[sources->count++] = source;
	CHECK((source->name = strdup(name)));
	problems_file(problems, source->name);
	memcpy(copy, text, n);
	copy[n] = '\n'; /* no file is empty for the parser */
	copy[n + 1] = '\0';
	if (text_check(source->name, copy, n, problems))
		source->text = copy;
	else
		free(copy);
	return source;
}

/* Up to one octet more than is allowed. NULL: errno says why. */
static char *file_read(const char *path, size_t *ret_n)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	struct stat st;

	if (!file)
		return NULL;
	if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
	} else {
		CHECK((text = malloc(TEXT_LONGEST + 1)));
		*ret_n = fread(text, 1, TEXT_LONGEST + 1, file);
	}
	(void)fclose(file); /* it was only read */
	return text;
}

const struct source *source_load(struct sources *sources, const char *path,
	struct place from, struct problems *problems)
{
	const struct source *source = source_by_name(sources, path);
	size_t n = 0;
	char *text;

	if (source)
		return source;
	text = file_read(path, &n);
	if (!text || n > TEXT_LONGEST) {
		problems_error(problems, from, "%s cannot be read: %s", path,
			text ? "it is longer than 1M" : strerror(errno));
		free(text);
		return NULL;
	}
	source = source_add(sources, path, text, n, problems);
	free(text);
	return source;
}

void sources_done(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i]->name);
		free(sources->items[i]->text);
		free(sources->items[i]);
	}
	free(sources->items);
	*sources = (struct sources){0};
}

/* ---- blanking: the text is known to be sound here ---- */

static char *skip_string(char *p)
{
	char quote = *p++;

	for (; *p != quote; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

static char *skip_word(char *p)
{
	if (*p == '"' || *p == '\'')
		return skip_string(p);
	while (!octet_ends_word(*p))
		p++;
	return p;
}

static char *skip_space(char *p)
{
	return p + strspn(p, " \t\n");
}

/* Behind the bracket that closes the one at `p`. */
static char *skip_group(char *p)
{
	unsigned depth = 0;

	do {
		if (*p == '"' || *p == '\'') {
			p = skip_string(p);
			continue;
		}
		depth += *p == '{' || *p == '(';
		depth -= *p == '}' || *p == ')';
		p++;
	} while (depth && *p);
	return p;
}

/* Where the statement ends whose name ends at `p`. */
static char *statement_end(char *p, enum source_shape *ret_shape)
{
	char *next = skip_space(p), *behind;

	*ret_shape = SHAPE_OPTION;
	if (*next == '=') {
		next = skip_space(next + 1);
		return *next == '{' ? skip_group(next) : skip_word(next);
	}
	if (*next == '(') {
		*ret_shape = SHAPE_CALL;
		return skip_group(next);
	}
	behind = skip_space(skip_word(next));
	if (*next == '{' || *behind == '{') {
		*ret_shape = SHAPE_BLOCK;
		return skip_group(*next == '{' ? next : behind);
	}
	*ret_shape = SHAPE_WORD;
	return p;
}

static char *line_start(char *text, unsigned line)
{
	for (; line > 1 && text; line--) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

enum source_shape source_blank(
	const struct source *source, unsigned line, const char *name)
{
	char *p = line_start(source->text, line), *end;
	enum source_shape shape;
	char before = '\0';

	while (p && *p && *p != '\n') {
		end = skip_word(p);
		/* Behind these stands a value, and never a name. */
		if (end == p || before == '=' || before == ',') {
			if (*p != ' ' && *p != '\t')
				before = *p;
			p = end > p ? end : p + 1;
			continue;
		}
		before = *p;
		if ((size_t)(end - p) == strlen(name) &&
			memcmp(p, name, strlen(name)) == 0) {
			end = statement_end(end, &shape);
			blank(p, end);
			return shape;
		}
		p = end;
	}
	return SHAPE_NONE;
}
