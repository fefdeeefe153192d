/*
 * `posternctl top`: the loop (see top.h).
 *
 * Waits for keys, for answers and for the next second; signals come only while
 * it waits. What is known is in top_state, who asks is top_asker, the screen is
 * top_view. Called by posternctl.
 */
#include "top.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"
#include "top_asker.h"
#include "top_state.h"
#include "top_terminal.h"
#include "top_view.h"

enum { PAGE_LINES = 10, MS_PER_S = 1000, NS_PER_MS = 1000 * 1000 };

static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDINGS = sizeof(endings) / sizeof(endings[0]) };

static volatile sig_atomic_t signalled; /* which of them; 0: none */

struct top {
	struct top_state state;
	struct top_asker *asker;
	bool leaves;
};

/* ---- answers ---- */

static void on_answer(void *arg, enum top_topic topic, json_t *answer)
{
	struct top *top = arg;
	mono_ms_t now = clock_mono_ms();

	if (!top_state_take(&top->state, topic, answer, now))
		return;
	if (topic == TOP_WATCH && top_state_wants_bans(&top->state))
		(void)top_asker_ask(top->asker, TOP_BANS,
			json_pack("{s:s}", "command", "bans.recent"), now);
	if (topic == TOP_CONFIG && top->state.doing == TOP_LOOKING)
		(void)top_state_ask_ban(&top->state);
}

static void send_request(struct top *top, enum top_topic topic, json_t *request)
{
	if (!top_asker_ask(top->asker, topic, request, clock_mono_ms()))
		top_state_say(&top->state, TOP_BAD,
			"nothing was ordered: postern does not answer");
}

/* ---- keys ---- */

static void pause_or_go_on(struct top *top)
{
	top->state.paused = !top->state.paused;
	if (top->state.paused)
		top_asker_hang_up(top->asker);
}

static void next_pane(struct top_state *state)
{
	top_state_show(state, (enum top_pane)((state->pane + 1) % TOP_PANES));
}

/* A pure switch: what each key does. */
static void look(struct top *top, enum top_key key)
{
	struct top_state *state = &top->state;

	state->said[0] = '\0';
	switch (key) {
	case TOP_KEY_ATTACK: top_state_show(state, TOP_PANE_ATTACK); return;
	case TOP_KEY_SESSIONS: top_state_show(state, TOP_PANE_SESSIONS); return;
	case TOP_KEY_BANS: top_state_show(state, TOP_PANE_BANS); return;
	case TOP_KEY_SERVERS: top_state_show(state, TOP_PANE_SERVERS); return;
	case TOP_KEY_NEXT: next_pane(state); return;
	case TOP_KEY_UNBAN: (void)top_state_ask_unban(state); return;
	case TOP_KEY_BAN:
		/* The question says for how long: that is the daemon's. */
		send_request(top, TOP_CONFIG,
			json_pack("{s:s}", "command", "config"));
		return;
	case TOP_KEY_FILTER: state->doing = TOP_FILTERING; return;
	case TOP_KEY_CLEAR: state->filter[0] = '\0'; return;
	case TOP_KEY_PAUSE: pause_or_go_on(top); return;
	case TOP_KEY_UP: top_state_move(state, -1); return;
	case TOP_KEY_DOWN: top_state_move(state, 1); return;
	case TOP_KEY_PAGE_UP: top_state_move(state, -PAGE_LINES); return;
	case TOP_KEY_PAGE_DOWN: top_state_move(state, PAGE_LINES); return;
	case TOP_KEY_HOME: top_state_move(state, -TOP_ROWS_MOST); return;
	case TOP_KEY_END: top_state_move(state, TOP_ROWS_MOST); return;
	case TOP_KEY_REDRAW: top_view_redraw(); return;
	case TOP_KEY_HELP: state->doing = TOP_HELPING; return;
	case TOP_KEY_QUIT: top->leaves = true; return;
	case TOP_KEY_OTHER: return;
	}
}

static void filter(struct top_state *state, const struct top_press *press)
{
	if (press->enter || press->key == TOP_KEY_CLEAR)
		state->doing = TOP_LOOKING;
	if (press->key == TOP_KEY_CLEAR)
		state->filter[0] = '\0';
	else if (press->backspace)
		top_state_filter_less(state);
	else if (!press->enter)
		top_state_filter_more(state, press->text);
}

