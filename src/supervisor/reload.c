/*
 * Reloading: all or nothing.
 *
 * Phase one makes a whole new plan and starts its workers beside the old ones
 * (on the same sockets); nothing of the old is touched. Phase two, when they
 * serve, tells the keeper, renews the helper and lets the old workers finish
 * their sessions. Any failure before that leaves everything as it was.
 */
#include "internal.h"
#include "notify.h"
#include "own.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"

enum { RELOAD_MOST_MS = 15000 };

static void answer(struct supervisor *s, bool ok, const char *text)
{
	supervisor_answer(s, MESSAGE_RELOAD_DONE, ok, text);
}

static void log_lines(enum log_level level, const char *event, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		log_say(level, event, "%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void refused(struct supervisor *s, const char *text)
{
	notify_ready(); /* as before */
	log_lines(LOG_ERROR, "reload-refused", text);
	log_say(LOG_ERROR, "reload-refused",
		"the running configuration stays in force");
	answer(s, false, text);
}

/* An address that came since the start is our own, too (BAN-01). */
static bool own_changed(struct supervisor *s)
{
	struct message_own now = {0};

	now.count = (uint32_t)own_collect(now.own);
	if (memcmp(&now, &s->own, sizeof now) == 0)
		return false;
	s->own = now;
	log_say(LOG_INFO, "own-addresses",
		"addresses of this machine have come or gone");
	return true;
}

/* The keeper takes the new numbers over; the helper is started anew. */
void reload_tell_others(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	int fd = plan_text(s->plan);

	if (keeper && keeper->channel && fd >= 0 &&
		(channel_send(keeper->channel, MESSAGE_OWN, &s->own,
			 sizeof s->own) != CHANNEL_OK ||
			channel_send_fd(keeper->channel, MESSAGE_CONF, NULL, 0,
				fd) != CHANNEL_OK))
		(void)kill(keeper->pid, SIGTERM); /* it reads it at its start */
	if (fd >= 0)
		(void)close(fd);
	family_renew(s, CHILD_FIREWALL);
}

/* Nothing to do for workers: they stay, and with them their sessions. */
static void unchanged(struct supervisor *s, struct plan *same)
{
	plan_free(&same);
	notify_ready();
	(void)sink_reopen(s->sink);
	if (own_changed(s))
		reload_tell_others(s);
	log_say(LOG_INFO, "reload", "nothing changed");
	answer(s, true, "nothing changed\n");
}

/* Phase one with a configuration that was read; takes it over. */
static void begin(
	struct supervisor *s, struct conf *conf, const struct names *names)
{
	static char error[PLAN_ERROR_LONGEST];
	char *changes = conf_diff(s->plan->conf, conf);
	struct plan *plan = NULL;

	renew_forget(s); /* of a plan that goes */
	if (!sink_possible(conf->log.to)) {
		(void)snprintf(error, sizeof error,
			"cannot write the log to %s: %s", conf->log.to,
			strerror(errno));
		conf_free(&conf);
	} else {
		plan = plan_new(conf, s->plan, names, error);
	}
	if (!plan) {
		free(changes);
		listeners_trim(s->plan->listeners);
		refused(s, error);
		return;
	}
	if (changes && !changes[0] && plan_same(s->plan, plan)) {
		free(changes);
		unchanged(s, plan);
		return;
	}
	free(s->reload_text);
	s->reload_text = changes;
	s->old_plan = s->plan;
	s->plan = plan;
	s->generation++;
	s->reload_until = s->now + RELOAD_MOST_MS;
	if (!family_workers(s))
		reload_late(s);
}

bool reload_busy(const struct supervisor *s)
{
	return s->next_conf || s->reload_until != MONO_NEVER;
}

/* Phase null: what servers are called is looked up beside all else. */
static void look_up(struct supervisor *s, struct conf *conf)
{
	char text[128];

	if (!names_wanted(conf)) {
		begin(s, conf, NULL);
		return;
	}
	s->names = names_new(conf, &s->user);
	if (s->names) {
		s->next_conf = conf;
		s->names_until = s->now + NAMES_MOST_MS;
		return;
	}
	(void)snprintf(
		text, sizeof text, "cannot look up names: %s", strerror(errno));
	conf_free(&conf);
	refused(s, text);
}

static void again(struct supervisor *s)
{
	if (!s->again || reload_busy(s))
		return;
	s->again = false;
	reload_begin(s);
}

void reload_forget(struct supervisor *s)
{
	names_free(&s->names);
	conf_free(&s->next_conf);
	s->names_until = MONO_NEVER;
}

void reload_named(struct supervisor *s)
{
	struct conf *conf = s->next_conf;

	if (!names_read(s->names) && s->now < s->names_until)
		return;
	s->next_conf = NULL;
	begin(s, conf, s->names);
	reload_forget(s);
	again(s);
}

void reload_begin(struct supervisor *s)
{
	struct conf_errors errors = {0};
	struct conf *conf;

	if (s->stop_until != MONO_NEVER)
		return;
	if (upgrade_busy(s)) {
		refused(s, "another program is taking over");
		return;
	}
	if (reload_busy(s)) {
		s->again = true;
		return;
	}
	notify_reloading();
	conf = conf_read(s->path, &errors);
	if (!conf) {
		refused(s, errors.text ? errors.text : "no memory");
	} else {
		if (errors.text)
			log_lines(LOG_WARN, "reload", errors.text);
		look_up(s, conf);
	}
	conf_errors_done(&errors);
}

void reload_certificates(struct supervisor *s)
{
	struct conf_errors errors = {0};
	struct conf *conf;
	char *text;

	if (reload_busy(s))
		return;
	text = conf_dump(s->plan->conf, false);
	conf = text ? conf_parse(text, s->path, &errors) : NULL;
	free(text);
	conf_errors_done(&errors);
	if (!conf)
		return;
	log_say(LOG_INFO, "certificates", "files changed, reading them again");
	begin(s, conf, NULL);
}

void reload_ready(struct supervisor *s)
{
	bool changed = s->reload_text && s->reload_text[0];

	s->reload_until = MONO_NEVER;
	notify_ready();
	if (!sink_change(s->sink, s->plan->conf->log.to))
		log_say(LOG_ERROR, "log",
			"cannot write to %s, the old place "
			"stays",
			s->plan->conf->log.to);
	family_drain_old(s);
	if (own_changed(s) || changed)
		reload_tell_others(s);
	log_lines(LOG_INFO, "reload",
		changed ? s->reload_text : "nothing changed\n");
	answer(s, true, changed ? s->reload_text : "nothing changed\n");
	log_flush(); /* log_init forgets what waits */
	log_init("supervisor", sink_write_fd(s->sink),
		(enum log_level)s->plan->conf->log.level,
		(enum log_format)s->plan->conf->log.format);
	plan_free(&s->old_plan);
	family_dash(s);
	family_hook(s);
	family_fetch(s);
	ear_plan(s);
	atlas_tell(s);
	renew_plan(s);
	/* What came since they were read is seen at the next look. */
	s->files_mark = s->plan->files_mark;
	again(s);
}

void reload_late(struct supervisor *s)
{
	struct plan *failed = s->plan;

	s->reload_until = MONO_NEVER;
	family_drop_new(s);
	s->plan = s->old_plan;
	s->old_plan = NULL;
	s->generation++; /* the dropped number is not used again */
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];
		if (c->used && c->kind == CHILD_WORKER && !c->leaving)
			c->generation = s->generation;
	}
	plan_free(&failed);
	listeners_trim(s->plan->listeners);
	refused(s, "the new workers did not start; see the log");
	again(s);
}
