/* A name that the schema does not know. */
#ifndef CONF_UNKNOWN_H
#define CONF_UNKNOWN_H

#include "problem.h"
#include "schema.h"
#include "source.h"

/* section: in which it stands. shape: what follows the name. */
void unknown_say(struct problems *problems, struct place place,
	const struct schema_section *section, const char *name,
	enum source_shape shape);

#endif
