/* The answer to `status`. */
#ifndef KEEPER_STATUS_H
#define KEEPER_STATUS_H

#include <jansson.h>

#include "hub.h"

json_t *status_object(struct hub *hub); /* caller decrefs */

#endif
