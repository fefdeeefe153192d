/* Does the configuration make sense? Files and names are not looked up. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf.h"
#include "draft.h"
#include "problem.h"

void conf_check(const struct conf *conf, const struct draft *draft,
	struct problems *problems);

#endif
