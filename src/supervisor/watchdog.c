/*
 * Who answers, who hangs, and what the service manager is told of it.
 *
 * A process that is stopped, or in a loop without an end, does not die: nobody
 * would start it again. So each is asked a few times within `answer_within`;
 * who has a question open for so long is killed, and family.c does the rest.
 * WATCHDOG=1 is said while each of them has answered within the service
 * manager's period, whatever was started anew meanwhile: what a new start mends
 * within it is no reason to end all others, and what it does not is.
 *
 * The helper is waited for longer, for the kernel or a program may take its
 * time; and it never withholds that word: mail goes on without it, and a
 * kernel that does not answer would not answer the next one either. Who fetches
 * lists is not asked at all: it may wait for a file, and nobody waits for it.
 *
 * What can go wrong: this process itself gets no time, or the whole service was
 * stopped and goes on. Then what is open is asked anew.
 */
#include "watchdog.h"

#include <signal.h>

#include "../base/log.h"
#include "internal.h"
#include "notify.h"

enum {
	ASKS = 4,	       /* questions within the limit */
	PERIOD_SHARE = 3,      /* of the period: time to start it anew */
	TELLS = 4,	       /* within the period */
	HELPER_SHARE = 6,      /* limits that the helper has */
	START_MOST_MS = 60000, /* until its first answer */
	AWAY_MS = 2000,	       /* a turn is due each second */
};

void watchdog_init(struct supervisor *s)
{
	s->watchdog = (struct watchdog){
		.period_ms = notify_watchdog_ms(), .looked = s->now};
}

static uint64_t limit_of(const struct supervisor *s)
{
	uint64_t limit_ms = s->plan->conf->global.answer_within_ms;
	uint64_t share_ms = s->watchdog.period_ms / PERIOD_SHARE;

	return share_ms != 0 && share_ms < limit_ms ? share_ms : limit_ms;
}

void watchdog_started(const struct supervisor *s, struct child *c)
{
	c->asked_ms = 0;
	c->heard = c->hung = false;
	if (c->answered_ms == 0) /* else it has to answer, whoever it is now */
		c->answered_ms = s->now;
}

/* Others see to it that it ends in time. */
static bool excused(const struct supervisor *s, const struct child *c)
{
	return s->stop_until != MONO_NEVER ||
	       (c->kind == CHILD_KEEPER &&
		       s->upgrade.stage >= UPGRADE_EMPTYING);
}

static void hangs(struct child *c, uint64_t silent_ms)
{
	if (c->hung || c->pid <= 0)
		return;
	c->hung = true;
	log_begin(LOG_ERROR, "process-hung");
	log_str("name", child_name(c));
	log_int("pid", c->pid);
	log_int("ms", (int64_t)silent_ms);
	log_str("text", "does not answer; killed, and started anew");
	log_end();
	(void)kill(c->pid, SIGKILL);
}

static void ask(const struct supervisor *s, struct child *c)
{
	c->asked_ms = s->now;
	/* A full line is one that it does not read. */
	(void)channel_send(c->channel, MESSAGE_PING, NULL, 0);
	(void)channel_flush(c->channel);
}

/* One whose keeper is gone has a line to nobody, and is to end. */
static void look_at_helper(const struct supervisor *s, struct child *c)
{
	if (c->asked_ms != 0 &&
		s->now - c->asked_ms >= HELPER_SHARE * limit_of(s))
		hangs(c, s->now - c->asked_ms);
}

static void look_at(const struct supervisor *s, struct child *c)
{
	uint64_t limit_ms = limit_of(s);

	if (!c->used || c->pid <= 0)
		return;
	if (c->kind == CHILD_FIREWALL) {
		look_at_helper(s, c);
		return;
	}
	if (!c->channel)
		return;
	if (!c->heard && limit_ms < START_MOST_MS)
		limit_ms = START_MOST_MS;
	if (c->asked_ms == 0 && s->now >= s->watchdog.ask_at)
		ask(s, c);
	else if (c->asked_ms != 0 && excused(s, c))
		c->asked_ms = s->now;
	else if (c->asked_ms != 0 && s->now - c->asked_ms >= limit_ms)
		hangs(c, s->now - c->asked_ms);
}

/* Nobody could answer while we were away. */
static void come_back(struct supervisor *s)
{
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];

		if (c->asked_ms != 0)
			c->asked_ms = s->now;
		c->answered_ms = s->now;
	}
}

static bool all_answered(const struct supervisor *s)
{
	for (size_t i = 0; i < s->children.count; i++) {
		const struct child *c = &s->children.all[i];

		if (c->used && c->kind != CHILD_FIREWALL &&
			c->kind != CHILD_FETCH && !c->leaving &&
			!excused(s, c) &&
			s->now - c->answered_ms >= s->watchdog.period_ms)
			return false;
	}
	return true;
}

/* The one that comes is the main process by then. */
static void tell(struct supervisor *s)
{
	struct watchdog *w = &s->watchdog;

	if (w->period_ms == 0 || !s->announced || s->now < w->tell_at ||
		s->upgrade.stage == UPGRADE_DONE)
		return;
	w->tell_at = s->now + w->period_ms / TELLS;
	if (all_answered(s))
		notify_watchdog();
}

void watchdog_tick(struct supervisor *s)
{
	struct watchdog *w = &s->watchdog;

	if (s->now - w->looked > AWAY_MS)
		come_back(s);
	w->looked = s->now;
	for (size_t i = 0; i < s->children.count; i++)
		look_at(s, &s->children.all[i]);
	if (s->now >= w->ask_at)
		w->ask_at = s->now + limit_of(s) / ASKS;
	tell(s);
	w->due = w->ask_at;
	if (w->period_ms != 0 && w->tell_at > s->now && w->tell_at < w->due)
		w->due = w->tell_at;
}

void watchdog_keeper_gone(struct supervisor *s)
{
	struct child *helper = child_first(&s->children, CHILD_FIREWALL);

	if (helper && helper->pid > 0 && helper->asked_ms == 0)
		helper->asked_ms = s->now;
}

void watchdog_heard(
	struct supervisor *s, struct child *c, const struct message_pong *pong)
{
	struct child *helper = child_first(&s->children, CHILD_FIREWALL);

	c->asked_ms = 0;
	c->answered_ms = s->now;
	c->heard = true;
	if (c->kind == CHILD_KEEPER && helper && s->stop_until == MONO_NEVER &&
		pong->helper_silent_ms >= HELPER_SHARE * limit_of(s))
		hangs(helper, pong->helper_silent_ms);
}
