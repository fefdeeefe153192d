/*
 * The last good copy of a list, for the next start: one that finds no network,
 * or a server that says "as it was".
 */
#ifndef FETCH_COPY_H
#define FETCH_COPY_H

#include "supply.h"

/* From the folder, if there is one of this list from this place that has not
 * expired; supply->good_at says whether. */
void copy_read(int folder, struct supply *supply,
	const struct list_rules *rules, wall_s_t now);
/* Replaces it. false: errno. */
bool copy_write(int folder, const struct supply *supply)
	__attribute__((warn_unused_result));
/* Removes those of lists that are no more. */
void copy_tidy(int folder, const struct conf *conf);

#endif
