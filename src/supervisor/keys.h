/*
 * Who can read the private keys besides the supervisor (SEC-04).
 */
#ifndef SUPERVISOR_KEYS_H
#define SUPERVISOR_KEYS_H

#include "../conf/conf.h"

typedef void keys_say_cb(void *arg, const char *text);

/*
 * One call of say for each key file that everybody or the workers' user can
 * read: which, and what to type. A key that is not there is not its matter.
 */
void keys_look(const struct conf *conf, keys_say_cb *say, void *arg);

#endif
