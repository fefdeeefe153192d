/*
 * Reading and matching the patterns of log lines.
 *
 * The file is small and an operator's: everything in it is checked, every
 * error has its line.
 */
#include "patterns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expression.h"

enum { FORMS_MOST = 64, SAMPLES_MOST = 1024 };

struct form {
	char *name;
	struct expression *expression;
	enum entry_outcome outcome;
	enum entry_service service; /* when no group says it */
	bool has_outcome;
	unsigned line;
};

struct patterns {
	struct form forms[FORMS_MOST];
	size_t form_count;
	struct patterns_sample samples[SAMPLES_MOST];
	size_t sample_count;
};

/* The file under the reader. */
struct reading {
	struct patterns *patterns;
	const char *name;
	unsigned line;
	bool jit;
	char *error;
};

/* Made from conf/patterns.conf by the build. */
extern const char patterns_text[];

const char *patterns_builtin(void)
{
	return patterns_text;
}

static char *file_text(FILE *file)
{
	char *text = malloc(PATTERNS_MOST_BYTES + 1);
	size_t n = text ? fread(text, 1, PATTERNS_MOST_BYTES + 1, file) : 0;

	if (text && !ferror(file) && n <= PATTERNS_MOST_BYTES) {
		text[n] = 0;
		return text;
	}
	if (text && n > PATTERNS_MOST_BYTES)
		errno = EFBIG;
	free(text);
	return NULL;
}

char *patterns_file(const char *path)
{
	FILE *file;
	char *text;
	int error;

	if (path[0] == 0)
		return strdup(patterns_text);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	text = file_text(file);
	error = errno;
	(void)fclose(file);
	errno = error;
	return text;
}

