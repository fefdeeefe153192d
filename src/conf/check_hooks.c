/*
 * Do the hooks make sense? (See check.c.)
 *
 * A URL is judged here by what can be said of any: the library that goes there
 * takes it apart once more. No message has a URL in it: those of chat services
 * are secrets.
 */
#include "check_hooks.h"

#include <string.h>

#include "../base/addr.h"
#include "checker.h"
#include "near.h"

enum { HOOKS_MOST = 16, TITLE_LONGEST = 63, ARGS_MOST = 32, HOST_MOST = 256 };

static const char *const events[] = {
#define EVENT(id, name) name,
#include "../base/hook_events.def"
#undef EVENT
};

static bool is_event(const char *word)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i], word) == 0)
			return true;
	return false;
}

/* ---- URLs ---- */

static bool all_graphic(const char *text)
{
	for (; *text; text++)
		if (*text <= 0x20 || *text > 0x7e || *text == '\\')
			return false;
	return true;
}

/* The name or address of HOST[:PORT], without brackets. */
static bool host_of(const char *authority, size_t n, char out[HOST_MOST])
{
	const char *end;

	if (n > 0 && authority[0] == '[') {
		end = memchr(authority, ']', n);
		authority++;
	} else {
		end = memchr(authority, ':', n);
		if (!end)
			end = authority + n;
	}
	if (!end || end <= authority || end - authority >= HOST_MOST)
		return false;
	memcpy(out, authority, (size_t)(end - authority));
	out[end - authority] = 0;
	return true;
}

static bool is_this_machine(const char *host)
{
	struct addr addr;

	return strcmp(host, "localhost") == 0 ||
	       (addr_parse(host, &addr) && addr_is_loopback(&addr));
}

const char *check_hook_url(const char *url, bool cleartext)
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *authority = url + (tls ? 8 : 7);
	char host[HOST_MOST];
	size_t n;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return "does not begin with https://";
	if (strlen(url) >= HOOK_URL_LONGEST)
		return "is longer than 1023 octets";
	if (!all_graphic(url))
		return "has a blank or another character that no URL has";
	n = strcspn(authority, "/?#");
	if (memchr(authority, '@', n))
		return "has a user or a password in it (sign with secret)";
	if (!host_of(authority, n, host))
		return "has no host";
	if (!tls && !cleartext && !is_this_machine(host))
		return "goes in clear to another machine (https://, or "
		       "cleartext = true)";
	return NULL;
}

/* ---- blocks ---- */

static void check_file(
	const struct checker *c, const char *option, const char *path)
{
	if (*path && *path != '/')
		check_say(c, option, "%s: \"%.60s\" is no whole path", option,
			path);
}

static void check_aim(const struct checker *c, const struct conf_hook *hook)
{
	int aims = (*hook->url != 0) + (*hook->url_file != 0) +
		   (hook->exec.count > 0);
	const char *why =
		*hook->url ? check_hook_url(hook->url, hook->cleartext) : NULL;

	if (aims != 1)
		check_say(c, NULL,
			"%s url, url_file and exec (one of them, like url = "
			"\"https://chat.example.com/hook\")",
			aims == 0 ? "has none of" : "has more than one of");
	if (why)
		check_say(c, "url", "url: it %s", why);
	check_file(c, "url_file", hook->url_file);
	if (hook->exec.count > 0 && hook->exec.items[0][0] != '/')
		check_say(c, "exec",
			"exec: \"%.60s\" is no whole path (allowed: like "
			"{\"/usr/local/bin/tell\", \"ops\"}; there is no "
			"shell)",
			hook->exec.items[0]);
	if (hook->exec.count > ARGS_MOST)
		check_say(c, "exec", "exec: more than %d words", ARGS_MOST);
}

/* What does nothing beside a program. */
static void check_rest(const struct checker *c, const struct conf_hook *hook)
{
	check_file(c, "secret", hook->secret);
	check_file(c, "tls_ca", hook->tls_ca);
	if (hook->exec.count > 0 && *hook->secret)
		check_warn(c, "secret",
			"secret does nothing for a program: nothing is signed");
}

static void check_events(const struct checker *c, const struct conf_hook *hook)
{
	for (size_t i = 0; i < hook->on.count; i++)
		if (!is_event(hook->on.items[i]))
			check_say(c, "on",
				"on: \"%.40s\" is no event (allowed: ban, "
				"unban, alarm, backend_down, backend_up)",
				hook->on.items[i]);
}

/* It stands in the log, in metrics and in what is sent. */
static void check_title(const struct checker *c, const struct conf_hook *hook)
{
	if (strlen(hook->title) > TITLE_LONGEST || !all_graphic(hook->title))
		check_say(c, NULL,
			"its name has more than %d characters, or other than "
			"printable ones",
			TITLE_LONGEST);
}

void check_hooks(struct checker *c)
{
	const struct conf *conf = c->conf;

	for (size_t i = 0; i < conf->hook_count; i++) {
		if (!checker_turn(c, SECTION_hook, i))
			continue;
		if (i == HOOKS_MOST)
			check_say(c, NULL, "more than %d hooks", HOOKS_MOST);
		check_title(c, &conf->hooks[i]);
		check_events(c, &conf->hooks[i]);
		check_aim(c, &conf->hooks[i]);
		check_rest(c, &conf->hooks[i]);
	}
}
