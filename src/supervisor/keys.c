/*
 * Who can read the private keys (see keys.h).
 *
 * By owner, group and mode, and the folders above; access lists are not looked
 * at. It warns and does not refuse: mail goes on while the operator mends it.
 */
#include "keys.h"

#include <cap-ng.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rights.h"

enum { GROUPS_MOST = 64, SENTENCE_LONGEST = 1024 };

/* May everybody pass through all folders above? path: absolute, no links. */
static bool folders_open(char *path)
{
	struct stat st;
	char *slash;

	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = 0;
		if (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

static bool open_to_all(const char *key, const struct stat *st)
{
	char *path =
		st->st_mode & (S_IROTH | S_IWOTH) ? realpath(key, NULL) : NULL;
	bool open = path && folders_open(path);

	free(path);
	return open;
}

static bool in_group(const char *name, gid_t own, gid_t wanted)
{
	gid_t groups[GROUPS_MOST];
	int count = GROUPS_MOST;

	if (getgrouplist(name, own, groups, &count) < 0)
		count = GROUPS_MOST; /* more than fit: those are looked at */
	for (int i = 0; i < count; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* The workers' user, where that is not all that we are ourselves. */
static bool open_to_workers(const struct conf *conf, const struct stat *st)
{
	struct rights_user user;

	if (geteuid() != 0 && (capng_get_caps_process() != 0 ||
				      !capng_have_capability(CAPNG_EFFECTIVE,
					      CAP_DAC_READ_SEARCH)))
		return false;
	if (!rights_find(conf->global.user, &user) || user.uid == 0)
		return false;
	if (st->st_uid == user.uid)
		return st->st_mode & S_IRUSR;
	return (st->st_mode & S_IRGRP) &&
	       in_group(conf->global.user, user.gid, st->st_gid);
}

void keys_look(const struct conf *conf, keys_say_cb *say, void *arg)
{
	char text[SENTENCE_LONGEST];

	for (size_t i = 0; i < conf->certificate_count; i++) {
		const struct conf_certificate *c = &conf->certificates[i];
		const char *who;
		struct stat st;

		if (stat(c->key, &st) < 0)
			continue;
		if (open_to_all(c->key, &st))
			who = "everybody on this machine";
		else if (open_to_workers(conf, &st))
			who = "the user that talks to clients";
		else
			continue;
		(void)snprintf(text, sizeof text,
			"certificate %s: %s can get at the private key; type "
			"`chown root:root %s && chmod 600 %s` (postern reads "
			"it before it gives up its rights)",
			c->title, who, c->key, c->key);
		say(arg, text);
	}
}
