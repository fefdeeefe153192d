/*
 * The attack brief as a page: what mail programs show, so no script, nothing
 * from elsewhere, style in the head and plain tables.
 *
 * Every value is escaped, ours as well: names and addresses come from those
 * who attack.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "member.h"

#include "report.h"

enum { WHEN_LONGEST = 40 };

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width\">"
	"<title>postern</title><style>"
	"body{font:15px/1.45 "
	"system-ui,sans-serif;color:#1b1f24;background:#fff;"
	"max-width:60em;margin:1.5em auto;padding:0 1em}"
	"h1{font-size:1.4em}h2{font-size:1.1em;margin:1.8em 0 .2em}"
	"p{margin:.3em 0}.do{color:#0b5394}"
	"table{border-collapse:collapse;margin:.5em 0}"
	"th,td{padding:.25em .9em .25em 0;text-align:left;"
	"border-bottom:1px solid #d0d7de}"
	"th{font-weight:600}td.n{text-align:right;"
	"font-variant-numeric:tabular-nums}"
	"@media(prefers-color-scheme:dark){body{color:#e6edf3;"
	"background:#0d1117}.do{color:#79b8ff}th,td{border-color:#30363d}}"
	"</style></head><body>\n";

static void put(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&': (void)fputs("&amp;", out); break;
		case '<': (void)fputs("&lt;", out); break;
		case '>': (void)fputs("&gt;", out); break;
		case '"': (void)fputs("&quot;", out); break;
		case '\'': (void)fputs("&#39;", out); break;
		default: (void)fputc(*text, out);
		}
	}
}

/* A paragraph, if there is anything to say. */
static void put_text(const char *open, const char *text, FILE *out)
{
	if (text[0] == '\0')
		return;
	(void)fputs(open, out);
	put(text, out);
	(void)fputs("</p>\n", out);
}

static void put_cell(const json_t *value, FILE *out)
{
	if (json_is_integer(value)) {
		(void)fprintf(out, "<td class=\"n\">%" PRId64 "</td>",
			(int64_t)json_integer_value(value));
		return;
	}
	(void)fputs("<td>", out);
	put(json_string_value(value) != NULL ? json_string_value(value) : "",
		out);
	(void)fputs("</td>", out);
}

static void put_head(const char *key, FILE *out)
{
	(void)fputs("<th scope=\"col\">", out);
	for (; *key != '\0'; key++)
		(void)fputc(*key == '_' ? ' ' : *key, out);
	(void)fputs("</th>", out);
}

static void put_table(const json_t *section, FILE *out)
{
	json_t *columns = json_object_get(section, "columns");
	json_t *rows = json_object_get(section, "rows");
	json_t *row, *column;
	size_t r, c;

	(void)fputs("<table><thead><tr>", out);
	json_array_foreach(columns, c, column)
	{
		put_head(json_string_value(column), out);
	}
	(void)fputs("</tr></thead><tbody>\n", out);
	json_array_foreach(rows, r, row)
	{
		(void)fputs("<tr>", out);
		json_array_foreach(columns, c, column)
		{
			put_cell(
				json_object_get(row, json_string_value(column)),
				out);
		}
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</tbody></table>\n", out);
}

static void put_section(const json_t *section, FILE *out)
{
	(void)fputs("<h2>", out);
	put(member_text(section, "title"), out);
	(void)fputs("</h2>\n", out);
	put_text("<p>", member_text(section, "text"), out);
	put_table(section, out);
	put_text("<p class=\"do\">", member_text(section, "advice"), out);
}

static void put_when(const json_t *report, const char *key, FILE *out)
{
	time_t at = (time_t)json_integer_value(json_object_get(report, key));
	char text[WHEN_LONGEST];
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL &&
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M %Z", &tm) > 0)
		(void)fputs(text, out);
}

void report_print_html(const json_t *report, FILE *out)
{
	json_t *section;
	size_t i;

	(void)fputs(head, out);
	(void)fputs("<h1>postern on ", out);
	put(member_text(report, "host"), out);
	(void)fputs("</h1>\n<p>", out);
	put_when(report, "since", out);
	(void)fputs(" to ", out);
	put_when(report, "until", out);
	(void)fputs("</p>\n", out);
	json_array_foreach(json_object_get(report, "sections"), i, section)
	{
		if (json_array_size(json_object_get(section, "rows")) > 0)
			put_section(section, out);
	}
	(void)fputs("</body></html>\n", out);
}
