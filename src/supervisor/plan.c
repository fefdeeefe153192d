/*
 * A plan: one configuration made ready to serve.
 *
 * Private keys are read here, by the supervisor, and never by a process that
 * talks to clients.
 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "../policy/pattern.h"
#include "ear.h"
#include "goals.h"
#include "keys.h"
#include "rights.h"
#include "web.h"

enum { SERVERS_MOST = MESSAGE_ADDRESSES_MOST, NAMED_MOST = 1024 };

static size_t workers_of(const struct conf *conf)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (conf->global.workers_count > 0)
		return (size_t)conf->global.workers_count;
	return cpus > 0 && cpus <= 64 ? (size_t)cpus : 1;
}

static void hostname_of(const struct conf *conf, char *out, size_t room)
{
	if (conf->global.hostname[0])
		(void)snprintf(out, room, "%s", conf->global.hostname);
	else if (gethostname(out, room) < 0)
		(void)snprintf(out, room, "localhost");
	out[room - 1] = 0;
}

static bool server_add(struct worker_backend *b, const struct addr *addr,
	uint16_t port, const char *name)
{
	if (b->server_count >= SERVERS_MOST)
		return true; /* more addresses than any name should have */
	b->servers[b->server_count++] = (struct worker_server){
		.addr = *addr, .port = port, .name = name};
	return true;
}

/* What a name had in the old plan; false: nothing. */
static bool server_of_old(
	struct worker_backend *b, const char *text, const struct plan *old)
{
	bool found = false;

	for (size_t i = 0; old && i < old->conf->backend_count && !found; i++)
		for (size_t j = 0; j < old->backends[i].server_count; j++) {
			const struct worker_server *server =
				&old->backends[i].servers[j];

			if (strcmp(server->name, text) != 0)
				continue;
			found = true;
			(void)server_add(b, &server->addr, server->port, text);
		}
	return found;
}

/*
 * "name:port": every address that it has now. When the DNS does not know, or
 * is away, the addresses that are in use are better than no reload.
 */
static bool server_resolve(struct worker_backend *b, const char *text,
	const struct plan *old, const struct names *names, char *error)
{
	const char *why = "it is not known";
	struct name_address address;
	unsigned n = 0;

	while (names && names_find(names, text, n, &address, &why)) {
		(void)server_add(b, &address.addr, address.port, text);
		n++;
	}
	if (n > 0)
		return true;
	(void)snprintf(error, PLAN_ERROR_LONGEST,
		"backend %s: cannot resolve %s: %s; write its address or mend "
		"the DNS",
		b->conf->title, text, why);
	if (!server_of_old(b, text, old))
		return false;
	return true;
}

/* Those from `first` on have come behind a name: they are never banned. */
static void servers_named(
	struct plan *p, const struct worker_backend *b, size_t first)
{
	for (size_t i = first; i < b->server_count; i++) {
		struct prefix prefix = prefix_of(&b->servers[i].addr, 32, 128);
		bool known = false;

		for (size_t k = 0; k < p->named_count; k++)
			known = known || prefix_eq(&p->named[k], &prefix);
		if (known || p->named_count == NAMED_MOST)
			continue;
		p->named[p->named_count++] = prefix;
	}
}

/* error[0] is set where addresses in use had to stay. */
static bool plan_servers(struct plan *p, struct worker_backend *b,
	const struct plan *old, const struct names *names, char *error)
{
	error[0] = 0;
	b->servers = calloc(SERVERS_MOST, sizeof *b->servers);
	if (!b->servers)
		return false;
	for (size_t i = 0; i < b->conf->servers.count; i++) {
		const char *text = b->conf->servers.items[i];
		size_t first = b->server_count;
		struct addr addr;
		uint16_t port;

		if (addr_parse_port(text, &addr, &port))
			(void)server_add(b, &addr, port, text);
		else if (!server_resolve(b, text, old, names, error))
			return false;
		else
			servers_named(p, b, first);
	}
	return true;
}

static bool plan_patterns(struct worker_backend *b, char *error)
{
	const struct conf_list *list = &b->conf->auth_failed;

	b->auth_failed = calloc(list->count + 1, sizeof(struct pattern *));
	if (!b->auth_failed)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		char why[PATTERN_ERROR_LONGEST];

		b->auth_failed[i] = pattern_new(list->items[i], why);
		if (!b->auth_failed[i]) {
			(void)snprintf(error, PLAN_ERROR_LONGEST,
				"backend %s: auth_failed: %s: %s",
				b->conf->title, list->items[i], why);
			return false;
		}
		b->auth_failed_count++;
	}
	return true;
}

