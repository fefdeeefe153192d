/*
 * The dialogue, driven by chance: 20,000 sessions of words that mean something
 * to one side or the other, in any order, with verdicts, losses and full
 * queues in between. Nothing is expected but what dialog_world.h holds, and
 * that a session comes out the same when the words are cut at random.
 *
 * Seeded: the same sessions in each run. DIALOG_STRESS_SEED in the environment
 * takes another seed, DIALOG_STRESS_COUNT another number.
 */
#include "dialog_script.h"

enum { EVENTS_MOST = 60, SESSIONS = 20000 };

/* clang-format off */
static const char *const client_words[] = {
	"EHLO c\r\n", "EHLO c\r\n", "EHLO c\r\n", "HELO c\r\n",
	"MAIL FROM:<a@b>\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n",
	"RCPT TO:<c@d>\r\n", "DATA\r\n", "DATA\r\n", "DATA\r\n", "DATA\r\n",
	"text\r\n", ".\r\n", ".\r\n", ".\r\n", "\r\n.\r\n", "..\r\n", ".", "\r",
	"x\n", "a\rb", "\n.\n", "\r\n.\n",
	"BDAT 5\r\n", "BDAT 3 LAST\r\n", "BDAT 0 LAST\r\n", "BDAT 0\r\n",
	"BDAT 010\r\n", "BDAT\r\n", "abc", "hello", "BDAT 2 LAST\r\nxy",
	"AUTH PLAIN AHUAcA==\r\n", "AUTH PLAIN\r\n", "AUTH PLAIN =\r\n",
	"AUTH LOGIN\r\n", "AUTH LOGIN dQ==\r\n", "AUTH FOO\r\n", "AUTH\r\n",
	"AUTH CRAM-MD5\r\n", "AUTH XOAUTH2 dXNlcj11AWF1dGg9dAEB\r\n",
	"dQ==\r\n", "cA==\r\n", "AHUAcA==\r\n", "*\r\n", "\r\n", "!!\r\n",
	"STARTTLS\r\n", "STARTTLS\r\n", "STARTTLS x\r\n", "RSET\r\n", "NOOP\r\n",
	"NOOP\r\n", "VRFY x\r\n", "FROP\r\n", "BURL x\r\n", "XCLIENT A=b\r\n",
	"XEXCH50 10 2\r\n", " NOOP\r\n", "AU\tTH\r\n", "NOO", "QUIT\r\n",
	"GET / HTTP/1.0\r\n", "\x16\x03\x01", "SSH-2.0\r\n", "RSET\rQUIT\r\n",
};
static const char *const server_words[] = {
	BANNER, "220 go\r\n", "250 ok\r\n", "250 ok\r\n", "250-a\r\n250 b\r\n",
	EHLO_PIPE, EHLO_PIPE, EHLO_PLAIN, "250-d\r\n250 STARTTLS\r\n",
	"250-d\r\n250-XCLIENT\r\n250-BURL\r\n250 CHUNKING\r\n",
	"354 go\r\n", "334 \r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n",
	"235 in\r\n", "535 no\r\n", "535-no\r\n535 no\r\n", "501 what\r\n",
	"454 later\r\n", "503 no\r\n", "502 no\r\n", "550 no\r\n", "552 big\r\n",
	"421 bye\r\n", "221 bye\r\n", "250-a\r\n251 b\r\n", "250 x\n", "25", "2",
	"5", "42", "xyz\r\n", "699 x\r\n", "250\r\n", "250-", "554 no\r\n",
};
/* clang-format on */

static uint64_t seed;
static unsigned reached[DIALOG_STATE_COUNT];

static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

struct event {
	unsigned kind, word, other;
};

struct session {
	struct dialog_conf conf;
	bool implicit_tls;
	unsigned count;
	uint64_t cuts; /* seed of the cuts */
	struct event events[EVENTS_MOST];
};

static const char *const local[] = {"d", ".example.test"};

static void draw_conf(struct session *s)
{
	struct script script = {.name = "stress"};

	script.conf.auth = (enum dialog_auth)(chance(4) % 3);
	script.conf.starttls = (enum dialog_starttls)chance(4);
	script.conf.server_starttls =
		chance(4) ? DIALOG_STARTTLS_OFF
			  : (enum dialog_starttls)(1 + chance(2));
	script.conf.xclient = chance(3) == 0;
	if (chance(3) == 0)
		script.conf.local_domains =
			(struct recipient_domains){local, COUNT(local)};
	script.conf.newline = (enum payload_rule)chance(3);
	script.conf.pass_unknown_keywords = chance(2);
	script.conf.own_banner = chance(4) == 0;
	script.conf.received = chance(3) == 0;
	script.conf.bad_commands_most = (uint16_t)(2 + chance(12));
	script.conf.idle_commands_most = 3 + chance(20);
	s->conf = conf_of(&script);
	s->implicit_tls = chance(4) == 0;
}

static void draw(struct session *s)
{
	draw_conf(s);
	s->count = 8 + chance(EVENTS_MOST - 8);
	s->cuts = seed;
	for (unsigned i = 0; i < s->count; i++)
		s->events[i] = (struct event){
			chance(100), chance(100000), chance(100000)};
}

