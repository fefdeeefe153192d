/* The answers of the daemon, for eyes. */
#ifndef TOOLS_SHOW_H
#define TOOLS_SHOW_H

#include <jansson.h>

typedef void show_answer(const json_t *answer);

show_answer show_status, show_days, show_bans, show_ban_added, show_lifted,
	show_allow, show_allow_added, show_done, show_backends, show_drained,
	show_undrained, show_forgotten, show_explain, show_reload,
	show_sessions;

#endif
