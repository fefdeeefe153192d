/*
 * Is what the helper was told fit to run with?
 *
 * The table's name is pasted into text for libnftables, so nothing but plain
 * letters may be in it; the program's path goes to execve(2) and must not
 * depend on a working directory. Called by helper.c at its start, and by
 * whoever checks a configuration.
 */
#include "fw_conf.h"

#include <string.h>

static bool fw_conf_name_plain(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > FW_TABLE_NAME_LONGEST)
		return false;
	if (name[0] < 'a' || name[0] > 'z')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool fw_conf_has_port_0(const struct fw_conf *conf)
{
	for (size_t i = 0; i < conf->port_count; i++)
		if (conf->ports[i] == 0)
			return true;
	return false;
}

const char *fw_conf_wrong(const struct fw_conf *conf)
{
	if (conf->entries_most == 0)
		return "firewall.entries_most must be at least 1";
	if (conf->backend == FW_BACKEND_EXEC &&
		(!conf->exec_path || conf->exec_path[0] != '/'))
		return "firewall.exec must be the absolute path of a program";
	if (conf->backend != FW_BACKEND_NFT)
		return NULL;
	if (!conf->table || !fw_conf_name_plain(conf->table))
		return "firewall.table must be 1 to 32 of a-z, 0-9 and _, "
		       "beginning with a letter";
	if (fw_conf_has_port_0(conf))
		return "a port to protect is 0";
	return NULL;
}
