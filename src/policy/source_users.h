/* source-users: too many different users fail from one source. */
#ifndef POLICY_SOURCE_USERS_H
#define POLICY_SOURCE_USERS_H

#include <stdbool.h>

#include "core.h"

/* A failure of this source was counted. true: it is banned for its users. */
bool source_users_failed(
	struct policy *policy, mono_ms_t now, const struct source *source);

#endif
