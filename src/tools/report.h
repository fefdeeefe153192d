/*
 * posternctl report: the attack brief of the last day, for eyes, for scripts,
 * and as a letter.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "../base/units.h"
#include "../conf/conf.h"

/* argv[0] is "report". Returns the exit code. */
int report_main(int argc, char **argv);

/*
 * {"host", "since", "until", "sections": [{"name", "title", "text", "advice",
 * "columns": [{"key", "head"}], "rows": [{key: value}]}]} of the store at
 * `path`, which a running postern may write to meanwhile; of each section at
 * most `top` rows. NULL: `error` says why. Caller decrefs.
 */
json_t *report_gather(const char *path, const struct conf *conf, wall_s_t since,
	wall_s_t until, unsigned top, char *error, size_t error_room);

/* Sections without rows are one line together. */
void report_print_text(const json_t *report, FILE *out);
/* A page of its own without anything from elsewhere; values are escaped. */
void report_print_html(const json_t *report, FILE *out);

/*
 * Sends it through the site's server, to `to` or, when that is NULL, to all
 * that report.mail names. false: `error` says why and what to do.
 */
bool report_mail(const json_t *report, const struct conf *conf, const char *to,
	char *error, size_t error_room);

#endif
