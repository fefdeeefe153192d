/*
 * The firewall helper alone, for test_firewall.py: no supervisor, no keeper.
 *
 * Fills struct fw_conf from its arguments, confines itself where --uid is
 * given, and runs the helper on the descriptor --fd; the test speaks records
 * on the other end. Logs to stderr as text.
 *
 *	fw_driver --fd 3 --backend nft --table postern --port 25 --uid 65534
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/base/log.h"
#include "../../src/fw/helper.h"
#include "../../src/fw/rights.h"

enum { DRIVER_LIST_MOST = 64, DRIVER_USAGE = 64 };

struct driver {
	int fd;
	long uid; /* -1: stay as we are */
	struct fw_conf conf;
	uint16_t ports[DRIVER_LIST_MOST];
	struct prefix never[DRIVER_LIST_MOST];
};

_Noreturn static void usage(const char *what)
{
	(void)fprintf(stderr, "fw_driver: %s\n", what);
	exit(DRIVER_USAGE);
}

static enum fw_backend_kind kind_of(const char *name)
{
	if (strcmp(name, "nft") == 0)
		return FW_BACKEND_NFT;
	if (strcmp(name, "exec") == 0)
		return FW_BACKEND_EXEC;
	return FW_BACKEND_NULL;
}

static void add_port(struct driver *driver, const char *text)
{
	if (driver->conf.port_count == DRIVER_LIST_MOST)
		usage("too many ports");
	driver->ports[driver->conf.port_count++] = (uint16_t)atoi(text);
}

static void add_never(struct driver *driver, const char *text)
{
	if (driver->conf.never_count == DRIVER_LIST_MOST ||
		!prefix_parse(text, &driver->never[driver->conf.never_count]))
		usage(text);
	driver->conf.never_count++;
}

static void take(struct driver *driver, int option, const char *value)
{
	struct fw_conf *conf = &driver->conf;

	switch (option) {
	case 'f': driver->fd = atoi(value); break;
	case 'b': conf->backend = kind_of(value); break;
	case 't': conf->table = value; break;
	case 'x': conf->exec_path = value; break;
	case 'p': add_port(driver, value); break;
	case 'n': add_never(driver, value); break;
	case 'e': conf->entries_most = (uint32_t)atoi(value); break;
	case 'c': conf->changes_most_per_s = (uint32_t)atoi(value); break;
	case 'u': driver->uid = atol(value); break;
	default: usage("--fd N --backend nft|exec|null …");
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"fd", required_argument, NULL, 'f'},
		{"backend", required_argument, NULL, 'b'},
		{"table", required_argument, NULL, 't'},
		{"exec", required_argument, NULL, 'x'},
		{"port", required_argument, NULL, 'p'},
		{"never", required_argument, NULL, 'n'},
		{"entries", required_argument, NULL, 'e'},
		{"changes", required_argument, NULL, 'c'},
		{"uid", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	static struct driver driver = {
		.fd = 3,
		.uid = -1,
		.conf = {.table = "postern",
			.entries_most = 262144,
			.changes_most_per_s = 1000},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take(&driver, option, optarg);
	driver.conf.ports = driver.ports;
	driver.conf.never = driver.never;
	log_init("firewall", STDERR_FILENO, LOG_DEBUG, LOG_TEXT);
	if (driver.uid >= 0 &&
		!fw_helper_confine((uid_t)driver.uid, (gid_t)driver.uid)) {
		perror("fw_driver: confine");
		return 1;
	}
	return fw_helper_run(driver.fd, &driver.conf);
}
