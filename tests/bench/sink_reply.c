/*
 * What the sink says: Domino's replies to commands and logins.
 *
 * Replies gather in one buffer while the octets of one read are worked on and
 * leave with one write. They are small: a write that does not take them all
 * ends the session.
 */
#include "sink.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <openssl/evp.h>

static char out[8192];
static size_t out_n;
static char good_plain[192], good_user[128], good_password[128];

void sink_login_init(const char *login)
{
	const char *colon = strchr(login, ':');
	size_t n = strlen(login), user_n;
	unsigned char raw[128];

	if (!colon || n > 100)
		sink_die("-u USER:PASS");
	user_n = (size_t)(colon - login);
	raw[0] = 0;
	memcpy(raw + 1, login, n);
	raw[1 + user_n] = 0;
	EVP_EncodeBlock((unsigned char *)good_plain, raw, (int)n + 1);
	EVP_EncodeBlock((unsigned char *)good_user, raw + 1, (int)user_n);
	EVP_EncodeBlock((unsigned char *)good_password, raw + 2 + user_n,
		(int)(n - user_n - 1));
}

void sink_say(const char *text)
{
	size_t n = strlen(text);

	if (out_n + n > sizeof out)
		return;
	memcpy(out + out_n, text, n);
	out_n += n;
}

void sink_greet(void)
{
	sink_say("220 sink.example.com ESMTP Service "
		 "(HCL Domino Release 12.0.2) ready\r\n");
}

void sink_forget(void)
{
	out_n = 0;
}

bool sink_flush(struct sink_session *s)
{
	ssize_t did, n = (ssize_t)out_n;

	if (n == 0)
		return true;
	did = s->ssl ? SSL_write(s->ssl, out, (int)n)
		     : send(s->fd, out, (size_t)n, MSG_NOSIGNAL);
	out_n = 0;
	return did == n;
}

static void verdict(struct sink_session *s, bool good)
{
	s->state = SINK_COMMAND;
	if (good) {
		sink_counts.auth_ok++;
		sink_say("235 Authentication successful\r\n");
	} else {
		sink_counts.auth_bad++;
		sink_say("535 Authentication failed\r\n");
	}
}

static void answer(struct sink_session *s, const char *line)
{
	switch (s->state) {
	case SINK_LOGIN_USER:
		s->user_known = strcmp(line, good_user) == 0;
		s->state = SINK_LOGIN_PASSWORD;
		sink_say("334 UGFzc3dvcmQ6\r\n");
		break;
	case SINK_LOGIN_PASSWORD:
		verdict(s, s->user_known && strcmp(line, good_password) == 0);
		break;
	case SINK_PLAIN_ANSWER:
		verdict(s, strcmp(line, good_plain) == 0);
		break;
	case SINK_COMMAND:
	case SINK_CHUNK:
	case SINK_MESSAGE: break;
	}
}

static void on_ehlo(struct sink_session *s)
{
	sink_say("250-sink.example.com Hello, pleased to meet you\r\n"
		 "250-SIZE 104857600\r\n250-8BITMIME\r\n250-PIPELINING\r\n"
		 "250-CHUNKING\r\n");
	if (sink_tls && !s->ssl)
		sink_say("250-STARTTLS\r\n");
	sink_say("250-AUTH LOGIN PLAIN\r\n250 HELP\r\n");
}

static void on_data(struct sink_session *s)
{
	s->state = SINK_MESSAGE;
	s->place = PLACE_BEGIN;
	sink_say("354 Enter message, end with \".\" on a line by itself\r\n");
}

/* RFC 3030 §2; an empty chunk is answered at once. */
static void on_bdat(struct sink_session *s, const char *line)
{
	char *rest;

	s->chunk_left = strtoull(line + 4, &rest, 10);
	s->chunk_last = strcasecmp(rest, " LAST") == 0;
	s->state = SINK_CHUNK;
	if (s->chunk_left == 0)
		sink_chunk_ends(s);
}

void sink_chunk_ends(struct sink_session *s)
{
	s->state = SINK_COMMAND;
	sink_counts.messages += s->chunk_last;
	sink_say("250 Octets received\r\n");
}

static void on_quit(struct sink_session *s)
{
	s->closing = true;
	sink_say("221 sink.example.com SMTP Service closing transmission "
		 "channel\r\n");
}

/* false: none of these. */
static bool on_auth(struct sink_session *s, const char *line)
{
	if (strcasecmp(line, "AUTH PLAIN") == 0) {
		s->state = SINK_PLAIN_ANSWER;
		sink_say("334 \r\n");
	} else if (strncasecmp(line, "AUTH PLAIN ", 11) == 0) {
		verdict(s, strcmp(line + 11, good_plain) == 0);
	} else if (strncasecmp(line, "AUTH LOGIN", 10) == 0) {
		s->state = SINK_LOGIN_USER;
		sink_say("334 VXNlcm5hbWU6\r\n");
	} else {
		return false;
	}
	return true;
}

static bool is(const char *line, const char *word)
{
	return strncasecmp(line, word, strlen(word)) == 0;
}

void sink_command(struct sink_session *s, char *line, size_t n)
{
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	if (s->state != SINK_COMMAND) {
		answer(s, line);
	} else if (is(line, "EHLO")) {
		on_ehlo(s);
	} else if (is(line, "MAIL")) {
		sink_say("250 Sender OK\r\n");
	} else if (is(line, "RCPT")) {
		sink_say("250 Recipient OK\r\n");
	} else if (is(line, "DATA")) {
		on_data(s);
	} else if (is(line, "BDAT ")) {
		on_bdat(s, line);
	} else if (is(line, "QUIT")) {
		on_quit(s);
	} else if (is(line, "STARTTLS") && sink_tls && !s->ssl) {
		s->start_tls = true;
		sink_say("220 Ready to start TLS\r\n");
	} else if (is(line, "RSET") || is(line, "NOOP") || is(line, "HELO")) {
		sink_say("250 OK\r\n");
	} else if (!on_auth(s, line)) {
		sink_say("500 Syntax error\r\n");
	}
}
