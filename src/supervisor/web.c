/*
 * What the process of the page and the feeds is given (see web.h).
 *
 * The supervisor opens the sockets, so that a port that is taken refuses a
 * reload, and reads the secrets once to say what is wrong with them; the
 * process reads them again by itself. Those of SMTP are never in its memory.
 */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/secret.h"

enum { TOKEN_SHORTEST = 16 };

bool web_wanted(const struct conf *conf)
{
	return conf->admin.bind.count + conf->feed.bind.count > 0;
}

struct listeners *web_open(const struct conf *conf, struct listeners *old,
	char error[LISTENERS_ERROR_LONGEST])
{
	struct conf_listener doors[WEB_COUNT] = {
		[WEB_ADMIN] = {.bind = conf->admin.bind},
		[WEB_FEED] = {.bind = conf->feed.bind},
	};
	const struct conf only = {
		.listeners = doors, .listener_count = WEB_COUNT};

	return listeners_new(&only, 1, old, error);
}

/* ---- tokens ---- */

static void token_warn(const char *path, const struct stat *st)
{
	if (st->st_mode & (S_IROTH | S_IWOTH))
		log_say(LOG_WARN, "key-readable",
			"everybody on this machine may read the token in %s; "
			"type `chmod 600 %s`",
			path, path);
}

/* What is in the file up to its first newline; -1: errno. */
static ssize_t token_load(const char *path, char out[DASH_TOKEN_LONGEST + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		token_warn(path, &st);
		n = read(fd, out, DASH_TOKEN_LONGEST);
	} else {
		errno = EINVAL;
	}
	(void)close(fd);
	if (n >= 0) {
		out[n] = 0;
		n = (ssize_t)strcspn(out, "\r\n");
		out[n] = 0;
	}
	return n;
}

/* RFC 6750 §2.1: what may stand behind Bearer. */
static bool token_sound(const char *token, size_t n)
{
	return n >= TOKEN_SHORTEST && n < DASH_TOKEN_LONGEST &&
	       strspn(token, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "0123456789-._~+/=") == n;
}

static bool token_read(const char *block, const char *path,
	char ret_token[DASH_TOKEN_LONGEST], char error[WEB_ERROR_LONGEST])
{
	char text[DASH_TOKEN_LONGEST + 1];
	ssize_t n;
	bool sound;

	ret_token[0] = 0;
	if (!*path)
		return true;
	n = token_load(path, text);
	sound = n >= 0 && token_sound(text, (size_t)n);
	if (n < 0)
		(void)snprintf(error, WEB_ERROR_LONGEST,
			"%s: cannot read token_file %.300s: %s", block, path,
			strerror(errno));
	else if (!sound)
		(void)snprintf(error, WEB_ERROR_LONGEST,
			"%s: token_file %.300s holds no line of 16 to 255 "
			"letters, digits and -._~+/= (like `openssl rand -hex "
			"24` writes)",
			block, path);
	else
		memcpy(ret_token, text, (size_t)n + 1);
	secret_wipe(text, sizeof text);
	return sound;
}

/* ---- TLS ---- */

static bool tls_read(const struct conf *conf, const char *block,
	const char *title, struct tls_context **ret_tls,
	char error[WEB_ERROR_LONGEST])
{
	const struct conf_certificate *c =
		*title ? conf_certificate_find(conf, title) : NULL;
	char why[TLS_ERROR_LONGEST] = "";

	*ret_tls = NULL;
	if (!c)
		return true; /* check made sure that it is not wanted */
	*ret_tls = tls_server_new(
		&(struct tls_server_conf){
			.name = block,
			.certificates = &(struct tls_certificate){c->title,
				c->chain, c->key},
			.certificate_count = 1,
			.version_least = TLS_1_2,
			.protocol = "http/1.1",
		},
		why);
	if (!*ret_tls)
		(void)snprintf(error, WEB_ERROR_LONGEST, "%s: %s", block, why);
	else if (why[0])
		log_say(LOG_WARN, "tls", "%s: %s", block, why);
	return *ret_tls != NULL;
}

bool web_secrets_read(const struct conf *conf, struct web_secrets *ret_secrets,
	char error[WEB_ERROR_LONGEST])
{
	struct web_secrets s = {0};

	if (token_read("admin", conf->admin.token_file, s.tokens[WEB_ADMIN],
		    error) &&
		token_read("feed", conf->feed.token_file, s.tokens[WEB_FEED],
			error) &&
		tls_read(conf, "admin", conf->admin.certificate,
			&s.tls[WEB_ADMIN], error) &&
		tls_read(conf, "feed", conf->feed.certificate, &s.tls[WEB_FEED],
			error)) {
		*ret_secrets = s;
		return true;
	}
	web_secrets_done(&s);
	return false;
}

void web_secrets_done(struct web_secrets *secrets)
{
	for (size_t i = 0; i < WEB_COUNT; i++)
		tls_context_free(&secrets->tls[i]);
	secret_wipe(secrets->tokens, sizeof secrets->tokens);
}
