/*
 * Scripts for the dialogue: what either side says, turn by turn, and what
 * must come out.
 *
 * Each script runs as it stands, then with each turn's octets cut in two at
 * each place, then octet by octet: the outcome of each turn must be the same.
 * Where it depends on what is read at once (`whole`) the turn is never cut.
 *
 *	.c .s      what the client or the server says
 *	.act       something else that happens (after .c and .s)
 *	.to_c      what goes to the client: octets, and {REPLY_ID}, {BANNER},
 *	           {TLS}, {PASSTHROUGH}, {CLOSE reason}
 *	.to_s      what goes to the server: octets, {TLS}, {DROP}, {DROPreason}
 *	.note      ASK mech user secret, SETTLE outcome code, ACCEPTED,
 *	           AUTH_REFUSED, XCLIENT_REFUSED
 *	.at        the state behind the turn, where it is given
 */
#ifndef TESTS_UNIT_DIALOG_SCRIPT_H
#define TESTS_UNIT_DIALOG_SCRIPT_H

#include "dialog_world.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define BANNER	   "220 d ESMTP\r\n"
#define EHLO_PLAIN "250-d\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 9\r\n"
#define EHLO_PIPE                                                              \
	"250-d\r\n250-PIPELINING\r\n250-CHUNKING\r\n"                          \
	"250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER FOO\r\n"            \
	"250 SIZE 9\r\n"

#define EHLO_TLS "250-d\r\n250-PIPELINING\r\n250 STARTTLS\r\n"

enum { TURNS_MOST = 20, LIMIT_COMMAND = 64, LIMIT_ANSWER = 128 };

enum happens {
	HAPPENS_NOTHING = 0,
	HAPPENS_PASS,
	HAPPENS_LATER,	/* 454 */
	HAPPENS_REFUSE, /* 535 */
	HAPPENS_SETTLED,
	HAPPENS_TLS_CLIENT,
	HAPPENS_TLS_SERVER,
	HAPPENS_CLIENT_GONE,
	HAPPENS_SERVER_GONE,
	HAPPENS_UNSENT, /* octets for the server wait in a queue */
	HAPPENS_SENT,
};

struct turn {
	const char *c, *s;
	size_t n; /* of .c or .s, where it holds NULs; else 0 */
	enum happens act;
	const char *to_c, *to_s, *note;
	enum dialog_state at;
	bool whole;
};

/* How far a session has come when a script begins. */
enum from {
	FROM_ACCEPT = 0,
	FROM_BANNER,
	FROM_EHLO,
	FROM_LOCKSTEP,
	FROM_RCPT,
	FROM_DATA
};

struct script {
	const char *name;
	enum from from;
	bool implicit_tls;
	struct dialog_conf conf; /* limits that are 0 get a usual value */
	struct turn turns[TURNS_MOST];
};

/* How a script is cut. */
struct cut {
	unsigned turn; /* whose octets are given in two parts */
	size_t at;     /* the first part; 0: not cut */
	bool octets;   /* all turns octet by octet */
};

/* For messages: octets that can be read. */
static inline const char *shown(const uint8_t *p, size_t n, char *out)
{
	size_t to = 0;

	for (size_t i = 0; i < n && to < 900; i++) {
		if (p[i] == '\r' || p[i] == '\n')
			to += (size_t)sprintf(
				out + to, p[i] == '\r' ? "\\r" : "\\n");
		else if (p[i] < ' ' || p[i] > '~')
			to += (size_t)sprintf(out + to, "\\x%02x", p[i]);
		else
			out[to++] = (char)p[i];
	}
	out[to] = 0;
	return out;
}

static inline void expect(const struct world *w, unsigned turn,
	const struct cut *cut, const char *where, struct text *got,
	const char *want)
{
	static char is[1000], should[1000];

	want = want ? want : "";
	if (got->n != strlen(want) || memcmp(got->p, want, got->n) != 0)
		fail_msg("%s, turn %u (cut %s%u at %zu), %s\n  is     [%s]\n"
			 "  should [%s]",
			w->name, turn, cut->octets ? "into octets, " : "",
			cut->turn, cut->at, where, shown(got->p, got->n, is),
			shown((const uint8_t *)want, strlen(want), should));
	got->n = 0;
}

static inline void happen(struct world *w, enum happens act)
{
	switch (act) {
	case HAPPENS_NOTHING: return;
	case HAPPENS_PASS: world_verdict(w, DIALOG_PASS); break;
	case HAPPENS_LATER: world_verdict(w, DIALOG_LATER); break;
	case HAPPENS_REFUSE: world_verdict(w, DIALOG_REFUSED); break;
	case HAPPENS_SETTLED: world_settled(w); return;
	case HAPPENS_TLS_CLIENT: world_tls_done(w, DIALOG_CLIENT); return;
	case HAPPENS_TLS_SERVER: world_tls_done(w, DIALOG_SERVER); return;
	case HAPPENS_CLIENT_GONE: world_gone(w, DIALOG_CLIENT); return;
	case HAPPENS_SERVER_GONE: world_gone(w, DIALOG_SERVER); return;
	case HAPPENS_UNSENT: world_queue(w, true); break;
	case HAPPENS_SENT: world_queue(w, false); break;
	}
	world_pump(w);
}