static bool wrong(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(struct reading *r, const char *format, ...)
{
	int n = snprintf(r->error, PATTERNS_ERROR_LONGEST,
		"%.200s:%u: ", r->name, r->line);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(
		r->error + n, PATTERNS_ERROR_LONGEST - (size_t)n, format, args);
	va_end(args);
	return false;
}

static char *copy(struct slice text)
{
	char *out = malloc(text.n + 1);

	if (!out)
		return NULL;
	if (text.n > 0)
		memcpy(out, text.p, text.n);
	out[text.n] = 0;
	return out;
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* ---- the words of a section ---- */

static bool read_outcome(
	struct reading *r, struct form *form, struct slice value)
{
	form->has_outcome = entry_outcome_parse(value, &form->outcome);
	return form->has_outcome ||
	       wrong(r,
		       "outcome: \"%.*s\" is none (failed, ok, refused, tls, "
		       "ban, unban)",
		       (int)(value.n < 60 ? value.n : 60),
		       (const char *)value.p);
}

static bool read_service(
	struct reading *r, struct form *form, struct slice value)
{
	return entry_service_parse(value, &form->service) ||
	       wrong(r,
		       "service: \"%.*s\" is none (smtp, http, imap, pop3, "
		       "ldap, other)",
		       (int)(value.n < 60 ? value.n : 60),
		       (const char *)value.p);
}

static bool read_pattern(
	struct reading *r, struct form *form, struct slice value)
{
	char why[EXPRESSION_ERROR_LONGEST];
	char *text;

	if (form->expression)
		return wrong(r, "[%s] has a pattern already", form->name);
	text = copy(value);
	if (!text)
		return wrong(r, "no memory");
	form->expression = expression_new(text, r->jit, why);
	free(text);
	return form->expression || wrong(r, "pattern: %s", why);
}

static bool read_sample(struct reading *r, struct slice value)
{
	struct patterns *p = r->patterns;
	struct patterns_sample *sample;

	if (p->sample_count > 0 && !p->samples[p->sample_count - 1].finds)
		return wrong(r, "the sample before this has no finds");
	if (p->sample_count == SAMPLES_MOST)
		return wrong(r, "more than %d samples", SAMPLES_MOST);
	sample = &p->samples[p->sample_count];
	sample->text = copy(value);
	sample->line = r->line;
	sample->form = (unsigned)p->form_count - 1;
	if (!sample->text)
		return wrong(r, "no memory");
	p->sample_count++;
	return true;
}

static bool read_finds(struct reading *r, struct slice value)
{
	struct patterns *p = r->patterns;
	struct patterns_sample *last = NULL;

	if (p->sample_count > 0)
		last = &p->samples[p->sample_count - 1];
	if (!last || last->finds || last->form != p->form_count - 1)
		return wrong(r, "finds stands behind a sample");
	last->finds = copy(value);
	return last->finds || wrong(r, "no memory");
}

static bool read_word(struct reading *r, struct slice line)
{
	const uint8_t *equals = memchr(line.p, '=', line.n);
	struct form *form;
	struct slice key, value;

	if (r->patterns->form_count == 0)
		return wrong(r, "a section is missing before this (like "
				"[my-line])");
	if (!equals)
		return wrong(r, "no `key = value`");
	form = &r->patterns->forms[r->patterns->form_count - 1];
	key = trim(slice_head(line, (size_t)(equals - line.p)));
	value = trim(slice_skip(line, (size_t)(equals - line.p) + 1));
	if (slice_eq(key, slice_str("outcome")))
		return read_outcome(r, form, value);
	if (slice_eq(key, slice_str("service")))
		return read_service(r, form, value);
	if (slice_eq(key, slice_str("pattern")))
		return read_pattern(r, form, value);
	if (slice_eq(key, slice_str("sample")))
		return read_sample(r, value);
	if (slice_eq(key, slice_str("finds")))
		return read_finds(r, value);
	return wrong(r, "unknown key (outcome, service, pattern, sample, "
			"finds)");
}

static bool end_section(struct reading *r)
{
	const struct patterns *p = r->patterns;
	const struct form *form;

	if (p->form_count == 0)
		return true;
	form = &p->forms[p->form_count - 1];
	if (!form->expression || !form->has_outcome)
		return wrong(r, "[%s] has no %s", form->name,
			form->expression ? "outcome" : "pattern");
	if (p->sample_count == 0 ||
		p->samples[p->sample_count - 1].form != p->form_count - 1 ||
		!p->samples[p->sample_count - 1].finds)
		return wrong(r,
			"[%s] needs a sample with finds: it is its "
			"test",
			form->name);
	return true;
}

static bool begin_section(struct reading *r, struct slice line)
{
	struct patterns *p = r->patterns;
	struct form *form = &p->forms[p->form_count];

	if (!end_section(r))
		return false;
	if (p->form_count == FORMS_MOST)
		return wrong(r, "more than %d patterns", FORMS_MOST);
	if (line.n < 3 || line.n > 66 || line.p[line.n - 1] != ']')
		return wrong(r, "no [name] of at most 64 characters");
	form->name = copy(slice_of(line.p + 1, line.n - 2));
	form->service = ENTRY_OTHER;
	form->line = r->line;
	if (!form->name)
		return wrong(r, "no memory");
	p->form_count++;
	return true;
}

static bool read_line(struct reading *r, struct slice line)
{
	r->line++;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	line = trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	return line.p[0] == '[' ? begin_section(r, line) : read_word(r, line);
}

static bool read_text(struct reading *r, const char *text)
{
	while (text[0] != 0) {
		size_t n = strcspn(text, "\n");

		if (!read_line(r, slice_of(text, n)))
			return false;
		text += n + (text[n] == '\n');
	}
	if (r->patterns->form_count == 0)
		return wrong(r, "no pattern in it");
	return end_section(r);
}

struct patterns *patterns_parse(const char *text, const char *name, bool jit,
	char error[PATTERNS_ERROR_LONGEST])
{
	struct patterns *patterns = calloc(1, sizeof *patterns);
	struct reading r = {patterns, name, 0, jit, error};

	(void)snprintf(error, PATTERNS_ERROR_LONGEST, "no memory");
	if (!patterns)
		return NULL;
	if (!read_text(&r, text))
		patterns_free(&patterns);
	return patterns;
}

void patterns_free(struct patterns **patterns)
{
	struct patterns *p = *patterns;

	if (!p)
		return;
	for (size_t i = 0; i < p->form_count; i++) {
		expression_free(&p->forms[i].expression);
		free(p->forms[i].name);
	}
	for (size_t i = 0; i < p->sample_count; i++) {
		free(p->samples[i].text);
		free(p->samples[i].finds);
	}
	free(p);
	*patterns = NULL;
}

size_t patterns_count(const struct patterns *patterns)
{
	return patterns->form_count;
}

const char *patterns_form_name(const struct patterns *patterns, unsigned form)
{
	return patterns->forms[form].name;
}

size_t patterns_sample_count(const struct patterns *patterns)
{
	return patterns->sample_count;
}

const struct patterns_sample *patterns_sample(
	const struct patterns *patterns, size_t index)
{
	return &patterns->samples[index];
}

/* ---- matching ---- */

static bool addr_of(struct slice text, struct addr *ret_addr)
{
	char octets[ADDR_TEXT_LONGEST];

	if (text.n == 0 || text.n >= sizeof octets)
		return false;
	memcpy(octets, text.p, text.n);
	octets[text.n] = 0;
	return strlen(octets) == text.n && addr_parse(octets, ret_addr);
}

static bool entry_of(const struct patterns *p, unsigned index,
	const struct slice groups[EXPRESSION_GROUP_COUNT], struct entry *entry)
{
	const struct form *form = &p->forms[index];

	if (!addr_of(groups[EXPRESSION_ADDR], &entry->addr))
		return false;
	entry->form = index;
	entry->outcome = form->outcome;
	entry->service = form->service;
	(void)entry_service_parse(groups[EXPRESSION_SERVICE], &entry->service);
	entry->user = slice_head(groups[EXPRESSION_USER], ENTRY_USER_LONGEST);
	return true;
}

enum patterns_result patterns_match(
	const struct patterns *p, struct slice body, struct entry *ret_entry)
{
	struct slice groups[EXPRESSION_GROUP_COUNT];
	bool limit = false;

	for (unsigned i = 0; i < p->form_count; i++) {
		switch (expression_match(
			p->forms[i].expression, body, groups)) {
		case EXPRESSION_MATCH:
			if (entry_of(p, i, groups, ret_entry))
				return PATTERNS_MATCH;
			break;
		case EXPRESSION_LIMIT: limit = true; break;
		case EXPRESSION_NO_MATCH: break;
		}
	}
	return limit ? PATTERNS_LIMIT : PATTERNS_NONE;
}
