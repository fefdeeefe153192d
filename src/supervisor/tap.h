/* A copy of all log lines for the keeper, while somebody follows them. */
#ifndef SUPERVISOR_TAP_H
#define SUPERVISOR_TAP_H

struct supervisor;

/* The keeper wants it: MESSAGE_TAP takes the reading end to it. */
void tap_answer(struct supervisor *s);

#endif