static void answer_question(struct top *top, const struct top_press *press)
{
	json_t *order =
		top_state_answer(&top->state, strcmp(press->text, "y") == 0);

	if (order != NULL)
		send_request(top, TOP_ORDER, order);
}

static void on_press(struct top *top, const struct top_press *press)
{
	switch (top->state.doing) {
	case TOP_LOOKING: look(top, press->key); return;
	case TOP_FILTERING: filter(&top->state, press); return;
	case TOP_ASKING: answer_question(top, press); return;
	case TOP_HELPING: top->state.doing = TOP_LOOKING; return;
	}
}

/* ---- the loop ---- */

static void on_signal(int number)
{
	signalled = number;
}

/* Of the signals that end us, and of the window's size, only while waiting. */
static void take_signals(sigset_t *ret_while_waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t held;

	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGWINCH);
	for (size_t i = 0; i < ENDINGS; i++) {
		(void)sigaction(endings[i], &action, NULL);
		(void)sigaddset(&held, endings[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &held, ret_while_waiting);
}

static void draw(struct top *top, mono_ms_t now)
{
	char trouble[TOP_LINK_LONGEST];
	wall_s_t wall = clock_wall_s();

	top_state_fill(&top->state, wall);
	top_view_draw(&top->state, wall,
		top->state.paused
			? ""
			: top_asker_trouble(top->asker, now, trouble));
}

static void wait_for_news(struct top *top, const sigset_t *while_waiting)
{
	int due_ms = top->state.paused
			     ? MS_PER_S
			     : top_asker_due_ms(top->asker, clock_mono_ms());
	struct timespec time = {.tv_sec = due_ms / MS_PER_S,
		.tv_nsec = (long)(due_ms % MS_PER_S) * NS_PER_MS};
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = top_asker_fd(top->asker), .events = POLLIN}};

	if (ppoll(fds, 2, &time, while_waiting) <= 0)
		return;
	if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		signalled = SIGHUP; /* there is nobody any more */
	if (fds[1].revents != 0)
		top_asker_hear(top->asker, clock_mono_ms());
}

static void live(struct top *top, const sigset_t *while_waiting)
{
	while (!top->leaves && signalled == 0) {
		struct top_press press;
		mono_ms_t now = clock_mono_ms();

		top_asker_sessions(
			top->asker, top->state.pane == TOP_PANE_SESSIONS);
		if (!top->state.paused)
			top_asker_round(top->asker, now);
		draw(top, now);
		wait_for_news(top, while_waiting);
		while (!top->leaves && top_view_press(&press))
			on_press(top, &press);
	}
}

/*
 * As if nobody had caught it: who started us sees what ended us, and what comes
 * from now on ends us at once.
 */
static void give_signals_back(const sigset_t *before)
{
	for (size_t i = 0; i < ENDINGS; i++)
		(void)signal(endings[i], SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, before, NULL);
	if (signalled != 0)
		(void)raise(signalled);
}

enum top_end top_run(const char *socket, const char **ret_why)
{
	struct top top = {.state = {.pane = TOP_PANE_ATTACK}};
	sigset_t while_waiting;

	(void)setlocale(LC_CTYPE, ""); /* what a character is */
	*ret_why = top_terminal_check();
	if (*ret_why != NULL)
		return TOP_NO_TERMINAL;
	top.asker = top_asker_new(socket, on_answer, &top);
	if (top.asker == NULL ||
		!top_asker_connect(top.asker, clock_mono_ms())) {
		int error = top.asker != NULL ? errno : ENOMEM;

		top_asker_free(&top.asker);
		errno = error;
		return TOP_NO_DAEMON;
	}
	*ret_why = top_view_open();
	if (*ret_why != NULL) {
		top_asker_free(&top.asker);
		return TOP_NO_TERMINAL;
	}
	take_signals(&while_waiting);
	live(&top, &while_waiting);
	top_view_close();
	give_signals_back(&while_waiting);
	top_asker_free(&top.asker);
	top_state_done(&top.state);
	return TOP_LEFT;
}
