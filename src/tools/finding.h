/* What doctor finds: each ok, warn or fail, one sentence, and what to type. */
#ifndef TOOLS_FINDING_H
#define TOOLS_FINDING_H

#include <jansson.h>
#include <stdbool.h>

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct findings {
	json_t *list; /* array of level, check, text, do */
	enum finding_level worst;
};

bool findings_init(struct findings *findings);
void findings_done(struct findings *findings);
/* cure: what to type or set, NULL for none. The text is cut at 500 octets. */
void finding(struct findings *findings, enum finding_level level,
	const char *check, const char *cure, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void findings_print(const struct findings *findings, bool json);

#endif