static void plan_patterns_free(struct worker_backend *b)
{
	for (size_t i = 0; i < b->auth_failed_count; i++)
		pattern_free(&b->auth_failed[i]);
	free(b->auth_failed);
}

static void helo_names_free(struct pattern ***names)
{
	for (size_t i = 0; *names && (*names)[i]; i++)
		pattern_free(&(*names)[i]);
	free(*names);
	*names = NULL;
}

/* Workers note whoever says such a name; the keeper has patterns of its own. */
static struct pattern **helo_names(
	const struct conf *conf, size_t *ret_count, char *error)
{
	const struct conf_list *names = &conf->helo.names;
	struct pattern **made =
		calloc(names->count + 1, sizeof(struct pattern *));

	*ret_count = 0;
	for (size_t i = 0; made && i < names->count; i++) {
		char why[PATTERN_ERROR_LONGEST];

		made[i] = pattern_new(names->items[i], why);
		if (!made[i]) {
			(void)snprintf(error, PLAN_ERROR_LONGEST,
				"helo: names: %s: %s", names->items[i], why);
			helo_names_free(&made);
		}
	}
	if (made)
		*ret_count = names->count;
	return made;
}

static bool helo_fine(const struct conf *conf, char *error)
{
	size_t unused;
	struct pattern **names = helo_names(conf, &unused, error);
	bool fine = names != NULL;

	helo_names_free(&names);
	return fine;
}

