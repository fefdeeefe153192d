/*
 * What stands in the files of hooks (see goals.h).
 *
 * The supervisor reads them once, so that a reload is refused that cannot do,
 * and forgets them; the process of the hooks reads them again by itself. No
 * message has any of it.
 */
#include "goals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/secret.h"
#include "../conf/check_hooks.h"

enum { SECRET_SHORTEST = 16 };

bool goals_wanted(const struct conf *conf)
{
	return conf->hook_count > 0;
}

bool goals_run(const struct conf *conf)
{
	for (size_t i = 0; i < conf->hook_count; i++)
		if (conf->hooks[i].exec.count > 0)
			return true;
	return false;
}

static void warn_readable(const char *path, const struct stat *st)
{
	if (st->st_mode & (S_IROTH | S_IWOTH))
		log_say(LOG_WARN, "key-readable",
			"everybody on this machine may read the secret in %s; "
			"type `chmod 600 %s`",
			path, path);
}

/* The first line of the file; errno when false. */
static bool first_line(const char *path, char *out, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		warn_readable(path, &st);
		n = read(fd, out, room - 1);
	} else {
		errno = EINVAL;
	}
	(void)close(fd);
	if (n < 0)
		return false;
	out[n] = 0;
	out[strcspn(out, "\r\n")] = 0;
	return true;
}

static bool blame(char *error, const struct conf_hook *hook, const char *option,
	const char *path, const char *why)
{
	(void)snprintf(error, GOALS_ERROR_LONGEST, "hook %.80s: %s %.300s: %s",
		hook->title, option, path, why);
	return false;
}

static bool secret_sound(const char *secret)
{
	size_t n = strlen(secret);

	for (const char *at = secret; *at; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return n >= SECRET_SHORTEST && n < HOOK_SECRET_LONGEST;
}

static bool read_secret(
	const struct conf_hook *hook, struct hook_aim *aim, char *error)
{
	char text[HOOK_SECRET_LONGEST + 1] = "";
	bool good = true;

	if (!*hook->secret)
		return true;
	if (!first_line(hook->secret, text, sizeof text))
		good = blame(
			error, hook, "secret", hook->secret, strerror(errno));
	else if (!secret_sound(text))
		good = blame(error, hook, "secret", hook->secret,
			"holds no line of 16 to 256 printable characters "
			"(like `openssl rand -hex 24` writes)");
	else
		memcpy(aim->secret, text, strlen(text) + 1);
	secret_wipe(text, sizeof text);
	return good;
}

static bool read_url(
	const struct conf_hook *hook, struct hook_aim *aim, char *error)
{
	char text[HOOK_GOAL_LONGEST + 1] = "";
	const char *why;
	bool good = true;

	if (!*hook->url_file) {
		(void)snprintf(aim->url, sizeof aim->url, "%s", hook->url);
		return true; /* check has judged it */
	}
	if (!first_line(hook->url_file, text, sizeof text)) {
		good = blame(error, hook, "url_file", hook->url_file,
			strerror(errno));
	} else {
		why = check_hook_url(text, hook->cleartext);
		if (why)
			good = blame(
				error, hook, "the URL in", hook->url_file, why);
		else
			memcpy(aim->url, text, strlen(text) + 1);
	}
	secret_wipe(text, sizeof text);
	return good;
}

bool goals_read(const struct conf *conf, struct hook_aim ret_aims[HOOKS_MOST],
	char error[GOALS_ERROR_LONGEST])
{
	for (size_t i = 0; i < conf->hook_count && i < HOOKS_MOST; i++) {
		ret_aims[i] = (struct hook_aim){.conf = &conf->hooks[i]};
		if (!read_url(&conf->hooks[i], &ret_aims[i], error) ||
			!read_secret(&conf->hooks[i], &ret_aims[i], error)) {
			secret_wipe(ret_aims, HOOKS_MOST * sizeof *ret_aims);
			return false;
		}
	}
	return true;
}
