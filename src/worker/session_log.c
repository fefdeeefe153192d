/*
 * What a session leaves in writing: one line at its end with everything, and
 * the optional Received field on top of its messages.
 */
#include "internal.h"

#include <stdio.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/reference.h"
#include "../base/siphash.h"

static void log_user(const struct session *s)
{
	struct slice user = slice_of(s->user, s->user ? s->user_n : 0);

	if (user.n == 0)
		return;
	switch (s->worker->setup->conf->log.users) {
	case CONF_USERS_FULL: log_peer("user", user); break;
	case CONF_USERS_HASH:
		log_hex("user", siphash(s->worker->tag_key, user.p, user.n));
		break;
	case CONF_USERS_NONE: break;
	}
}

/* Why a session ended badly is a line of its own level. */
static enum log_level level_of(const struct session *s)
{
	enum close_reason reason = (enum close_reason)s->close_reason;

	if (reason == CLOSE_SERVER_PROTOCOL ||
		reason == CLOSE_SERVER_INJECTION ||
		reason == CLOSE_SERVER_TLS || reason == CLOSE_NO_MEMORY)
		return LOG_WARN;
	return LOG_INFO;
}

static void log_counts(const struct session *s)
{
	if (s->auth_ok || s->auth_failed_count) {
		log_str("auth", s->auth_ok ? "ok" : "failed");
		log_str("mech", auth_mech_name((enum auth_mech)s->mech));
		if (s->auth_failed_count)
			log_int("auth_failed", s->auth_failed_count);
		log_user(s);
	}
	if (s->mail_count) {
		log_int("mail", s->mail_count);
		log_int("rcpt", s->rcpt_count);
		log_int("messages", s->message_count);
	}
	log_int("client_bytes", (int64_t)s->client_bytes);
	log_int("server_bytes", (int64_t)s->server_bytes);
	if (s->delayed_ms)
		log_int("delayed_ms", s->delayed_ms);
}

void session_log_id(const struct session *s)
{
	char reference[REFERENCE_TEXT_LONGEST];

	log_str("session", reference_format(s->id, reference));
}

void session_log_end(struct session *s)
{
	if (!s->worker->setup->conf->log.sessions || !log_wants(level_of(s)))
		return;
	log_begin(level_of(s), "session");
	session_log_id(s);
	log_addr("src", &s->addr);
	log_str("listener", s->listener->conf->title);
	if (s->target_known) {
		log_addr("target", &s->target);
		log_int("target_port", s->target_port);
	}
	if (s->tls_version)
		log_str("tls", s->tls_version);
	if (s->helo[0])
		log_peer("helo", slice_str(s->helo));
	log_counts(s);
	log_int("duration_ms", (int64_t)(s->worker->now - s->begun_ms));
	log_str("end", close_reason_name((enum close_reason)s->close_reason));
	log_str("doing", dialog_state_name((enum dialog_state)s->dialog.state));
	log_end();
}

/* RFC 5322 §3.3, always in UTC and English. */
static size_t put_date(char *out, size_t room)
{
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)clock_wall_s();
	struct tm tm;
	int n;

	(void)gmtime_r(&now, &tm);
	n = snprintf(out, room, "%s, %d %s %d %02d:%02d:%02d +0000",
		days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return n > 0 ? (size_t)n : 0;
}

/* A name that can stand in a header field: RFC 5321 §4.1.3 and no more. */
static void put_helo(const char *helo, char out[HELO_KEPT])
{
	size_t n = 0;

	for (; helo[n]; n++) {
		char c = helo[n];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '-' ||
			    c == ':' || c == '[' || c == ']';
		out[n] = fine ? c : '?';
	}
	out[n] = 0;
	if (n == 0)
		memcpy(out, "unknown", 8);
}

/* RFC 5321 §4.4; the protocol names are those of RFC 3848. */
struct slice received_compose(const struct session *s)
{
	static char text[512];
	char helo[HELO_KEPT], addr[ADDR_TEXT_LONGEST], date[48];
	char reference[REFERENCE_TEXT_LONGEST];
	int n;

	put_helo(s->helo, helo);
	date[put_date(date, sizeof date)] = 0;
	n = snprintf(text, sizeof text,
		"Received: from %s ([%s%s])\r\n\tby %.64s (postern) with "
		"ESMTP%s%s id %s;\r\n\t%s\r\n",
		helo, addr_is_v4(&s->addr) ? "" : "IPv6:",
		addr_format(&s->addr, addr), s->worker->setup->hostname,
		s->dialog.client_tls ? "S" : "", s->dialog.authed ? "A" : "",
		reference_format(s->id, reference), date);
	return slice_of(text, n > 0 ? (size_t)n : 0);
}
