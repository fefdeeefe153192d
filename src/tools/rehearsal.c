/*
 * The policy core, asked in the words of the filter.
 *
 * Stands where worker and keeper stand in the daemon: looks at the ban list at
 * connect, remembers what a connection calls itself and since when a login is
 * held, ticks the core at its deadlines. Knows no JSON. Called by filter.c.
 *
 * The core's time begins a day after zero, which means "never" there, so that
 * the asker's days and its days begin together.
 */
#include "rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keeper/allowed.h"
#include "../keeper/numbers.h"

enum { BEGAN_MS = 24 * 60 * 60 * 1000, TICKS_MOST = 4096, CONNS = 16384 };

/*
 * Where the server locks users out and the configuration does not say when.
 * One source may fail so often before it is banned: at a lower number a single
 * guesser would lock a user, and whoever runs such a server has to say so. A
 * higher one would leave strangers more than the three that they have now.
 */
enum { LOCKOUT_SUPPOSED = 5 };

/* What a connection said in EHLO; another takes its place after CONNS more. */
struct conn {
	uint64_t number; /* 0: free */
	uint8_t name_n;
	uint8_t name[POLICY_DEVICE_LONGEST];
};

/* A login that was asked about and is not over. */
struct login {
	uint64_t id;
	struct addr src;
	mono_ms_t asked; /* first */
	bool open;	 /* passed: the core waits for its end */
};

/* Actions wait here: time passes in steps, and the core's queue is short. */
struct said {
	struct policy_action *items;
	size_t count, room, taken;
};

struct rehearsal {
	const struct conf *conf;
	struct policy *policy;
	struct policy_conf numbers; /* that it has now */
	struct allowed allowed;
	struct conn *conns; /* CONNS */
	struct login *logins;
	size_t login_count, login_room;
	struct said said;
};

struct rehearsal *rehearsal_new(const struct conf *conf, uint64_t seed)
{
	struct rehearsal *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->conf = conf;
	if (allowed_fill(&r->allowed, conf, NULL, 0)) {
		r->numbers = numbers_of(conf, &r->allowed);
		r->policy = policy_new(&r->numbers, seed);
	}
	r->conns = calloc(CONNS, sizeof(*r->conns));
	if (r->policy == NULL || r->conns == NULL)
		rehearsal_free(&r);
	return r;
}

void rehearsal_free(struct rehearsal **rehearsal)
{
	struct rehearsal *r = *rehearsal;

	if (r == NULL)
		return;
	policy_free(&r->policy);
	allowed_done(&r->allowed);
	free(r->conns);
	free(r->logins);
	free(r->said.items);
	free(r);
	*rehearsal = NULL;
}

/* ---- what the core says besides ---- */

static bool said_add(struct said *said, const struct policy_action *action)
{
	struct policy_action *items = said->items;
	size_t room = said->room;

	if (said->count == room) {
		room = room == 0 ? 64 : 2 * room;
		items = realloc(items, room * sizeof(*items));
		if (items == NULL)
			return false;
		said->items = items;
		said->room = room;
	}
	items[said->count++] = *action;
	return true;
}

static bool listen_to(struct rehearsal *r)
{
	struct policy_action action;

	while (policy_next_action(r->policy, &action))
		if (!said_add(&r->said, &action))
			return false;
	return true;
}

/* As the keeper's loop does: the core ticks at each deadline on the way. */
static bool pass_time(struct rehearsal *r, mono_ms_t until)
{
	mono_ms_t now = 0;
	unsigned ticks = 0;

	while (policy_deadline(r->policy) <= until) {
		mono_ms_t deadline = policy_deadline(r->policy);

		/* One that lies behind means: more to tell. It may stay there
		 * while a full table waits; then the event goes first. */
		ticks = deadline > now ? 0 : ticks + 1;
		if (ticks > TICKS_MOST)
			break;
		now = deadline > now ? deadline : now;
		policy_tick(r->policy, now);
		if (!listen_to(r))
			return false;
	}
	return true;
}

bool rehearsal_next(
	struct rehearsal *rehearsal, struct policy_action *ret_action)
{
	struct said *said = &rehearsal->said;

	if (said->taken == said->count) {
		said->taken = said->count = 0;
		return false;
	}
	*ret_action = said->items[said->taken++];
	if (ret_action->until != MONO_NEVER)
		ret_action->until = ret_action->until > BEGAN_MS
					    ? ret_action->until - BEGAN_MS
					    : 0;
	return true;
}

/* ---- logins under way ---- */

