/*
 * Backend nft: own table, plain hash sets with kernel timeouts.
 *
 * The only file that includes <nftables/libnftables.h>. Each call to run one
 * text is one transaction of the kernel: all or nothing. The entries have
 * timeouts in the kernel, so they end without us, and outlive us. Called by
 * ledger.c and reconcile.c; blocks for as long as the kernel takes (0.1 ms for
 * a change, half a second for 100,000).
 *
 * What can go wrong: no right (EPERM), no nf_tables, somebody flushed the
 * rules, somebody made sets of another shape under our names, a set is full.
 * The last two are cured by beginning afresh; all are reported, none is fatal.
 * The library ends the process when it finds no memory or no netlink at all;
 * the second is looked for before.
 */
#include "backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <nftables/libnftables.h>

#include "nft_text.h"

enum {
	NFT_WHY_LONGEST = 320,
	NFT_LARGE_COUNT = 4096, /* give the library's memory back behind it */
};

struct nft_state {
	const struct fw_conf *conf;
	struct nft_ctx *ctx;   /* NULL until it is needed */
	bool known[NFT_SLOTS]; /* have set, chain and rules */
	bool afresh_helps;     /* with the last failure */
	char why[NFT_WHY_LONGEST];
};

static void *nft_open(const struct fw_conf *conf)
{
	struct nft_state *nft = calloc(1, sizeof(*nft));

	if (nft)
		nft->conf = conf;
	return nft;
}

static void nft_drop_ctx(struct nft_state *nft)
{
	if (nft->ctx)
		nft_ctx_free(nft->ctx);
	nft->ctx = NULL;
}

static void nft_close(void *self)
{
	nft_drop_ctx(self);
	free(self);
}

static const char *nft_why(void *self)
{
	const struct nft_state *nft = self;

	return nft->why;
}

/* nft_ctx_new() calls exit(3) when it gets no socket: look first. */
static bool nft_netlink_there(struct nft_state *nft)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0) {
		(void)snprintf(nft->why, sizeof(nft->why), /* cut is fine */
			"no netlink socket: %s (kernel without nf_tables, or "
			"AF_NETLINK forbidden in the unit file)",
			strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static bool nft_take_ctx(struct nft_state *nft)
{
	if (nft->ctx)
		return true;
	if (!nft_netlink_there(nft))
		return false;
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft_ctx_buffer_output(nft->ctx) != 0 ||
		nft_ctx_buffer_error(nft->ctx) != 0) {
		(void)snprintf(nft->why, sizeof(nft->why), "out of memory");
		nft_drop_ctx(nft);
		return false;
	}
	return true;
}

struct nft_advice {
	const char *error; /* strerror's words in the library's message */
	bool afresh_helps;
	const char *advice;
};

static const struct nft_advice *nft_advise(const char *message)
{
	static const struct nft_advice advices[] = {
		{"Operation not permitted", false,
			"the helper needs CAP_NET_ADMIN"},
		{"Invalid argument", false,
			"is nf_tables in this kernel? try: modprobe nf_tables"},
		{"Protocol not supported", false,
			"is nf_tables in this kernel? try: modprobe nf_tables"},
		{"No buffer space", false, "raise net.core.wmem_max"},
		{"Message too long", false, "raise net.core.wmem_max"},
		{"Cannot allocate memory", false, "free some memory"},
		{"Too many open files in system", true, /* ENFILE: set full */
			"a set is full: raise firewall.entries_most"},
	};
	/* The library has many words for a set or chain of another shape. */
	static const struct nft_advice otherwise = {
		"", true, "does somebody else change our table?"};

	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strstr(message, advices[i].error))
			return &advices[i];
	return &otherwise;
}

/* Its first line only: behind it the library repeats the command. */
static void nft_explain(struct nft_state *nft)
{
	const char *message = nft_ctx_get_error_buffer(nft->ctx);
	const struct nft_advice *advice;
	char line[200];
	size_t n = strcspn(message, "\n");

	if (n >= sizeof(line))
		n = sizeof(line) - 1;
	memcpy(line, message, n);
	line[n] = '\0';
	advice = nft_advise(line);
	nft->afresh_helps = advice->afresh_helps;
	(void)snprintf(nft->why, sizeof(nft->why), "nftables: %s: %s", line,
		advice->advice);
}

/* One transaction. Takes the text over. */
static enum fw_result nft_run(struct nft_state *nft, struct nft_text *text)
{
	bool ok;

	nft->afresh_helps = false;
	if (text->failed) {
		(void)snprintf(nft->why, sizeof(nft->why), "out of memory");
		nft_text_done(text);
		return FW_FAILED;
	}
	if (!text->data)
		return FW_OK; /* nothing to do */
	ok = nft_take_ctx(nft);
	if (ok && nft_run_cmd_from_buffer(nft->ctx, text->data) != 0) {
		nft_explain(nft);
		ok = false;
	}
	nft_text_done(text);
	return ok ? FW_OK : FW_FAILED;
}

/* Which sets did an earlier helper leave, whose entries must stay in force? */
static enum fw_result nft_find_slots(
	struct nft_state *nft, bool known[NFT_SLOTS])
{
	struct nft_text text = {.data = NULL};

