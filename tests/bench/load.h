/*
 * The load generator's parts: what was asked for, what happened, and one
 * session as a client sees it. One thread, so all of it is plain data.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

/* In the order of a session; also the names in the report. */
enum load_step {
	STEP_CONNECT,
	STEP_GREET,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_HANDSHAKE,
	STEP_EHLO_AGAIN,
	STEP_AUTH,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_BODY,
	STEP_QUIT,
	STEP_SESSION, /* the whole of it; only in the report */
	STEP_COUNT,
};

enum load_tls { LOAD_TLS_NONE, LOAD_TLS_STARTTLS, LOAD_TLS_IMPLICIT };
enum load_auth { LOAD_AUTH_NONE, LOAD_AUTH_GOOD, LOAD_AUTH_BAD };

enum load_error {
	LOAD_OK = -1,
	LOAD_BAD_REPLY,
	LOAD_EOF,
	LOAD_RESET,
	LOAD_REFUSED,
	LOAD_TIMEOUT,
	LOAD_TLS_FAILED,
	LOAD_OTHER,
	LOAD_ERROR_COUNT,
};

enum { LOAD_CODES = 600 };

struct load_options {
	long total_count;     /* sessions in all */
	int concurrent_count; /* open at once */
	int message_count;    /* a session; 0: none */
	int try_count;	      /* AUTH tries a session, with a bad password */
	size_t size_bytes;    /* of a message */
	enum load_tls tls;
	enum load_auth auth;
	bool pipelining, chunking, noop, resume, tls12, hold_at_greeting;
	double rate;   /* sessions a second, open loop; 0: closed */
	double hold_s; /* open them all and keep them; < 0: no */
	double session_longest_s, run_longest_s;
	struct sockaddr_in server;
	uint32_t source_base; /* first source address; 0: the system's choice */
	int source_count;
	const char *login; /* USER:PASSWORD */
};

struct load_counts {
	long started, done, ok, active, active_most, late;
	long held, held_lost, resumed, messages;
	long errors[LOAD_ERROR_COUNT];
	long codes[STEP_COUNT][LOAD_CODES];
};

struct load_session {
	int fd;
	enum load_step step;
	int messages, tries;
	bool held, connected;
	SSL *ssl;
	double began_s, step_began_s;
	size_t out_n, out_off, body_n, body_off, in_n;
	char out[384], in[768];
	struct load_session *prev, *next;
};

extern struct load_options load_options;
extern struct load_counts load_counts;
extern struct load_session *load_sessions; /* all open ones */

double load_now_s(void);
void load_die(const char *what) __attribute__((noreturn));

/* load_text.c: what is sent. */
extern char load_auth_line[256];
extern char *load_body;
extern size_t load_body_n; /* with CRLF.CRLF; "QUIT\r\n" follows */
extern char load_bdat_line[40];
void load_text_init(void);

/* load_tls.c */
void load_tls_init(void);
SSL *load_tls_new(int fd);
/* Keeps a TLS 1.2 session and frees; ended_well: for the next to resume. */
void load_tls_free(SSL *ssl, bool ended_well);

/* load_session.c; both may end a session, which frees it. */
void load_session_start(int epoll_fd);
void load_session_event(struct load_session *session, uint32_t events);
void load_session_finish(struct load_session *session, enum load_error error);

/* load_report.c */
void load_sample(enum load_step step, double seconds);
void load_report(double wall_s); /* one line of JSON */

#endif
