/*
 * One client's session: two legs, the dialogue between them, its clock.
 *
 * Inside src/worker only. The life of a session, in the order of its calls:
 *
 *	session_begin -> [CLIENT_TLS] -> [DELAY] -> CONNECT -> [SERVER_TLS]
 *	   -> DIALOG (relay.c) <-> [STARTTLS -> CLIENT_TLS] -> FLUSH -> DEAD
 *	      -> [PASSTHROUGH] -> FLUSH -> DEAD
 *
 * and with tls = passthrough HELLO -> CONNECT -> PASSTHROUGH -> FLUSH -> DEAD.
 *
 * It dies in two steps: session_kill disarms, closes and unlinks now;
 * the memory goes back at the end of the loop turn (worker_reap). A call that
 * may end there is marked MAY_CLOSE: the pointer is not used after it unless
 * the phase was looked at.
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include <assert.h>
#include <sys/queue.h>

#include "../../proto/dialog.h"
#include "../../proto/proxy_header.h"
#include "../base/addr.h"
#include "../base/units.h"
#include "../ipc/message.h"
#include "stream.h"
#include "worker.h"

#define MAY_CLOSE /* may end in session_kill */

enum session_phase {
#define PHASE(id, name, text) PHASE_##id,
#include "phases.def"
#undef PHASE
	PHASE_COUNT,
};

/* What a session waits for: decides its deadline (session_clock.c). */
enum session_wait {
	WAIT_NOTHING,
	WAIT_HANDSHAKE,
	WAIT_DELAY,
	WAIT_CONNECT,
	WAIT_GREETING,
	WAIT_REPLY,
	WAIT_MESSAGE_REPLY,
	WAIT_COMMAND,
	WAIT_PAYLOAD,
	WAIT_CLIENT_WRITE,
	WAIT_SERVER_WRITE,
	WAIT_VERDICT,
	WAIT_HOLD,
	WAIT_DELIVER,
	WAIT_ANSWER,
	WAIT_PASSED_CLIENT, /* in TLS that is passed through: its word */
	WAIT_PASSED_SERVER,
	WAIT_FLUSH,
};

enum { SESSION_MAGIC = 0x53455353, HELO_KEPT = 40 };

struct worker;

struct session {
	uint32_t magic;
	uint8_t phase;	      /* enum session_phase */
	uint8_t wait;	      /* enum session_wait */
	uint8_t server_place; /* of the server, in its pool */
	bool feeding : 1, progress : 1, end_wanted : 1, attempt_open : 1,
		asked_keeper : 1, settling : 1, auth_ok : 1, client_blocked : 1,
		server_blocked : 1, half_closed : 1, ask_linked : 1,
		held_linked : 1, server_broken : 1, server_moved : 1,
		target_known : 1,
		server_held : 1,    /* it counts among the server's sessions */
		server_awaited : 1, /* it has not greeted */
		server_trial : 1,   /* others wait for how this ends */
		answer_due : 1,	    /* a 535 of our own, when it is time */
		settled_ok : 1,	    /* settling a 235 */
		client_spoke : 1,   /* before it was greeted */
		server_closed : 1,  /* without a banner, and the next is due */
		server_rude : 1,    /* its banner is none, and likewise */
		client_shut : 1,    /* in PASSTHROUGH: its FIN is out */
		server_shut : 1,
		bulk : 1; /* in PASSTHROUGH: the client sends much at once */
	struct worker *worker;
	const struct worker_listener *listener;
	struct stream client, server;
	struct event timer;
	mono_ms_t armed_ms;    /* when the timer fires; MONO_NEVER: not armed */
	mono_ms_t deadline_ms; /* when it should */
	mono_ms_t begun_ms, longest_ms;
	mono_ms_t held_since_ms; /* of an attempt on hold */
	uint64_t id;
	uint64_t attempt; /* asked about or in flight; 0: none */
	uint64_t secret_tag;
	struct addr addr;
	struct addr target; /* what the client meant to reach, once known */
	uint16_t port, target_port;
	uint8_t close_reason; /* first one wins */
	uint8_t mech;
	struct dialog dialog;
	uint8_t *user; /* of the last AUTH, user_n octets; or NULL */
	uint8_t user_n, end_reply, end_reason;
	struct buffer *held;	/* a final AUTH reply that may not go out yet */
	uint64_t servers_tried; /* a bit for each place */
	mono_ms_t servers_since_ms; /* when the first was */
	uint64_t client_bytes, server_bytes;
	uint64_t taken_bytes; /* of the client, decided on */
	uint64_t paid_bytes;  /* of these, turned into time already */
	uint32_t mail_count, rcpt_count, message_count, auth_failed_count;
	uint32_t delayed_ms, lingered_bytes;
	uint16_t settle_code;
	char helo[HELO_KEPT];
	const char *tls_version; /* with the client; static, NULL: none */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) held_all; /* logins on hold, the oldest first */
	struct session *ask_next;      /* chain of the table of attempts */
};