bool plan_patterns_fine(const struct conf *conf, char error[PLAN_ERROR_LONGEST])
{
	if (!helo_fine(conf, error))
		return false;
	for (size_t i = 0; i < conf->backend_count; i++) {
		struct worker_backend b = {.conf = &conf->backends[i]};
		bool fine = plan_patterns(&b, error);

		plan_patterns_free(&b);
		if (!fine)
			return false;
	}
	return true;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static bool plan_origin(struct worker_backend *b, char *error)
{
	for (size_t i = 0; i < b->conf->source.count; i++) {
		struct addr addr;

		if (!addr_parse(b->conf->source.items[i], &addr))
			continue; /* check made sure */
		b->sources[addr_is_v4(&addr)] = addr;
		b->source_known[addr_is_v4(&addr)] = true;
	}
	if (b->conf->client_address != CONF_CLIENT_ADDRESS_TRANSPARENT ||
		rights_net_raw())
		return true;
	(void)snprintf(error, PLAN_ERROR_LONGEST,
		"backend %s: client_address = transparent needs CAP_NET_RAW, "
		"and this process has it not; copy "
		"conf/systemd/postern-transparent.conf into "
		"/etc/systemd/system/postern.service.d/, then type: systemctl "
		"daemon-reload && systemctl restart postern",
		b->conf->title);
	return false;
}

/* A context that came with a warning is used and the warning is logged. */
static bool tls_made(
	const struct tls_context *context, const char *what, char *error)
{
	if (!context)
		return false;
	if (error[0])
		log_say(LOG_WARN, "tls", "%s: %s", what, error);
	error[0] = 0;
	return true;
}

static bool plan_backend(struct plan *p, struct worker_backend *b,
	const struct plan *old, const struct names *names, char *error)
{
	const struct conf_backend *c = b->conf;
	struct tls_client_conf tls = {
		.name = c->title,
		.version_least = (enum tls_version)c->tls_least,
		.level = (int)c->tls_level_count,
		.verify = (enum tls_verify)c->tls_verify,
		.ca_file = or_null(c->tls_ca),
		.verify_name = or_null(c->tls_name),
		.pin_sha256 = or_null(c->tls_pin),
	};

	if (!plan_servers(p, b, old, names, error))
		return false;
	if (names && error[0])
		log_say(LOG_WARN, "names", "%s; the addresses in use stay",
			error);
	if (!plan_patterns(b, error) || !plan_origin(b, error))
		return false;
	if (c->tls == CONF_BACKEND_TLS_OFF)
		return true;
	error[0] = 0;
	b->tls = tls_client_new(&tls, error);
	return tls_made(b->tls, c->title, error);
}

/* The certificates that a listener shows: those it names, or all. */
static size_t certificates_of(const struct conf *conf,
	const struct conf_listener *l, struct tls_certificate *out)
{
	size_t n = 0;

	for (size_t i = 0; i < l->certificates.count; i++) {
		const struct conf_certificate *c =
			conf_certificate_find(conf, l->certificates.items[i]);
		if (c)
			out[n++] = (struct tls_certificate){
				c->title, c->chain, c->key};
	}
	for (size_t i = 0;
		l->certificates.count == 0 && i < conf->certificate_count;
		i++) {
		const struct conf_certificate *c = &conf->certificates[i];
		out[n++] = (struct tls_certificate){c->title, c->chain, c->key};
	}
	return n;
}

static bool plan_listener_tls(
	const struct conf *conf, struct worker_listener *wl, char *error)
{
	const struct conf_listener *l = wl->conf;
	size_t room = conf->certificate_count + l->certificates.count + 1;
	struct tls_certificate *certificates =
		calloc(room, sizeof *certificates);
	struct tls_server_conf tls = {
		.name = l->title,
		.certificates = certificates,
		.version_least = (enum tls_version)l->tls_least,
		.ciphers = or_null(l->tls_ciphers),
	};

	if (!certificates)
		return false;
	tls.certificate_count = certificates_of(conf, l, certificates);
	error[0] = 0;
	wl->tls = tls_server_new(&tls, error);
	free(certificates);
	return tls_made(wl->tls, l->title, error);
}

static size_t backend_index(const struct conf *conf, const char *title)
{
	const struct conf_backend *b = conf_backend_find(conf, title);

	return b ? (size_t)(b - conf->backends) : 0; /* check made sure */
}

/* The secrets are read to see that they can be: their process does it itself.
 */
static bool plan_web(struct plan *p, struct plan *old, char *error)
{
	struct web_secrets secrets;

	if (!web_secrets_read(p->conf, &secrets, error))
		return false;
	web_secrets_done(&secrets);
	p->web = web_open(p->conf, old ? old->web : NULL, error);
	if (!p->web)
		p->refused = errno;
	return p->web != NULL;
}

/* Likewise. */
static bool plan_hooks(const struct plan *p, char *error)
{
	static struct hook_aim aims[HOOKS_MOST];
	bool good = goals_read(p->conf, aims, error);

	secret_wipe(aims, sizeof aims);
	return good;
}

static bool plan_fill(struct plan *p, struct plan *old,
	const struct names *names, char *error)
{
	const struct conf *conf = p->conf;

	p->backends = calloc(conf->backend_count + 1, sizeof *p->backends);
	p->worker_listeners =
		calloc(conf->listener_count + 1, sizeof *p->worker_listeners);
	p->named = calloc(NAMED_MOST, sizeof *p->named);
	p->ear_patterns = ear_patterns_text(conf, error);
	p->helo_names = helo_names(conf, &p->helo_name_count, error);
	if (!p->ear_patterns || !p->helo_names)
		return false;
	if (names_wanted(conf))
		p->names_ttl_ms =
			names ? names_ttl_ms(names) : NAMES_TTL_LEAST_MS;
	if (!p->named || !p->backends || !p->worker_listeners)
		return false;
	for (size_t i = 0; i < conf->backend_count; i++) {
		p->backends[i].conf = &conf->backends[i];
		if (!plan_backend(p, &p->backends[i], old, names, error))
			return false;
	}
	for (size_t i = 0; i < conf->listener_count; i++) {
		struct worker_listener *wl = &p->worker_listeners[i];
		wl->conf = &conf->listeners[i];
		wl->backend = backend_index(conf, wl->conf->backend);
		if (conf_ends_tls(wl->conf) &&
			!plan_listener_tls(conf, wl, error))
			return false;
	}
	p->listeners = listeners_new(
		conf, p->workers, old ? old->listeners : NULL, error);
	if (!p->listeners)
		p->refused = errno;
	return p->listeners != NULL && plan_hooks(p, error) &&
	       plan_web(p, old, error);
}

static void key_warn(void *arg, const char *text)
{
	(void)arg;
	log_say(LOG_WARN, "key-readable", "%s", text);
}

struct plan *plan_new(struct conf *conf, struct plan *old,
	const struct names *names, char error[PLAN_ERROR_LONGEST])
{
	struct plan *p = calloc(1, sizeof *p);
	int refused;

	(void)snprintf(error, PLAN_ERROR_LONGEST, "no memory");
	if (!p) {
		conf_free(&conf);
		return NULL;
	}
	p->conf = conf;
	atlas_begin(&p->atlas, conf);
	p->workers = workers_of(conf);
	p->tickets_at_ms = clock_mono_ms() + TICKETS_EACH_MS;
	hostname_of(conf, p->hostname, sizeof p->hostname);
	keys_look(conf, key_warn, NULL);
	p->files_mark = plan_files_mark(p); /* before they are read */
	if (plan_fill(p, old, names, error))
		return p;
	refused = p->refused;
	plan_free(&p);
	errno = refused;
	return NULL;
}

/* ---- names, again ---- */

static bool has(const struct worker_backend *b, const struct worker_server *s)
{
	for (size_t i = 0; i < b->server_count; i++)
		if (b->servers[i].port == s->port &&
			b->servers[i].name == s->name &&
			addr_eq(&b->servers[i].addr, &s->addr))
			return true;
	return false;
}

/* In whatever order: a resolver that turns them round changes nothing. */
static bool same_servers(
	const struct worker_backend *a, const struct worker_backend *b)
{
	for (size_t i = 0; i < a->server_count; i++)
		if (!has(b, &a->servers[i]))
			return false;
	return a->server_count == b->server_count;
}

unsigned plan_renew(struct plan *p, const struct names *names,
	char error[PLAN_ERROR_LONGEST])
{
	static char why[PLAN_ERROR_LONGEST];
	size_t named = p->named_count;
	unsigned found = 0;

	p->names_ttl_ms = names_ttl_ms(names);
	for (size_t i = 0; i < p->conf->backend_count; i++) {
		struct worker_backend *b = &p->backends[i], next = {0};

		next.conf = b->conf;
		if (!plan_servers(p, &next, p, names, why) ||
			same_servers(&next, b)) {
			free(next.servers);
		} else {
			free(b->servers);
			b->servers = next.servers;
			b->server_count = next.server_count;
			found |= PLAN_CHANGED;
		}
		if (!why[0])
			continue;
		memcpy(error, why, sizeof why);
		found |= PLAN_KEPT;
	}
	return found | (p->named_count > named ? PLAN_JOINED : 0);
}

void plan_addresses(
	const struct plan *p, size_t backend, struct message_addresses *m)
{
	const struct worker_backend *b = &p->backends[backend];

	memset(m, 0, sizeof *m);
	m->backend = (uint32_t)backend;
	m->count = (uint32_t)b->server_count;
	for (size_t i = 0; i < b->server_count; i++) {
		size_t item = 0;

		while (b->conf->servers.items[item] != b->servers[i].name)
			item++;
		m->all[i].addr = b->servers[i].addr;
		m->all[i].port = b->servers[i].port;
		m->all[i].item = (uint16_t)item;
	}
}

bool plan_same(const struct plan *a, const struct plan *b)
{
	if (a->files_mark != b->files_mark || a->workers != b->workers ||
		a->conf->backend_count != b->conf->backend_count ||
		strcmp(a->hostname, b->hostname) != 0 ||
		strcmp(a->ear_patterns, b->ear_patterns) != 0 ||
		!atlas_same(&a->atlas, &b->atlas))
		return false;
	for (size_t i = 0; i < a->conf->backend_count; i++) {
		const struct worker_backend *x = &a->backends[i],
					    *y = &b->backends[i];

		if (x->server_count != y->server_count)
			return false;
		for (size_t j = 0; j < x->server_count; j++)
			if (x->servers[j].port != y->servers[j].port ||
				!addr_eq(&x->servers[j].addr,
					&y->servers[j].addr))
				return false;
	}
	return true;
}

void plan_free(struct plan **plan)
{
	struct plan *p = *plan;

	if (!p)
		return;
	for (size_t i = 0; p->backends && i < p->conf->backend_count; i++) {
		free(p->backends[i].servers);
		tls_context_free(&p->backends[i].tls);
		plan_patterns_free(&p->backends[i]);
	}
	for (size_t i = 0; p->worker_listeners && i < p->conf->listener_count;
		i++) {
		tls_context_free(&p->worker_listeners[i].tls);
		free(p->worker_listeners[i].fds);
	}
	listeners_free(&p->listeners);
	listeners_free(&p->web);
	free(p->backends);
	free(p->named);
	free(p->ear_patterns);
	atlas_done(&p->atlas);
	helo_names_free(&p->helo_names);
	free(p->worker_listeners);
	conf_free(&p->conf);
	free(p);
	*plan = NULL;
}

void plan_worker(
	const struct plan *p, unsigned slot, struct worker_setup *ret_setup)
{
	for (size_t i = 0; i < p->conf->listener_count; i++) {
		struct worker_listener *wl = &p->worker_listeners[i];
		const int *fds =
			listeners_fds(p->listeners, i, slot - 1, &wl->fd_count);

		free(wl->fds);
		wl->fds = calloc(wl->fd_count + 1, sizeof *wl->fds);
		if (wl->fds)
			memcpy(wl->fds, fds, wl->fd_count * sizeof *fds);
		else
			wl->fd_count = 0;
	}
	*ret_setup = (struct worker_setup){
		.slot = slot,
		.worker_count = p->workers,
		.conf = p->conf,
		.hostname = p->hostname,
		.listeners = p->worker_listeners,
		.listener_count = p->conf->listener_count,
		.backends = p->backends,
		.backend_count = p->conf->backend_count,
		.helo_names = p->helo_names,
		.helo_name_count = p->helo_name_count,
		.keeper_fd = -1,
		.supervisor_fd = -1,
		.tickets_at_ms = p->tickets_at_ms,
	};
}

bool plan_transparent(const struct plan *p)
{
	for (size_t i = 0; i < p->conf->backend_count; i++)
		if (p->conf->backends[i].client_address ==
			CONF_CLIENT_ADDRESS_TRANSPARENT)
			return true;
	return false;
}

bool plan_binds(const struct plan *p)
{
	for (size_t i = 0; i < p->conf->backend_count; i++)
		if (p->conf->backends[i].source.count > 0)
			return true;
	return plan_transparent(p);
}

/*
 * Keeper and helper take servers behind names for what they are: allowed. They
 * cannot look them up, and a worker's word on who is never banned would be
 * worth nothing. Caller frees.
 */
static char *text_with_named(const struct plan *p)
{
	struct conf conf = *p->conf;
	size_t count = conf.global.allow.count, n = count + p->named_count;
	struct prefix *allow = calloc(n + 1, sizeof *allow);
	char *text;

	if (!allow)
		return NULL;
	if (count > 0)
		memcpy(allow, conf.global.allow.items, count * sizeof *allow);
	if (p->named_count > 0)
		memcpy(allow + count, p->named, p->named_count * sizeof *allow);
	conf.global.allow = (struct conf_prefixes){.items = allow, .count = n};
	text = conf_dump(&conf, false);
	free(allow);
	return text;
}

int plan_text(const struct plan *p)
{
	char *text = text_with_named(p);
	int fd = memfd_create("postern.conf", MFD_CLOEXEC);
	size_t n = text ? strlen(text) : 0;

	if (fd >= 0 && (!text || write(fd, text, n) != (ssize_t)n)) {
		(void)close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

void plan_rotate_tickets(struct plan *p, mono_ms_t now)
{
	for (; now >= p->tickets_at_ms; p->tickets_at_ms += TICKETS_EACH_MS)
		for (size_t i = 0; i < p->conf->listener_count; i++)
			if (p->worker_listeners[i].tls)
				tls_context_rotate_tickets(
					p->worker_listeners[i].tls);
}

static uint64_t mark_file(uint64_t mark, const char *path)
{
	struct stat st = {0};

	if (path[0] && stat(path, &st) < 0)
		st.st_ino = 1; /* gone counts as a change, too */
	mark = mark * 1099511628211u + (uint64_t)st.st_ino;
	mark = mark * 1099511628211u + (uint64_t)st.st_size;
	mark = mark * 1099511628211u + (uint64_t)st.st_mtim.tv_sec;
	return mark * 1099511628211u + (uint64_t)st.st_mtim.tv_nsec;
}

uint64_t plan_files_mark(const struct plan *p)
{
	uint64_t mark = 14695981039346656037u;

	for (size_t i = 0; i < p->conf->certificate_count; i++) {
		mark = mark_file(mark, p->conf->certificates[i].chain);
		mark = mark_file(mark, p->conf->certificates[i].key);
	}
	for (size_t i = 0; i < p->conf->backend_count; i++)
		mark = mark_file(mark, p->conf->backends[i].tls_ca);
	for (size_t i = 0; i < p->conf->hook_count; i++) {
		mark = mark_file(mark, p->conf->hooks[i].url_file);
		mark = mark_file(mark, p->conf->hooks[i].secret);
	}
	mark = mark_file(mark, p->conf->admin.token_file);
	return mark_file(mark, p->conf->feed.token_file);
}
