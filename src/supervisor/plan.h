/*
 * A plan: one configuration made ready to serve. Keys read, names resolved,
 * sockets opened. It is made whole or not at all (a reload makes a new one
 * beside the old) and then never changes.
 */
#ifndef SUPERVISOR_PLAN_H
#define SUPERVISOR_PLAN_H

#include "../conf/conf.h"
#include "../ipc/message.h"
#include "../worker/worker.h"
#include "atlas.h"
#include "listeners.h"
#include "names.h"

struct plan {
	struct conf *conf;
	struct listeners *listeners;
	struct listeners *web; /* of the page and the feeds */
	struct worker_listener *worker_listeners; /* fds: see plan_worker */
	struct worker_backend *backends;
	size_t workers;
	mono_ms_t tickets_at_ms; /* when ticket keys change next */
	uint64_t files_mark;	 /* plan_files_mark() before they were read */
	uint64_t names_ttl_ms;	 /* 0: no server has a name */
	struct prefix *named;	 /* all addresses that names had so far */
	size_t named_count;
	struct pattern **helo_names;
	size_t helo_name_count;
	char *ear_patterns; /* text, checked; "": no log is followed */
	struct atlas atlas; /* databases of places */
	char hostname[256];
	int refused; /* by the system: an errno; 0: nothing */
};

enum { PLAN_ERROR_LONGEST = 2048 };

/*
 * Takes conf over in any case. old: whose sockets are kept, or NULL.
 * names: what was found for conf; NULL: servers have the addresses that they
 * have in old. A name that was not found keeps those, too, with a warning.
 * NULL: `error` says why, and errno what the system refused, 0: the
 * configuration is at fault. Warnings are logged.
 */
struct plan *plan_new(struct conf *conf, struct plan *old,
	const struct names *names, char error[PLAN_ERROR_LONGEST]);
/*
 * The addresses that names have now take the place of those that they had;
 * connections go on. Names that were not found keep theirs. Bits: 1, something
 * has changed; 2, an address is new to `named`; 4, a name was not found, and
 * error says why.
 */
enum { PLAN_CHANGED = 1, PLAN_JOINED = 2, PLAN_KEPT = 4 };
unsigned plan_renew(struct plan *plan, const struct names *names,
	char error[PLAN_ERROR_LONGEST]);
/* What worker processes of this plan are told of a backend. */
void plan_addresses(const struct plan *plan, size_t backend,
	struct message_addresses *ret_message);
/* Would workers do the same with either? The text of both is the same. */
bool plan_same(const struct plan *a, const struct plan *b);
/* For `postern check`: do all patterns compile? false: error says which. */
bool plan_patterns_fine(
	const struct conf *conf, char error[PLAN_ERROR_LONGEST]);
void plan_free(struct plan **plan);
/* What worker `slot` (from 1) is given; its pointers are the plan's. */
void plan_worker(
	const struct plan *plan, unsigned slot, struct worker_setup *ret_setup);
/* Has a server's connection a client's address? Workers keep CAP_NET_RAW. */
bool plan_transparent(const struct plan *plan);
/* Do workers choose the address of such a connection at all? */
bool plan_binds(const struct plan *plan);
/*
 * A memfd with the configuration's text, with the addresses behind names on its
 * allow list; -1: errno. Caller closes.
 */
int plan_text(const struct plan *plan);
/* Changes ticket keys when it is time, as the workers do by themselves. */
void plan_rotate_tickets(struct plan *plan, mono_ms_t now);
/* A number that changes when a file of a certificate, a key, an authority or a
 * token does. */
uint64_t plan_files_mark(const struct plan *plan);

#endif
