/*
 * What doctor looks at over the network: the servers, as postern reaches them
 * and as a stranger would, and what they do for a stranger.
 */
#include "doctor.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "smtp_probe.h"

#define ANTI_RELAY                                                             \
	"Domino, Configuration document, Router/SMTP, Restrictions and "       \
	"Controls, SMTP Inbound Controls: anti-relay enforcement for all "     \
	"connecting hosts, and postern's address not among the excluded "      \
	"ones; "                                                               \
	"local_domains in postern.conf"

size_t doctor_places(
	const char *text, struct doctor_place out[DOCTOR_PLACES_MOST])
{
	const char *colon = strrchr(text, ':');
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL;
	char host[256];
	size_t n = 0;

	if (addr_parse_port(text, &out[0].addr, &out[0].port))
		return 1;
	if (colon == NULL)
		return 0;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (getaddrinfo(host, colon + 1, &hints, &all) != 0)
		return 0;
	for (const struct addrinfo *one = all;
		one != NULL && n < DOCTOR_PLACES_MOST; one = one->ai_next)
		n += addr_from_sockaddr(
			one->ai_addr, &out[n].addr, &out[n].port);
	freeaddrinfo(all);
	return n;
}

static bool is_transparent(const json_t *backend)
{
	return strcmp(doctor_text(backend, "client_address"), "transparent") ==
	       0;
}

/* The EHLO keywords, as a list for people. */
static void keywords_of(const char *reply, char *out, size_t room)
{
	const char *line = strchr(reply, '\n');
	size_t n = 0;

	out[0] = '\0';
	while (line != NULL && strlen(line + 1) > 4) {
		const char *word = line + 5;
		int length = (int)strcspn(word, "\r\n");
		int put = snprintf(out + n, room - n, "%s%.*s",
			n > 0 ? ", " : "", length, word);

		if (put < 0 || (size_t)put >= room - n)
			return;
		n += (size_t)put;
		line = strchr(word, '\n');
	}
}

/* The header that a server with client_address = proxy-v1 or -v2 insists on:
 * of nobody, as of a load balancer's own probe. */
static void tell_nobody(struct smtp_probe *probe, const json_t *backend)
{
	static const uint8_t local[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n',
		'Q', 'U', 'I', 'T', '\n', 0x20, 0, 0, 0};
	static const char unknown[] = "PROXY UNKNOWN\r\n";
	const char *how = doctor_text(backend, "client_address");

	if (strcmp(how, "proxy-v1") == 0)
		smtp_probe_send(probe, unknown, sizeof(unknown) - 1);
	if (strcmp(how, "proxy-v2") == 0)
		smtp_probe_send(probe, local, sizeof(local));
}

/* false: it cannot be reached, and nothing else is worth looking at. */
static bool reachable(struct doctor *d, const json_t *backend, const char *name,
	const struct doctor_place *place)
{
	struct smtp_probe probe;
	char offers[300];
	bool implicit = strcmp(doctor_text(backend, "tls"), "implicit") == 0;

	if (!smtp_probe_open(&probe, &place->addr, place->port, NULL)) {
		finding(&d->findings, FINDING_FAIL, "server",
			"start it, or open the way to it in the firewall",
			"%s cannot be reached: %s", name,
			strerror(probe.error));
		return false;
	}
	tell_nobody(&probe, backend);
	if (implicit)
		finding(&d->findings, FINDING_OK, "server", NULL,
			"%s answers (TLS from the first octet)", name);
	else if (smtp_probe_say(&probe, NULL) != 220)
		finding(&d->findings, FINDING_FAIL, "server",
			"tell task smtp (on Domino's console)",
			"%s has no banner of 220 for us, but %d", name,
			probe.code);
	else if (smtp_probe_say(&probe, "EHLO postern-doctor.invalid") != 250)
		finding(&d->findings, FINDING_FAIL, "server",
			"look into Domino's log", "%s answers EHLO with %d",
			name, probe.code);
	else {
		keywords_of(probe.text, offers, sizeof(offers));
		finding(&d->findings, FINDING_OK, "server", NULL,
			"%s answers and offers %s", name,
			offers[0] ? offers : "nothing");
		(void)smtp_probe_say(&probe, "QUIT");
	}
	smtp_probe_close(&probe);
	return true;
}

