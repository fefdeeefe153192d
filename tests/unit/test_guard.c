/*
 * The firewall helper's own judgement: fields, width, never list, pace, and
 * whether its configuration can be run with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/fw/guard.h"

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_true(prefix_parse(text, &parsed));
	return parsed;
}

static struct fw_record record_of(uint8_t word, const char *text)
{
	struct fw_record record = {.magic = FW_RECORD_MAGIC, .word = word};
	struct prefix p = prefix(text);

	record.bits = p.bits;
	record.ttl_s = 60;
	memcpy(record.octets, p.addr.octets, 16);
	return record;
}

static enum fw_verdict read_one(const struct fw_record *record)
{
	struct prefix ignored;

	return fw_guard_read(record, &ignored);
}

static void sound_record_gives_its_prefix(void **state)
{
	struct fw_record record = record_of(FW_ADD, "192.0.2.0/24");
	struct prefix got;
	struct prefix want = prefix("192.0.2.0/24");

	(void)state;
	assert_int_equal(fw_guard_read(&record, &got), FW_VERDICT_PASS);
	assert_true(prefix_eq(&got, &want));
}

static void foreign_magic_is_garbage(void **state)
{
	struct fw_record record = record_of(FW_ADD, "192.0.2.1");

	(void)state;
	record.magic ^= 1;
	assert_int_equal(read_one(&record), FW_VERDICT_GARBAGE);
}

static void only_the_six_words_are_known(void **state)
{
	struct fw_record record = record_of(FW_ADD, "192.0.2.1");

	(void)state;
	for (unsigned word = 0; word <= 255; word++) {
		enum fw_verdict want = FW_VERDICT_GARBAGE;

		if (word >= FW_ADD && word <= FW_PING)
			want = FW_VERDICT_PASS;
		record.word = (uint8_t)word;
		assert_int_equal(read_one(&record), want);
	}
}

static void fields_out_of_range_are_malformed(void **state)
{
	static const struct {
		uint8_t word, bits;
		uint16_t pad;
		uint32_t ttl_s;
		uint8_t last; /* octet */
		enum fw_verdict want;
	} rows[] = {
		{FW_ADD, 128, 0, 1, 1, FW_VERDICT_PASS},
		{FW_ADD, 128, 0, 0, 1, FW_VERDICT_PASS}, /* for ever */
		{FW_ADD, 128, 0, FW_TTL_LONGEST_S, 1, FW_VERDICT_PASS},
		{FW_ADD, 128, 0, FW_TTL_LONGEST_S + 1, 1, FW_VERDICT_MALFORMED},
		{FW_ADD, 128, 0, UINT32_MAX, 1, FW_VERDICT_MALFORMED},
		{FW_DELETE, 128, 0, UINT32_MAX, 1, FW_VERDICT_PASS},
		{FW_ADD, 129, 0, 1, 1, FW_VERDICT_MALFORMED},
		{FW_ADD, 200, 0, 1, 1, FW_VERDICT_MALFORMED},
		{FW_DELETE, 255, 0, 1, 1, FW_VERDICT_MALFORMED},
		{FW_PING, 255, 0, 1, 1, FW_VERDICT_PASS}, /* has no prefix */
		{FW_ADD, 128, 1, 1, 1, FW_VERDICT_MALFORMED},
		{FW_PING, 128, 1, 1, 1, FW_VERDICT_MALFORMED},
		/* host bits */
		{FW_ADD, 120, 0, 1, 1, FW_VERDICT_MALFORMED},
		{FW_ADD, 127, 0, 1, 1, FW_VERDICT_MALFORMED},
		{FW_ADD, 127, 0, 1, 2, FW_VERDICT_PASS},
		{FW_DELETE, 120, 0, 1, 1, FW_VERDICT_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fw_record record =
			record_of(rows[i].word, "192.0.2.0/24");

		record.bits = rows[i].bits;
		record.pad = rows[i].pad;
		record.ttl_s = rows[i].ttl_s;
		record.octets[15] = rows[i].last;
		if (read_one(&record) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void what_may_be_blocked(void **state)
{
	static const struct {
		const char *prefix;
		enum fw_verdict want;
	} rows[] = {
		{"203.0.113.5", FW_VERDICT_PASS},
		{"203.0.113.0/24", FW_VERDICT_PASS},
		{"11.0.0.0/8", FW_VERDICT_PASS},
		{"10.0.0.0/7", FW_VERDICT_WIDE},
		{"0.0.0.0/0", FW_VERDICT_WIDE},
		{"128.0.0.0/1", FW_VERDICT_WIDE},
		{"2001:db8::/64", FW_VERDICT_PASS},
		{"2a00::/16", FW_VERDICT_PASS},
		{"2000::/15", FW_VERDICT_WIDE},
		{"::/0", FW_VERDICT_WIDE},
		{"127.0.0.1", FW_VERDICT_SPECIAL},
		{"127.0.0.0/8", FW_VERDICT_SPECIAL},
		{"0.0.0.0", FW_VERDICT_SPECIAL},
		{"224.0.0.1", FW_VERDICT_SPECIAL},
		{"255.255.255.255", FW_VERDICT_SPECIAL},
		{"240.0.0.0/8", FW_VERDICT_SPECIAL},
		{"::1", FW_VERDICT_SPECIAL},
		{"::", FW_VERDICT_SPECIAL},
		{"::/64", FW_VERDICT_SPECIAL},
		{"::/16", FW_VERDICT_SPECIAL},
		{"ff02::1", FW_VERDICT_SPECIAL},
		{"fe80::/64", FW_VERDICT_SPECIAL},
		/* the never list: an address, a network, an IPv6 network */
		{"192.0.2.1", FW_VERDICT_NEVER},
		{"192.0.2.0/24", FW_VERDICT_NEVER},
		{"192.0.2.2", FW_VERDICT_PASS},
		{"192.0.0.0/8", FW_VERDICT_NEVER},
		{"198.51.100.77", FW_VERDICT_NEVER},
		{"198.51.0.0/16", FW_VERDICT_NEVER},
		{"198.51.101.1", FW_VERDICT_PASS},
		{"2001:db8:1:2::/64", FW_VERDICT_NEVER},
		{"2001:db8:1::5", FW_VERDICT_NEVER},
		{"2001:db8::/32", FW_VERDICT_NEVER},
		{"2001:db8:2::/48", FW_VERDICT_PASS},
	};
	const struct prefix never[] = {prefix("192.0.2.1"),
		prefix("198.51.100.0/24"), prefix("2001:db8:1::/48")};
	const struct fw_conf conf = {.never = never, .never_count = 3};
	struct fw_guard guard;

	(void)state;
	fw_guard_init(&guard, &conf);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix p = prefix(rows[i].prefix);

		if (fw_guard_judge(&guard, &p) != rows[i].want)
			fail_msg("%s", rows[i].prefix);
	}
}

static void pace_is_counted_by_the_second(void **state)
{
	const struct fw_conf conf = {.changes_most_per_s = 3};
	struct fw_guard guard;

	(void)state;
	fw_guard_init(&guard, &conf);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fw_guard_hurry(&guard, 5000), FW_VERDICT_PASS);
	assert_int_equal(fw_guard_hurry(&guard, 5000), FW_VERDICT_TOO_FAST);
	assert_int_equal(fw_guard_hurry(&guard, 5999), FW_VERDICT_TOO_FAST);
	assert_int_equal(fw_guard_hurry(&guard, 6000), FW_VERDICT_PASS);
}

static void each_verdict_has_its_words(void **state)
{
	(void)state;
	for (int v = FW_VERDICT_PASS; v <= FW_VERDICT_UNBEGUN; v++)
		assert_string_not_equal(
			fw_verdict_text((enum fw_verdict)v), "unknown");
}

static void configurations_that_cannot_be_run_with(void **state)
{
	static const uint16_t zero[] = {25, 0};
	static const struct {
		struct fw_conf conf;
		bool fit;
	} rows[] = {
		{{.backend = FW_BACKEND_NFT, .table = "postern"}, true},
		{{.backend = FW_BACKEND_NFT, .table = "p_2"}, true},
		{{.backend = FW_BACKEND_NFT, .table = ""}, false},
		{{.backend = FW_BACKEND_NFT, .table = NULL}, false},
		{{.backend = FW_BACKEND_NFT, .table = "2p"}, false},
		{{.backend = FW_BACKEND_NFT, .table = "Postern"}, false},
		{{.backend = FW_BACKEND_NFT, .table = "a;flush ruleset"},
			false},
		{{.backend = FW_BACKEND_NFT, .table = "a\nb"}, false},
		{{.backend = FW_BACKEND_NFT,
			 .table = "abcdefghijabcdefghijabcdefghijab"},
			true},
		{{.backend = FW_BACKEND_NFT,
			 .table = "abcdefghijabcdefghijabcdefghijabc"},
			false},
		{{.backend = FW_BACKEND_NFT,
			 .table = "t",
			 .ports = zero,
			 .port_count = 1},
			true},
		{{.backend = FW_BACKEND_NFT,
			 .table = "t",
			 .ports = zero,
			 .port_count = 2},
			false},
		{{.backend = FW_BACKEND_EXEC, .exec_path = "/bin/x"}, true},
		{{.backend = FW_BACKEND_EXEC, .exec_path = "x"}, false},
		{{.backend = FW_BACKEND_EXEC, .exec_path = ""}, false},
		{{.backend = FW_BACKEND_EXEC}, false},
		{{.backend = FW_BACKEND_NULL}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fw_conf conf = rows[i].conf;

		assert_non_null(fw_conf_wrong(&conf)); /* no entries */
		conf.entries_most = 1;
		if ((fw_conf_wrong(&conf) == NULL) != rows[i].fit)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_record_gives_its_prefix),
		cmocka_unit_test(foreign_magic_is_garbage),
		cmocka_unit_test(only_the_six_words_are_known),
		cmocka_unit_test(fields_out_of_range_are_malformed),
		cmocka_unit_test(what_may_be_blocked),
		cmocka_unit_test(pace_is_counted_by_the_second),
		cmocka_unit_test(each_verdict_has_its_words),
		cmocka_unit_test(configurations_that_cannot_be_run_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
