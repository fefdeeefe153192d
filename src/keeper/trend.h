/*
 * How it went: a row each minute for a day, a row each hour for a month.
 */
#ifndef KEEPER_TREND_H
#define KEEPER_TREND_H

#include <jansson.h>

#include "hub.h"

enum { TREND_MINUTES = 24 * 60, TREND_HOURS = 31 * 24 };

struct trend;

struct trend *trend_new(void); /* NULL: no memory */
void trend_free(struct trend **trend);
/* At the end of a loop turn: adds what is due. */
void trend_tick(struct hub *hub);
/*
 * {"ok","step_s","names","rows":[[at, value of each name…]…]}, oldest first.
 * Caller decrefs.
 */
json_t *trend_object(struct hub *hub, bool hours);

#endif
