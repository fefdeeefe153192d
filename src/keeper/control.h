/*
 * The control socket: one JSON object a line in, one a line out.
 *
 * Protocol and limits: docs/control.md.
 */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include "../../proto/slice.h"
#include "../ipc/message.h"
#include "hub.h"

enum {
	CONTROL_LINE_LONGEST = 4096, /* a request with its newline */
	CONTROL_CLIENTS_MOST = 32,
	CONTROL_IDLE_S = 30,
	CONTROL_FOLLOWERS_MOST = 8, /* of the log */
	CONTROL_RELOAD_S = 120,	    /* a client waits for a reload this long */
};

struct control;

/*
 * fd: listening, taken over; -1: opened here at conf->global.control and
 * removed by control_free(). NULL: it cannot be opened (logged).
 */
struct control *control_new(struct hub *hub, int fd);
void control_free(struct control **control);
/*
 * The line of dash, taken over: a client that may not order all (commands.h),
 * that may be silent, and that does not count. The one before it goes.
 */
void control_adopt(struct hub *hub, int fd);
/* The supervisor's answer, for all clients that wait for one. */
void control_reload_done(struct hub *hub, const struct message_text *text);
/* Likewise, of an upgrade; kept for who asks later. */
void control_upgrade_done(struct hub *hub, const struct message_text *text);
uint64_t control_refused_count(const struct control *control);
/* At the end of a loop turn: buries the clients that are gone. */
void control_flush(struct hub *hub);

unsigned control_follower_count(const struct control *control);
/* Followers that did not read what came. */
uint64_t control_dropped_count(const struct control *control);
/* Lines of the log come now; one has come; none will. */
void control_log_opened(struct hub *hub);
void control_log_line(struct hub *hub, struct slice line);
void control_log_over(struct hub *hub);

#endif