static struct login *login_find(const struct rehearsal *r, uint64_t id)
{
	for (size_t i = 0; i < r->login_count; i++)
		if (r->logins[i].id == id)
			return &r->logins[i];
	return NULL;
}

static struct login *login_take(struct rehearsal *r, uint64_t id)
{
	struct login *login = login_find(r, id);
	struct login *logins = r->logins;
	size_t room = r->login_room;

	if (login != NULL)
		return login;
	if (r->login_count == room) {
		room = room == 0 ? 64 : 2 * room;
		logins = realloc(logins, room * sizeof(*logins));
		if (logins == NULL)
			return NULL;
		r->logins = logins;
		r->login_room = room;
	}
	login = &logins[r->login_count++];
	*login = (struct login){.id = id};
	return login;
}

static void login_drop(struct rehearsal *r, struct login *login)
{
	*login = r->logins[--r->login_count];
}

/* ---- connections ---- */

static void conn_note(struct rehearsal *r, const struct rehearsal_ask *ask)
{
	struct conn *conn = &r->conns[ask->conn % CONNS];
	struct slice name = slice_head(ask->helo, POLICY_DEVICE_LONGEST);

	*conn = (struct conn){
		.number = ask->conn,
		.name_n = (uint8_t)name.n,
	};
	if (name.n > 0)
		memcpy(conn->name, name.p, name.n);
}

/* Its own word, or that of its connection. */
static struct slice name_of(
	const struct rehearsal *r, const struct rehearsal_ask *ask)
{
	const struct conn *conn = &r->conns[ask->conn % CONNS];

	if (ask->helo.n > 0 || ask->conn == 0 || conn->number != ask->conn)
		return ask->helo;
	return slice_of(conn->name, conn->name_n);
}

/* ---- events and verdicts ---- */

static void step(struct rehearsal *r, mono_ms_t now,
	const struct policy_event *event, struct rehearsal_answer *answer)
{
	static const char *const words[] = {
		[VERDICT_PASS] = "pass",
		[VERDICT_DELAY] = "pass",
		[VERDICT_HOLD] = "hold",
		[VERDICT_ANSWER_TEMPORARY] = "answer454",
		[VERDICT_ANSWER_REFUSED] = "answer535",
		[VERDICT_TURN_AWAY] = "drop",
	};
	struct policy_verdict verdict;

	policy_step(r->policy, now, event, &verdict);
	answer->verdict = words[verdict.kind];
	answer->wait_ms = verdict.wait_ms;
	answer->why = verdict.rule != RULE_NONE ? policy_rule_name(verdict.rule)
						: NULL;
}

static bool turned_away(const struct rehearsal_answer *answer)
{
	return strcmp(answer->verdict, "drop") == 0;
}

/* A tarpit tells nothing and lets nobody go, as the kernel's drop does. */
static const char *met_at_connect(const struct rehearsal *r)
{
	return r->conf->banned.answer == CONF_ANSWER_TARPIT ? "ignore"
							    : "refuse";
}

static void say_connect(struct rehearsal *r, mono_ms_t now,
	const struct rehearsal_ask *ask, struct rehearsal_answer *answer)
{
	struct policy_event event = {
		.kind = EVENT_CONNECT,
		.addr = ask->src,
		.port = ask->listener,
		.text = ask->helo,
	};
	struct policy_ban ban;

	conn_note(r, ask);
	if (policy_banned(r->policy, now, &ask->src, &ban) && !ban.soft) {
		answer->verdict = met_at_connect(r);
		answer->why = policy_rule_name(ban.rule);
		return;
	}
	step(r, now, &event, answer);
	if (!turned_away(answer) && ask->helo.n > 0) {
		event.kind = EVENT_HELO;
		step(r, now, &event, answer);
	}
	answer->verdict = turned_away(answer) ? met_at_connect(r) : "accept";
}

static struct policy_event begins(
	const struct rehearsal *r, const struct rehearsal_ask *ask)
{
	return (struct policy_event){
		.kind = EVENT_AUTH_BEGINS,
		.attempt = ask->id,
		.addr = ask->src,
		.port = ask->listener,
		.user = ask->user,
		.text = name_of(r, ask),
		.secret_tag = ask->user.n > 0 ? ask->tag : 0,
	};
}

static bool say_begin(struct rehearsal *r, mono_ms_t now,
	const struct rehearsal_ask *ask, struct rehearsal_answer *answer)
{
	struct login *login = login_take(r, ask->id);
	struct policy_event event = begins(r, ask);

	if (login == NULL)
		return false;
	if (login->open || login->asked == 0)
		*login = (struct login){.id = ask->id, .asked = now};
	else
		event.held_since = login->asked;
	login->src = ask->src;
	step(r, now, &event, answer);
	login->open = strcmp(answer->verdict, "pass") == 0;
	if (!login->open && strcmp(answer->verdict, "hold") != 0)
		login_drop(r, login);
	return true;
}

