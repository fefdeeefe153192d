/*
 * The sample file, made from the schema.
 *
 * conf/postern.conf.sample is what conf_print_sample() prints; tests/lint fails
 * when the copy in the tree is out of date. In it, "# " begins a remark and "#"
 * without a space begins an option that stands at its default: taking those off
 * changes nothing.
 */
#include <string.h>

#include "conf.h"
#include "schema.h"
#include "value.h"

/* Errors stay in the stream; who opened it looks at its end. */
/* NOLINTBEGIN(cert-err33-c) */

enum { LINE_COLUMNS = 78 };

/* What a working file cannot do without, and titles for its blocks. */
static const struct {
	enum schema_section_id section;
	const char *option, *value;
} examples[] = {
	{SECTION_listener, "bind", "{\"0.0.0.0:25\", \"[::]:25\"}"},
	{SECTION_listener, "backend", "domino"},
	{SECTION_global, "local_domains",
		"{\"example.com\", \".example.com\"}"},
	{SECTION_listener, "auth", "hide"},
	{SECTION_backend, "servers", "{\"10.0.0.25:25\"}"},
	{SECTION_certificate, "chain", "\"/etc/postern/mail.pem\""},
	{SECTION_certificate, "key", "\"/etc/postern/mail.key\""},
	{SECTION_dns_zone, "zone", "\"bl.example.org\""},
	{SECTION_hook, "url", "\"https://chat.example.com/hook\""},
	{SECTION_address_list, "url",
		"\"https://www.spamhaus.org/drop/drop.txt\""},
};

static const char *example_of(const struct schema_option *option)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (examples[i].section == option->section &&
			strcmp(examples[i].option, option->name) == 0)
			return examples[i].value;
	return NULL;
}

static const char *title_of(const struct schema_section *section)
{
	if (section->id == SECTION_listener)
		return " mx";
	if (section->id == SECTION_backend)
		return " domino";
	if (section->id == SECTION_dns_zone)
		return " bl";
	if (section->id == SECTION_hook)
		return " chat";
	if (section->id == SECTION_address_list)
		return " drop";
	return section->titled ? " mail" : "";
}

/* Text as the file needs it: everything that is no bare word is quoted. */
static void print_default(const struct schema_option *option, FILE *out)
{
	bool quoted = option->type == SCHEMA_TEXT;

	fprintf(out, quoted ? "\"%s\"" : "%s", option->def);
}

/* Words of a remark, broken into lines. */
static void print_wrapped(const char *indent, const char *text, FILE *out)
{
	size_t indent_n = *indent ? 8 : 0, column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > LINE_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		if (!column) {
			fprintf(out, "%s#", indent);
			column = indent_n + 1;
		}
		fprintf(out, " %.*s", (int)n, text);
		column += 1 + n;
		text += n + strspn(text + n, " ");
	}
	if (column)
		fputc('\n', out);
}

/* What value_allowed() says, and whether a reload takes a change over. */
static void print_terms(
	const struct schema_option *option, const char *indent, FILE *out)
{
	const char *restart = option->restart ? " Needs a restart." : "";
	char allowed[160], terms[200];

	value_allowed(option, allowed, sizeof(allowed));
	if (*allowed && option->type != SCHEMA_PREFIXES)
		snprintf(terms, sizeof(terms), "Allowed: %s.%s", allowed,
			restart);
	else
		snprintf(terms, sizeof(terms), "%s", restart + option->restart);
	print_wrapped(indent, terms, out);
}

static void sample_option(const struct schema_option *option,
	const char *indent, bool off, FILE *out)
{
	const char *example = example_of(option);

	fputc('\n', out);
	print_wrapped(indent, option->text, out);
	print_wrapped(indent, option->more, out);
	print_terms(option, indent, out);
	fprintf(out, "%s%s%s = ", off || !example ? "#" : "", indent,
		option->name);
	if (example)
		fputs(example, out);
	else
		print_default(option, out);
	fputc('\n', out);
}

static void sample_section(const struct schema_section *section, FILE *out)
{
	/* Nothing shows TLS before somebody has a certificate, and no list is
	 * asked nor anybody told before somebody has chosen one. */
	bool off = section->id == SECTION_certificate ||
		   section->id == SECTION_dns_zone ||
		   section->id == SECTION_hook ||
		   section->id == SECTION_address_list;
	const char *indent = *section->name ? "\t" : "";

	fprintf(out, "\n# ---- %s ----\n", section->text);
	if (*section->name)
		fprintf(out, "%s%s%s {\n", off ? "#" : "", section->name,
			title_of(section));
	for (size_t i = 0; i < section->option_count; i++)
		sample_option(&section->options[i], indent, off, out);
	if (*section->name)
		fprintf(out, "%s}\n", off ? "#" : "");
}

void conf_print_sample(FILE *out)
{
	fputs("# postern.conf: every option with its default, made by "
	      "`postern sample`.\n"
	      "# \"#name = value\" is a default: take the # off to change it. "
	      "Times are like\n"
	      "# 200ms 30s 10m 1h 30d, sizes like 64k 10M. `postern check "
	      "FILE` "
	      "finds\n"
	      "# mistakes. See postern.conf(5).\n",
		out);
	for (int i = 0; i < SECTION_COUNT; i++)
		sample_section(schema_section((unsigned)i), out);
	fputs("\n# More files: include(\"conf.d\") reads conf.d/*.conf.\n",
		out);
}

/* NOLINTEND(cert-err33-c) */
