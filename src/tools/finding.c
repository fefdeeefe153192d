/*
 * What doctor finds, gathered and shown. Knows nothing of what is looked at.
 */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "member.h"

static const char *const names[] = {"ok", "warn", "fail"};

bool findings_init(struct findings *findings)
{
	*findings = (struct findings){.list = json_array()};
	return findings->list != NULL;
}

void findings_done(struct findings *findings)
{
	json_decref(findings->list);
	findings->list = NULL;
}

void finding(struct findings *findings, enum finding_level level,
	const char *check, const char *cure, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut is fine */
	va_end(args);
	if (level > findings->worst)
		findings->worst = level;
	(void)json_array_append_new(
		findings->list, json_pack("{s:s, s:s, s:s, s:s}", "level",
					names[level], "check", check, "text",
					text, "do", cure != NULL ? cure : ""));
}

void findings_print(const struct findings *findings, bool json)
{
	json_t *one;
	size_t i;

	if (json) {
		json_t *all = json_pack("{s:b, s:s, s:O}", "ok",
			findings->worst == FINDING_OK, "worst",
			names[findings->worst], "findings", findings->list);

		(void)json_dumpf(all, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(all);
		return;
	}
	json_array_foreach(findings->list, i, one)
	{
		(void)printf("%-4s  %s: %s\n", member_text(one, "level"),
			member_text(one, "check"), member_text(one, "text"));
		if (member_text(one, "do")[0] != '\0')
			(void)printf("      -> %s\n", member_text(one, "do"));
	}
}
