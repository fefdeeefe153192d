/*
 * What a taken-over keeper says to the firewall helper (FW-04). Input: an
 * octet of configuration, then records; the time of each grows by its pad.
 *
 *	- nothing of the never-block list, and nothing that is loopback or half
 *	  of the world, is ever in force;
 *	- never more entries than allowed;
 *	- each answer is of this helper's form, and PING gets one.
 */
#include "../../src/fw/backend.h"
#include "../../src/fw/guard.h"
#include "../../src/fw/ledger.h"
#include "fuzz.h"

enum { ENTRIES_MOST = 16, RECORDS_MOST = 256 };

static struct prefix never[4];
static unsigned ping_count, pong_count;

static void got_answer(void *arg, const struct fw_answer *answer)
{
	(void)arg;
	MUST(answer->magic == FW_RECORD_MAGIC);
	MUST(answer->word >= FW_ADD && answer->word <= FW_PING);
	MUST(answer->status <= FW_STATUS_LATER);
	MUST(answer->count <= ENTRIES_MOST);
	pong_count += answer->word == FW_PING;
}

/* In what order records come must not matter: each alone is judged, too. */
static void judge_alone(const struct fw_conf *conf, const struct fw_record *r)
{
	struct fw_guard guard;
	struct prefix prefix;

	fw_guard_init(&guard, conf);
	if (fw_guard_read(r, &prefix) != FW_VERDICT_PASS ||
		(r->word != FW_ADD && r->word != FW_DELETE))
		return;
	MUST(prefix.bits <= 128);
	if (fw_guard_judge(&guard, &prefix) != FW_VERDICT_PASS)
		return;
	MUST(!addr_is_loopback(&prefix.addr));
	MUST(prefix_length(&prefix) >= (addr_is_v4(&prefix.addr) ? 8u : 16u));
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		MUST(!prefix_overlaps(&prefix, &never[i]));
}

static void never_make(void)
{
	MUST(prefix_parse("192.0.2.0/24", &never[0]));
	MUST(prefix_parse("198.51.100.25", &never[1]));
	MUST(prefix_parse("2001:db8::/48", &never[2]));
	MUST(prefix_parse("10.0.0.0/8", &never[3]));
}

/* Half of the octets are nonsense when all are: the magic is often right. */
static void take(struct fw_ledger *ledger, const struct fw_conf *conf,
	struct slice *in, mono_ms_t *now)
{
	struct fw_record r;
	struct slice octets = slice_head(*in, sizeof r);

	memset(&r, 0, sizeof r);
	if (octets.n)
		memcpy(&r, octets.p, octets.n);
	*in = slice_skip(*in, sizeof r);
	if (octets.n < sizeof r) {
		fw_ledger_garbage(ledger, octets.n, *now);
		return;
	}
	if (r.pad & 1)
		r.magic = FW_RECORD_MAGIC;
	*now += r.pad >> 4;
	ping_count += r.magic == FW_RECORD_MAGIC && r.word == FW_PING;
	judge_alone(conf, &r);
	fw_ledger_take(ledger, &r, *now);
	if (r.pad & 2)
		fw_ledger_settle(ledger, *now);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	mono_ms_t now = 1000000;
	struct fw_conf conf = {.backend = FW_BACKEND_NULL,
		.table = "postern",
		.never = never,
		.never_count = sizeof never / sizeof never[0],
		.entries_most = ENTRIES_MOST};
	struct fw_ledger *ledger;

	if (n == 0 || n > RECORDS_MOST * sizeof(struct fw_record))
		return 0;
	never_make();
	ping_count = pong_count = 0;
	conf.changes_most_per_s = 1u + fuzz_octet(&in) % 32u;
	ledger = fw_ledger_new(&conf, got_answer, NULL);
	MUST(ledger);
	while (in.n) {
		take(ledger, &conf, &in, &now);
		MUST(fw_ledger_count(ledger) <= ENTRIES_MOST);
	}
	fw_ledger_settle(ledger, now);
	MUST(fw_ledger_count(ledger) <= ENTRIES_MOST);
	MUST(pong_count <= ping_count);
	/* All have a time, or are for ever: none outlives the longest. */
	fw_ledger_settle(ledger, now + (mono_ms_t)FW_TTL_LONGEST_S * 1000 + 1);
	fw_ledger_free(&ledger);
	return 0;
}
