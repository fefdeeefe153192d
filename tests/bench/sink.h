/*
 * The sink's parts: an SMTP server that answers as Domino would and throws
 * the mail away. One thread; one output buffer for the session at hand.
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <openssl/ssl.h>

enum sink_state {
	SINK_COMMAND,
	SINK_LOGIN_USER,
	SINK_LOGIN_PASSWORD,
	SINK_PLAIN_ANSWER,
	SINK_MESSAGE,
	SINK_CHUNK, /* of BDAT */
};

/* Where in a message's line the next octet stands. */
enum sink_place { PLACE_BEGIN, PLACE_DOT, PLACE_DOT_CR, PLACE_MIDDLE };

struct sink_session {
	int fd;
	enum sink_state state;
	enum sink_place place;
	bool listener;	   /* not a session: a socket to accept from */
	bool proxy_header; /* a PROXY header comes first */
	bool implicit_tls;
	bool start_tls; /* the handshake follows the reply */
	bool closing;
	bool user_known;
	bool chunk_last;
	unsigned long long chunk_left;
	SSL *ssl;
	size_t line_n;
	char line[520];
};

struct sink_counts {
	unsigned long sessions, messages, auth_ok, auth_bad;
	unsigned long handshakes, resumed;
	unsigned long long bytes;
};

extern struct sink_counts sink_counts;
extern SSL_CTX *sink_tls; /* NULL: no STARTTLS */

void sink_die(const char *what) __attribute__((noreturn));

/* sink_reply.c */
void sink_login_init(const char *login); /* USER:PASSWORD */
void sink_greet(void);
void sink_say(const char *text);
void sink_command(struct sink_session *session, char *line, size_t n);
void sink_chunk_ends(struct sink_session *session);
void sink_forget(void);			       /* what was said so far */
bool sink_flush(struct sink_session *session); /* false: drop it */

/* sink_session.c; both may end the session, which frees it. */
void sink_session_begin(struct sink_session *session);
void sink_session_event(struct sink_session *session);
void sink_session_drop(struct sink_session *session);

#endif
