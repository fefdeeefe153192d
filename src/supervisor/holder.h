/* Which program listens on a port of this host, for `postern check`. */
#ifndef SUPERVISOR_HOLDER_H
#define SUPERVISOR_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../conf/conf.h"

enum { HOLDER_NAME_LONGEST = 32 };

struct holder {
	char name[HOLDER_NAME_LONGEST]; /* "": it may not be seen by who asks */
	long pid;			/* 0: likewise */
	bool is_postern;		/* by its program */
};

/* false: nobody is seen to listen there. */
bool holder_find(
	const struct addr *addr, uint16_t port, struct holder *ret_holder);
/*
 * Writes a warning for each address to listen on that a program has which is
 * no postern. Binds for a moment and serves nobody.
 */
void holder_warn(const struct conf *conf, const char *path, FILE *out);

#endif
