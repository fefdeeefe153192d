/* Where a source is, by the databases that the operator has. */
#ifndef KEEPER_GEO_H
#define KEEPER_GEO_H

#include <jansson.h>

#include "../geo/geo_file.h"
#include "hub.h"

struct geo;

struct geo *geo_new(void); /* NULL: no memory */
void geo_done(struct geo **geo);

/* What the supervisor says: fd of a copy, taken over; -1: there is none, since
 * none is wanted or since it cannot be read (trouble). */
void geo_take(struct hub *hub, uint32_t kind, int fd, bool trouble);
/* Fills what is known; looks nothing up while the rules are off. */
struct geo_place geo_find(struct hub *hub, const struct addr *addr);
json_t *geo_object(const struct hub *hub); /* for `status` */

#endif
