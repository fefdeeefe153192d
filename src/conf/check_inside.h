/*
 * What the files of check.c share.
 */
#ifndef CONF_CHECK_INSIDE_H
#define CONF_CHECK_INSIDE_H

#include "../base/addr.h"
#include "check.h"
#include "draft.h"

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
/* An error at the option's line; NULL: the block's. */
void check_say(const struct checker *c, const char *option, const char *text);
void check_warn(const struct checker *c, const char *option, const char *text);
void check_unknown_name(const struct checker *c, const char *option,
	enum schema_section_id id, const char *title);
bool check_bind_parse(const char *text, struct endpoint *ret_endpoint);
bool check_name_sound(const char *name, size_t n);

/* check_http.c: the blocks admin and feed */
void check_http(struct checker *c);
/* check_lists.c: the blocks dns_list and dns_lists */
void check_dns_lists(struct checker *c);

#endif
