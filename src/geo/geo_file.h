/*
 * One database of places in the MaxMind DB format: what country or which
 * autonomous system an address belongs to.
 *
 * The supervisor copies the operator's file and tries it; the keeper, which
 * cannot open paths, gets the copy. Both read it by this.
 */
#ifndef GEO_GEO_FILE_H
#define GEO_GEO_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/addr.h"

enum { GEO_ERROR_LONGEST = 256 };

struct geo_file;

struct geo_place {
	uint16_t country; /* two letters, 'D' << 8 | 'E'; 0: unknown */
	uint32_t asn;	  /* 0: unknown */
};

/* Is this a build with libmaxminddb? */
bool geo_built(void);

/*
 * A file copied into memory that nobody can change any more, so that one who
 * cuts or overwrites the file does not matter. -1: error says why.
 */
int geo_copy(const char *path, char error[GEO_ERROR_LONGEST]);

/* fd: of such a copy; it is not needed afterwards. NULL: error says why. */
struct geo_file *geo_open(int fd, char error[GEO_ERROR_LONGEST]);
void geo_free(struct geo_file **file);

/*
 * Puts what the database knows into ret_place and leaves the rest of it alone.
 * false: the database is damaged there.
 */
bool geo_look(const struct geo_file *file, const struct addr *addr,
	struct geo_place *ret_place);

#endif
