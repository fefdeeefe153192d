/*
 * The processes that are not workers.
 */
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/secret.h"
#include "../base/whole.h"
#include "../conf/conf.h"
#include "../fetch/fetch.h"
#include "../fw/helper.h"
#include "../fw/rights.h"
#include "../keeper/keeper.h"
#include "goals.h"
#include "instrumented.h"
#include "own.h"
#include "rights.h"
#include "sandbox.h"

enum { EXIT_OS = 71, EXIT_RIGHTS = 77, EXIT_CONF = 78 };

static const char *const role_names[] = {
	[ROLE_KEEPER] = "keeper",
	[ROLE_FIREWALL] = "firewall",
	[ROLE_DASH] = "dash",
	[ROLE_HOOK] = "hook",
	[ROLE_FETCH] = "fetch",
};

enum {
	LINES = 6, /* descriptors that each has a place for */
	KEEP_MOST = LINES + WEB_COUNT * ROLE_DOORS_MOST,
	NUMBER_LONGEST = 12,
	LIST_LONGEST = ROLE_DOORS_MOST * NUMBER_LONGEST + 1,
	ARGS = 3 + LINES + WEB_COUNT,
};

/* A descriptor that survives the exec, as it must. */
static void keep_fd(int fd, int *keep, size_t *count)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, 0);
	keep[(*count)++] = fd;
}

/* "12,13," */
static void list_write(char out[LIST_LONGEST], const int *fds, size_t count)
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(out + n, LIST_LONGEST - n, "%d,", fds[i]);
}

static size_t list_read(const char *text, int out[ROLE_DOORS_MOST])
{
	size_t count = 0;
	char *end;

	for (; *text && count < ROLE_DOORS_MOST; text = end + 1) {
		out[count++] = (int)strtol(text, &end, 10);
		if (*end != ',')
			break;
	}
	return count;
}

void role_exec(enum role role, const struct role_fds *fds)
{
	const int all[LINES] = {fds->conf, fds->supervisor, fds->firewall,
		fds->control, fds->log, fds->memory};
	char numbers[LINES][NUMBER_LONGEST], lists[WEB_COUNT][LIST_LONGEST];
	char title[32], *argv[ARGS + 1];
	int keep[KEEP_MOST];
	size_t kept = 0;

	(void)snprintf(title, sizeof title, "postern-%s", role_names[role]);
	argv[0] = title;
	argv[1] = (char *)"role";
	argv[2] = (char *)(uintptr_t)role_names[role];
	for (size_t i = 0; i < LINES; i++) {
		keep_fd(all[i], keep, &kept);
		(void)snprintf(numbers[i], sizeof numbers[i], "%d", all[i]);
		argv[3 + i] = numbers[i];
	}
	for (size_t i = 0; i < WEB_COUNT; i++) {
		for (size_t j = 0; j < fds->door_counts[i]; j++)
			keep_fd(fds->doors[i][j], keep, &kept);
		list_write(lists[i], fds->doors[i], fds->door_counts[i]);
		argv[3 + LINES + i] = lists[i];
	}
	argv[ARGS] = NULL;
	rights_close_others(keep, kept);
	(void)execv("/proc/self/exe", argv);
	log_say(LOG_ERROR, "process", "%s cannot be executed: %s", title,
		strerror(errno));
	log_flush();
	_exit(71);
}

static struct conf *role_conf(int fd)
{
	struct conf_errors errors = {0};
	char *text = whole_text(fd, SIZE_MAX - 1, NULL);
	struct conf *conf =
		text ? conf_parse(text, "configuration", &errors) : NULL;

	free(text);
	(void)close(fd);
	conf_errors_done(&errors);
	return conf;
}

static int sandbox_failed(void)
{
	log_say(LOG_ERROR, "rights", "cannot build the sandbox: %s",
		strerror(errno));
	return EXIT_RIGHTS;
}