static_assert(sizeof(struct session) <= 1024, "design: at most 1 KiB");

TAILQ_HEAD(session_list, session);

/* Who stands at the door, by the socket or by a listed balancer's word. */
struct caller {
	struct addr addr, target;
	uint16_t port, target_port;
	bool target_known; /* else it is the socket's own end */
};

/* Who is met as banned: turn_away(). */
struct turned_away {
	const struct worker_listener *listener;
	struct addr addr;
	uint16_t port;
	bool silent; /* nothing can be said inside its TLS */
	enum reply_id reply;
	uint64_t id;
};

/* session.c: the life */
/* Takes fd over. MAY_CLOSE */
void session_begin(struct worker *worker,
	const struct worker_listener *listener, int fd,
	const struct caller *caller);
bool prefixes_hold(
	const struct conf_prefixes *prefixes, const struct addr *addr);
void session_move(struct session *session, enum session_phase phase);
const char *session_phase_name(const struct session *session);
/* Says `reply` (REPLY_NONE: nothing), then ends. MAY_CLOSE */
void session_end(
	struct session *session, enum reply_id reply, enum close_reason reason);
/* Ends at once. */
void session_kill(struct session *session, enum close_reason reason);
/* A ban has come or postern stops: 421 as soon as D-10 lets it. MAY_CLOSE */
void session_end_soon(
	struct session *session, enum reply_id reply, enum close_reason reason);
/* The server leg is up: the dialogue begins. MAY_CLOSE */
void session_dialog(struct session *session);
/* The dialogue asked for a handshake: begins it. MAY_CLOSE */
void session_next_phase(struct session *session);
void session_starttls(struct session *session); /* MAY_CLOSE */
void session_server_event(evutil_socket_t fd, short what, void *arg);
bool session_reply(struct session *session, enum reply_id reply);
/* Keeps the user name of the AUTH under way; n 0: none. */
void session_user(struct session *session, struct slice user);
/* The Received field for a message of this session; borrowed until the next
 * call. */
struct slice received_compose(const struct session *session);
void session_log_end(struct session *session);
void session_log_id(const struct session *session); /* a field of a line */

/* relay.c: carries out what the dialogue decides. MAY_CLOSE */
void relay_client(struct session *session); /* the client is readable */
void relay_server(struct session *session); /* the server is readable */
void relay_pump(struct session *session);   /* what is due, both sides */
void relay_resume(struct session *session); /* pump, unless it runs now */
void relay_events(struct session *session); /* arms what is wanted */
/* Octets to the client, now or queued; never closes the session. */
void session_put_client(struct session *session, struct slice span);
/* A leg is writable: its queue goes on. Never closes the session. */
void relay_flushed(struct session *session, enum dialog_side side);
void relay_server_lost(struct session *session); /* by timeout */

/* The events to arm while the client's turn has not come: only its end is of
 * interest. */
