/*
 * Does the configuration make sense?
 *
 * Each rule here needs more than one option to judge; ranges of a single one
 * are in options.def. No file is opened and no name is looked up: `postern
 * check` needs no rights and gives the same answer on any machine. A block of
 * which a part was not understood is left out, since what it lacks may only
 * be misspelt.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "../base/addr.h"
#include "check_hooks.h"
#include "check_http.h"
#include "check_lists.h"
#include "checker.h"
#include "near.h"

/* ---- words ---- */

static bool text_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static bool text_letters(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static void check_printable(
	const struct checker *c, const char *option, const char *text)
{
	/* RFC 5321 §4.2: replies are ASCII. */
	if (!text_printable(text))
		check_say(c, option, "%s: only printable ASCII is allowed",
			option);
}

/* ---- addresses ---- */

/* HOST:PORT, an address or a name; is_private as far as the text says. */
static bool server_parse(const char *text, bool *ret_private)
{
	const char *colon = strrchr(text, ':');
	struct endpoint endpoint;
	char *end;
	long port;

	if (check_bind_parse(text, &endpoint)) {
		*ret_private = addr_is_private(&endpoint.addr);
		return true;
	}
	if (!colon || !check_name_sound(text, (size_t)(colon - text)) ||
		strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	/* "10.0.0.256:25" is a mistyped address, not a name. */
	if (strspn(text, "0123456789.") == (size_t)(colon - text))
		return false;
	port = strtol(colon + 1, &end, 10);
	*ret_private = strncmp(text, "localhost:", 10) == 0;
	return port >= 1 && port <= 65535;
}

/* ---- listeners ---- */

static bool listener_has_tls(const struct conf_listener *listener)
{
	return listener->tls != CONF_LISTENER_TLS_OFF ||
	       listener->starttls != CONF_STARTTLS_OFF;
}

/* Is the same bind there before entry `index` of this listener? */
static const char *bind_owner(const struct conf *conf,
	const struct conf_listener *listener, size_t index)
{
	struct endpoint mine, other;

	if (!check_bind_parse(listener->bind.items[index], &mine))
		return NULL;
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *them = &conf->listeners[i];
		size_t n = them == listener ? index : them->bind.count;

		for (size_t j = 0; j < n; j++)
			if (check_bind_parse(them->bind.items[j], &other) &&
				other.port == mine.port &&
				addr_eq(&other.addr, &mine.addr))
				return them->title;
		if (them == listener)
			break;
	}
	return NULL;
}

static void check_binds(
	const struct checker *c, const struct conf_listener *listener)
{
	struct endpoint endpoint;

	if (!listener->bind.count)
		check_say(c, NULL,
			"bind is missing (like bind = {\"0.0.0.0:25\", "
			"\"[::]:25\"})");
	for (size_t i = 0; i < listener->bind.count; i++) {
		const char *bind = listener->bind.items[i];
		const char *owner = bind_owner(c->conf, listener, i);

		if (!check_bind_parse(bind, &endpoint))
			check_say(c, "bind",
				"bind: \"%.60s\" is no ADDRESS:PORT (allowed: "
				"like 0.0.0.0:25, [::]:25)",
				bind);
		else if (owner)
			check_say(c, "bind",
				"bind: %s is taken already (listener %s)", bind,
				owner);
	}
}

static void check_references(
	const struct checker *c, const struct conf_listener *listener)
{
	if (!*listener->backend)
		check_say(c, NULL, "backend is missing");
	else if (!conf_backend_find(c->conf, listener->backend))
		check_unknown_name(
			c, "backend", SECTION_backend, listener->backend);
	for (size_t i = 0; i < listener->certificates.count; i++) {
		const char *title = listener->certificates.items[i];

		if (!conf_certificate_find(c->conf, title))
			check_unknown_name(
				c, "certificates", SECTION_certificate, title);
	}
}

static bool listens_beyond_loopback(const struct conf_listener *listener)
{
	struct endpoint endpoint;

	for (size_t i = 0; i < listener->bind.count; i++)
		if (check_bind_parse(listener->bind.items[i], &endpoint) &&
			!addr_is_loopback(&endpoint.addr))
			return true;
	return false;
}

/* Does the server see postern in place of these clients? */
static bool hides_clients(
	const struct conf *conf, const struct conf_listener *listener)
{
	const struct conf_backend *backend =
		conf_backend_find(conf, listener->backend);

	/* XCLIENT is said only where it is offered. */
	return backend && listens_beyond_loopback(listener) &&
	       (backend->client_address == CONF_CLIENT_ADDRESS_NONE ||
		       backend->client_address == CONF_CLIENT_ADDRESS_XCLIENT);
}

static void check_listener_tls(
	const struct checker *c, const struct conf_listener *listener)
{
	bool implicit = listener->tls != CONF_LISTENER_TLS_OFF;
	bool starttls = listener->starttls != CONF_STARTTLS_OFF;

	if (implicit && starttls)
		check_say(c, "starttls",
			"starttls cannot be with tls = %s (one of the two)",
			listener->tls == CONF_LISTENER_TLS_IMPLICIT
				? "implicit"
				: "passthrough");
	if (conf_ends_tls(listener) && !c->conf->certificate_count)
		check_say(c, implicit ? "tls" : "starttls",
			"TLS needs a certificate block, and there is none");
	if (listener->auth == CONF_AUTH_TLS && !implicit && !starttls)
		check_say(c, "auth",
			"auth = tls needs TLS (starttls = optional, required "
			"or passthrough, or tls = implicit)");
	if (listener->auth == CONF_AUTH_OFFER && !listener_has_tls(listener) &&
		listens_beyond_loopback(listener))
		check_warn(c, "auth",
			"passwords cross in clear (auth = offer without TLS; "
			"hide or tls is safer)");
}

/* The server's TLS and postern's own on the same way. */
static void check_passthrough_backend(
	const struct checker *c, const struct conf_listener *listener)
{
	bool first = listener->tls == CONF_LISTENER_TLS_PASSTHROUGH;
	const struct conf_backend *backend =
		conf_backend_find(c->conf, listener->backend);

	if (!backend)
		return;
	if (first && backend->tls != CONF_BACKEND_TLS_IMPLICIT)
		check_say(c, "tls",
			"tls = passthrough needs a port of the server that "
			"speaks TLS from the first octet (tls = implicit in "
			"backend %s, which the health dialogue then speaks, "
			"too)",
			backend->title);
	if (!first && backend->tls != CONF_BACKEND_TLS_OFF)
		check_say(c, "starttls",
			"starttls = passthrough needs tls = off in backend %s: "
			"a client cannot have the server's TLS inside "
			"postern's",
			backend->title);
}

/* Options that are a promise which nobody could keep, or do nothing. */
static void check_passthrough_options(
	const struct checker *c, const struct conf_listener *listener)
{
	bool first = listener->tls == CONF_LISTENER_TLS_PASSTHROUGH;

	if (first && listener->greeting_delay_ms > 0)
		check_say(c, "greeting_delay",
			"greeting_delay cannot be with tls = passthrough: in "
			"TLS it is the client who speaks first");
	if (first && *listener->banner)
		check_say(c, "banner",
			"banner cannot be with tls = passthrough: the server's "
			"own is inside TLS");
	if (first && listener->auth != CONF_AUTH_OFFER)
		check_say(c, "auth",
			"auth = %s cannot be with tls = passthrough: AUTH is "
			"inside TLS, where only the server can hide it",
			listener->auth == CONF_AUTH_TLS ? "tls" : "hide");
	if (!first && listener->auth == CONF_AUTH_HIDE)
		check_warn(c, "auth",
			"auth = hide holds before STARTTLS only: behind it the "
			"server's AUTH is open to guessers (switch it off "
			"there, or take starttls = optional)");
	if (listener->certificates.count || *listener->tls_ciphers)
		check_warn(c,
			listener->certificates.count ? "certificates"
						     : "tls_ciphers",
			"with passthrough clients see the server's TLS: "
			"certificates, tls_least and tls_ciphers do nothing "
			"here (remove them)");
}

/* What the operator gives away, in full. */
static void check_passthrough(
	const struct checker *c, const struct conf_listener *listener)
{
	bool first = listener->tls == CONF_LISTENER_TLS_PASSTHROUGH;
	const char *option = first ? "tls" : "starttls";

	if (!first && listener->starttls != CONF_STARTTLS_PASSTHROUGH)
		return;
	check_passthrough_backend(c, listener);
	check_passthrough_options(c, listener);
	check_warn(c, option,
		"passthrough: inside TLS postern sees no login and no message. "
		"Guessers there are not delayed, banned or tarpitted, users "
		"not shielded, smuggling not stopped; limits of commands, "
		"bare_newline and received do nothing. Only connections are "
		"counted, and bans from elsewhere act (a certificate here "
		"gives it all back)");
	if (hides_clients(c->conf, listener))
		check_warn(c, option,
			"passthrough: inside TLS local_domains is not held, "
			"and the server sees postern's address for every "
			"client: it must not relay for that, nor lock it out "
			"(client_address = transparent is safer)");
	else if (c->conf->global.local_domains.count)
		check_warn(c, option,
			"passthrough: local_domains is not held inside TLS");
}

/* The kernel's bans look at a packet before the rule that sends it here. */
static void check_intercept(
	const struct checker *c, const struct conf_listener *listener)
{
	const struct conf_firewall *firewall = &c->conf->firewall;

	if (listener->intercept == CONF_INTERCEPT_REDIRECT &&
		firewall->backend == CONF_FIREWALL_NFT &&
		firewall->ports == CONF_PORTS_LISTENERS)
		check_warn(c, "intercept",
			"bans in the kernel miss clients whose port a rule "
			"changes (redirect to the same port, or set ports = "
			"all in firewall)");
}

static void check_proxy(
	const struct checker *c, const struct conf_listener *listener)
{
	bool required = listener->proxy == CONF_PROXY_REQUIRED;

	if (required && !listener->proxy_from.count)
		check_say(c, "proxy",
			"proxy = required needs the balancers (like proxy_from "
			"= {\"192.0.2.10\"})");
	if (!required && listener->proxy_from.count)
		check_say(c, "proxy_from",
			"proxy_from without proxy = required (add it, or "
			"remove proxy_from)");
	for (size_t i = 0; i < listener->proxy_from.count; i++)
		if (prefix_length(&listener->proxy_from.items[i]) == 0)
			check_warn(c, "proxy_from",
				"proxy_from holds every address: any client "
				"can name another's (list the balancers only)");
}

static void check_listener(struct checker *c, size_t index)
{
	const struct conf_listener *listener = &c->conf->listeners[index];

	if (!checker_turn(c, SECTION_listener, index))
		return;
	check_binds(c, listener);
	check_references(c, listener);
	check_listener_tls(c, listener);
	check_passthrough(c, listener);
	check_intercept(c, listener);
	check_proxy(c, listener);
	check_printable(c, "banner", listener->banner);
	if (listener->bare_newline == CONF_NEWLINE_PASS)
		check_warn(c, "bare_newline",
			"bare_newline = pass risks SMTP smuggling (reject or "
			"normalize is safer)");
}

/* ---- backends ---- */

static bool check_servers(
	const struct checker *c, const struct conf_backend *backend)
{
	bool all_private = true, is_private = true;

	if (!backend->servers.count)
		check_say(c, NULL,
			"servers is missing (like servers = "
			"{\"10.0.0.25:25\"})");
	for (size_t i = 0; i < backend->servers.count; i++) {
		if (!server_parse(backend->servers.items[i], &is_private))
			check_say(c, "servers",
				"servers: \"%.60s\" is no HOST:PORT (allowed: "
				"like 10.0.0.25:25, [2001:db8::25]:25, "
				"mail.example.org:25)",
				backend->servers.items[i]);
		all_private = all_private && is_private;
	}
	return all_private;
}

static void check_source(
	const struct checker *c, const struct conf_backend *backend)
{
	unsigned count[2] = {0, 0};
	struct addr addr;

	for (size_t i = 0; i < backend->source.count; i++) {
		const char *text = backend->source.items[i];

		if (!addr_parse(text, &addr))
			check_say(c, "source",
				"source: \"%.60s\" is no address (allowed: "
				"like "
				"10.0.0.1, 2001:db8::1; no port)",
				text);
		else if (++count[addr_is_v4(&addr)] > 1)
			check_say(c, "source",
				"source: a second address of one family (at "
				"most one IPv4 and one IPv6)");
	}
}

static bool pin_sound(const char *pin)
{
	return strlen(pin) == 64 && strspn(pin, "0123456789abcdefABCDEF") == 64;
}

static void check_backend(struct checker *c, size_t index)
{
	const struct conf_backend *backend = &c->conf->backends[index];
	bool is_private;

	if (!checker_turn(c, SECTION_backend, index))
		return;
	is_private = check_servers(c, backend);
	check_source(c, backend);
	if (backend->tls_verify == CONF_VERIFY_NAME && !*backend->tls_name)
		check_say(c, "tls_verify", "tls_verify = name needs tls_name");
	if (*backend->tls_pin && !pin_sound(backend->tls_pin))
		check_say(c, "tls_pin", "tls_pin: not 64 hex digits");
	if (backend->tls != CONF_BACKEND_TLS_OFF && !*backend->tls_pin &&
		backend->tls_verify == CONF_VERIFY_OFF && !is_private)
		check_warn(c, "tls",
			"TLS to a server outside that nobody verifies "
			"(tls_verify = name or tls_pin is safer)");
}

/* ---- the rest ---- */

/* Every listener leaves TLS to the server. */
static bool passes_all_tls(const struct conf *conf)
{
	bool passes = false;

	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (conf_ends_tls(listener))
			return false;
		passes |= listener->starttls == CONF_STARTTLS_PASSTHROUGH ||
			  listener->tls == CONF_LISTENER_TLS_PASSTHROUGH;
	}
	return passes;
}