static enum policy_outcome outcome_of(unsigned code)
{
	if (code >= 200 && code < 300)
		return OUTCOME_OK;
	if (code == 535)
		return OUTCOME_FAILED;
	if (code == 501)
		return OUTCOME_CANCELLED;
	return code < 500 ? OUTCOME_TEMPORARY : OUTCOME_OTHER;
}

static void say_end(struct rehearsal *r, mono_ms_t now,
	const struct rehearsal_ask *ask, struct rehearsal_answer *answer)
{
	struct login *login = login_find(r, ask->id);
	struct policy_event event = {
		.kind = EVENT_AUTH_SETTLED,
		.attempt = ask->id,
		.outcome = ask->kind == REHEARSAL_AUTH_SETTLED
				   ? outcome_of(ask->code)
				   : OUTCOME_ABANDONED,
	};
	bool open = login != NULL && login->open;

	if (login != NULL) {
		event.addr = login->src;
		login_drop(r, login);
	}
	/* The core never heard of one that was held until its client left. */
	if (open)
		step(r, now, &event, answer);
	answer->verdict = NULL;
}

/* Each question says whether the server locks users out. */
static void hear_of_lockout(
	struct rehearsal *r, mono_ms_t now, const struct rehearsal_ask *ask)
{
	unsigned said = (unsigned)r->conf->lockout_shield.lockout_count;
	unsigned lockout = said == 0 && ask->lockout ? LOCKOUT_SUPPOSED : said;

	if (r->numbers.shield.lockout == lockout)
		return;
	r->numbers.shield.lockout = lockout;
	policy_configure(r->policy, now, &r->numbers);
}

/* What the keeper says when the lists in the DNS have answered. */
static void say_score(struct rehearsal *r, mono_ms_t now,
	const struct rehearsal_ask *ask, struct rehearsal_answer *answer)
{
	const struct policy_event event = {
		.kind = EVENT_LIST_SCORE,
		.addr = ask->src,
		.score = ask->score,
		.span_ms = ask->span_ms,
	};

	step(r, now, &event, answer);
	answer->verdict = NULL;
}

bool rehearsal_step(struct rehearsal *rehearsal,
	const struct rehearsal_ask *ask, struct rehearsal_answer *ret_answer)
{
	mono_ms_t now = BEGAN_MS + ask->t_ms;
	struct rehearsal_answer answer = {0};

	if (!pass_time(rehearsal, now))
		return false;
	hear_of_lockout(rehearsal, now, ask);
	switch (ask->kind) {
	case REHEARSAL_CONNECT:
		say_connect(rehearsal, now, ask, &answer);
		break;
	case REHEARSAL_AUTH_BEGIN:
		if (!say_begin(rehearsal, now, ask, &answer))
			return false;
		break;
	case REHEARSAL_AUTH_SETTLED:
	case REHEARSAL_AUTH_ABANDONED:
		say_end(rehearsal, now, ask, &answer);
		break;
	case REHEARSAL_LIST_SCORE:
		say_score(rehearsal, now, ask, &answer);
		break;
	}
	if (!listen_to(rehearsal))
		return false;
	*ret_answer = answer;
	return true;
}

static void suppose(
	struct rehearsal *r, const struct rehearsal_ask *ask, int out)
{
	struct rehearsal_ask other = *ask;
	struct rehearsal_answer answer;

	other.tag = ask->other_tag;
	if (!rehearsal_step(r, &other, &answer) ||
		write(out, &answer, sizeof(answer)) != sizeof(answer))
		_exit(1);
	_exit(0);
}

/* The words in the answer stand at the same place in both processes. */
bool rehearsal_suppose(struct rehearsal *rehearsal,
	const struct rehearsal_ask *ask, struct rehearsal_answer *ret_answer)
{
	struct rehearsal_answer answer;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		suppose(rehearsal, ask, ends[1]);
	(void)close(ends[1]);
	n = pid > 0 ? read(ends[0], &answer, sizeof(answer)) : -1;
	(void)close(ends[0]);
	if (pid < 0)
		return false;
	(void)waitpid(pid, NULL, 0);
	if (n != sizeof(answer)) {
		errno = ENOMEM;
		return false;
	}
	*ret_answer = answer;
	return true;
}
