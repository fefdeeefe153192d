/* Members of the daemon's answers, whose absence is an empty one. */
#ifndef TOOLS_MEMBER_H
#define TOOLS_MEMBER_H

#include <jansson.h>
#include <stdint.h>

/* "" when it is none or no text. Borrowed. */
static inline const char *member_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* 0 when it is none or no number. */
static inline int64_t member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

#endif
