/*
 * The words of nftables: commands as they must be, listings as they come.
 * The listings were taken from nftables 1.0.6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/fw/nft_text.h"
#include "guard.h"

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_true(prefix_parse(text, &parsed));
	return parsed;
}

static void each_slot_has_its_own_name(void **state)
{
	char a[NFT_NAME_LONGEST], b[NFT_NAME_LONGEST];

	(void)state;
	for (unsigned i = 0; i < NFT_SLOTS; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
				nft_slot_name(i, a), nft_slot_name(j, b));
}

static void prefixes_go_to_the_slot_of_their_length(void **state)
{
	static const char *const rows[][2] = {
		{"192.0.2.1", "v4_32"},
		{"192.0.2.0/24", "v4_24"},
		{"10.0.0.0/8", "v4_8"},
		{"0.0.0.0/0", "v4_0"},
		{"2001:db8::/64", "v6_64"},
		{"2001:db8::1", "v6_128"},
		{"2001::/16", "v6_16"},
		{"::/0", "v6_0"},
		{"::/64", "v6_64"},
	};
	char name[NFT_NAME_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix p = prefix(rows[i][0]);

		assert_string_equal(
			nft_slot_name(nft_slot_of(&p), name), rows[i][1]);
	}
}

static void slot_is_matched_by_its_mask(void **state)
{
	static const uint16_t ports[] = {25, 587};
	static const struct {
		const char *prefix, *rule, *jump;
		size_t ports;
	} rows[] = {
		{"192.0.2.1", "v4_32 ip saddr @v4_32 counter name \"v4_32\" ",
			"ipv4 tcp dport { 25, 587 } jump v4_32\n", 2},
		{"192.0.2.0/24", "ip saddr & 255.255.255.0 @v4_24 ",
			"ipv4 tcp dport { 25 } jump v4_24\n", 1},
		{"2001:db8::/64", "ip6 saddr & ffff:ffff:ffff:ffff:: @v6_64 ",
			"ipv6 meta l4proto != ipv6-icmp jump v6_64\n", 0},
		{"2001:db8::1", "v6_128 ip6 saddr @v6_128 ",
			"ipv6 tcp dport { 25, 587 } jump v6_128\n", 2},
		{"10.0.0.0/9", "ip saddr & 255.128.0.0 @v4_9 ",
			"ipv4 tcp dport { 25, 587 } jump v4_9\n", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct fw_conf conf = {.table = "t",
			.ports = ports,
			.port_count = rows[i].ports,
			.entries_most = 5};
		struct prefix p = prefix(rows[i].prefix);
		struct nft_text text = {.data = NULL};

		nft_text_slot(&text, &conf, nft_slot_of(&p));
		assert_false(text.failed);
		assert_non_null(strstr(text.data, rows[i].rule));
		assert_non_null(strstr(text.data, rows[i].jump));
		assert_non_null(strstr(text.data, "size 10 ;"));
		nft_text_done(&text);
	}
}

static void changes_replace_what_may_be_there(void **state)
{
	const struct fw_change changes[] = {
		{.prefix = prefix("192.0.2.1"), .add = true, .ttl_s = 90061},
		{.prefix = prefix("192.0.2.2"),
			.add = true,
			.fresh = true,
			.ttl_s = 5},
		{.prefix = prefix("192.0.2.3")},
		{.prefix = prefix("192.0.2.4"), .add = true, .fresh = true},
		{.prefix = prefix("192.0.2.0/24"), .add = true, .ttl_s = 5},
	};
	struct nft_text text = {.data = NULL};

	(void)state;
	nft_text_changes(
		&text, "t", nft_slot_of(&changes[0].prefix), changes, 5);
	assert_string_equal(text.data,
		"add element inet t v4_32 { 192.0.2.1, 192.0.2.3 }\n"
		"delete element inet t v4_32 { 192.0.2.1, 192.0.2.3 }\n"
		"add element inet t v4_32 { 192.0.2.1 timeout 1d1h1m1s, "
		"192.0.2.2 timeout 0d0h0m5s, 192.0.2.4 }\n");
	nft_text_done(&text);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"5s", 5000},
		{"992ms", 992},
		{"1m", 60000},
		{"1d1h1m992ms", 90060992},
		{"9m58s120ms", 598120},
		{"3650d", 315360000000},
		{"1w", 604800000},
		{"", -1},
		{"s", -1},
		{"5", -1},
		{"5x", -1},
		{"99999999999999999999s", -1},
	};
	const char *end;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			nft_read_duration(rows[i].text, &end), rows[i].ms);
}

static const char set_listing[] =
	"table inet postern {\n"
	"\tset v4_24 {\n"
	"\t\ttype ipv4_addr\n"
	"\t\tsize 524288\n"
	"\t\tflags timeout\n"
	"\t\tgc-interval 10s\n"
	"\t\telements = { 192.0.2.0 timeout 10m expires 9m59s992ms, "
	"198.51.100.0,\n"
	"\t\t\t     203.0.113.0 timeout 1d expires 5s,\n"
	"\t\t\t     203.0.113.7 timeout 1d expires 5s, nonsense,\n"
	"\t\t\t     10.0.0.0 timeout 1d expires 7s comment \"x\" }\n"
	"\t}\n"
	"}\n";

struct listed {
	size_t n;
	char text[512];
};

static void listed_one(void *arg, const struct prefix *p, int64_t left_ms)
{
	struct listed *listed = arg;
	char out[PREFIX_TEXT_LONGEST];
	size_t used = strlen(listed->text);

	listed->n++;
	(void)snprintf(listed->text + used, sizeof(listed->text) - used,
		"%s %lld|", prefix_format(p, out),
		left_ms == FW_LEFT_FOREVER ? -1LL : (long long)left_ms);
}

static void set_is_read_without_what_is_not_ours(void **state)
{
	struct prefix p = prefix("192.0.2.0/24");
	struct listed listed = {0};

	(void)state;
	nft_read_set(set_listing, nft_slot_of(&p), listed_one, &listed);
	assert_string_equal(listed.text,
		"192.0.2.0/24 599992|198.51.100.0/24 -1|203.0.113.0/24 5000|"
		"10.0.0.0/24 7000|");
}

static void families_keep_to_their_sets(void **state)
{
	struct prefix p = prefix("2001:db8::1");
	struct listed listed = {0};

	(void)state;
	nft_read_set("elements = { 2001:db8::1 timeout 5s expires 4s, "
		     "::ffff:192.0.2.1, 192.0.2.1 }",
		nft_slot_of(&p), listed_one, &listed);
	assert_string_equal(listed.text, "2001:db8::1 4000|");
	p = prefix("10.0.0.0/16");
	nft_read_set(
		"elements = { 2001:: }", nft_slot_of(&p), listed_one, &listed);
	assert_int_equal(listed.n, 1);
}

/* Cut anywhere, against a page that may not be touched: it ends. */
static void cut_listings_do_no_harm(void **state)
{
	static struct guard in;
	struct prefix p = prefix("192.0.2.0/24");
	bool known[NFT_SLOTS];

	(void)state;
	for (size_t n = 0; n < sizeof(set_listing); n++) {
		struct listed listed = {0};
		char *cut = (char *)guard_room(&in, n + 1);
		const char *end;

		memcpy(cut, set_listing, n);
		cut[n] = '\0';
		nft_read_set(cut, nft_slot_of(&p), listed_one, &listed);
		assert_true(listed.n <= 4);
		nft_read_chains(cut, "postern", known);
		(void)nft_read_duration(cut, &end);
	}
	guard_done(&in);
}

