/*
 * The words of nftables (see nft_text.h). Called by nft.c only.
 *
 * The layout in the kernel, for `ports = listeners`:
 *
 *	table inet postern {
 *		set v4_32 { type ipv4_addr; flags timeout; … }
 *		counter v4_32 { }
 *		chain v4_32 { ip saddr @v4_32 counter name "v4_32" drop }
 *		chain prerouting {
 *			type filter hook prerouting priority -310;
 *			meta nfproto ipv4 tcp dport { 25 } jump v4_32
 *		}
 *	}
 *
 * Each set has a chain of its own although a rule would do: `list chains` is
 * cheap and names the sets that an earlier helper left, while each listing of
 * sets or rules fetches all elements too (0.8 s for 100,000, nftables 1.0.6).
 * The counters are objects of their own and outlive the rules' repair.
 */
#include "nft_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NFT_PRIORITY = -310, /* before connection tracking: raw is -300 */
	NFT_GC_INTERVAL_S = 10,
	NFT_TEXT_FIRST_BYTES = 1024,
	NFT_PIECE_LONGEST = 512,
};

void nft_text_done(struct nft_text *text)
{
	free(text->data);
	*text = (struct nft_text){.data = NULL};
}

static bool nft_text_reserve(struct nft_text *text, size_t more)
{
	size_t room = text->room ? text->room : NFT_TEXT_FIRST_BYTES;
	char *data;

	while (room - text->n <= more)
		room *= 2;
	if (room == text->room)
		return true;
	data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void nft_text_add(struct nft_text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->failed || !nft_text_reserve(text, NFT_PIECE_LONGEST))
		return;
	va_start(args, format);
	n = vsnprintf(text->data + text->n, NFT_PIECE_LONGEST, format, args);
	va_end(args);
	if (n < 0 || n >= NFT_PIECE_LONGEST)
		text->failed = true; /* half a command must not be run */
	else
		text->n += (size_t)n;
}

unsigned nft_slot_of(const struct prefix *prefix)
{
	unsigned length = prefix_length(prefix);

	if (addr_is_v4(&prefix->addr) && prefix->bits >= ADDR_V4_BITS)
		return length;
	return NFT_V4_LENGTHS + length;
}

bool nft_slot_is_v4(unsigned slot)
{
	return slot < NFT_V4_LENGTHS;
}

unsigned nft_slot_length(unsigned slot)
{
	return nft_slot_is_v4(slot) ? slot : slot - NFT_V4_LENGTHS;
}

const char *nft_slot_name(unsigned slot, char out[NFT_NAME_LONGEST])
{
	(void)snprintf(/* 6 characters at most */
		out, NFT_NAME_LONGEST, "%s_%u",
		nft_slot_is_v4(slot) ? "v4" : "v6", nft_slot_length(slot));
	return out;
}

void nft_text_away(struct nft_text *text, const char *table)
{
	/* the add lets the delete succeed without a table */
	nft_text_add(text, "add table inet %s\ndelete table inet %s\n", table,
		table);
}

void nft_text_ground(struct nft_text *text, const char *table)
{
	nft_text_add(text, "add table inet %s\n", table);
	nft_text_add(text,
		"add chain inet %s prerouting { type filter hook prerouting "
		"priority %d ; policy accept ; }\n",
		table, NFT_PRIORITY);
	nft_text_add(text, "flush chain inet %s prerouting\n", table);
}

/* Ports given: TCP to them. Else all but ICMPv6: without neighbour discovery
   (RFC 4861) a whole network behind one router would be gone. */
static void nft_text_match(struct nft_text *text, const struct fw_conf *conf)
{
	if (conf->port_count == 0) {
		nft_text_add(text, "meta l4proto != ipv6-icmp ");
		return;
	}
	nft_text_add(text, "tcp dport { ");
	for (size_t i = 0; i < conf->port_count; i++)
		nft_text_add(text, "%s%u", i ? ", " : "", conf->ports[i]);
	nft_text_add(text, " } ");
}

