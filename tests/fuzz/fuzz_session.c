/*
 * A whole session of the real worker: worker_run() with its loop, its clock
 * and its sockets, between a client and a server of the script, a keeper and
 * a supervisor. No TLS of postern's here (fuzz_dialog has it as an event).
 *
 * Input: four octets of configuration, then octets of the client; 0xff and a
 * letter is an event: who speaks from there on, or what happens (EVENTS). The
 * worker comes to rest before the next.
 *
 * What holds at the sockets: session_peers.h. And:
 *	- whatever happens, the session ends in its time when all fall silent
 *	  and the worker does not spin;
 *	- each login that was let through is settled, once (twice where the
 *	  keeper's word came too late, first as nothing), as what it was: a
 *	  failure only by 535 (or a 334 behind its secret, and then no), a
 *	  success only by 2yz (S-08);
 *	- no octet goes out of a 2yz to a login that the keeper refused then;
 *	- a ban does not end it while the server has a whole message (D-10);
 *	- descriptors, buffers and memory are as before.
 */
#include "session_peers.h"

#include "../../src/base/census.h"
#include "../../src/ipc/channel.h"
#include "../../src/policy/policy.h"
#include "../../src/worker/buffer.h"
#include "../../src/worker/worker.h"

enum {
	INPUT_MOST = 2048,
	MARK = 0xff,
	BULK_BYTES = 12288,
	SESSION_LONGEST_MS = 30000,
	SLACK_MS = 9000, /* last words, the tarpit, a grace */
	ATTEMPTS_MOST = 4096,
	VERDICT_LONGEST_MS = 5000, /* then the worker goes on without */
};

/* The letter is '@' plus its place; as in fuzz_dialog up to L. */
enum event {
	EVENT_NOTHING, /* '@' */
	EVENT_CLIENT,  /* speaks from here on */
	EVENT_SERVER,
	EVENT_PROPER, /* the server says what is awaited */
	EVENT_PASS,   /* 'D': verdicts on the login that asks */
	EVENT_TEMPORARY,
	EVENT_SETTLED,	    /* 'F': the refusal may go out at once */
	EVENT_DELAY,	    /* 'G': after a second */
	EVENT_SERVER_STOPS, /* 'H': reading */
	EVENT_SERVER_READS,
	EVENT_CLIENT_GONE, /* 'J': half, as a client that said all */
	EVENT_SERVER_GONE, /* 'K' */
	EVENT_REST,	   /* 'L' */
	EVENT_CLIENT_RESET,
	EVENT_SERVER_RESET,
	EVENT_HOLD, /* 'O' */
	EVENT_TURN_AWAY,
	EVENT_BAN,  /* 'Q' */
	EVENT_TIME, /* 'R': and an octet of 100 ms each */
	EVENT_KEEPER_GONE,
	EVENT_KEEPER_BACK,
	EVENT_CLIENT_BULK, /* 'U' */
	EVENT_SERVER_BULK,
	EVENT_STOP,  /* 'W': as SIGTERM */
	EVENT_DRAIN, /* 'X': as a reload */
	EVENT_CLIENT_STOPS,
	EVENT_CLIENT_READS,
	EVENT_SHORT, /* '[': and an octet: how little a call moves */
	EVENT_AGAIN,
	EVENT_UNBAN,
	EVENT_LONG_DELAY, /* '^' */
	EVENT_WHOLE,	  /* '_': calls move all again */
	EVENT_REFUSE,	  /* '`': 535 of postern's own */
	EVENT_REFUSE_SOON,
	EVENT_REFUSE_LATE, /* 'b' */
	EVENT_COUNT,
};

enum manner { MANNER_AUTO, MANNER_SCRIPT, MANNER_AWAY };

struct attempt {
	uint64_t id;
	bool waits, settles, passed, settled, held;
	bool taken_back; /* the keeper did not answer in time */
	unsigned ok_tag; /* of the 2yz that it was settled by */
	uint64_t settled_ms;
};

