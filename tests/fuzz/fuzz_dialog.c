/*
 * A whole session, both sides: what dialog_world.h holds for a caller like
 * the worker, whatever is said and whatever happens in between.
 *
 * Input: four octets of configuration, then octets of the client; 0xff and a
 * letter is an event: who speaks from there on, or what happens (EVENTS).
 * Octets between two marks are read at once.
 *
 * And besides:
 *	- once the client is gone, and the server has said what it owes or is
 *	  gone as well, the session ends;
 *	- it comes out the same where lines are read octet by octet.
 */
#include "../unit/dialog_script.h"

enum { INPUT_MOST = 2048, MARK = 0xff };

/* The letter is 'A' plus its place. */
enum event {
	EVENT_CLIENT, /* speaks from here on */
	EVENT_SERVER,
	EVENT_PROPER, /* the server says what is awaited */
	EVENT_PASS,
	EVENT_REFUSE,
	EVENT_SETTLED,
	EVENT_TLS_DONE,
	EVENT_UNSENT,
	EVENT_SENT,
	EVENT_CLIENT_GONE,
	EVENT_SERVER_GONE,
	EVENT_CUT, /* what stands behind it is read later */
	EVENT_COUNT,
};

static const char *const local[] = {"d", ".example.test"};

static struct dialog_conf draw_conf(struct slice *in, bool *implicit_tls)
{
	struct script script = {.name = "fuzz"};
	struct dialog_conf *conf = &script.conf;
	unsigned c = fuzz_octet(in), bits = c / 27;

	conf->auth = (enum dialog_auth)(c % 3);
	conf->starttls = bits & 2 ? DIALOG_STARTTLS_PASSTHROUGH
				  : (enum dialog_starttls)(c / 3 % 3);
	conf->server_starttls = (enum dialog_starttls)(c / 9 % 3);
	*implicit_tls = bits & 1;
	c = fuzz_octet(in);
	conf->newline = (enum payload_rule)(c % 3);
	conf->pass_unknown_keywords = c & 16;
	conf->own_banner = c & 32;
	conf->received = c & 64;
	conf->xclient = c & 128;
	if (c & 8)
		conf->local_domains = (struct recipient_domains){local, 2};
	conf->bad_commands_most = fuzz_octet(in);
	conf->idle_commands_most = fuzz_octet(in);
	return conf_of(&script);
}

/*
 * What follows a line is read with it or not: a client that sends past AUTH is
 * told so at once or later. So only what is one line, or one reply, is cut.
 */
static bool is_one(enum dialog_side side, struct slice in)
{
	size_t line = 0;

	for (size_t i = 0; i + 1 < in.n; i++) {
		if (in.p[i] != '\n')
			continue;
		if (side == DIALOG_CLIENT || i < line + 4 ||
			in.p[line + 3] != '-')
			return false;
		line = i + 1;
	}
	return true;
}

static void speak(
	struct world *w, enum dialog_side side, struct slice in, bool cut)
{
	static struct text ahead; /* with what waits unread */
	const struct text *tail = side == DIALOG_CLIENT ? &w->c_in : &w->s_in;

	ahead.n = 0;
	text_add(&ahead, tail->p, tail->n);
	text_add(&ahead, in.p, in.n);
	if (!cut || !is_one(side, slice_of(ahead.p, ahead.n))) {
		if (in.n)
			world_give(w, side, in.p, in.n);
		return;
	}
	for (size_t i = 0; i < in.n; i++)
		world_give(w, side, in.p + i, 1);
}

/* The handshake that is due succeeds. */
static void tls_done(struct world *w)
{
	if (w->tls)
		world_tls_done(
			w, w->dialog.state == DIALOG_STATE_SERVER_HANDSHAKE
				   ? DIALOG_SERVER
				   : DIALOG_CLIENT);
}

static void take_event(struct world *w, enum event event, unsigned count)
{
	const char *word;

	switch (event) {
	case EVENT_PROPER:
		word = proper_word(w, count);
		if (word)
			world_give(w, DIALOG_SERVER, word, strlen(word));
		break;
	case EVENT_PASS: happen(w, HAPPENS_PASS); break;
	case EVENT_REFUSE: happen(w, HAPPENS_LATER); break;
	case EVENT_SETTLED:
		if (w->dialog.state == DIALOG_STATE_AUTH_SETTLING)
			world_settled(w);
		break;
	case EVENT_TLS_DONE: tls_done(w); break;
	case EVENT_UNSENT: happen(w, HAPPENS_UNSENT); break;
	case EVENT_SENT: happen(w, HAPPENS_SENT); break;
	case EVENT_CLIENT_GONE: world_gone(w, DIALOG_CLIENT); break;
	case EVENT_SERVER_GONE:
		if (!w->dropped && !w->gone_s)
			world_gone(w, DIALOG_SERVER);
		break;
	case EVENT_CLIENT:
	case EVENT_SERVER:
	case EVENT_CUT:
	case EVENT_COUNT: break;
	}
}

/*
 * The client leaves: once the server has said what it owes, or has left, too,
 * nothing may keep the session.
 */
static void finish(struct world *w)
{
	bool answers = w->s_in.n == 0 && !w->dropped && !w->gone_s;

	take_event(w, EVENT_SENT, 0);
	take_event(w, EVENT_CLIENT_GONE, 0);
	for (unsigned i = 0; i < INPUT_MOST && !w->ended && !w->passed;
		i++) { /* lines */
		take_event(w, EVENT_PASS, 0);
		take_event(w, EVENT_TLS_DONE, 0);
		take_event(w, answers ? EVENT_PROPER : EVENT_SERVER_GONE, i);
		take_event(w, EVENT_SETTLED, 0);
	}
	HOLDS(w, w->ended || w->passed);
}

static void play_input(struct world *w, struct slice in, bool cut)
{
	enum dialog_side side = DIALOG_CLIENT;
	bool implicit_tls;
	struct dialog_conf conf = draw_conf(&in, &implicit_tls);
	unsigned count = 0;

	world_begin(w, cut ? "cut" : "whole", &conf, implicit_tls);
	while (in.n && !w->ended) {
		const uint8_t *mark = memchr(in.p, MARK, in.n);
		size_t n = mark ? (size_t)(mark - in.p) : in.n;
		enum event event;

		speak(w, side, slice_head(in, n), cut);
		in = slice_skip(in, n + 1);
		event = (fuzz_octet(&in) - 'A') & 15u;
		if (event == EVENT_CLIENT || event == EVENT_SERVER)
			side = event == EVENT_CLIENT ? DIALOG_CLIENT
						     : DIALOG_SERVER;
		else if (!w->ended)
			take_event(w, event, count++);
	}
	if (!w->ended)
		finish(w);
}

static void same(const struct text *a, const struct text *b, const char *what)
{
	static char is[1000], cut[1000];

	if (a->n != b->n || memcmp(a->p, b->p, a->n) != 0)
		fail_msg("%s:\n  whole [%s]\n  cut   [%s]", what,
			shown(a->p, a->n, is), shown(b->p, b->n, cut));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct world whole, cut;

	if (n > INPUT_MOST)
		return 0;
	play_input(&whole, slice_of(p, n), false);
	play_input(&cut, slice_of(p, n), true);
	same(&whole.to_c, &cut.to_c, "to the client");
	same(&whole.to_s, &cut.to_s, "to the server");
	same(&whole.note, &cut.note, "noted");
	return 0;
}
