/*
 * Do the blocks admin and feed make sense?
 */
#ifndef CONF_CHECK_HTTP_H
#define CONF_CHECK_HTTP_H

struct checker;

/* Says what is wrong with them to c's problems. */
void check_http(struct checker *c);

#endif