static void check_certificate(struct checker *c, size_t index)
{
	const struct conf_certificate *certificate =
		&c->conf->certificates[index];

	if (!checker_turn(c, SECTION_certificate, index))
		return;
	if (!*certificate->chain)
		check_say(c, NULL, "chain is missing (a PEM file)");
	if (!*certificate->key)
		check_say(c, NULL, "key is missing (a PEM file)");
	if (passes_all_tls(c->conf))
		check_warn(c, NULL,
			"no listener shows it: clients see the server's own "
			"(remove it, or take starttls = optional and have all "
			"that passthrough gives away)");
}

static void check_firewall(struct checker *c)
{
	const struct conf_firewall *firewall = &c->conf->firewall;

	if (!checker_turn(c, SECTION_firewall, 0))
		return;
	if (firewall->backend == CONF_FIREWALL_EXEC && !*firewall->exec)
		check_say(
			c, "backend", "backend = exec needs a program in exec");
	if (firewall->backend != CONF_FIREWALL_NULL &&
		firewall->ports == CONF_PORTS_LISTENERS &&
		!c->conf->listener_count && *c->conf->domino_log.path)
		check_say(c, "ports",
			"ports = listeners, and there is no listener (set "
			"ports = all)");
	if (*firewall->exec && firewall->exec[0] != '/')
		check_say(c, "exec",
			"exec: \"%.60s\" is no absolute path (allowed: like "
			"/usr/local/sbin/block)",
			firewall->exec);
}