short session_watches_end(const struct session *session);

/* passthrough.c: TLS of the client with the server itself. MAY_CLOSE */
void passthrough_hello(struct session *session); /* before there is a server */
void passthrough_connected(struct session *session);
void passthrough_begin(struct session *session);
void passthrough_event(
	struct session *session, enum dialog_side side, short what);
/* Whose turn it is; never closes the session. */
enum session_wait passthrough_wait(const struct session *session);
/* Are its octets TLS's, so that nothing can be said to the client? */
bool passthrough_mute(const struct session *session);
bool passthrough_may_close(const struct session *session);

/* connect.c. MAY_CLOSE */
void connect_server(struct session *session);
void connect_failed(struct session *session, const char *why);
void connect_done(struct session *session);
/* Not connected in time, as far as is known. */
void connect_late(struct session *session);
/* No banner in time: the next server, more time, or the end. */
void connect_greeting_late(struct session *session);
void connect_xclient_refused(const struct session *session); /* logs, once */

/* identity.c: the client's address on the way to the server */
/* The PROXY header, where one is wanted. false: the server cannot be told. */
bool identity_tell(struct session *session);
/* The same for what is no client's. Returns the octets, 0: none wanted. */
size_t identity_own(
	const struct conf_backend *conf, uint8_t out[PROXY_WRITTEN_LONGEST]);
/* What XCLIENT is to say, NULL: nothing; borrowed until the next call. */
const struct xclient *identity_xclient(const struct session *session);

/* origin.c: whose address a connection to the server has */
/* Can a connection of this client's go to a server of that address? */
bool origin_suits(const struct session *session, const struct addr *server);
/* Before connect(2). 0, or errno; EADDRINUSE: another socket may do. */
int origin_bind(
	const struct session *session, int fd, const struct addr *server);
/* The same for what is no client's. */
int origin_bind_own(const struct worker_backend *backend, int fd,
	const struct addr *server);
/* Says once what to do: no server suits this client. */
void origin_warn(const struct session *session);
/* An errno of origin_bind or connect(2) in words, with what to do. */
const char *origin_why(const struct session *session, int error);

/* target.c: where an intercepted client wanted to go */
void target_find(struct session *session);

/* servers.c: which server a session gets, and what it finds. Never closes. */
bool servers_enter(struct session *session); /* false: there is none */
/* Another one is up that this session has not had, and there is time. */
bool servers_another(const struct session *session);
void servers_leave(struct session *session); /* done with it, if it had one */
void servers_failed(struct session *session, const char *why);
void servers_greeted(struct session *session);

/* ask.c: the keeper's word. MAY_CLOSE */
void ask_begin(struct session *session, const struct dialog_step *step);
void ask_again(struct session *session);
void ask_answer(struct session *session); /* our own 535 goes out now */
void ask_unavailable(struct session *session);
void ask_unhold(struct session *session); /* never closes */
/* A place of this source is free: the login that waited longest asks. */
void ask_wake(struct session *session);
void ask_verdict(
	struct session *session, const struct message_verdict *verdict);
void settle_verdict(
	struct session *session, const struct message_verdict *verdict);
/* settle.c: how a login ended. MAY_CLOSE */
bool settle_send(struct session *session, uint32_t outcome); /* never closes;
	an enum policy_outcome. false: the keeper is away */
void settle_begin(struct session *session, const struct dialog_step *step);
void settle_deliver(struct session *session);
/* A refusal will wait that long; never closes the session. */
void settle_release(struct session *session, uint32_t wait_ms);
/* The session ends with an attempt in flight. */
void settle_lost(struct session *session);

/* session_clock.c */
/* Sets the deadline by what is waited for now. */
void session_clock(struct session *session);
void session_clock_at(
	struct session *session, enum session_wait wait, mono_ms_t when);
void session_timer(evutil_socket_t fd, short what, void *arg);

#endif
