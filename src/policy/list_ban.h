/* Bans by lists of others. */
#ifndef POLICY_LIST_BAN_H
#define POLICY_LIST_BAN_H

#include "core.h"

/* Of all bans that there may be, lists fill so many quarters: the rest is for
 * those who guess here. */
enum { LIST_BAN_QUARTERS = 3 };
/* A ban is given so much more than its span, so that disk, kernel and workers
 * need not hear of each time that it is named. */
enum { LIST_BAN_SPARE = 8 };

#endif
