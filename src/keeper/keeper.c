/*
 * The keeper: puts its parts together and turns the loop.
 *
 * Order of the start: bans are loaded before anybody is answered, the control
 * socket and the supervisor's channel come last. Order of a turn: callbacks
 * step the policy; then, once, what they left is sent: verdicts and bans to
 * the workers, records to the firewall, lines to the log. Nothing in a turn
 * waits for a disk or a peer.
 *
 * What can go wrong at the start: no memory, no control socket (71). After
 * that the keeper goes on without whatever fails, and says so.
 */
#include "keeper.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "backends.h"
#include "control.h"
#include "decisions.h"
#include "dns_lists.h"
#include "ear.h"
#include "firewall.h"
#include "geo.h"
#include "history.h"
#include "hooks.h"
#include "hub.h"
#include "judge.h"
#include "listings.h"
#include "loading.h"
#include "memory.h"
#include "notes.h"
#include "overseer.h"
#include "peers.h"
#include "recorder.h"
#include "refusals.h"
#include "roster.h"
#include "store.h"
#include "sums.h"
#include "tally.h"
#include "tap.h"
#include "trend.h"
#include "watch.h"

enum {
	EXIT_OS = 71,		/* sysexits.h: EX_OSERR */
	TURN_LONGEST_MS = 1000, /* the loop looks around at least so often */
	PURGE_EVERY_MS = 3600 * 1000,
	MS_PER_S = 1000,
	US_PER_MS = 1000,
	PIECE_LARGE_BYTES = 128 * 1024, /* mapped by itself, and unmapped */
};

/* What the store said at the last look; for the log. */
struct store_watch {
	bool failing;
	char set_aside[sizeof(((struct store_state *)0)->set_aside)];
	mono_ms_t purge_at;
};

/* ---- a new configuration ---- */

static enum log_level level_of(enum conf_level level)
{
	switch (level) {
	case CONF_LEVEL_ERROR: return LOG_ERROR;
	case CONF_LEVEL_WARN: return LOG_WARN;
	case CONF_LEVEL_INFO: return LOG_INFO;
	case CONF_LEVEL_DEBUG: return LOG_DEBUG;
	}
	return LOG_INFO;
}

static void configure_log(struct hub *hub, const struct conf *old_conf)
{
	const struct conf_log *log = &hub->conf->log;

	if (hub->setup->log_fd < 0 ||
		(log->level == old_conf->log.level &&
			log->format == old_conf->log.format))
		return;
	log_done();
	log_init("keeper", hub->setup->log_fd, level_of(log->level),
		log->format == CONF_FORMAT_JSON ? LOG_JSON : LOG_TEXT);
}

void hub_configure(struct hub *hub, struct conf *conf)
{
	const struct conf *old_conf = hub->conf;
	struct conf *old_own = hub->conf_own;

	hub->conf = hub->conf_own = conf;
	configure_log(hub, old_conf);
	judge_configure(hub, old_conf);
	watch_bans_changed(hub);
	dns_lists_configure(hub, old_conf);
	listings_configure(hub);
	conf_free(&old_own);
	log_say(LOG_INFO, "configured",
		"the keeper took a new configuration "
		"over");
}

/* ---- the store's state in the log ---- */

static void watch_store(struct hub *hub, struct store_watch *watch)
{
	struct store_state state;

	store_state(hub->store, &state);
	if (strcmp(state.set_aside, watch->set_aside) != 0) {
		memcpy(watch->set_aside, state.set_aside,
			sizeof(watch->set_aside));
		log_say(LOG_WARN, "store-damaged",
			"the store was damaged and is now %s; a new one was "
			"begun",
			state.set_aside);
	}
	if (state.failing && !watch->failing)
		log_say(LOG_ERROR, "store-failed",
			"%s (bans go on in memory; trying again)", state.error);
	if (!state.failing && watch->failing)
		log_say(LOG_INFO, "store-works", "the store is written again");
	watch->failing = state.failing;
	if (store_wants_all(hub->store)) {
		judge_store_all(hub);
		backends_store_all(hub);
	}
	if (hub_now(hub) >= watch->purge_at) {
		watch->purge_at = hub_now(hub) + PURGE_EVERY_MS;
		store_purge(hub->store,
			hub_wall(hub) - (wall_s_t)(hub->conf->source_limit
							   .repeat_memory_ms /
						   MS_PER_S),
			hub_wall(hub));
	}
}

