/*
 * What the process of the hooks is given: what stands in the files of hooks,
 * read before it gives its rights up.
 */
#ifndef SUPERVISOR_GOALS_H
#define SUPERVISOR_GOALS_H

#include <stdbool.h>

#include "../conf/conf.h"
#include "../hook/hook.h"

enum { GOALS_ERROR_LONGEST = 700 };

/* Is there a hook at all? */
bool goals_wanted(const struct conf *conf);
/* Does one run a program? */
bool goals_run(const struct conf *conf);
/* Reads URLs and secrets. false: `error` says what is wrong with which file.
 * Wipe them when they are no longer needed. */
bool goals_read(const struct conf *conf, struct hook_aim ret_aims[HOOKS_MOST],
	char error[GOALS_ERROR_LONGEST]) __attribute__((warn_unused_result));

#endif
