/* For tests of the configuration: texts in, messages out. */
#ifndef UNIT_CONF_TEXT_H
#define UNIT_CONF_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/conf/conf.h"

/* What makes a whole file of a text that has no listener of its own; on one
 * line, which goes behind the text. */
#define CONF_REST                                                              \
	"listener rest { bind = 127.0.0.1:9 backend = rest } "                 \
	"backend rest { servers = \"127.0.0.1:10\" }\n"

/* A good text; warnings are fine. Caller frees. */
static inline struct conf *conf_must(const char *text)
{
	struct conf_errors errors;
	struct conf *conf = conf_parse(text, "x", &errors);

	if (!conf)
		fail_msg("%s", errors.text);
	assert_int_equal(errors.error_count, 0);
	conf_errors_done(&errors);
	return conf;
}

/* The messages of a text, exactly; "" for none. */
static inline void conf_says(const char *text, const char *want)
{
	struct conf_errors errors;
	struct conf *conf = conf_parse(text, "x", &errors);
	const char *got = errors.text ? errors.text : "";

	if (strcmp(got, want) != 0)
		fail_msg("of\n%s\nwanted\n%sgot\n%s", text, want, got);
	assert_int_equal(errors.n, strlen(want));
	assert_int_equal(!conf, errors.error_count > 0);
	conf_free(&conf);
	conf_errors_done(&errors);
}

struct conf_case {
	const char *text, *says;
};

/* says: without the rest's; each text is completed by CONF_REST. */
static inline void conf_all_say(const struct conf_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text = NULL;

		assert_true(asprintf(&text, "%s\n%s", cases[i].text,
				    CONF_REST) >= 0);
		conf_says(text, cases[i].says);
		free(text);
	}
}

#endif
