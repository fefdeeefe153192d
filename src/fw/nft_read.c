/*
 * Listings of nftables, read (see nft_text.h). Called by nft.c only.
 *
 * The text comes from our own library, printing what our own kernel said; yet
 * others may write into our table, so what does not look like ours is passed
 * over. nftables 1.0.6 prints an element as
 *	192.0.2.1 timeout 10m expires 9m58s120ms
 * and several with commas; one without a timeout is only its address.
 */
#include "nft_text.h"

#include <string.h>

static const char *nft_skip(const char *at, const char *of)
{
	return at + strspn(at, of);
}

static bool nft_starts(const char *at, const char *with)
{
	return strncmp(at, with, strlen(with)) == 0;
}

/* The slot that such a name belongs to; NFT_SLOTS: none. */
static unsigned nft_read_name(const char *at, size_t n)
{
	char name[NFT_NAME_LONGEST];

	for (unsigned slot = 0; slot < NFT_SLOTS; slot++) {
		nft_slot_name(slot, name);
		if (strlen(name) == n && memcmp(name, at, n) == 0)
			return slot;
	}
	return NFT_SLOTS;
}

static const char *nft_next_line(const char *at)
{
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

void nft_read_chains(
	const char *listing, const char *table, bool known[NFT_SLOTS])
{
	bool ours = false;

	for (const char *at = listing; *at; at = nft_next_line(at)) {
		const char *word = nft_skip(at, " \t");
		unsigned slot;
		size_t n;

		if (nft_starts(word, "table inet ")) {
			word += strlen("table inet ");
			n = strcspn(word, " \n");
			ours = n == strlen(table) &&
			       memcmp(word, table, n) == 0;
		} else if (ours && nft_starts(word, "chain ")) {
			word += strlen("chain ");
			slot = nft_read_name(word, strcspn(word, " \n"));
			if (slot < NFT_SLOTS)
				known[slot] = true;
		}
	}
}

/* A unit's milliseconds and its letters; 0: unknown. "ms" before "m". */
static int64_t nft_read_unit(const char **at)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"ms", 1},
		{"w", 604800000},
		{"d", 86400000},
		{"h", 3600000},
		{"m", 60000},
		{"s", 1000},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!nft_starts(*at, units[i].name))
			continue;
		*at += strlen(units[i].name);
		return units[i].ms;
	}
	return 0;
}

int64_t nft_read_duration(const char *text, const char **ret_end)
{
	const char *at = text;
	int64_t sum_ms = 0;

	while (*at >= '0' && *at <= '9') {
		int64_t number = 0;
		int64_t unit_ms;

		for (; *at >= '0' && *at <= '9'; at++)
			if (number < INT32_MAX)
				number = number * 10 + (*at - '0');
		unit_ms = nft_read_unit(&at);
		if (unit_ms == 0 || number > INT32_MAX)
			return -1;
		sum_ms += number * unit_ms;
	}
	if (at == text)
		return -1;
	*ret_end = at;
	return sum_ms;
}

/* What follows an address, up to its comma or the end. */
static const char *nft_read_left(const char *at, int64_t *ret_left_ms)
{
	int64_t left_ms = FW_LEFT_FOREVER;

	for (;;) {
		at = nft_skip(at, " \t\n");
		if (*at == '\0' || *at == ',' || *at == '}')
			break;
		if (nft_starts(at, "expires ")) {
			const char *end = at + strlen("expires ");
			int64_t ms = nft_read_duration(end, &end);

			if (ms >= 0)
				left_ms = ms;
		}
		at += strcspn(at, " \t\n,}");
	}
	*ret_left_ms = left_ms;
	return at;
}

static bool nft_read_addr(
	const char *at, size_t n, unsigned slot, struct prefix *ret_prefix)
{
	char text[ADDR_TEXT_LONGEST];
	bool v4 = nft_slot_is_v4(slot);
	struct addr addr;

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, at, n);
	text[n] = '\0';
	/* ::ffff:192.0.2.1 in a set of IPv6 is not ours: as IPv4 it has
	   another set */
	if (!addr_parse(text, &addr) || addr_is_v4(&addr) != v4)
		return false;
	*ret_prefix = prefix_of(
		&addr, v4 ? nft_slot_length(slot) : 0, nft_slot_length(slot));
	return addr_eq(&ret_prefix->addr, &addr);
}

void nft_read_set(
	const char *listing, unsigned slot, fw_listed_cb *listed, void *arg)
{
	const char *at = strstr(listing, "elements = {");

	if (!at)
		return;
	at += strlen("elements = {");
	for (;;) {
		struct prefix prefix;
		int64_t left_ms;
		bool ok;
		size_t n;

		at = nft_skip(at, " \t\n,");
		n = strcspn(at, " \t\n,}");
		if (n == 0)
			return;
		ok = nft_read_addr(at, n, slot, &prefix);
		at = nft_read_left(at + n, &left_ms);
		if (ok)
			listed(arg, &prefix, left_ms);
	}
}
