/*
 * An event in the words that webhooks and programs get.
 *
 * Pure: text out of a struct. Nothing in it is a stranger's octet as it came.
 */
#ifndef HOOK_NOTICE_H
#define HOOK_NOTICE_H

#include <stddef.h>

#include "../ipc/message.h"

enum {
	NOTICE_VARIABLES_MOST = 16,
	NOTICE_VARIABLE_LONGEST = 320,
	NOTICE_TIME_LONGEST = 32,
};

/* Who says it. */
struct notice_sender {
	const char *node; /* the name of this host */
	const char *hook; /* of the configuration */
};

const char *notice_name(unsigned event); /* enum hook_event; "ban" … */
/* One JSON object, ASCII, no newline. Caller frees; NULL: no memory. */
char *notice_json(
	const struct message_hook *what, const struct notice_sender *from);
/* The sentence of it that people read: no user name is in it. */
void notice_text(const struct message_hook *what, const char *node, char *out,
	size_t room);

/* For a program: NAME=VALUE each, and a NULL behind the last. */
struct notice_variables {
	char text[NOTICE_VARIABLES_MOST][NOTICE_VARIABLE_LONGEST];
	char *all[NOTICE_VARIABLES_MOST + 1];
};

/* out->all points into out. */
void notice_variables(const struct message_hook *what,
	const struct notice_sender *from, struct notice_variables *out);

#endif