static int keeper_main(const struct conf *conf, const struct role_fds *fds)
{
	static struct prefix own[OWN_MOST];
	struct keeper_setup setup = {
		.conf = conf,
		.supervisor_fd = fds->supervisor,
		.firewall_fd = fds->firewall,
		.control_fd = fds->control,
		.log_fd = fds->log,
		.memory_fd = fds->memory,
		.own = own,
		.seccomp = sandbox_has_seccomp(),
		.landlock = sandbox_has_landlock(),
	};
	struct rights_user user;

	setup.own_count = own_collect(own);
	if (!rights_find(conf->global.user, &user) ||
		!rights_drop(&user, RIGHTS_NONE)) {
		log_say(LOG_ERROR, "rights", "cannot become user %s",
			conf->global.user);
		return EXIT_RIGHTS;
	}
	if (!sandbox_keeper(conf->global.state_dir, fds->supervisor))
		return sandbox_failed();
	return keeper_run(&setup);
}

static size_t ports_of(const struct conf *conf, uint16_t *out)
{
	size_t n = 0;

	if (conf->firewall.ports == CONF_PORTS_ALL)
		return 0;
	for (size_t i = 0; i < conf->listener_count; i++)
		for (size_t j = 0; j < conf->listeners[i].bind.count; j++) {
			struct addr addr;
			uint16_t port;
			bool known = false;

			if (!addr_parse_port(conf->listeners[i].bind.items[j],
				    &addr, &port))
				continue;
			for (size_t k = 0; k < n; k++)
				known |= out[k] == port;
			if (!known)
				out[n++] = port;
		}
	return n;
}

static size_t never_proxies(
	const struct conf_listener *listener, struct prefix *out, size_t n)
{
	for (size_t i = 0; i < listener->proxy_from.count; i++)
		if (prefix_length(&listener->proxy_from.items[i]) > 0)
			out[n++] = listener->proxy_from.items[i];
	return n;
}

/* Own addresses, the helper's own list, the servers, the balancers; allow: and
 * the allow list. */
static size_t never_of(const struct conf *conf, bool allow, struct prefix *out)
{
	size_t n = own_collect(out);

	for (size_t i = 0; allow && i < conf->global.allow.count; i++)
		out[n++] = conf->global.allow.items[i];
	for (size_t i = 0; i < conf->firewall.never.count; i++)
		out[n++] = conf->firewall.never.items[i];
	for (size_t i = 0; i < conf->listener_count; i++)
		n = never_proxies(&conf->listeners[i], out, n);
	for (size_t i = 0; i < conf->backend_count; i++)
		for (size_t j = 0; j < conf->backends[i].servers.count; j++) {
			struct addr addr;
			uint16_t port;
			if (addr_parse_port(conf->backends[i].servers.items[j],
				    &addr, &port))
				out[n++] = prefix_of(&addr, 32, 128);
		}
	return n;
}

/* As many as there can be: none is left out in silence. */
static size_t never_most(const struct conf *conf)
{
	size_t n = OWN_MOST + conf->global.allow.count +
		   conf->firewall.never.count;

	for (size_t i = 0; i < conf->listener_count; i++)
		n += conf->listeners[i].proxy_from.count;
	for (size_t i = 0; i < conf->backend_count; i++)
		n += conf->backends[i].servers.count;
	return n;
}

static size_t ports_most(const struct conf *conf)
{
	size_t n = 1;

	for (size_t i = 0; i < conf->listener_count; i++)
		n += conf->listeners[i].bind.count;
	return n;
}

static int firewall_serve(
	const struct conf *conf, const struct role_fds *fds, struct fw_conf *fw)
{
	struct rights_user user;

	if (!rights_find(conf->global.user, &user) ||
		!fw_helper_confine(user.uid, user.gid)) {
		log_say(LOG_ERROR, "rights", "cannot become user %s",
			conf->global.user);
		return EXIT_RIGHTS;
	}
	if (!sandbox_firewall(conf->firewall.backend))
		return sandbox_failed();
	return fw_helper_run(fds->firewall, fw);
}

static int firewall_main(const struct conf *conf, const struct role_fds *fds)
{
	static const enum fw_backend_kind kinds[] = {
		[CONF_FIREWALL_NULL] = FW_BACKEND_NULL,
		[CONF_FIREWALL_NFT] = FW_BACKEND_NFT,
		[CONF_FIREWALL_EXEC] = FW_BACKEND_EXEC,
	};
	struct prefix *never = calloc(never_most(conf), sizeof *never);
	uint16_t *ports = calloc(ports_most(conf), sizeof *ports);
	struct fw_conf fw = {
		.backend = kinds[conf->firewall.backend],
		.table = conf->firewall.table,
		.exec_path = conf->firewall.exec,
		.ports = ports,
		.never = never,
		.entries_most = (uint32_t)conf->firewall.entries_most_count,
		.changes_most_per_s =
			(uint32_t)conf->firewall.changes_most_count,
	};
	int code = EXIT_OS;

	if (never && ports) {
		fw.port_count = ports_of(conf, ports);
		fw.never_count = never_of(conf, true, never);
		code = firewall_serve(conf, fds, &fw);
	}
	free(never);
	free(ports);
	return code;
}

