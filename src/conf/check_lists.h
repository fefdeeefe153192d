/*
 * Do the blocks dns_list and dns_lists make sense?
 */
#ifndef CONF_CHECK_LISTS_H
#define CONF_CHECK_LISTS_H

struct checker;

/* Says what is wrong with them to c's problems. */
void check_dns_lists(struct checker *c);
/* Likewise of the blocks `list`. */
void check_address_lists(struct checker *c);

#endif
