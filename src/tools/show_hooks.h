/* What the daemon says of webhooks and programs, for eyes. */
#ifndef TOOLS_SHOW_HOOKS_H
#define TOOLS_SHOW_HOOKS_H

#include <jansson.h>

/* "hooks" of the status: a table; nothing where there is none. */
void show_hooks(const json_t *hooks);
/* The answer to hook.test. */
void show_hook_test(const json_t *answer);

#endif