static bool is_service(const char *word, struct near *near)
{
	static const char *const services[] = {
		"smtp", "http", "imap", "pop3", "ldap", "other"};
	bool known = false;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		known = known || strcmp(word, services[i]) == 0;
		near_offer(near, services[i]);
	}
	return known;
}

static void check_domino_log(struct checker *c)
{
	const struct conf_domino_log *ear = &c->conf->domino_log;
	const struct conf_list *services = &ear->services;

	if (!checker_turn(c, SECTION_domino_log, 0))
		return;
	if (*ear->path && ear->path[0] != '/')
		check_say(c, "path",
			"path: \"%.60s\" is no absolute path (allowed: like "
			"/local/notesdata/IBM_TECHNICAL_SUPPORT/console.log)",
			ear->path);
	for (size_t i = 0; i < services->count; i++) {
		struct near near = near_begin(services->items[i]);

		if (!is_service(services->items[i], &near))
			check_say(c, "services",
				"services: \"%.60s\" is none (allowed: smtp, "
				"http, imap, pop3, ldap, other%s%s%s)",
				services->items[i],
				near.best ? "; did you mean \"" : "",
				near.best ? near.best : "",
				near.best ? "\"?" : "");
	}
}

static bool is_country(const char *text)
{
	return strlen(text) == 2 && text_letters(text);
}

