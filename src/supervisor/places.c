/*
 * What a configuration names outside itself.
 */
#include "places.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static unsigned missing_file(
	const char *what, const char *title, const char *path, FILE *out)
{
	if (path[0] == 0 || access(path, F_OK) == 0 || errno == EACCES)
		return 0;
	(void)fprintf(
		out, "%s %s: %s: %s\n", what, title, path, strerror(errno));
	return 1;
}

static unsigned missing_folder_of(const char *what, const char *path, FILE *out)
{
	const char *slash = strrchr(path, '/');
	char folder[512];

	if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder)
		return 0;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = 0;
	return missing_file(what, "folder", folder, out);
}

static unsigned missing_people(const struct conf *conf, FILE *out)
{
	const char *user = conf->global.user,
		   *group = conf->global.control_group;
	unsigned count = 0;

	if (!getpwnam(user)) {
		(void)fprintf(out,
			"user: there is no system user %s (useradd --system "
			"%s)\n",
			user, user);
		count++;
	}
	if (group[0] && !getgrnam(group)) {
		(void)fprintf(
			out, "control_group: there is no group %s\n", group);
		count++;
	}
	return count;
}

unsigned places_missing(const struct conf *conf, FILE *out)
{
	unsigned count = missing_people(conf, out);

	for (size_t i = 0; i < conf->certificate_count; i++) {
		const struct conf_certificate *c = &conf->certificates[i];

		count += missing_file("certificate", c->title, c->chain, out);
		if (strcmp(c->chain, c->key) != 0)
			count += missing_file(
				"certificate", c->title, c->key, out);
	}
	for (size_t i = 0; i < conf->backend_count; i++)
		count += missing_file("backend", conf->backends[i].title,
			conf->backends[i].tls_ca, out);
	if (conf->firewall.backend == CONF_FIREWALL_EXEC)
		count += missing_file(
			"firewall", "exec", conf->firewall.exec, out);
	return count + missing_folder_of("log", conf->log.to, out);
}
