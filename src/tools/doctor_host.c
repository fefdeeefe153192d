/*
 * What doctor looks at on this host: rights and limits of the processes, rules
 * and routes, certificates, the clock.
 */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "look.h"

enum {
	CAP_NET_RAW_BIT = 13,
	SPARE_DESCRIPTORS = 512,
	SAID_BYTES = 1 << 20,
	LOG_LINES_TELLING = 1000,
	YEAR_2025_S = 1735689600,
};

#define ROUTES_UP "postern-routes up"

/* ---- processes ---- */

static void worker_rights(struct doctor *d, long pid, bool transparent)
{
	char path[64], text[4096];
	const char *at;
	unsigned long long has,
		wanted = transparent ? 1ull << CAP_NET_RAW_BIT : 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	at = look_file(path, text, sizeof(text)) ? strstr(text, "CapEff:")
						 : NULL;
	if (at == NULL) {
		finding(&d->findings, FINDING_WARN, "rights",
			"sudo posternctl doctor",
			"cannot look at worker %ld: be root, on postern's host",
			pid);
		return;
	}
	has = strtoull(at + 7, NULL, 16);
	if (has == wanted)
		finding(&d->findings, FINDING_OK, "rights", NULL,
			"worker %ld has %s", pid,
			transparent ? "CAP_NET_RAW and no other capability"
				    : "no capability");
	else
		finding(&d->findings, FINDING_FAIL, "rights",
			"systemctl restart postern",
			"worker %ld has capabilities %llx and should have %llx",
			pid, has, wanted);
}

static void worker_descriptors(struct doctor *d, long pid)
{
	const json_t *global = json_object_get(d->config, "global");
	long wanted = 2 * doctor_number(global, "sessions_most") +
		      doctor_number(json_object_get(d->config, "banned"),
			      "tarpit_most") +
		      SPARE_DESCRIPTORS;
	char path[64], text[4096];
	const char *at;
	long has;

	(void)snprintf(path, sizeof(path), "/proc/%ld/limits", pid);
	at = look_file(path, text, sizeof(text))
		     ? strstr(text, "Max open files")
		     : NULL;
	if (at == NULL)
		return; /* said by worker_rights */
	has = strtol(at + 14, NULL, 10);
	if (has >= wanted)
		finding(&d->findings, FINDING_OK, "descriptors", NULL,
			"worker %ld may open %ld, its sessions need %ld", pid,
			has, wanted);
	else
		finding(&d->findings, FINDING_WARN, "descriptors",
			"LimitNOFILE= in a drop-in of postern.service, or a "
			"lower sessions_most",
			"worker %ld may open %ld, its sessions need %ld", pid,
			has, wanted);
}

void doctor_rights(struct doctor *d)
{
	json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(d->status, "workers"), i, worker)
	{
		long pid = doctor_number(worker, "pid");

		worker_rights(d, pid, doctor_transparent(d));
		worker_descriptors(d, pid);
	}
}

/* ---- rules and routes ---- */

/* What a program says; "" when it cannot be run. Caller frees. */
static char *said(const char *const *argv)
{
	char *text = calloc(1, SAID_BYTES);

	if (text != NULL && look_run(argv, text, SAID_BYTES) != 0)
		text[0] = '\0';
	return text;
}

static bool says(const char *const *argv, const char *words)
{
	char *text = said(argv);
	bool found = text != NULL && strstr(text, words) != NULL;

	free(text);
	return found;
}

static bool ruleset_has(const char *words)
{
	const char *const argv[] = {"nft", "list", "ruleset", NULL};

	return says(argv, words);
}

/* Does a rule for a mark lead to a table in which every address is ours? */
static bool mark_leads_here(bool v4)
{
	const char *family = v4 ? "-4" : "-6";
	const char *const argv[] = {"ip", family, "rule", "show", NULL};
	char *text = said(argv), *rest = NULL;
	bool found = false;

	for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL;
		line != NULL && !found; line = strtok_r(NULL, "\n", &rest)) {
		char *table = strstr(line, " lookup ");
		const char *const show[] = {"ip", family, "route", "show",
			"table", table != NULL ? table + 8 : "", NULL};

		if (table == NULL || strstr(line, " fwmark ") == NULL)
			continue;
		table[8 + strcspn(table + 8, " ")] = '\0';
		found = says(show, "local default");
	}
	free(text);
	return found;
}

