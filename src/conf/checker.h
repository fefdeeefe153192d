/*
 * A walk over the blocks of a configuration, and the words that the checks of
 * all kinds of block have in common.
 */
#ifndef CONF_CHECKER_H
#define CONF_CHECKER_H

#include "../base/addr.h"
#include "conf.h"
#include "draft.h"
#include "problem.h"

struct checker {
	const struct conf *conf;
	const struct draft *draft;
	struct problems *problems;
	const struct draft_block *block; /* that is being checked */
	char name[160]; /* of it, as messages begin: "listener mx: " */
};

struct endpoint {
	struct addr addr;
	uint16_t port;
};

/* Goes to a block. False: it is damaged. */
bool checker_turn(struct checker *c, enum schema_section_id id, size_t index);
/* An error at the option's line; option NULL: the block's. */
void check_say(const struct checker *c, const char *option, const char *format,
	...) __attribute__((format(printf, 3, 4)));
void check_warn(const struct checker *c, const char *option, const char *format,
	...) __attribute__((format(printf, 3, 4)));
/* An error: no block of this section has that title; with the nearest one. */
void check_unknown_name(const struct checker *c, const char *option,
	enum schema_section_id id, const char *title);
/* ADDRESS:PORT, the port not 0. False: it is none. */
bool check_bind_parse(const char *text, struct endpoint *ret_endpoint);
/* Could the first n octets of a text be the name of a host? */
bool check_name_sound(const char *name, size_t n);

#endif
