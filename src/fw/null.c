/*
 * Backend null: blocks nothing and logs what it would do.
 *
 * The default, until the operator has read the log and chosen. It remembers
 * what it would have blocked, so that a sync finds the same differences as
 * with a kernel. A large batch is told by its first lines and a number: the
 * log is not the place for 100,000 prefixes. Called by helper.c and
 * reconcile.c only; the one failure there is, is memory.
 */
#include "backend.h"

#include <stdlib.h>

#include "../base/log.h"
#include "table.h"

enum { FW_NULL_LINES_MOST = 20 };

struct fw_null_state {
	struct fw_table *would; /* be in force */
};

static void *fw_null_open(const struct fw_conf *conf)
{
	struct fw_null_state *null = calloc(1, sizeof(*null));

	if (!null)
		return NULL;
	null->would = fw_table_new(fw_backend_room(conf));
	if (!null->would) {
		free(null);
		return NULL;
	}
	return null;
}

static void fw_null_close(void *self)
{
	struct fw_null_state *null = self;

	fw_table_free(&null->would);
	free(null);
}

static enum fw_result fw_null_prepare(void *self, bool afresh)
{
	(void)self;
	(void)afresh;
	return FW_OK;
}

static void fw_null_tell(const struct fw_change *change)
{
	log_begin(LOG_INFO, "firewall-would");
	log_str("word", change->add ? "add" : "delete");
	log_prefix("prefix", &change->prefix);
	if (change->add && change->ttl_s)
		log_int("ttl_s", change->ttl_s);
	log_end();
}

static enum fw_result fw_null_apply(
	void *self, struct fw_change *changes, size_t n, mono_ms_t now)
{
	struct fw_null_state *null = self;
	enum fw_result result = FW_OK;

	for (size_t i = 0; i < n; i++) {
		changes[i].done =
			fw_backend_note(null->would, &changes[i], now);
		if (!changes[i].done)
			result = FW_FAILED;
		if (i < FW_NULL_LINES_MOST)
			fw_null_tell(&changes[i]);
	}
	if (n > FW_NULL_LINES_MOST)
		log_say(LOG_INFO, "firewall-would", "and %zu changes more",
			n - FW_NULL_LINES_MOST);
	return result;
}

static enum fw_result fw_null_list(
	void *self, mono_ms_t now, fw_listed_cb *listed, void *arg)
{
	struct fw_null_state *null = self;

	fw_backend_recall(null->would, now, listed, arg);
	return FW_OK;
}

static enum fw_result fw_null_flush(void *self)
{
	struct fw_null_state *null = self;

	log_say(LOG_INFO, "firewall-would", "flush all %zu entries",
		fw_table_count(null->would));
	fw_table_clear(null->would);
	return FW_OK;
}

static const char *fw_null_why(void *self)
{
	(void)self;
	return "out of memory";
}

const struct fw_backend *fw_backend_null(void)
{
	static const struct fw_backend null = {
		.name = "null",
		.expires = false, /* the log shows when it would have ended */
		.mends = false,
		.open = fw_null_open,
		.close = fw_null_close,
		.prepare = fw_null_prepare,
		.apply = fw_null_apply,
		.list = fw_null_list,
		.flush = fw_null_flush,
		.why = fw_null_why,
	};

	return &null;
}