/* As a stranger, up to a recipient whom no server here is to know. */
static void relay_probe(
	struct doctor *d, struct smtp_probe *probe, const char *name)
{
	if (smtp_probe_say(probe, NULL) != 220 ||
		smtp_probe_say(probe, "EHLO postern-doctor.invalid") != 250 ||
		smtp_probe_say(probe, "MAIL FROM:<>") != 250) {
		finding(&d->findings,
			probe->code >= 500 ? FINDING_OK : FINDING_WARN,
			"open relay", NULL,
			"%s lets a stranger not so far as to name a recipient "
			"(%d)",
			name, probe->code);
		return;
	}
	(void)smtp_probe_say(probe, "RCPT TO:<postern-doctor@example.net>");
	if (probe->code >= 200 && probe->code < 300)
		finding(&d->findings, FINDING_FAIL, "open relay", ANTI_RELAY,
			"%s takes mail for a foreign domain from a stranger "
			"(%d)",
			name, probe->code);
	else if (probe->code >= 500)
		finding(&d->findings, FINDING_OK, "open relay", NULL,
			"%s refuses mail for a foreign domain (%d)", name,
			probe->code);
	else
		finding(&d->findings, FINDING_WARN, "open relay",
			"posternctl doctor (later)",
			"%s gives no final answer for a foreign domain (%d)",
			name, probe->code);
	(void)smtp_probe_say(probe, "RSET");
	(void)smtp_probe_say(probe, "QUIT");
}

static void as_a_stranger(struct doctor *d, const json_t *backend,
	const char *name, const struct doctor_place *place)
{
	bool v4 = addr_is_v4(&place->addr);
	char text[ADDR_TEXT_LONGEST];
	struct smtp_probe probe;

	if (smtp_probe_open(&probe, &place->addr, place->port, &d->as[v4])) {
		finding(&d->findings, FINDING_OK, "return path", NULL,
			"what %s answers to %s comes back", name,
			addr_format(&d->as[v4], text));
		if (strcmp(doctor_text(backend, "tls"), "implicit") != 0)
			relay_probe(d, &probe, name);
		smtp_probe_close(&probe);
	} else if (probe.error == EPERM || probe.error == EACCES)
		finding(&d->findings, FINDING_WARN, "return path",
			"sudo posternctl doctor",
			"cannot connect with a foreign address: be root");
	else
		doctor_return_path(d, name, v4);
}

static void backend_servers(struct doctor *d, const json_t *backend)
{
	json_t *server;
	size_t i;

	json_array_foreach(json_object_get(backend, "servers"), i, server)
	{
		const char *name = json_string_value(server);
		struct doctor_place places[DOCTOR_PLACES_MOST];
		size_t count = doctor_places(name, places);

		if (count == 0)
			finding(&d->findings, FINDING_FAIL, "server",
				"write its address into servers",
				"%s: the name is not known", name);
		for (size_t k = 0; k < count; k++)
			if (reachable(d, backend, name, &places[k]) &&
				is_transparent(backend))
				as_a_stranger(d, backend, name, &places[k]);
	}
}

void doctor_servers(struct doctor *d)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(d->config, "backend"), i, backend)
	{
		backend_servers(d, backend);
	}
}

static const json_t *backend_of(const struct doctor *d, const json_t *listener)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(d->config, "backend"), i, backend)
	{
		if (strcmp(doctor_text(backend, "title"),
			    doctor_text(listener, "backend")) == 0)
			return backend;
	}
	return NULL;
}

/* A wildcard is reached over loopback. */
static bool listener_place(const json_t *listener, struct doctor_place *ret)
{
	static const char *const own[] = {"::1", "127.0.0.1"};
	static const struct prefix any[] = {{.bits = 128},
		{.addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}},
			.bits = 128}};
	const char *text = json_string_value(
		json_array_get(json_object_get(listener, "bind"), 0));

	if (text == NULL || !addr_parse_port(text, &ret->addr, &ret->port))
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (prefix_holds(&any[i], &ret->addr))
			return addr_parse(own[i], &ret->addr);
	return true;
}

/* Where the server sees postern for every client, a client is postern. */
void doctor_relay(struct doctor *d)
{
	json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(d->config, "listener"), i, listener)
	{
		const char *name = doctor_text(listener, "title");
		bool clear =
			strcmp(doctor_text(listener, "tls"), "off") == 0 &&
			strcmp(doctor_text(listener, "starttls"), "required") !=
				0 &&
			strcmp(doctor_text(listener, "proxy"), "required") != 0;
		struct smtp_probe probe;
		struct doctor_place place;

		if (is_transparent(backend_of(d, listener)) || !clear ||
			!listener_place(listener, &place))
			continue;
		if (!smtp_probe_open(&probe, &place.addr, place.port, NULL)) {
			finding(&d->findings, FINDING_FAIL, "open relay",
				"ss -ltnp", "listener %s does not answer: %s",
				name, strerror(probe.error));
			continue;
		}
		relay_probe(d, &probe, name);
		smtp_probe_close(&probe);
	}
}
