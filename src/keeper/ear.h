/*
 * The second ear: follows the server's log, which the supervisor opened.
 */
#ifndef KEEPER_EAR_H
#define KEEPER_EAR_H

#include <jansson.h>

#include "hub.h"

struct ear;

struct ear *ear_new(struct hub *hub); /* NULL: no memory */
void ear_free(struct ear **ear);

/* As the supervisor says (ipc/message.h, enum ear_word). */
void ear_off(struct hub *hub);
void ear_trouble(struct hub *hub, int error);
void ear_patterns(struct hub *hub, const char *text);
void ear_file(struct hub *hub, int fd); /* takes it over */

/* For `status`. */
json_t *ear_object(const struct hub *hub);

#endif
