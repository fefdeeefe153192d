/*
 * posternctl patterns check: a file of patterns is tried before it is used.
 */
#include "patterns_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../logs/samples.h"

int patterns_check_run(const char *path)
{
	const char *name = path[0] ? path : "built in";
	char error[PATTERNS_ERROR_LONGEST];
	char *text = patterns_file(path);
	struct patterns *patterns;
	unsigned wrong, tried;

	if (!text) {
		(void)fprintf(
			stderr, "posternctl: %s: %s\n", name, strerror(errno));
		return 1;
	}
	patterns = patterns_parse(text, name, true, error);
	free(text);
	if (!patterns) {
		(void)fprintf(stderr, "%s\n", error);
		return 1;
	}
	wrong = samples_check(patterns, name, stderr, &tried);
	(void)printf("%s: %zu patterns, %zu samples, %u records tried, %u "
		     "wrong\n",
		name, patterns_count(patterns), patterns_sample_count(patterns),
		tried, wrong);
	patterns_free(&patterns);
	return wrong > 0;
}
