/*
 * Can one guesser lock postern's address, and with it everybody?
 *
 * By default this only reads the configuration. Told to (--probe-lockout) it
 * makes failed logins from the address that the server sees for every client,
 * with a name that nobody has, each in a connection of its own, and looks what
 * becomes of the next. That may lock postern's address in earnest, so it is
 * never done unasked and ends at the first sign of a lock.
 *
 * Domino answers every login of a locked address with the same 535, so what a
 * wrong one hears tells nothing: only a right login (--login) shows it.
 */
#include "doctor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../../tls/context.h"
#include "smtp_probe.h"

#define LOCKOUT_OFF                                                            \
	"Domino 12 and later, internet password lockout: do not enforce it "   \
	"by IP address; or client_address = transparent"
#define LOCKED                                                                 \
	"Domino Administrator, inetlockout.nsf: delete the entry of "          \
	"postern's address; then " LOCKOUT_OFF

#define EHLO "EHLO postern-doctor.invalid"

enum { LOGIN_LONGEST = 250, LINE_LONGEST = 900 };

enum login_end {
	LOGIN_OK,      /* 2yz */
	LOGIN_REFUSED, /* 535 */
	LOGIN_NONE,    /* no AUTH PLAIN */
	LOGIN_SHUT,    /* no connection, no banner, or another answer */
};

/* RFC 4648 §4. out: 4 octets for each 3 begun, and a NUL. */
static void base64(const char *in, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t three = 0;

		for (size_t k = 0; k < 3; k++)
			three = three << 8 |
				(i + k < n ? (uint8_t)in[i + k] : 0U);
		for (size_t k = 0; k < 4; k++)
			*out++ = i + k > n ? '='
					   : digits[three >> (18 - 6 * k) & 63];
	}
	*out = '\0';
}

static bool compose(const char *user, const char *password, char *out)
{
	char secret[2 * LOGIN_LONGEST + 2] = "";
	size_t user_n = strlen(user), n = user_n + strlen(password) + 2;

	if (user_n > LOGIN_LONGEST || strlen(password) > LOGIN_LONGEST)
		return false;
	memcpy(secret + 1, user, user_n + 1);
	memcpy(secret + user_n + 2, password, strlen(password));
	memcpy(out, "AUTH PLAIN ", 11);
	base64(secret, n, out + 11);
	return true;
}

static bool offers(const char *reply, const char *keyword, const char *word)
{
	const char *at = strstr(reply, keyword);
	const char *found = at != NULL ? strstr(at, word) : NULL;

	return found != NULL && found < at + strcspn(at, "\r\n");
}

static bool offers_plain(const struct smtp_probe *probe)
{
	return offers(probe->text, "AUTH ", "PLAIN");
}

/* ---- inside TLS, as postern's own connections make it ---- */

static enum tls_version version_of(const char *text)
{
	static const char *const names[] = {"1.0", "1.1", "1.2", "1.3"};
	unsigned at = 0;

	while (at < TLS_1_3 && strcmp(names[at], text) != 0)
		at++;
	return (enum tls_version)at;
}

static struct tls_context *context_of(const json_t *backend)
{
	const char *verify = doctor_text(backend, "tls_verify");
	const struct tls_client_conf conf = {
		.name = doctor_text(backend, "title"),
		.version_least = version_of(doctor_text(backend, "tls_least")),
		.level = (int)doctor_number(backend, "tls_level"),
		.verify = strcmp(verify, "name") == 0 ? TLS_VERIFY_NAME
			  : strcmp(verify, "ca") == 0 ? TLS_VERIFY_CA
						      : TLS_VERIFY_OFF,
		.ca_file = doctor_text(backend, "tls_ca"),
		.verify_name = doctor_text(backend, "tls_name"),
		.pin_sha256 = doctor_text(backend, "tls_pin"),
	};
	char error[TLS_ERROR_LONGEST];

	return tls_client_new(&conf, error);
}

static bool secured(struct smtp_probe *probe, const json_t *backend)
{
	struct tls_context *context = context_of(backend);
	const char *why = "";
	bool good = context != NULL && smtp_probe_tls(probe, context, &why);

	tls_context_free(&context);
	return good;
}

/* Up to the EHLO whose offers count: inside TLS where sessions have it, or
 * where logins need it. false: shut. */
static bool greeted(struct smtp_probe *probe, const json_t *backend)
{
	const char *tls = doctor_text(backend, "tls");

	if (strcmp(tls, "implicit") == 0 && !secured(probe, backend))
		return false;
	if (smtp_probe_say(probe, NULL) != 220 ||
		smtp_probe_say(probe, EHLO) != 250)
		return false;
	if (probe->tls != NULL || !offers(probe->text, "STARTTLS", "") ||
		(strcmp(tls, "off") == 0 && offers_plain(probe)))
		return true;
	return smtp_probe_say(probe, "STARTTLS") == 220 &&
	       secured(probe, backend) && smtp_probe_say(probe, EHLO) == 250;
}

static enum login_end login_said(struct smtp_probe *probe,
	const json_t *backend, const char *user, const char *password)
{
	char line[LINE_LONGEST];

	if (!greeted(probe, backend))
		return LOGIN_SHUT;
	if (!offers_plain(probe) || !compose(user, password, line))
		return LOGIN_NONE;
	(void)smtp_probe_say(probe, line);
	if (probe->code >= 200 && probe->code < 300)
		return LOGIN_OK;
	return probe->code == 535 ? LOGIN_REFUSED : LOGIN_SHUT;
}