static struct {
	struct slice script;
	enum event speaker;
	unsigned count;
	uint64_t resume_ms;
	enum manner manner;
	struct channel *keeper, *supervisor;
	struct attempt attempts[ATTEMPTS_MOST];
	size_t attempt_count;
	bool lost_keeper; /* words to it may be lost */
} play;

/* ---- the keeper ---- */

static struct attempt *attempt_of(uint64_t id)
{
	for (size_t i = play.attempt_count; i > 0; i--)
		if (play.attempts[i - 1].id == id)
			return &play.attempts[i - 1];
	return NULL;
}

static struct attempt *attempt_waiting(void)
{
	for (size_t i = 0; i < play.attempt_count; i++)
		if (play.attempts[i].waits)
			return &play.attempts[i];
	return NULL;
}

static void give_verdict(
	struct attempt *a, enum policy_verdict_kind kind, uint32_t wait_ms)
{
	struct message_verdict v = {
		.attempt = a->id, .kind = kind, .wait_ms = wait_ms};

	a->waits = false;
	if (!a->settles) {
		a->passed |= kind == VERDICT_PASS || kind == VERDICT_DELAY;
		a->held = kind == VERDICT_HOLD;
	} else if (kind == VERDICT_TURN_AWAY && a->ok_tag != 0 &&
		   net.now_ms < a->settled_ms + VERDICT_LONGEST_MS) {
		server.withheld = a->ok_tag;
	}
	if (play.keeper) {
		(void)channel_send(play.keeper, MESSAGE_VERDICT, &v, sizeof v);
		(void)channel_flush(play.keeper);
	}
}

static void verdict(enum policy_verdict_kind kind, uint32_t wait_ms)
{
	struct attempt *a = attempt_waiting();

	if (a && play.keeper)
		give_verdict(a, kind, wait_ms);
}

static void got_ask(const struct message_ask *ask)
{
	struct attempt *a = attempt_of(ask->attempt);

	MUST(ask->user_n <= MESSAGE_USER_LONGEST);
	if (a) { /* once more, behind a hold */
		MUST(a->held && !a->settled && ask->held_since > 0);
	} else {
		MUST(play.attempt_count < ATTEMPTS_MOST);
		a = &play.attempts[play.attempt_count++];
		*a = (struct attempt){.id = ask->attempt};
	}
	a->waits = true;
	if (play.manner == MANNER_AUTO)
		give_verdict(a, VERDICT_PASS, 0);
}

static void got_settle(const struct message_settle *settle)
{
	struct attempt *a = attempt_of(settle->attempt);

	if (play.lost_keeper && !a)
		return;
	MUST(a && (!a->settled || a->taken_back));
	a->taken_back =
		!a->settled && a->waits && settle->outcome == OUTCOME_TEMPORARY;
	a->settled = true;
	/* A secret that the server has judged, by a 334 behind it, counts. */
	if (settle->outcome == OUTCOME_FAILED)
		MUST(server.auth_code == 535 || server.challenges > 0);
	if (settle->outcome == OUTCOME_OK) {
		MUST(server.auth_code / 100 == 2);
		a->ok_tag = server.auth_tag;
		a->settled_ms = net.now_ms;
	}
	a->settles = a->waits = true;
	if (play.manner == MANNER_AUTO)
		give_verdict(a, VERDICT_DELAY, 0);
}

static bool keeper_hears(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	(void)arg;
	(void)n;
	MUST(fd < 0);
	if (type == MESSAGE_HELLO) {
		(void)channel_send(play.keeper, MESSAGE_SYNC_DONE, NULL, 0);
		(void)channel_flush(play.keeper);
	} else if (type == MESSAGE_ASK) {
		got_ask(body);
	} else if (type == MESSAGE_SETTLE) {
		got_settle(body);
	} else {
		MUST(type == MESSAGE_NOTE || type == MESSAGE_STATS ||
			type == MESSAGE_SERVER);
	}
	return true;
}

static bool supervisor_hears(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	(void)arg;
	(void)body;
	(void)n;
	MUST(type == MESSAGE_READY && fd < 0);
	return true;
}

