/* What a replay found, for eyes and for scripts. */
#ifndef TOOLS_REPLAY_SHOW_H
#define TOOLS_REPLAY_SHOW_H

#include "course.h"
#include "logfile.h"

enum { REPLAY_SIDES = 2 };

struct replay_side {
	const char *name;
	struct course *course;
};

struct replay_result {
	struct replay_side sides[REPLAY_SIDES];
	unsigned side_count;
	struct logfile_counts log;
	uint64_t others_bans; /* that the log itself tells of */
	bool own; /* a journal by its own configurations, compared */
};

void replay_print_text(const struct replay_result *result);
void replay_print_json(const struct replay_result *result);

#endif