static bool is_asn(const char *text)
{
	char *end;
	unsigned long long asn;

	if (strncasecmp(text, "AS", 2) == 0)
		text += 2;
	if (*text < '0' || *text > '9')
		return false;
	asn = strtoull(text, &end, 10);
	return *end == '\0' && asn > 0 && asn <= UINT32_MAX;
}

static void check_countries(const struct checker *c, const char *option,
	const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!is_country(list->items[i]))
			check_say(c, option,
				"%s: \"%.20s\" is no country (allowed: the "
				"two letters of ISO 3166, like DE)",
				option, list->items[i]);
	if (list->count > 0 && !*c->conf->geo.country_db)
		check_say(
			c, option, "%s needs a database in country_db", option);
}

static void check_database(
	const struct checker *c, const char *option, const char *path)
{
	if (*path && *path != '/')
		check_say(c, option,
			"%s: \"%.60s\" is no absolute path (allowed: like "
			"/usr/share/GeoIP/GeoLite2-Country.mmdb)",
			option, path);
}

static void check_geo(struct checker *c)
{
	const struct conf_geo *geo = &c->conf->geo;

	if (!checker_turn(c, SECTION_geo, 0))
		return;
	check_database(c, "country_db", geo->country_db);
	check_database(c, "asn_db", geo->asn_db);
	check_countries(c, "deny_countries", &geo->deny_countries);
	check_countries(c, "allow_countries", &geo->allow_countries);
	for (size_t i = 0; i < geo->deny_asn.count; i++)
		if (!is_asn(geo->deny_asn.items[i]))
			check_say(c, "deny_asn",
				"deny_asn: \"%.20s\" is no autonomous system "
				"(allowed: like AS64500)",
				geo->deny_asn.items[i]);
	if (geo->deny_asn.count > 0 && !*geo->asn_db)
		check_say(c, "deny_asn", "deny_asn needs a database in asn_db");
}