/* What a client in his right mind says now. */
static const char *client_word(const struct world *w, const struct event *e)
{
	static const char *const steps[] = {"MAIL FROM:<a@b>\r\n",
		"RCPT TO:<c@d>\r\n", "DATA\r\n", "BDAT 3 LAST\r\n",
		"AUTH PLAIN AHUAcA==\r\n", "AUTH LOGIN\r\n", "NOOP\r\n"};
	static const char *const texts[] = {"text\r\n", ".\r\n", "..\r\n"};
	const struct dialog *d = &w->dialog;
	const char *wild = client_words[e->word % COUNT(client_words)];

	if (d->state == DIALOG_STATE_AUTH_CLIENT)
		/* Two lines at once would be one too many there. */
		return e->other % 4 ? "cA==\r\n" : "*\r\n";
	if (e->other % 3 == 0)
		return wild;
	if (d->state == DIALOG_STATE_DATA)
		return texts[e->word % COUNT(texts)];
	if (d->state == DIALOG_STATE_CHUNK)
		return "abc";
	if (d->state != DIALOG_STATE_COMMAND)
		return "";
	if (!d->greeted || d->ehlo_needed)
		return d->fifo_count ? "" : "EHLO c\r\n";
	return steps[e->word % COUNT(steps)];
}

/* The whole word, or cut at random. */
static void hand_over(
	struct world *w, enum dialog_side side, const char *word, bool cut)
{
	size_t n = strlen(word), at = 0;

	while (at < n) {
		size_t piece = cut ? 1 + chance((unsigned)(n - at)) : n;

		world_give(w, side, word + at, piece);
		at += piece;
	}
}

/* What the caller owes: handshakes, verdicts, deliveries. */
static void oblige(struct world *w, unsigned other)
{
	if (w->tls && other % 8 == 0)
		world_gone(w, DIALOG_SERVER);
	else if (w->tls)
		world_tls_done(
			w, w->dialog.state == DIALOG_STATE_SERVER_HANDSHAKE
				   ? DIALOG_SERVER
				   : DIALOG_CLIENT);
	if (w->dialog.state == DIALOG_STATE_AUTH_ASKING && other % 4)
		happen(w, other % 8 == 1   ? HAPPENS_LATER
			  : other % 8 == 5 ? HAPPENS_REFUSE
					   : HAPPENS_PASS);
	if (w->dialog.state == DIALOG_STATE_AUTH_SETTLING && other % 3)
		world_settled(w);
}

static void server_speaks(struct world *w, const struct event *e, bool cut)
{
	const char *word = proper_word(w, e->word);

	if (w->dialog.state == DIALOG_STATE_GREETING ? e->other % 32
						     : e->other % 16)
		word = word ? word : "";
	else
		word = server_words[e->word % COUNT(server_words)];
	hand_over(w, DIALOG_SERVER, word, cut);
}

static void run_event(struct world *w, const struct event *e, bool cut)
{
	if (e->kind < 50)
		hand_over(w, DIALOG_CLIENT, client_word(w, e), cut);
	else if (e->kind < 95)
		server_speaks(w, e, cut);
	else if (e->kind < 97)
		world_queue(w, !w->unsent);
	else if (e->kind == 97)
		world_gone(w, DIALOG_CLIENT);
	else if (e->kind == 98 && !w->dropped && e->other % 2)
		world_gone(w, DIALOG_SERVER);
	reached[w->dialog.state]++;
	oblige(w, e->other);
}

static void run(struct world *w, const struct session *s, bool cut)
{
	world_begin(
		w, cut ? "stress, cut" : "stress", &s->conf, s->implicit_tls);
	seed = s->cuts;
	for (unsigned i = 0; i < s->count && !w->ended; i++)
		run_event(w, &s->events[i], cut);
}

static void same(const struct text *a, const struct text *b, const char *what,
	unsigned number)
{
	static char is[1000], cut[1000];

	if (a->n != b->n || memcmp(a->p, b->p, a->n) != 0)
		fail_msg("session %u, %s:\n  whole [%s]\n  cut   [%s]", number,
			what, shown(a->p, a->n, is), shown(b->p, b->n, cut));
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value ? (unsigned)strtoul(value, NULL, 0) : otherwise;
}

static void any_session_holds_and_is_the_same_when_cut(void **state)
{
	static struct world whole, cut;
	static struct session s;
	unsigned count = from_environment("DIALOG_STRESS_COUNT", SESSIONS);
	uint64_t next = from_environment("DIALOG_STRESS_SEED", 1);
	unsigned accepted = 0;

	for (unsigned i = 0; i < count; i++) {
		seed = next;
		draw(&s);
		next = seed;
		run(&whole, &s, false);
		run(&cut, &s, true);
		same(&whole.to_c, &cut.to_c, "to the client", i);
		same(&whole.to_s, &cut.to_s, "to the server", i);
		same(&whole.note, &cut.note, "noted", i);
		assert_int_equal(whole.dialog.state, cut.dialog.state);
		accepted += whole.accepted;
	}
	for (unsigned i = 0; count >= SESSIONS && i < DIALOG_STATE_COUNT; i++)
		if (!reached[i] && i != DIALOG_STATE_AUTH_PASSED &&
			i != DIALOG_STATE_AUTH_ANSWERED)
			fail_msg("no session was in %s",
				dialog_state_name((enum dialog_state)i));
	assert_true(accepted > count / 100 || count < SESSIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_session_holds_and_is_the_same_when_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