static bool keeper_moves(void)
{
	bool moved = false;

	while (play.keeper &&
		channel_receive(play.keeper, keeper_hears, NULL) == CHANNEL_OK)
		moved = true;
	while (play.supervisor && channel_receive(play.supervisor,
					  supervisor_hears, NULL) == CHANNEL_OK)
		moved = true;
	return moved;
}

static void keeper_gone(void)
{
	play.lost_keeper = true;
	channel_free(&play.keeper);
}

static void keeper_back(void)
{
	struct message_channel body = {.slot = 1};
	int ends[2];

	if (play.keeper || !play.supervisor)
		return;
	MUST(channel_pair(ends));
	play.keeper = channel_new(ends[0], 1 << 20);
	MUST(play.keeper);
	(void)channel_send_fd(
		play.supervisor, MESSAGE_CHANNEL, &body, sizeof body, ends[1]);
	(void)__real_close(ends[1]);
}

static void tell_ban(enum message_type type)
{
	struct message_ban ban = {.until = net.now_ms + 5000};

	MUST(prefix_parse("203.0.113.0/24", &ban.prefix));
	if (!play.keeper)
		return;
	(void)channel_send(play.keeper, type, &ban, sizeof ban);
	(void)channel_flush(play.keeper);
}

/* ---- the script ---- */

static void bulk(bool of_client)
{
	static char text[BULK_BYTES];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "250-bulk\r\n"[i % 10];
	memcpy(text + sizeof text - 2, "\r\n", 2);
	if (of_client)
		client_send((const uint8_t *)text, sizeof text);
	else
		server_say(text, sizeof text);
}

