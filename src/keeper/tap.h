/*
 * The log as it is written, by all processes, for those who follow it.
 *
 * The supervisor alone sees all lines; while somebody follows it copies them
 * to here by a socket of their own, and loses what finds no room.
 */
#ifndef KEEPER_TAP_H
#define KEEPER_TAP_H

#include <stdbool.h>

#include "hub.h"

struct tap;

struct tap *tap_new(void);
void tap_free(struct tap **tap);
/* Asks for the lines, unless they come already. false: there is nobody to ask.
 * They begin with control_log_opened(), each comes to control_log_line(). */
bool tap_want(struct hub *hub);
bool tap_is_open(const struct hub *hub);
/* The supervisor's answer; fd: taken over, -1: none. */
void tap_take(struct hub *hub, int fd);
/* Nobody follows any more. */
void tap_close(struct hub *hub);

#endif