	nft_text_add(&text, "list chains inet\n");
	if (nft_run(nft, &text) != FW_OK)
		return FW_FAILED;
	nft_read_chains(
		nft_ctx_get_output_buffer(nft->ctx), nft->conf->table, known);
	return FW_OK;
}

/* A transaction of its own: else the library judges what comes behind it by
   the sets that are just being deleted. */
static enum fw_result nft_away(struct nft_state *nft)
{
	struct nft_text text = {.data = NULL};

	nft_text_away(&text, nft->conf->table);
	return nft_run(nft, &text);
}

static enum fw_result nft_prepare(void *self, bool afresh)
{
	static const struct prefix usual[] = {
		{{{0}}, 64},
		{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 128},
	};
	struct nft_state *nft = self;
	struct nft_text text = {.data = NULL};
	bool known[NFT_SLOTS] = {false};

	if (afresh && (!nft->afresh_helps || nft_away(nft) != FW_OK))
		return FW_FAILED;
	if (!afresh && nft_find_slots(nft, known) != FW_OK)
		return FW_FAILED;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		known[nft_slot_of(&usual[i])] = true;
	nft_text_ground(&text, nft->conf->table);
	for (unsigned slot = 0; slot < NFT_SLOTS; slot++)
		if (known[slot])
			nft_text_slot(&text, nft->conf, slot);
	if (nft_run(nft, &text) != FW_OK)
		return FW_FAILED;
	memcpy(nft->known, known, sizeof(known));
	return FW_OK;
}

/* How many changes each slot has, so that only those are gone through. */
static void nft_count(const struct nft_state *nft,
	const struct fw_change *changes, size_t n, size_t counts[NFT_SLOTS])
{
	for (size_t i = 0; i < n; i++) {
		unsigned slot = nft_slot_of(&changes[i].prefix);

		/* What is in no set needs no lifting. */
		if (changes[i].add || nft->known[slot])
			counts[slot]++;
	}
}

static enum fw_result nft_apply(
	void *self, struct fw_change *changes, size_t n, mono_ms_t now)
{
	struct nft_state *nft = self;
	struct nft_text text = {.data = NULL};
	size_t counts[NFT_SLOTS] = {0};
	enum fw_result result;

	(void)now; /* the kernel has a clock of its own */
	nft_count(nft, changes, n, counts);
	for (unsigned slot = 0; slot < NFT_SLOTS; slot++) {
		if (counts[slot] == 0)
			continue;
		if (!nft->known[slot])
			nft_text_slot(&text, nft->conf, slot);
		nft_text_changes(&text, nft->conf->table, slot, changes, n);
	}
	result = nft_run(nft, &text);
	for (unsigned slot = 0; slot < NFT_SLOTS; slot++)
		if (result == FW_OK && counts[slot] > 0)
			nft->known[slot] = true;
	for (size_t i = 0; i < n; i++)
		changes[i].done = result == FW_OK;
	if (n >= NFT_LARGE_COUNT && result == FW_OK)
		nft_drop_ctx(nft);
	return result;
}

static enum fw_result nft_list(
	void *self, mono_ms_t now, fw_listed_cb *listed, void *arg)
{
	struct nft_state *nft = self;
	char name[NFT_NAME_LONGEST];

	(void)now;
	for (unsigned slot = 0; slot < NFT_SLOTS; slot++) {
		struct nft_text text = {.data = NULL};

		if (!nft->known[slot])
			continue;
		nft_text_add(&text, "list set inet %s %s\n", nft->conf->table,
			nft_slot_name(slot, name));
		if (nft_run(nft, &text) != FW_OK)
			return FW_FAILED;
		nft_read_set(
			nft_ctx_get_output_buffer(nft->ctx), slot, listed, arg);
	}
	nft_drop_ctx(nft); /* its buffer holds the whole listing */
	return FW_OK;
}

static enum fw_result nft_flush(void *self)
{
	struct nft_state *nft = self;
	struct nft_text text = {.data = NULL};
	char name[NFT_NAME_LONGEST];

	for (unsigned slot = 0; slot < NFT_SLOTS; slot++)
		if (nft->known[slot])
			nft_text_add(&text, "flush set inet %s %s\n",
				nft->conf->table, nft_slot_name(slot, name));
	return nft_run(nft, &text);
}

bool fw_backend_nft_forget(const struct fw_conf *conf)
{
	struct nft_state *nft = nft_open(conf);
	bool known[NFT_SLOTS] = {false}, left = false;

	if (nft == NULL)
		return false;
	if (nft_find_slots(nft, known) == FW_OK)
		for (unsigned slot = 0; slot < NFT_SLOTS; slot++)
			left |= known[slot];
	left = left && nft_away(nft) == FW_OK;
	nft_close(nft);
	return left;
}

const struct fw_backend *fw_backend_nft(void)
{
	static const struct fw_backend nft = {
		.name = "nft",
		.expires = true,
		.mends = true, /* somebody flushed the rules */
		.open = nft_open,
		.close = nft_close,
		.prepare = nft_prepare,
		.apply = nft_apply,
		.list = nft_list,
		.flush = nft_flush,
		.why = nft_why,
	};

	return &nft;
}