static void peer_reset(int *fd)
{
	struct linger now = {.l_onoff = 1};

	if (*fd >= 0)
		(void)__real_setsockopt(
			*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	net_close(fd);
}

static void end_supervisor(void)
{
	channel_free(&play.supervisor);
}

static void net_event(enum event event)
{
	switch ((int)event) {
	case EVENT_SERVER_STOPS: server.stopped = true; break;
	case EVENT_SERVER_READS: server.stopped = false; break;
	case EVENT_CLIENT_STOPS: client.stopped = true; break;
	case EVENT_CLIENT_READS: client.stopped = false; break;
	case EVENT_CLIENT_GONE:
		if (net.client >= 0)
			(void)shutdown(net.client, SHUT_WR);
		break;
	case EVENT_SERVER_GONE:
		server.left = true;
		if (net.server >= 0)
			(void)shutdown(net.server, SHUT_WR);
		break;
	case EVENT_CLIENT_RESET: peer_reset(&net.client); break;
	case EVENT_SERVER_RESET:
		server.left = true;
		peer_reset(&net.server);
		break;
	case EVENT_CLIENT_BULK: bulk(true); break;
	case EVENT_SERVER_BULK: bulk(false); break;
	case EVENT_SHORT: net.short_most = 1u + fuzz_octet(&play.script); break;
	case EVENT_AGAIN: net.again = true; break;
	case EVENT_WHOLE:
		net.again = false;
		net.short_most = 0;
		break;
	}
}

static void take_event(enum event event)
{
	const char *word;

	switch ((int)event) {
	case EVENT_CLIENT:
	case EVENT_SERVER: play.speaker = event; break;
	case EVENT_PROPER:
		while (server_read())
			;
		if (server.stopped)
			server_peek();
		word = server_word(play.count++);
		if (word)
			server_say(word, strlen(word));
		break;
	case EVENT_PASS: verdict(VERDICT_PASS, 0); break;
	case EVENT_TEMPORARY: verdict(VERDICT_ANSWER_TEMPORARY, 0); break;
	case EVENT_SETTLED: verdict(VERDICT_DELAY, 0); break;
	case EVENT_DELAY: verdict(VERDICT_DELAY, 1000); break;
	case EVENT_LONG_DELAY: verdict(VERDICT_DELAY, 7000); break;
	case EVENT_HOLD: verdict(VERDICT_HOLD, 700); break;
	case EVENT_REFUSE: verdict(VERDICT_ANSWER_REFUSED, 0); break;
	case EVENT_REFUSE_SOON: verdict(VERDICT_ANSWER_REFUSED, 1000); break;
	case EVENT_REFUSE_LATE: verdict(VERDICT_ANSWER_REFUSED, 7000); break;
	case EVENT_TURN_AWAY: verdict(VERDICT_TURN_AWAY, 0); break;
	case EVENT_BAN: tell_ban(MESSAGE_BAN); break;
	case EVENT_UNBAN: tell_ban(MESSAGE_UNBAN); break;
	case EVENT_TIME:
		play.resume_ms = net.now_ms + 100u * fuzz_octet(&play.script);
		break;
	case EVENT_KEEPER_GONE: keeper_gone(); break;
	case EVENT_KEEPER_BACK: keeper_back(); break;
	case EVENT_STOP: end_supervisor(); break;
	case EVENT_DRAIN:
		if (play.supervisor) {
			(void)channel_send(
				play.supervisor, MESSAGE_DRAIN, NULL, 0);
			(void)channel_flush(play.supervisor);
		}
		break;
	default: net_event(event);
	}
}

/* One turn: what is said up to the next mark, or the event there. */
static void script_step(void)
{
	const uint8_t *mark = memchr(play.script.p, MARK, play.script.n);
	size_t n = mark ? (size_t)(mark - play.script.p) : play.script.n;

	if (n > 0) {
		if (play.speaker == EVENT_SERVER)
			server_say(play.script.p, n);
		else
			client_send(play.script.p, n);
		play.script = slice_skip(play.script, n);
		return;
	}
	play.script = slice_skip(play.script, 1);
	take_event((enum event)((fuzz_octet(&play.script) - '@') & 63u));
}

static bool session_over(void)
{
	return net.accepted && net.client_theirs < 0 && net.server_theirs < 0;
}

static void net_connected(void)
{
	server.stopped = server.over = server.left = false;
	reader_begin(&server.hears, server_saw);
	server.says.n = server.out_n = server.peeked = 0;
	server.tls = false;
	server.tls_said_n = server.tls_tag = 0;
	server.says.cr = false;
}

static bool net_idle(uint64_t *most_ms)
{
	bool moved = keeper_moves();

	moved |= client_read();
	moved |= server_read();
	moved |= server_flush();
	if (moved)
		return true;
	if (session_over() || !play.supervisor) {
		play.script.n = 0;
		if (play.supervisor) {
			end_supervisor();
			return true;
		}
	}
	if (play.script.n > 0 && net.now_ms >= play.resume_ms) {
		script_step();
		return true;
	}
	if (play.script.n > 0 && play.resume_ms - net.now_ms < *most_ms)
		*most_ms = play.resume_ms - net.now_ms;
	MUST(net.now_ms <= NET_BEGIN_MS + SESSION_LONGEST_MS + SLACK_MS);
	return false;
}

/* ---- the worker ---- */

static struct census *census;

static void draw_listener(struct conf_listener *l, unsigned c, unsigned d)
{
	l->auth = (enum conf_auth)(c % 3);
	l->bare_newline = (enum conf_newline)(d % 3);
	l->unknown_keywords = d & 16 ? CONF_KEYWORDS_PASS : CONF_KEYWORDS_DROP;
	l->banner = d & 32 ? (char *)(uintptr_t) "own" : (char *)(uintptr_t) "";
	l->greeting_delay_ms = d & 64 ? 500 : 0;
	l->command_longest_bytes = l->answer_longest_bytes = 512;
	l->command_timeout_ms = l->data_timeout_ms = 6000;
	l->data_rate_bytes = 500;
	l->handshake_timeout_ms = 3000;
	l->session_longest_ms = SESSION_LONGEST_MS;
	passes_tls = c >= 162;
	l->starttls =
		passes_tls ? CONF_STARTTLS_PASSTHROUGH : CONF_STARTTLS_OFF;
	own_banner = d & 32;
	normalizes = l->bare_newline == CONF_NEWLINE_NORMALIZE;
}

static void run_worker(struct slice in)
{
	static uint8_t key[16] = "fuzz fuzz fuzz!";
	unsigned c = fuzz_octet(&in), d = fuzz_octet(&in);
	struct conf_listener l = {.title = NULL};
	struct conf_backend b = {.title = (char *)(uintptr_t) "d",
		.connect_timeout_ms = 2000,
		.greeting_timeout_ms = 5000,
		.reply_timeout_ms = 6000,
		.data_reply_timeout_ms = 8000};
	struct conf conf = {.listeners = &l, .listener_count = 1};
	struct worker_server servers[2] = {
		{.port = 25, .name = "a"}, {.port = 26, .name = "b"}};
	struct worker_backend backend = {
		.conf = &b, .servers = servers, .server_count = 2};
	struct worker_listener listener = {
		.conf = &l, .fds = &net.door, .fd_count = 1};
	struct worker_setup setup = {.slot = 1,
		.conf = &conf,
		.hostname = "p",
		.listeners = &listener,
		.listener_count = 1,
		.backends = &backend,
		.backend_count = 1,
		.census = census,
		.tickets_at_ms = MONO_NEVER};
	int keeper[2], supervisor[2];

	draw_listener(&l, c, d);
	l.title = b.title;
	l.bad_commands_count = fuzz_octet(&in);
	l.idle_commands_count = fuzz_octet(&in);
	conf.global.sessions_most_count = 8;
	conf.global.shutdown_grace_ms = 3000;
	conf.global.policy_unavailable =
		c / 27 % 2 ? CONF_UNAVAILABLE_TEMPFAIL : CONF_UNAVAILABLE_ALLOW;
	conf.banned.answer = (enum conf_answer)(c / 3 % 3);
	conf.banned.tarpit_most_count = 8;
	conf.banned.tarpit_pace_ms = 200;
	conf.banned.tarpit_longest_ms = 3000;
	conf.global.sessions_per_source_count = 1;
	conf.source_limit.prefix_v4_count = 32;
	conf.source_limit.prefix_v6_count = 64;
	play.manner = (enum manner)(c / 9 % 3);
	net.connects = (enum net_connect)(c / 54 % 3);
	MUST(addr_parse("192.0.2.1", &servers[0].addr));
	servers[1].addr = servers[0].addr;
	MUST(channel_pair(keeper) && channel_pair(supervisor));
	play.keeper = channel_new(keeper[0], 1 << 20);
	play.supervisor = channel_new(supervisor[0], 1 << 20);
	MUST(play.keeper && play.supervisor);
	setup.keeper_fd = keeper[1];
	setup.supervisor_fd = supervisor[1];
	memcpy(setup.tag_key, key, sizeof key);
	play.script = in;
	MUST(worker_run(&setup) == 0);
}

/* The source's sessions that are open, as all workers see it. */
static uint32_t sessions_counted(void)
{
	struct prefix source;

	if (!census) {
		census = census_new(1);
		MUST(census);
		census_clear(census, 0); /* as the supervisor at a start */
	}
	MUST(prefix_parse("203.0.113.7", &source));
	return census_count(census, &source);
}

static int lowest_fd(void)
{
	int fd = dup(0);

	MUST(fd >= 0);
	(void)__real_close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int lowest;

	if (n > INPUT_MOST || n < 4)
		return 0;
	MUST(sessions_counted() == 0);
	lowest = lowest_fd();
	peers_begin();
	net_begin();
	play.speaker = EVENT_CLIENT;
	play.count = 0;
	play.resume_ms = 0;
	play.attempt_count = 0;
	play.lost_keeper = false;
	run_worker(slice_of(p, n));
	(void)keeper_moves();
	while (client_read() || server_read())
		;
	for (size_t i = 0; i < play.attempt_count; i++)
		MUST(!play.attempts[i].passed || play.attempts[i].settled ||
			play.lost_keeper);
	MUST(net.client_theirs < 0 && net.server_theirs < 0);
	channel_free(&play.keeper);
	channel_free(&play.supervisor);
	net_end();
	MUST(buffer_count() == 0);
	MUST(sessions_counted() == 0);
	MUST(lowest_fd() == lowest);
	return 0;
}