static void check_log(struct checker *c)
{
	const char *to = c->conf->log.to;
	struct near near = near_begin(to);

	if (!checker_turn(c, SECTION_log, 0))
		return;
	if (c->conf->log.domino_style &&
		c->conf->log.format != CONF_FORMAT_TEXT)
		check_say(c, "domino_style",
			"domino_style: its lines are no JSON (allowed: with "
			"format = text)");
	if (strchr(to, '/') || strcmp(to, "stderr") == 0 ||
		strcmp(to, "syslog") == 0)
		return;
	near_offer(&near, "stderr");
	near_offer(&near, "syslog");
	check_say(c, "to",
		"to: \"%.60s\" is no place for a log (allowed: stderr, syslog, "
		"a "
		"path with /%s%s%s)",
		to, near.best ? "; did you mean \"" : "",
		near.best ? near.best : "", near.best ? "\"?" : "");
}

static void check_source_limit(struct checker *c)
{
	const struct conf_source_limit *limit = &c->conf->source_limit;

	if (checker_turn(c, SECTION_source_limit, 0) &&
		limit->ban_longest_ms < limit->ban_ms)
		check_warn(c, "ban_longest",
			"ban_longest is shorter than ban: no ban lasts longer "
			"than that");
}

/* As recipient_read reads it (proto/recipient.c): "example.com", or
 * ".example.com" for what is below it. */