void doctor_return_path(struct doctor *d, const char *server, bool v4)
{
	static const char *const check = "return path";
	const char *kind = v4 ? "IPv4" : "IPv6";

	if (!ruleset_has("socket transparent"))
		finding(&d->findings, FINDING_FAIL, check, ROUTES_UP,
			"%s answers clients, and no nft rule of this host "
			"hands "
			"that to postern (return-path.nft)",
			server);
	else if (!mark_leads_here(v4))
		finding(&d->findings, FINDING_FAIL, check, ROUTES_UP,
			"%s answers clients, and no policy route (ip rule "
			"fwmark) leads the marked %s packets into this host",
			server, kind);
	else if (v4 &&
		 look_number("/proc/sys/net/ipv4/conf/all/src_valid_mark", 0))
		finding(&d->findings, FINDING_FAIL, check,
			"sysctl -w net.ipv4.conf.all.src_valid_mark=0",
			"with src_valid_mark the kernel takes marked packets "
			"for forged ones");
	else
		finding(&d->findings, FINDING_FAIL, check,
			"ip route replace default via THIS-HOST (on the "
			"server), or postern-routes up with PIECES=router (on "
			"its router)",
			"what %s answers to a client's %s address does not "
			"come "
			"to this host: it is not the server's gateway, or a "
			"router on the way drops the client's address "
			"(rp_filter)",
			server, kind);
}

void doctor_intercept(struct doctor *d)
{
	json_t *listener;
	size_t i;

	json_array_foreach(json_object_get(d->config, "listener"), i, listener)
	{
		const char *how = doctor_text(listener, "intercept");
		const char *name = doctor_text(listener, "title");
		bool tproxy = strcmp(how, "tproxy") == 0;

		if (!tproxy && strcmp(how, "redirect") != 0)
			continue;
		if (ruleset_has(tproxy ? "tproxy " : "redirect") ||
			(!tproxy && ruleset_has("dnat ")))
			finding(&d->findings, FINDING_OK, "intercept", NULL,
				"an nft rule (%s) leads clients to listener %s",
				how, name);
		else
			finding(&d->findings, FINDING_FAIL, "intercept",
				ROUTES_UP,
				"no nft rule (%s) leads clients to listener %s",
				how, name);
	}
}

void doctor_firewall(struct doctor *d)
{
	const json_t *state = json_object_get(d->status, "firewall");
	const char *table =
		doctor_text(json_object_get(d->config, "firewall"), "table");
	const char *const argv[] = {
		"nft", "list", "table", "inet", table, NULL};
	char text[256];

	if (strcmp(doctor_text(state, "backend"), "nft") != 0)
		finding(&d->findings, FINDING_OK, "firewall", NULL,
			"backend %s: the kernel drops nobody for postern; when "
			"you trust it: firewall { backend = nft }",
			doctor_text(state, "backend"));
	else if (look_run(argv, text, sizeof(text)) != 0)
		finding(&d->findings, FINDING_FAIL, "firewall",
			"posternctl reload",
			"there is no table inet %s, or nft cannot be run",
			table);
	else if (!json_is_true(json_object_get(state, "connected")))
		finding(&d->findings, FINDING_FAIL, "firewall",
			"journalctl -u postern | grep firewall",
			"the helper is away: bans act in postern only");
	else if (doctor_number(state, "drift") > 0)
		finding(&d->findings, FINDING_WARN, "firewall",
			"journalctl -u postern | grep firewall-sync",
			"%ld entries had to be put right at the last sync: who "
			"else changes the table?",
			doctor_number(state, "drift"));
	else
		finding(&d->findings, FINDING_OK, "firewall", NULL,
			"table inet %s is in sync, %ld entries", table,
			doctor_number(state, "entries"));
}

/* ---- certificates and clock ---- */

