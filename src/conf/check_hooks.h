/*
 * Do the hooks make sense?
 */
#ifndef CONF_CHECK_HOOKS_H
#define CONF_CHECK_HOOKS_H

#include <stdbool.h>

struct checker;

enum { HOOK_URL_LONGEST = 1024 }; /* with NUL */

/* Says what is wrong with them to c's problems. */
void check_hooks(struct checker *c);
/*
 * What is wrong with the URL of a hook; NULL: nothing. cleartext: http:// may
 * lead anywhere. The words do not have the URL in them, which may be a secret.
 * Also for one that comes out of a file.
 */
const char *check_hook_url(const char *url, bool cleartext);

#endif
