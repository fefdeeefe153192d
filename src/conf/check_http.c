/*
 * Do the blocks admin and feed make sense? (See check.c.)
 *
 * Who is not on this machine gets there by TLS and with a token, or not at all.
 */
#include "check_http.h"

#include <string.h>

#include "checker.h"

enum { BINDS_MOST = 16 };

struct http {
	const struct conf_list *bind;
	const char *certificate, *token_file;
};

static bool among(const struct conf_list *list, size_t n, const char *bind)
{
	struct endpoint mine, other;

	for (size_t i = 0; i < n && check_bind_parse(bind, &mine); i++)
		if (check_bind_parse(list->items[i], &other) &&
			other.port == mine.port &&
			addr_eq(&other.addr, &mine.addr))
			return true;
	return false;
}

/* Also those of the block before it: admin stands before feed. */
static bool taken(
	const struct conf *conf, const struct http *http, size_t index)
{
	const char *bind = http->bind->items[index];
	const struct conf_list *admin = &conf->admin.bind;

	for (size_t i = 0; i < conf->listener_count; i++)
		if (among(&conf->listeners[i].bind,
			    conf->listeners[i].bind.count, bind))
			return true;
	return among(http->bind, index, bind) ||
	       (http->bind != admin && among(admin, admin->count, bind));
}

static const char *wrong(
	const struct conf *conf, const struct http *http, size_t index)
{
	struct endpoint endpoint;

	if (!check_bind_parse(http->bind->items[index], &endpoint))
		return "is no ADDRESS:PORT (allowed: like 127.0.0.1:8025, "
		       "[::1]:8025)";
	if (taken(conf, http, index))
		return "is taken already";
	if (!addr_is_loopback(&endpoint.addr) &&
		(!*http->certificate || !*http->token_file))
		return "is not loopback: it needs certificate and token_file "
		       "(or 127.0.0.1 and a tunnel)";
	return NULL;
}

static void check_block(const struct checker *c, const struct http *http)
{
	if (http->bind->count > BINDS_MOST)
		check_say(c, "bind", "bind: more than 16 addresses");
	for (size_t i = 0; i < http->bind->count; i++) {
		const char *why = wrong(c->conf, http, i);

		if (!why)
			continue;
		check_say(c, "bind", "bind: \"%.60s\" %s", http->bind->items[i],
			why);
	}
	if (*http->certificate &&
		!conf_certificate_find(c->conf, http->certificate))
		check_unknown_name(c, "certificate", SECTION_certificate,
			http->certificate);
}

static void check_hosts(const struct checker *c, const struct conf_list *hosts)
{
	for (size_t i = 0; i < hosts->count; i++) {
		if (check_name_sound(hosts->items[i], strlen(hosts->items[i])))
			continue;
		check_say(c, "hosts",
			"hosts: \"%.60s\" is no name (allowed: like "
			"proxy.example.com, without port)",
			hosts->items[i]);
	}
}

void check_http(struct checker *c)
{
	const struct conf_admin *admin = &c->conf->admin;
	const struct conf_feed *feed = &c->conf->feed;

	if (checker_turn(c, SECTION_admin, 0)) {
		check_block(c, &(struct http){&admin->bind, admin->certificate,
				       admin->token_file});
		check_hosts(c, &admin->hosts);
	}
	if (!checker_turn(c, SECTION_feed, 0))
		return;
	check_block(c, &(struct http){&feed->bind, feed->certificate,
			       feed->token_file});
	if (feed->bind.count && !*feed->token_file)
		check_say(c, "bind",
			"a feed needs token_file: the list says who attacks "
			"you, and whom you mistook");
}
