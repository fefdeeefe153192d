/*
 * What the firewall helper is told at its start: plain data.
 *
 * The supervisor fills it from the configuration (src/fw does not know
 * src/conf) before it forks the helper. All pointers are borrowed and must
 * live as long as the helper runs. Nothing in here changes afterwards: a
 * reload that touches it starts a new helper.
 */
#ifndef FW_FW_CONF_H
#define FW_FW_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"

enum fw_backend_kind {
	FW_BACKEND_NULL, /* logs what it would do */
	FW_BACKEND_NFT,
	FW_BACKEND_EXEC,
};

enum { FW_TABLE_NAME_LONGEST = 32 };

struct fw_conf {
	enum fw_backend_kind backend;
	const char *table;     /* nft: [a-z][a-z0-9_]*, not a word of nft's */
	const char *exec_path; /* exec: absolute, owned by root */
	const uint16_t *ports; /* host order; what is dropped, TCP only */
	size_t port_count;     /* 0: everything but ICMPv6 */
	const struct prefix *never; /* never blocked, nor a part of it */
	size_t never_count;
	uint32_t entries_most;	     /* at least 1 */
	uint32_t changes_most_per_s; /* single ones; a sync is not counted */
};

/*
 * NULL when the helper can run with it, or else what is wrong, for people:
 * static text. Looks at names only, touches nothing.
 */
const char *fw_conf_wrong(const struct fw_conf *conf);

#endif