/* "ip saddr & 255.255.255.0"; the whole address needs no mask. */
static void nft_text_masked(struct nft_text *text, unsigned slot)
{
	bool v4 = nft_slot_is_v4(slot);
	unsigned bits = nft_slot_length(slot) + (v4 ? ADDR_V4_BITS : 0);
	struct addr mask = {{0}};
	char out[ADDR_TEXT_LONGEST];

	nft_text_add(text, "%s saddr ", v4 ? "ip" : "ip6");
	if (bits == 128)
		return;
	for (unsigned i = v4 ? 80 : 0; i < bits; i++)
		mask.octets[i / 8] |= (uint8_t)(0x80u >> (i % 8));
	nft_text_add(text, "& %s ", addr_format(&mask, out));
}

void nft_text_slot(
	struct nft_text *text, const struct fw_conf *conf, unsigned slot)
{
	const char *table = conf->table;
	char name[NFT_NAME_LONGEST];
	bool v4 = nft_slot_is_v4(slot);

	nft_slot_name(slot, name);
	nft_text_add(text,
		"add set inet %s %s { type %s ; flags timeout ; size %zu ; "
		"gc-interval %ds ; }\n",
		table, name, v4 ? "ipv4_addr" : "ipv6_addr",
		fw_backend_room(conf), NFT_GC_INTERVAL_S);
	nft_text_add(text, "add counter inet %s %s\n", table, name);
	nft_text_add(text, "add chain inet %s %s\nflush chain inet %s %s\n",
		table, name, table, name);
	nft_text_add(text, "add rule inet %s %s ", table, name);
	nft_text_masked(text, slot);
	nft_text_add(text, "@%s counter name \"%s\" drop\n", name, name);
	nft_text_add(text, "add rule inet %s prerouting meta nfproto %s ",
		table, v4 ? "ipv4" : "ipv6");
	nft_text_match(text, conf);
	nft_text_add(text, "jump %s\n", name);
}

/* Which changes of a slot a command is about. */
enum nft_pass {
	NFT_PASS_MAKE_SURE, /* add, so that the delete cannot fail */
	NFT_PASS_DELETE,
	NFT_PASS_ADD,
};

static bool nft_pass_wants(enum nft_pass pass, const struct fw_change *change)
{
	switch (pass) {
	case NFT_PASS_MAKE_SURE:
	case NFT_PASS_DELETE: return !change->add || !change->fresh;
	case NFT_PASS_ADD: return change->add;
	}
	return false;
}

/* The scanner takes seconds of few digits only, so days and hours it is. */
static void nft_text_timeout(struct nft_text *text, uint32_t ttl_s)
{
	nft_text_add(text, " timeout %ud%uh%um%us", ttl_s / 86400,
		ttl_s / 3600 % 24, ttl_s / 60 % 60, ttl_s % 60);
}

static void nft_text_pass(struct nft_text *text, const char *table,
	unsigned slot, enum nft_pass pass, const struct fw_change *changes,
	size_t n)
{
	char name[NFT_NAME_LONGEST];
	char addr[ADDR_TEXT_LONGEST];
	bool begun = false;

	nft_slot_name(slot, name);
	for (size_t i = 0; i < n; i++) {
		const struct fw_change *change = &changes[i];

		if (nft_slot_of(&change->prefix) != slot ||
			!nft_pass_wants(pass, change))
			continue;
		if (begun)
			nft_text_add(text, ",");
		else
			nft_text_add(text, "%s element inet %s %s {",
				pass == NFT_PASS_DELETE ? "delete" : "add",
				table, name);
		begun = true;
		nft_text_add(
			text, " %s", addr_format(&change->prefix.addr, addr));
		if (pass == NFT_PASS_ADD && change->ttl_s)
			nft_text_timeout(text, change->ttl_s);
	}
	if (begun)
		nft_text_add(text, " }\n");
}

/*
 * An element that is there keeps its old timeout when it is added again (but
 * in new kernels), and a delete of one that has just expired fails the whole
 * transaction. "add, delete, add" works whatever is there.
 */
void nft_text_changes(struct nft_text *text, const char *table, unsigned slot,
	const struct fw_change *changes, size_t n)
{
	nft_text_pass(text, table, slot, NFT_PASS_MAKE_SURE, changes, n);
	nft_text_pass(text, table, slot, NFT_PASS_DELETE, changes, n);
	nft_text_pass(text, table, slot, NFT_PASS_ADD, changes, n);
}
