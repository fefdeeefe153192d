/* The answer to `config`: the configuration in force, each option by name. */
#ifndef KEEPER_SETTINGS_H
#define KEEPER_SETTINGS_H

#include <jansson.h>

#include "../conf/conf.h"

/* NULL without memory. */
json_t *settings_object(const struct conf *conf);

#endif