static int dash_serve(const struct conf *conf, const struct role_fds *fds,
	const struct web_secrets *secrets)
{
	struct dash_setup setup = {
		.supervisor_fd = fds->supervisor,
		.keeper_fd = fds->control,
		.connections_most = conf->admin.connections_most_count,
		.hosts = (const char *const *)conf->admin.hosts.items,
		.host_count = conf->admin.hosts.count,
	};
	struct rights_user user;

	for (size_t i = 0; i < WEB_COUNT; i++)
		setup.doors[i] = (struct dash_door){
			.fds = fds->doors[i],
			.fd_count = fds->door_counts[i],
			.tls = secrets->tls[i],
			.token = secrets->tokens[i],
		};
	if (!rights_find(conf->global.user, &user) ||
		!rights_drop(&user, RIGHTS_NONE)) {
		log_say(LOG_ERROR, "rights", "cannot become user %s",
			conf->global.user);
		return EXIT_RIGHTS;
	}
	if (!sandbox_dash())
		return sandbox_failed();
	return dash_run(&setup);
}

static int dash_main(const struct conf *conf, const struct role_fds *fds)
{
	char error[WEB_ERROR_LONGEST];
	struct web_secrets secrets;
	int code;

	rights_no_core(); /* before it reads a key */
	if (!web_secrets_read(conf, &secrets, error)) {
		log_say(LOG_ERROR, "start", "%s", error);
		return EXIT_CONF;
	}
	code = dash_serve(conf, fds, &secrets);
	web_secrets_done(&secrets);
	return code;
}

static int hook_serve(const struct conf *conf, const struct role_fds *fds,
	const struct hook_aim *aims)
{
	struct hook_setup setup = {
		.supervisor_fd = fds->supervisor,
		.keeper_fd = fds->control,
		.node = conf->global.hostname,
		.aims = aims,
		.count = conf->hook_count,
	};
	char node[256] = "";
	struct rights_user user;

	if (!*setup.node && gethostname(node, sizeof node - 1) == 0)
		setup.node = node;
	if (!rights_find(conf->global.user, &user) ||
		!rights_drop(&user, RIGHTS_NONE)) {
		log_say(LOG_ERROR, "rights", "cannot become user %s",
			conf->global.user);
		return EXIT_RIGHTS;
	}
	if (!sandbox_hook(goals_run(conf)))
		return sandbox_failed();
	return hook_run(&setup);
}

static int hook_main(const struct conf *conf, const struct role_fds *fds)
{
	static struct hook_aim aims[HOOKS_MOST];
	char error[GOALS_ERROR_LONGEST];
	int code;

	rights_no_core(); /* before it reads a secret */
	if (!goals_read(conf, aims, error)) {
		log_say(LOG_ERROR, "start", "%s", error);
		return EXIT_CONF;
	}
	code = hook_serve(conf, fds, aims);
	secret_wipe(aims, sizeof aims);
	return code;
}

/* ---- fetch ---- */

enum {
	FETCH_PATH_LONGEST = 4096,
	FETCH_MEMORY_BYTES = 512 * 1024 * 1024,
};

/* What a resolver and TLS read, wherever a system has it. */
static const char *const fetch_reads[] = {"/etc", "/usr", "/lib", "/lib64",
	"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/dev/urandom", "/dev/random", "/dev/null"};

enum { FETCH_READS = sizeof fetch_reads / sizeof *fetch_reads };