/* ---- the loop ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct hub *hub = arg;

	hub->stop = true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	/* Only wakes the loop: the end of the turn does what is due. */
}

static bool arm_timer(struct hub *hub, struct event *timer)
{
	mono_ms_t now = clock_mono_ms();
	mono_ms_t at = judge_deadline(hub->judge);
	uint64_t wait_ms = TURN_LONGEST_MS;
	struct timeval tv;

	if (at <= now)
		wait_ms = 0;
	else if (at - now < wait_ms)
		wait_ms = at - now;
	tv.tv_sec = (time_t)(wait_ms / MS_PER_S);
	tv.tv_usec = (suseconds_t)(wait_ms % MS_PER_S * US_PER_MS);
	return event_add(timer, &tv) == 0;
}

static void end_turn(struct hub *hub, struct store_watch *watch)
{
	mono_ms_t now;

	judge_tick(hub);
	sums_flush(hub, false);
	trend_tick(hub);
	watch_store(hub, watch);
	firewall_flush(hub);
	peers_flush(hub);
	control_flush(hub);
	hooks_flush(hub);
	overseer_flush(hub);
	log_flush();
	now = clock_mono_ms();
	if (stall_turn_over(&hub->stall, now))
		stall_run(&hub->stall, now, clock_run_us());
	hub->turn_now = 0;
}

static void run(struct hub *hub, struct event *timer)
{
	struct store_watch watch = {.purge_at = 0};

	/* A file that was set aside or failed at the start is said at once. */
	end_turn(hub, &watch);
	hub->stall = (struct stall){0};
	stall_start(&hub->stall, clock_mono_ms(), clock_run_us());
	while (!hub->stop) {
		if (!arm_timer(hub, timer) ||
			event_base_loop(hub->base, EVLOOP_ONCE) < 0)
			break;
		end_turn(hub, &watch);
	}
}

/* ---- putting together ---- */

/* What the keeper before may have left. */
static bool make_remembering(struct hub *hub)
{
	hub->recorder = recorder_new();
	hub->peers = peers_new();
	hub->watch = watch_new();
	hub->tally = tally_new();
	hub->judge = judge_new(hub);
	return hub->recorder != NULL && hub->peers != NULL &&
	       hub->watch != NULL && hub->tally != NULL && hub->judge != NULL;
}

static void free_remembering(struct hub *hub)
{
	peers_free(&hub->peers);
	recorder_free(&hub->recorder);
	watch_free(&hub->watch);
	tally_free(&hub->tally);
	judge_free(&hub->judge);
}

static bool make_parts(struct hub *hub)
{
	const struct keeper_setup *setup = hub->setup;

	hub->hooks = hooks_new(hub); /* what is inherited may be told */
	if (hub->hooks == NULL)
		return false;
	hub->memory = memory_read(setup->memory_fd);
	if (!make_remembering(hub))
		return false;
	hub->inherited = hub->memory != NULL && memory_take(hub);
	if (hub->memory != NULL && !hub->inherited) {
		memory_free(&hub->memory);
		free_remembering(hub);
		if (!make_remembering(hub))
			return false;
	}
	memory_free(&hub->memory);
	hub->history = history_new();
	hub->sums = sums_new();
	hub->refusals = refusals_new();
	hub->notes = notes_new();
	hub->decisions = decisions_new();
	hub->backends = backends_new();
	hub->ear = ear_new(hub);
	hub->geo = geo_new();
	hub->trend = trend_new();
	hub->roster = roster_new();
	hub->tap = tap_new();
	hub->dns_lists = dns_lists_new(hub);
	hub->listings = listings_new(hub);
	if (hub->sums == NULL || hub->history == NULL ||
		hub->refusals == NULL || hub->notes == NULL ||
		hub->decisions == NULL || hub->backends == NULL ||
		hub->ear == NULL || hub->geo == NULL || hub->trend == NULL ||
		hub->roster == NULL || hub->tap == NULL ||
		hub->dns_lists == NULL || hub->listings == NULL ||
		!loading_run(hub))
		return false;
	hub->firewall = firewall_new(hub, setup->firewall_fd);
	hub->overseer = overseer_new(hub, setup->supervisor_fd);
	hub->control = control_new(hub, setup->control_fd);
	return hub->firewall != NULL && hub->overseer != NULL &&
	       hub->control != NULL;
}

