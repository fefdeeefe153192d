/* One SMTP dialogue at a time, blocking, as a stranger would hold it. */
#ifndef TOOLS_SMTP_PROBE_H
#define TOOLS_SMTP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../tls/connection.h"
#include "../base/addr.h"

enum { SMTP_PROBE_TEXT = 2048, SMTP_PROBE_LINE = 1024, SMTP_PROBE_WAIT_S = 3 };

struct smtp_probe {
	int fd;			    /* -1: none */
	struct tls_connection *tls; /* NULL: in clear */
	int error; /* errno of the connection; ETIMEDOUT: no answer */
	int code;  /* of the last reply; 0: none came */
	char text[SMTP_PROBE_TEXT]; /* that reply, all lines */
};

/*
 * Connects; as: with that address, which need not be ours (CAP_NET_RAW), or
 * NULL. false: error.
 */
bool smtp_probe_open(struct smtp_probe *probe, const struct addr *server,
	uint16_t port, const struct addr *as);
/* Octets in front of the dialogue; what goes wrong the next call finds. */
void smtp_probe_send(struct smtp_probe *probe, const void *octets, size_t n);
/* Sends the line (NULL: nothing) and reads a whole reply: its code. */
int smtp_probe_say(struct smtp_probe *probe, const char *line);
/* From here on inside TLS. false: there is none; *ret_why is borrowed until
 * smtp_probe_close. */
bool smtp_probe_tls(struct smtp_probe *probe, struct tls_context *context,
	const char **ret_why);
void smtp_probe_close(struct smtp_probe *probe);

#endif