/* Does it hold for so many seconds more? -1: openssl cannot tell. */
static int holds(const char *chain, const char *seconds)
{
	const char *const argv[] = {"openssl", "x509", "-noout", "-in", chain,
		"-checkend", seconds, NULL};
	char text[1024];

	(void)look_run(argv, text, sizeof(text));
	if (strstr(text, "will not expire") != NULL)
		return 1;
	return strstr(text, "will expire") != NULL ? 0 : -1;
}

static bool is_for(const char *chain, const char *host)
{
	const char *const argv[] = {"openssl", "x509", "-noout", "-in", chain,
		"-checkhost", host, NULL};
	char text[1024];

	(void)look_run(argv, text, sizeof(text));
	return strstr(text, "does match") != NULL;
}

static void certificate(struct doctor *d, const json_t *one, const char *host)
{
	const char *title = doctor_text(one, "title");
	const char *chain = doctor_text(one, "chain");
	int now = holds(chain, "0");

	if (now < 0)
		finding(&d->findings, FINDING_WARN, "certificate",
			"apt-get install openssl; sudo posternctl doctor",
			"%s: cannot look at %s", title, chain);
	else if (now == 0)
		finding(&d->findings, FINDING_FAIL, "certificate",
			"posternctl reload (behind the new file)",
			"%s: %s has expired", title, chain);
	else if (holds(chain, "1209600") != 1)
		finding(&d->findings, FINDING_WARN, "certificate",
			"posternctl reload (behind the new file)",
			"%s: %s expires within two weeks", title, chain);
	else if (!is_for(chain, host))
		finding(&d->findings, FINDING_WARN, "certificate",
			"set hostname, or get a certificate for the MX name",
			"%s: %s is not for %s", title, chain, host);
	else
		finding(&d->findings, FINDING_OK, "certificate", NULL,
			"%s: %s holds, and is for %s", title, chain, host);
}

void doctor_certificates(struct doctor *d)
{
	const json_t *global = json_object_get(d->config, "global");
	char host[256] = "localhost";
	json_t *one;
	size_t i;

	(void)gethostname(host, sizeof(host) - 1);
	if (doctor_text(global, "hostname")[0] != '\0')
		(void)snprintf(host, sizeof(host), "%s",
			doctor_text(global, "hostname"));
	json_array_foreach(json_object_get(d->config, "certificate"), i, one)
	{
		certificate(d, one, host);
	}
}

void doctor_clock(struct doctor *d)
{
	struct timex state = {.modes = 0};
	bool wrong = adjtimex(&state) == TIME_ERROR;

	if (time(NULL) < YEAR_2025_S)
		finding(&d->findings, FINDING_FAIL, "clock",
			"timedatectl set-ntp true",
			"the clock is wrong by years: certificates and bans "
			"will be, too");
	else if (wrong || (state.status & STA_UNSYNC) != 0)
		finding(&d->findings, FINDING_WARN, "clock",
			"timedatectl set-ntp true",
			"nothing keeps the clock right (NTP)");
	else
		finding(&d->findings, FINDING_OK, "clock", NULL,
			"the clock is kept right");
}

/* ---- the second ear ---- */

void doctor_log(struct doctor *d)
{
	const json_t *ear = json_object_get(d->status, "domino_log");
	const char *state = doctor_text(ear, "state");
	const char *path = doctor_text(ear, "path");
	long lines = doctor_number(ear, "lines");
	long entries = doctor_number(ear, "entries");

	if (state[0] == '\0' || strcmp(state, "off") == 0)
		return;
	if (strcmp(state, "following") != 0)
		finding(&d->findings, FINDING_FAIL, "domino-log",
			"let the user of postern's supervisor read it; at "
			"Domino: start consolelog",
			"%s cannot be followed: %s", path,
			doctor_text(ear, "error"));
	else if (lines >= LOG_LINES_TELLING && entries == 0)
		finding(&d->findings, FINDING_WARN, "domino-log",
			"look for a failed login in it, and try: posternctl "
			"patterns check",
			"%ld lines of %s, and none tells of a login", lines,
			path);
	else
		finding(&d->findings, FINDING_OK, "domino-log", NULL,
			"%s is followed: %ld lines, %ld entries", path, lines,
			entries);
}
