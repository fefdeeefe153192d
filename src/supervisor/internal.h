/*
 * The supervisor as its own files see it.
 */
#ifndef SUPERVISOR_INTERNAL_H
#define SUPERVISOR_INTERNAL_H

#include "../base/census.h"
#include "../ipc/message.h"
#include "child.h"
#include "ear.h"
#include "heir.h"
#include "names.h"
#include "plan.h"
#include "rights.h"
#include "sink.h"
#include "upgrade.h"
#include "watchdog.h"

struct supervisor {
	const char *path; /* of the configuration */
	struct plan *plan;
	struct message_own own; /* as keeper and helper know them */
	struct plan *old_plan;	/* while a reload waits for its workers */
	unsigned generation;
	struct children children;
	struct census *census; /* a row for each worker */
	struct sink *sink;
	struct rights_user user;
	uint8_t tag_key[16]; /* of the workers, for this start */
	int signal_fd;
	int state_fd;	/* of state_dir, locked */
	int control_fd; /* listening; kept for the keeper's successors */
	int memory_fd;	/* for the next keeper, of the one before; -1: none */
	mono_ms_t now;
	mono_ms_t reload_until; /* MONO_NEVER: no reload under way */
	mono_ms_t stop_until;	/* MONO_NEVER: not stopping */
	mono_ms_t files_due;
	uint64_t files_mark;
	struct ear ear;
	struct conf *next_conf; /* whose names are looked up; or NULL */
	struct names *names;
	mono_ms_t names_until;	 /* MONO_NEVER: no look-up under way */
	struct names *renewal;	 /* names in use, looked up again */
	mono_ms_t renewal_until; /* MONO_NEVER: none under way */
	mono_ms_t names_due;	 /* then they are, MONO_NEVER: no names */
	bool names_kept;	 /* said: some were not found */
	char *reload_text;	 /* what changes, for who asked */
	mono_ms_t sockets_since; /* to name servers (resolver.c) */
	unsigned sockets_sent;	 /* in this second */
	size_t socket_turn;	 /* whose turn it is */
	bool announced;		 /* "ready" was said */
	char program[512];	 /* the file that we are, by its path */
	struct watchdog watchdog;
	struct upgrade upgrade; /* another one takes over */
	struct heir heir;	/* we have taken over */
	bool orphaned;		/* while we did, who handed over has died */
	bool again;		/* another reload was asked for meanwhile */
};

/* family.c: starting and losing processes */
bool family_start(struct supervisor *s);   /* keeper, helper, workers */
bool family_workers(struct supervisor *s); /* those of the present plan */
/* Starts the process of the page and feeds, anew where there is one, or ends
 * it: as the present plan says. */
void family_dash(struct supervisor *s);
/* The same of the process of the hooks. */
void family_hook(struct supervisor *s);
/* And of that which fetches lists of others. */
void family_fetch(struct supervisor *s);
/* Sends a signal to all of a kind. */
void family_signal(struct supervisor *s, enum child_kind kind, int signal);
/* Ends them, to be started anew at once. */
void family_renew(struct supervisor *s, enum child_kind kind);
void family_reap(struct supervisor *s);
void family_restart_due(struct supervisor *s);
mono_ms_t family_deadline(const struct supervisor *s);
size_t family_count(const struct supervisor *s, enum child_kind kind);
/* Are all workers of the present generation serving? */
bool family_ready(const struct supervisor *s);
/* Workers of other generations stop accepting and finish. */
void family_drain_old(struct supervisor *s);
/* Workers of the present generation end: the reload failed. */
void family_drop_new(struct supervisor *s);

enum { NAMES_MOST_MS = 10000 };

/* supervisor.c: as at SIGTERM */
void supervisor_stop(struct supervisor *s);
/* What became of an order, to posternctl by way of the keeper; lines beyond the
 * message are cut. done: MESSAGE_RELOAD_DONE, MESSAGE_UPGRADE_DONE. */
void supervisor_answer(struct supervisor *s, enum message_type done, bool ok,
	const char *text);

/* reload.c */
void reload_begin(struct supervisor *s);
void reload_certificates(struct supervisor *s); /* the same conf, new files */
/* Is one under way? */
bool reload_busy(const struct supervisor *s);
/* The names of the new configuration are known, or it is too late. */
void reload_named(struct supervisor *s);
void reload_forget(struct supervisor *s); /* one that looks up names */
void reload_ready(struct supervisor *s);
void reload_late(struct supervisor *s);
/* Keeper and helper take over what their text of the plan has now. */
void reload_tell_others(struct supervisor *s);

/* renew.c: names that are in use, looked up again at their TTL */
void renew_plan(struct supervisor *s); /* a plan has come into force */
void renew_tick(struct supervisor *s);
void renew_read(struct supervisor *s); /* an answer may be there */
void renew_forget(struct supervisor *s);

#endif