/* The folder, since who writes a file puts a new one in its place. Caller
 * frees; NULL: no memory, or no path. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return NULL;
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static size_t fetch_folders(const struct conf *conf, char **out)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->address_list_count; i++) {
		const struct conf_address_list *list = &conf->address_lists[i];

		if (list->file[0] && (out[n] = folder_of(list->file)))
			n++;
		if (list->ca_file[0] && (out[n] = folder_of(list->ca_file)))
			n++;
	}
	return n;
}

/* A folder for its copies. -1: there can be none; it does without. */
static int copies_open(const struct conf *conf, char path[FETCH_PATH_LONGEST])
{
	(void)snprintf(
		path, FETCH_PATH_LONGEST, "%s/lists", conf->global.state_dir);
	(void)mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool fetch_confine(const struct conf *conf, const char *copies)
{
	const char **reads = calloc(
		FETCH_READS + 2 * conf->address_list_count, sizeof *reads);
	char **folders =
		calloc(2 * conf->address_list_count + 1, sizeof *folders);
	bool done = reads && folders;
	size_t n = 0;

	if (done) {
		n = fetch_folders(conf, folders);
		memcpy(reads, fetch_reads, sizeof fetch_reads);
		memcpy(reads + FETCH_READS, folders, n * sizeof *folders);
		done = sandbox_fetch(reads, FETCH_READS + n, copies);
	}
	for (size_t i = 0; i < n; i++)
		free(folders[i]);
	free(folders);
	free(reads);
	return done;
}

static int fetch_serve(const struct conf *conf, struct fetch_setup *setup)
{
	const struct rlimit memory = {FETCH_MEMORY_BYTES, FETCH_MEMORY_BYTES};
	char copies[FETCH_PATH_LONGEST];
	struct rights_user user;

	if (!rights_find(conf->global.user, &user) ||
		!rights_drop(&user, RIGHTS_NONE)) {
		log_say(LOG_ERROR, "rights", "cannot become user %s",
			conf->global.user);
		return EXIT_RIGHTS;
	}
	setup->copies_fd = copies_open(conf, copies);
	if (!INSTRUMENTED)
		(void)setrlimit(RLIMIT_DATA, &memory);
	if (!fetch_confine(conf, setup->copies_fd >= 0 ? copies : NULL))
		return sandbox_failed();
	return fetch_run(setup);
}

static int fetch_main(const struct conf *conf, const struct role_fds *fds)
{
	struct prefix *never = calloc(never_most(conf), sizeof *never);
	struct fetch_setup setup = {.conf = conf,
		.keeper_fd = fds->control,
		.copies_fd = -1,
		.never = never};
	int code = EXIT_OS;

	rights_no_core(); /* before it reads a token */
	if (never && fetch_tokens(conf, &setup)) {
		setup.never_count = never_of(conf, false, never);
		code = fetch_serve(conf, &setup);
	}
	if (setup.tokens)
		secret_wipe(setup.tokens,
			conf->address_list_count * sizeof *setup.tokens);
	free(setup.tokens);
	free(never);
	return code;
}

int role_main(int argc, char **argv)
{
	struct role_fds fds;
	struct conf *conf;
	int code;

	if (argc != ARGS || strcmp(argv[1], "role") != 0) {
		(void)fputs("postern role: only postern itself starts roles\n",
			stderr);
		return 64;
	}
	/* The supervisor wrote them. NOLINTBEGIN(cert-err34-c) */
	fds = (struct role_fds){.conf = atoi(argv[3]),
		.supervisor = atoi(argv[4]),
		.firewall = atoi(argv[5]),
		.control = atoi(argv[6]),
		.log = atoi(argv[7]),
		.memory = atoi(argv[8])};
	/* NOLINTEND(cert-err34-c) */
	for (size_t i = 0; i < WEB_COUNT; i++)
		fds.door_counts[i] =
			list_read(argv[3 + LINES + i], fds.doors[i]);
	(void)prctl(PR_SET_NAME, argv[0], 0, 0, 0);
	conf = role_conf(fds.conf);
	if (!conf)
		return EXIT_CONF;
	log_init(argv[2], fds.log, (enum log_level)conf->log.level,
		(enum log_format)conf->log.format);
	if (strcmp(argv[2], role_names[ROLE_KEEPER]) == 0)
		code = keeper_main(conf, &fds);
	else if (strcmp(argv[2], role_names[ROLE_DASH]) == 0)
		code = dash_main(conf, &fds);
	else if (strcmp(argv[2], role_names[ROLE_HOOK]) == 0)
		code = hook_main(conf, &fds);
	else if (strcmp(argv[2], role_names[ROLE_FETCH]) == 0)
		code = fetch_main(conf, &fds);
	else
		code = firewall_main(conf, &fds);
	log_done();
	conf_free(&conf);
	return code;
}
