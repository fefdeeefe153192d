/* "Did you mean …?": the nearest of some names. */
#ifndef CONF_NEAR_H
#define CONF_NEAR_H

#include <stddef.h>

struct near {
	const char *word; /* what was written */
	const char *best; /* NULL: nothing is near enough; borrowed */
	size_t distance;
};

struct near near_begin(const char *word);
/* Offers one name; the first of equally near ones stays. */
void near_offer(struct near *near, const char *name);

#endif