/* From the address that the server sees for every client. */
static bool connect_as_postern(struct smtp_probe *probe, const json_t *backend,
	const struct doctor_place *place)
{
	json_t *source;
	struct addr addr;
	size_t i;

	json_array_foreach(json_object_get(backend, "source"), i, source)
	{
		if (addr_parse(json_string_value(source), &addr) &&
			addr_is_v4(&addr) == addr_is_v4(&place->addr))
			return smtp_probe_open(
				probe, &place->addr, place->port, &addr);
	}
	return smtp_probe_open(probe, &place->addr, place->port, NULL);
}

/* said: what the server did, in words. */
static enum login_end login(const json_t *backend,
	const struct doctor_place *place, const char *user,
	const char *password, char said[64])
{
	enum login_end end = LOGIN_SHUT;
	struct smtp_probe probe;

	if (!connect_as_postern(&probe, backend, place)) {
		(void)snprintf(
			said, 64, "no connection: %s", strerror(probe.error));
		return end;
	}
	end = login_said(&probe, backend, user, password);
	if (probe.code > 0)
		(void)snprintf(said, 64, "an answer of %d", probe.code);
	else
		(void)snprintf(said, 64, "no answer");
	if (end != LOGIN_SHUT)
		(void)smtp_probe_say(&probe, "QUIT");
	smtp_probe_close(&probe);
	return end;
}

/* The right login, where there is one. true: nothing more is to be done. */
static bool first_login(struct doctor *d, const json_t *backend,
	const char *name, const struct doctor_place *place)
{
	char said[64];

	if (d->words->login == NULL ||
		login(backend, place, d->words->login, d->words->password,
			said) == LOGIN_OK)
		return false;
	finding(&d->findings, FINDING_WARN, "address lockout",
		"posternctl doctor --probe-lockout --login USER (a user who "
		"may log in, his password on standard input); was postern's "
		"address locked before? " LOCKED,
		"%s: the login of %s, to begin with, got %s", name,
		d->words->login, said);
	return true;
}

static void last_login(struct doctor *d, const json_t *backend,
	const char *name, const struct doctor_place *place)
{
	unsigned count = d->words->failure_count;
	char said[64];

	if (d->words->login == NULL)
		finding(&d->findings, FINDING_WARN, "address lockout",
			"posternctl doctor --probe-lockout --login USER, his "
			"password on standard input; " LOCKOUT_OFF,
			"%s: %u failed logins shut no connection; a lock that "
			"says 535 to everybody only a right login can show",
			name, count);
	else if (login(backend, place, d->words->login, d->words->password,
			 said) == LOGIN_OK)
		finding(&d->findings, FINDING_OK, "address lockout", NULL,
			"%s: after %u failed logins of somebody else %s may "
			"still log in",
			name, count, d->words->login);
	else
		finding(&d->findings, FINDING_FAIL, "address lockout", LOCKED,
			"%s locks out by address: after %u failed logins of "
			"somebody else the right login of %s got %s, and so "
			"would everybody's",
			name, count, d->words->login, said);
}

static void probe_server(struct doctor *d, const json_t *backend,
	const char *name, const struct doctor_place *place)
{
	enum login_end end = LOGIN_REFUSED;
	unsigned count = 0;
	char said[64];

	if (first_login(d, backend, name, place))
		return;
	while (end == LOGIN_REFUSED && count <= d->words->failure_count) {
		end = login(backend, place,
			"nobody.at.all@postern-doctor.invalid", "wrong", said);
		count++;
	}
	if (end == LOGIN_REFUSED)
		last_login(d, backend, name, place);
	else if (end == LOGIN_SHUT && count > 1)
		finding(&d->findings, FINDING_FAIL, "address lockout", LOCKED,
			"%s locks out by address: after %u failed logins "
			"postern's own address got %s",
			name, count - 1, said);
	else
		finding(&d->findings, FINDING_WARN, "address lockout",
			LOCKOUT_OFF, "%s cannot be probed for it: %s", name,
			end == LOGIN_NONE ? "it offers no AUTH PLAIN"
			: end == LOGIN_OK ? "it takes any name and password"
					  : said);
}

static void probe_backend(struct doctor *d, const json_t *backend)
{
	json_t *server;
	size_t i;

	json_array_foreach(json_object_get(backend, "servers"), i, server)
	{
		const char *name = json_string_value(server);
		struct doctor_place places[DOCTOR_PLACES_MOST];
		size_t count = doctor_places(name, places);

		for (size_t k = 0; k < count; k++)
			probe_server(d, backend, name, &places[k]);
	}
}

static void look_at(struct doctor *d, const json_t *backend)
{
	const char *how = doctor_text(backend, "client_address");

	if (strcmp(how, "none") != 0)
		finding(&d->findings, FINDING_OK, "address lockout", NULL,
			"backend %s: the server is told each client's address "
			"(%s)",
			doctor_text(backend, "title"), how);
	else if (d->words->failure_count > 0)
		probe_backend(d, backend);
	else
		finding(&d->findings, FINDING_WARN, "address lockout",
			"posternctl doctor --probe-lockout; " LOCKOUT_OFF,
			"backend %s: the server counts every client's failed "
			"logins for postern's address, and one guesser could "
			"lock all of them out",
			doctor_text(backend, "title"));
}

void doctor_lockout(struct doctor *d)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(d->config, "backend"), i, backend)
	{
		look_at(d, backend);
	}
}