static bool domain_sound(const char *domain)
{
	size_t n = strlen(domain), label = 0;

	if (domain[0] == '.')
		domain++, n--;
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && domain[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			return false;
		label = 0;
	}
	return strspn(domain, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static void check_user_domains(const struct checker *c)
{
	const struct conf_list *list = &c->conf->global.user_domains;

	if (list->count == 1 && strcmp(list->items[0], "-") == 0)
		return;
	for (size_t i = 0; i < list->count; i++)
		if (!domain_sound(list->items[i]) ||
			strcmp(list->items[i], "-") == 0)
			check_say(c, "user_domains",
				"user_domains: \"%.60s\" is no domain "
				"(allowed: like example.com, .example.com; "
				"\"-\" alone: none)",
				list->items[i]);
}

static void check_relay(const struct checker *c)
{
	const struct conf_list *local = &c->conf->global.local_domains;
	bool hidden = false;

	for (size_t i = 0; i < local->count; i++)
		if (!domain_sound(local->items[i]))
			check_say(c, "local_domains",
				"local_domains: \"%.60s\" is no domain "
				"(allowed: like example.com, .example.com)",
				local->items[i]);
	if (local->count)
		return;
	if (c->conf->global.relay_from.count)
		check_warn(c, "relay_from",
			"relay_from does nothing without local_domains");
	for (size_t i = 0; i < c->conf->listener_count; i++)
		hidden |= hides_clients(c->conf, &c->conf->listeners[i]);
	if (hidden)
		check_warn(c, NULL,
			"the server sees postern's address for every client "
			"and may relay for all of them, taking postern for a "
			"host of its own (list the domains it takes mail for, "
			"like local_domains = {\"example.com\", "
			"\".example.com\"})");
}

static void check_global(struct checker *c)
{
	if (!checker_turn(c, SECTION_global, 0))
		return;
	check_printable(c, "hostname", c->conf->global.hostname);
	check_relay(c);
	check_user_domains(c);
	/* The place is the file as a whole, since there is no line for it. */
	if (!c->conf->listener_count && !*c->conf->domino_log.path)
		check_say(c, NULL,
			"there is no listener (like listener mx { bind = "
			"{\"0.0.0.0:25\"} backend = domino }), and no "
			"domino_log to live by");
}

void conf_check(const struct conf *conf, const struct draft *draft,
	struct problems *problems)
{
	struct checker c = {.conf = conf, .draft = draft, .problems = problems};

	check_global(&c);
	for (size_t i = 0; i < conf->listener_count; i++)
		check_listener(&c, i);
	for (size_t i = 0; i < conf->backend_count; i++)
		check_backend(&c, i);
	for (size_t i = 0; i < conf->certificate_count; i++)
		check_certificate(&c, i);
	check_source_limit(&c);
	check_firewall(&c);
	check_domino_log(&c);
	check_geo(&c);
	check_dns_lists(&c);
	check_address_lists(&c);
	check_log(&c);
	check_hooks(&c);
	check_http(&c);
}
