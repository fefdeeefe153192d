/*
 * What the helper asks of whatever does the blocking: one table of functions.
 *
 * The helper decides what should be in force; a backend brings it about and
 * tells what is there. Backends do not log failures (the helper does, once,
 * after it has tried again): they keep the reason for why(). Only null logs:
 * that is its work.
 */
#ifndef FW_BACKEND_H
#define FW_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../base/units.h"
#include "fw_conf.h"

enum fw_result { FW_OK = 0, FW_FAILED };

/* In one call to apply() each prefix comes at most once. */
struct fw_change {
	struct prefix prefix;
	bool add;	/* or else lift */
	bool fresh;	/* add: known not to be there, so nothing to replace */
	bool done;	/* set by apply() */
	uint32_t ttl_s; /* add: 0: for ever */
};

#define FW_LEFT_FOREVER INT64_MAX

typedef void fw_listed_cb(
	void *arg, const struct prefix *prefix, int64_t left_ms);

struct fw_backend {
	const char *name;
	bool expires; /* entries leave by themselves when their time is up */
	bool mends;   /* what made a change fail, a reconciliation may cure */

	/* NULL: no memory. Touches nothing yet. conf: borrowed until close. */
	void *(*open)(const struct fw_conf *conf);
	void (*close)(void *self); /* what is in force stays in force */

	/*
	 * Makes the ground (table, chains, sets), and repairs it; entries stay.
	 * afresh: throws away what is there first; FW_FAILED where that is not
	 * possible.
	 */
	enum fw_result (*prepare)(void *self, bool afresh);
	/* All or nothing where it can be; tells each change's fate anyway. */
	enum fw_result (*apply)(
		void *self, struct fw_change *changes, size_t n, mono_ms_t now);
	/* What is really there. The callback must not call the backend. */
	enum fw_result (*list)(
		void *self, mono_ms_t now, fw_listed_cb *listed, void *arg);
	enum fw_result (*flush)(void *self);

	/* Why the last call failed and what to do; borrowed until the next. */
	const char *(*why)(void *self);
};

const struct fw_backend *fw_backend_null(void);
const struct fw_backend *fw_backend_nft(void);
const struct fw_backend *fw_backend_exec(void);
/*
 * For the other backends' start: deletes the table that an earlier helper with
 * backend nft left, or it would go on blocking. Looks first; touches nothing
 * where there is none. true: there was one and it is gone.
 */
bool fw_backend_nft_forget(const struct fw_conf *conf);
const struct fw_backend *fw_backend_of(enum fw_backend_kind kind);

/*
 * Entries a backend needs room for: while one transaction gives all entries
 * another time, each is there twice; and expired ones leave a little late.
 */
size_t fw_backend_room(const struct fw_conf *conf);

/*
 * For the backends that cannot ask what is in force, and remember it: note a
 * change that was done (false: no memory), and tell all.
 */
struct fw_table;
bool fw_backend_note(
	struct fw_table *memory, const struct fw_change *change, mono_ms_t now);
void fw_backend_recall(const struct fw_table *memory, mono_ms_t now,
	fw_listed_cb *listed, void *arg);

#endif
