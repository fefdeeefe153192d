/*
 * The helper's own judgement (see guard.h).
 *
 * Called by helper.c for each record. What is refused here is refused for all
 * backends. A DELETE is read but not judged: lifting a ban does no harm.
 *
 * The never-block list is walked from front to back: it holds some tens of
 * prefixes, and a record costs more in the kernel than here.
 */
#include "guard.h"

#include <string.h>

struct fw_special {
	uint8_t octets[16];
	uint8_t bits;
};

#define FW_V4(a)                                                               \
	{                                                                      \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a)                  \
	}

/* What is never one stranger's address (RFC 6890). */
static const struct fw_special specials[] = {
	{FW_V4(0), ADDR_V4_BITS + 8},	/* "this network" */
	{FW_V4(127), ADDR_V4_BITS + 8}, /* loopback */
	{FW_V4(224), ADDR_V4_BITS + 3}, /* multicast, reserved, broadcast */
	{{0}, 127},			/* :: and ::1 */
	{{0xfe, 0x80}, 10}, /* link-local: a /64 is all neighbours */
	{{0xff}, 8},	    /* multicast */
};

void fw_guard_init(struct fw_guard *guard, const struct fw_conf *conf)
{
	*guard = (struct fw_guard){
		.never = conf->never,
		.never_count = conf->never_count,
		.changes_most_per_s = conf->changes_most_per_s,
	};
}

static bool fw_guard_word_known(uint8_t word)
{
	return word >= FW_ADD && word <= FW_PING;
}

static bool fw_guard_canonical(const struct prefix *prefix)
{
	for (unsigned i = prefix->bits; i < 128; i++)
		if (prefix->addr.octets[i / 8] & (0x80u >> (i % 8)))
			return false;
	return true;
}

enum fw_verdict fw_guard_read(
	const struct fw_record *record, struct prefix *ret_prefix)
{
	struct prefix prefix = {.bits = record->bits};

	if (record->magic != FW_RECORD_MAGIC ||
		!fw_guard_word_known(record->word))
		return FW_VERDICT_GARBAGE;
	if (record->pad != 0)
		return FW_VERDICT_MALFORMED;
	if (record->word != FW_ADD && record->word != FW_DELETE)
		return FW_VERDICT_PASS;
	memcpy(prefix.addr.octets, record->octets, 16);
	if (prefix.bits > 128 || !fw_guard_canonical(&prefix))
		return FW_VERDICT_MALFORMED;
	if (record->word == FW_ADD && record->ttl_s > FW_TTL_LONGEST_S)
		return FW_VERDICT_MALFORMED;
	*ret_prefix = prefix;
	return FW_VERDICT_PASS;
}

static bool fw_guard_wide(const struct prefix *prefix)
{
	unsigned shortest = FW_V6_SHORTEST_BITS;

	if (addr_is_v4(&prefix->addr))
		shortest = ADDR_V4_BITS + FW_V4_SHORTEST_BITS;
	return prefix->bits < shortest;
}

static bool fw_guard_special(const struct prefix *prefix)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		struct prefix special = {.bits = specials[i].bits};

		memcpy(special.addr.octets, specials[i].octets, 16);
		if (prefix_overlaps(prefix, &special))
			return true;
	}
	return false;
}

enum fw_verdict fw_guard_judge(
	const struct fw_guard *guard, const struct prefix *prefix)
{
	if (fw_guard_wide(prefix))
		return FW_VERDICT_WIDE;
	if (fw_guard_special(prefix))
		return FW_VERDICT_SPECIAL;
	for (size_t i = 0; i < guard->never_count; i++)
		if (prefix_overlaps(prefix, &guard->never[i]))
			return FW_VERDICT_NEVER;
	return FW_VERDICT_PASS;
}

enum fw_verdict fw_guard_hurry(struct fw_guard *guard, mono_ms_t now)
{
	if (now - guard->second_began >= 1000) {
		guard->second_began = now;
		guard->second_count = 0;
	}
	if (guard->second_count >= guard->changes_most_per_s)
		return FW_VERDICT_TOO_FAST;
	guard->second_count++;
	return FW_VERDICT_PASS;
}

const char *fw_verdict_text(enum fw_verdict verdict)
{
	switch (verdict) {
	case FW_VERDICT_PASS: return "passed";
	case FW_VERDICT_GARBAGE: return "not a record of the keeper's";
	case FW_VERDICT_MALFORMED: return "a field is out of its range";
	case FW_VERDICT_WIDE: return "shorter than /8 (IPv6: /16)";
	case FW_VERDICT_SPECIAL: return "not the address of one stranger";
	case FW_VERDICT_NEVER: return "overlaps the never-block list";
	case FW_VERDICT_TOO_FAST:
		return "more changes a second than firewall.changes_most: "
		       "waits for the next sync";
	case FW_VERDICT_FULL: return "firewall.entries_most are in force";
	case FW_VERDICT_UNBEGUN: return "end of a sync that was not begun";
	}
	return "unknown";
}