static void chains_of_our_table_only(void **state)
{
	static const char listing[] =
		"table inet filter {\n\tchain v4_16 {\n\t}\n}\n"
		"table inet postern {\n\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority raw - 10; "
		"policy accept;\n\t}\n"
		"\tchain v4_24 {\n\t}\n\tchain v6_64 {\n\t}\n"
		"\tchain v4_99 {\n\t}\n\tchain v4_2 {\n\t}\n}\n"
		"table inet postern2 {\n\tchain v4_8 {\n\t}\n}\n";
	bool known[NFT_SLOTS] = {false};
	size_t count = 0;

	(void)state;
	nft_read_chains(listing, "postern", known);
	for (size_t i = 0; i < NFT_SLOTS; i++)
		count += known[i];
	assert_int_equal(count, 3);
	assert_true(known[24]);
	assert_true(known[2]);
	assert_true(known[NFT_V4_LENGTHS + 64]);
}

static void text_that_would_be_cut_is_refused(void **state)
{
	struct nft_text text = {.data = NULL};
	char *big = malloc(2000);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 1999);
	big[1999] = '\0';
	nft_text_add(&text, "%s", big);
	assert_true(text.failed);
	nft_text_done(&text);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_slot_has_its_own_name),
		cmocka_unit_test(prefixes_go_to_the_slot_of_their_length),
		cmocka_unit_test(slot_is_matched_by_its_mask),
		cmocka_unit_test(changes_replace_what_may_be_there),
		cmocka_unit_test(durations),
		cmocka_unit_test(set_is_read_without_what_is_not_ours),
		cmocka_unit_test(families_keep_to_their_sets),
		cmocka_unit_test(cut_listings_do_no_harm),
		cmocka_unit_test(chains_of_our_table_only),
		cmocka_unit_test(text_that_would_be_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