static void sums_flush_last(struct hub *hub)
{
	if (hub->sums != NULL)
		sums_flush(hub, true);
	if (hub->trend != NULL)
		trend_flush(hub);
}

/*
 * The next keeper may open the store only when this one has closed it, and
 * reads on in the workers' lines where this one has stopped.
 */
static void hand_over(struct hub *hub)
{
	peers_flush(hub);
	control_free(&hub->control);
	sums_flush_last(hub);
	judge_tick(hub);
	store_close(&hub->store);
	memory_write(hub, hub->memory_fd);
	peers_give(hub);
}

static void free_parts(struct hub *hub)
{
	control_free(&hub->control);
	overseer_free(&hub->overseer);
	firewall_free(&hub->firewall);
	peers_free(&hub->peers);
	if (hub->store != NULL)
		sums_flush_last(hub);
	store_close(&hub->store);
	sums_free(&hub->sums);
	recorder_free(&hub->recorder);
	ear_free(&hub->ear);
	geo_done(&hub->geo);
	watch_free(&hub->watch);
	trend_free(&hub->trend);
	tally_free(&hub->tally);
	roster_free(&hub->roster);
	tap_free(&hub->tap);
	listings_free(&hub->listings);
	dns_lists_free(&hub->dns_lists);
	hooks_free(&hub->hooks);
	backends_free(&hub->backends);
	judge_free(&hub->judge);
	decisions_free(&hub->decisions);
	notes_free(&hub->notes);
	refusals_free(&hub->refusals);
	history_free(&hub->history);
	conf_free(&hub->conf_own);
	free(hub->upgrade);
}

/* A terminal's ^C goes to the supervisor, which ends us in its order. */
static void ignore_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

static int run_with_events(struct hub *hub)
{
	struct event *term = evsignal_new(hub->base, SIGTERM, on_signal, hub);
	struct event *timer = evtimer_new(hub->base, on_timer, hub);
	bool good = term != NULL && timer != NULL &&
		    event_add(term, NULL) == 0 && make_parts(hub);

	if (good) {
		overseer_ready(hub);
		run(hub, timer);
	} else {
		log_say(LOG_ERROR, "keeper-failed", "cannot start: %s",
			strerror(errno));
	}
	if (good && hub->handing_over)
		hand_over(hub);
	free_parts(hub);
	if (timer != NULL)
		event_free(timer);
	if (term != NULL)
		event_free(term);
	return good ? EXIT_SUCCESS : EXIT_OS;
}

/* libevent would write its own lines to standard error, past the log. */
static void say_libevent(int severity, const char *text)
{
	log_begin(
		severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "libevent");
	log_str("message", text);
	log_end();
}

/*
 * Rows that wait for the disk are megabytes under load. Left alone, malloc
 * learns from that to keep as much for ever.
 */
static void give_back_much(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, PIECE_LARGE_BYTES);
}

int keeper_run(const struct keeper_setup *setup)
{
	struct hub hub = {.setup = setup,
		.conf = setup->conf,
		.own = setup->own,
		.own_count = setup->own_count,
		.memory_fd = -1};
	int code;

	ignore_signals();
	give_back_much();
	event_set_log_callback(say_libevent);
	hub.base = event_base_new();
	if (hub.base == NULL)
		return EXIT_OS;
	hub.started = hub_now(&hub);
	code = run_with_events(&hub);
	event_base_free(hub.base);
	log_flush();
	return code;
}
