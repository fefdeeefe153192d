/*
 * How it went: a row each minute for a day, a row each hour for a month.
 */
#ifndef KEEPER_TREND_H
#define KEEPER_TREND_H

#include <jansson.h>

#include "hub.h"
#include "store.h"

enum { TREND_MINUTES = 24 * 60, TREND_HOURS = 31 * 24 };

struct trend;

struct trend *trend_new(void); /* NULL: no memory */
void trend_free(struct trend **trend);
/* Of the store, oldest first of each step. One that is yet to come is left: a
 * clock was wrong. */
void trend_restore(struct hub *hub, const struct store_point *point);
/* Gives the store the points that are not over yet. */
void trend_flush(struct hub *hub);
/* At the end of a loop turn: adds what is due. */
void trend_tick(struct hub *hub);
/*
 * {"ok","step_s","names","rows":[[at, value of each name…]…]}, oldest first.
 * Caller decrefs.
 */
json_t *trend_object(struct hub *hub, bool hours);

#endif