static inline size_t turn_n(const struct turn *t)
{
	const char *p = t->c ? t->c : t->s;

	return t->n ? t->n : p ? strlen(p) : 0;
}

static inline void give(struct world *w, const struct turn *t, unsigned turn,
	const struct cut *cut)
{
	enum dialog_side side = t->c ? DIALOG_CLIENT : DIALOG_SERVER;
	const char *p = t->c ? t->c : t->s;
	size_t n = turn_n(t), first = n;

	if (cut->octets && !t->whole) {
		for (size_t i = 0; i < n; i++)
			world_give(w, side, p + i, 1);
		return;
	}
	if (cut->turn == turn && cut->at > 0 && cut->at < n && !t->whole)
		first = cut->at;
	if (first > 0)
		world_give(w, side, p, first);
	if (first < n)
		world_give(w, side, p + first, n - first);
}

static inline void take_turn(struct world *w, const struct turn *t,
	unsigned turn, const struct cut *cut)
{
	give(w, t, turn, cut);
	happen(w, t->act);
	expect(w, turn, cut, "to the client", &w->to_c, t->to_c);
	expect(w, turn, cut, "to the server", &w->to_s, t->to_s);
	expect(w, turn, cut, "noted", &w->note, t->note);
	if (t->at && w->dialog.state != t->at)
		fail_msg("%s, turn %u: state %s, should be %s", w->name, turn,
			dialog_state_name((enum dialog_state)w->dialog.state),
			dialog_state_name(t->at));
}

/* What a server in its right mind says now. */
static inline const char *proper_word(const struct world *w, unsigned word)
{
	static const char *const finals[] = {"235 in\r\n", "535 no\r\n",
		"334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"};
	const struct dialog *d = &w->dialog;

	if (d->state == DIALOG_STATE_GREETING)
		return BANNER;
	if (d->state == DIALOG_STATE_SERVER_EHLO)
		return word % 2 ? "250-d\r\n250 STARTTLS\r\n"
				: "250-d\r\n250 XCLIENT NAME ADDR\r\n";
	if (d->state == DIALOG_STATE_SERVER_XCLIENT)
		return word % 4 ? "220 d\r\n" : "502 no\r\n";
	if (d->state == DIALOG_STATE_SERVER_STARTTLS)
		return "220 go\r\n";
	if (d->fifo_count == 0)
		return NULL;
	switch (fifo_first(d)) {
	case VERB_EHLO:
		return word % 8 == 0   ? "503 twice\r\n"
		       : word % 8 == 1 ? EHLO_TLS
				       : EHLO_PIPE;
	case VERB_AUTH: return finals[word % COUNT(finals)];
	case VERB_DATA: return "354 go\r\n";
	case VERB_STARTTLS: return word % 2 ? "220 go\r\n" : "454 no\r\n";
	case OWN_CANCEL: return "501 no\r\n";
	default: return word % 8 ? "250 ok\r\n" : "550 no\r\n";
	}
}

static inline void say(struct world *w, const char *c, const char *s)
{
	if (c)
		world_give(w, DIALOG_CLIENT, c, strlen(c));
	if (s)
		world_give(w, DIALOG_SERVER, s, strlen(s));
}

static inline void come_to(struct world *w, enum from from)
{
	if (from >= FROM_BANNER)
		say(w, NULL, BANNER);
	if (from >= FROM_EHLO)
		say(w, "EHLO c\r\n",
			from == FROM_LOCKSTEP ? EHLO_PLAIN : EHLO_PIPE);
	if (from >= FROM_RCPT) {
		say(w, "MAIL FROM:<a@b>\r\n", "250 ok\r\n");
		say(w, "RCPT TO:<c@d>\r\n", "250 ok\r\n");
	}
	if (from >= FROM_DATA)
		say(w, "DATA\r\n", "354 go\r\n");
	w->to_c.n = w->to_s.n = w->note.n = 0;
}

static inline struct dialog_conf conf_of(const struct script *script)
{
	struct dialog_conf conf = script->conf;

	if (!conf.command_longest_bytes)
		conf.command_longest_bytes = LIMIT_COMMAND;
	if (!conf.answer_longest_bytes)
		conf.answer_longest_bytes = LIMIT_ANSWER;
	if (!conf.bad_commands_most)
		conf.bad_commands_most = 20;
	if (!conf.idle_commands_most)
		conf.idle_commands_most = 100;
	return conf;
}

static inline void play(const struct script *script, struct cut cut)
{
	static struct world w;
	struct dialog_conf conf = conf_of(script);

	world_begin(&w, script->name, &conf, script->implicit_tls);
	come_to(&w, script->from);
	for (unsigned i = 0; i < TURNS_MOST; i++)
		take_turn(&w, &script->turns[i], i, &cut);
}

/* Whole, cut in two at each place, octet by octet. */
static inline void play_all_ways(const struct script *script)
{
	play(script, (struct cut){0});
	for (unsigned i = 0; i < TURNS_MOST; i++)
		for (size_t at = 1; at < turn_n(&script->turns[i]); at++)
			play(script, (struct cut){.turn = i, .at = at});
	play(script, (struct cut){.octets = true});
}

static inline void play_scripts(const struct script *scripts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		play_all_ways(&scripts[i]);
}

#define PLAY(scripts) play_scripts(scripts, COUNT(scripts))

#endif
