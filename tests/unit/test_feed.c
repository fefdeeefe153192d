/*
 * The bans in the words of other machines, octet for octet.
 */
#include "../../src/feed/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { NOW = 1000, TEXT_MOST = 8192 };

struct text {
	char p[TEXT_MOST];
	size_t n;
};

static void gather(void *arg, const char *p, size_t n)
{
	struct text *text = arg;

	assert_true(text->n + n < sizeof(text->p));
	memcpy(text->p + text->n, p, n);
	text->n += n;
	text->p[text->n] = '\0';
}

static struct feed_ban ban(const char *prefix, wall_s_t until, const char *note)
{
	struct feed_ban made = {
		.until = until, .rule = "source-limit", .note = note};

	if (!prefix_parse(prefix, &made.prefix))
		fail_msg("not a prefix: %s", prefix);
	return made;
}

static const char *printed(enum feed_format format, struct feed_ban *bans,
	size_t count, size_t chunk)
{
	static struct text text;

	text = (struct text){.n = 0};
	feed_sort(bans, count);
	feed_print(format, bans, count, NOW, chunk, gather, &text);
	return text.p;
}

static size_t some(struct feed_ban out[5])
{
	out[0] = ban("2001:db8:1::/48", 2000, "");
	out[1] = ban("198.51.100.0/24", 0, "noise");
	out[2] = ban("192.0.2.7", 1060, "a \"b\" 'c'\n$(id)");
	out[3] = ban("198.51.100.9", 1500, ""); /* inside the wider one */
	out[4] = ban("192.0.2.1", NOW, "");	/* over */
	return 5;
}

static void plain_is_a_sorted_prefix_a_line(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	assert_string_equal(printed(FEED_PLAIN, bans, n, 200),
		"192.0.2.7\n198.51.100.0/24\n198.51.100.9\n2001:db8:1::/48\n");
}

static void json_has_expiry_rule_and_reason_whole(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);
	json_t *object = json_loads(printed(FEED_JSON, bans, n, 200), 0, NULL);
	const json_t *rows = json_object_get(object, "bans");
	const json_t *first = json_array_get(rows, 0);

	assert_int_equal(json_integer_value(json_object_get(object, "version")),
		FEED_VERSION);
	assert_int_equal(json_array_size(rows), 4);
	assert_string_equal(json_string_value(json_object_get(first, "prefix")),
		"192.0.2.7");
	assert_string_equal(json_string_value(json_object_get(first, "reason")),
		"a \"b\" 'c'\n$(id)");
	assert_int_equal(
		json_integer_value(json_object_get(first, "until")), 1060);
	assert_true(json_is_null(
		json_object_get(json_array_get(rows, 1), "until")));
	json_decref(object);
}

static void nft_has_timeouts_and_no_overlap(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	assert_string_equal(printed(FEED_NFT, bans, n, 1),
		"# postern feed 1\n"
		"add table inet postern_feed\n"
		"add set inet postern_feed postern_v4 { type ipv4_addr; flags "
		"interval, timeout; }\n"
		"flush set inet postern_feed postern_v4\n"
		"add element inet postern_feed postern_v4 { 192.0.2.7 timeout "
		"60s }\n"
		"add element inet postern_feed postern_v4 { 198.51.100.0/24 "
		"}\n"
		"add set inet postern_feed postern_v6 { type ipv6_addr; flags "
		"interval, timeout; }\n"
		"flush set inet postern_feed postern_v6\n"
		"add element inet postern_feed postern_v6 { 2001:db8:1::/48 "
		"timeout 1000s }\n");
}

static void mikrotik_replaces_both_lists(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	assert_string_equal(printed(FEED_MIKROTIK, bans, n, 200),
		"# postern feed 1\n"
		"/ip firewall address-list remove [find list=postern]\n"
		"/ip firewall address-list add list=postern address=192.0.2.7 "
		"timeout=60s comment=source-limit\n"
		"/ip firewall address-list add list=postern "
		"address=198.51.100.0/24 comment=source-limit\n"
		"/ip firewall address-list add list=postern "
		"address=198.51.100.9 timeout=500s comment=source-limit\n"
		"/ipv6 firewall address-list remove [find list=postern]\n"
		"/ipv6 firewall address-list add list=postern "
		"address=2001:db8:1::/48 timeout=1000s "
		"comment=source-limit\n");
}

static void cisco_knows_hosts_from_networks(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	assert_string_equal(printed(FEED_CISCO, bans, n, 200),
		"! postern feed 1\n"
		"no object-group network POSTERN-V4\n"
		"object-group network POSTERN-V4\n"
		" host 192.0.2.7\n"
		" 198.51.100.0 /24\n"
		" host 198.51.100.9\n"
		"exit\n"
		"no object-group v6-network POSTERN-V6\n"
		"object-group v6-network POSTERN-V6\n"
		" 2001:db8:1::/48\n"
		"exit\n");
}

static void windows_has_so_many_addresses_a_rule(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	assert_string_equal(printed(FEED_WINDOWS, bans, n, 3),
		"# postern feed 1\n"
		"$old = @(Get-NetFirewallRule -Group postern -ErrorAction "
		"SilentlyContinue)\n"
		"New-NetFirewallRule -Group postern -DisplayName 'postern 1' "
		"-Direction Inbound -Action Block -RemoteAddress "
		"@('192.0.2.7','198.51.100.0/24','198.51.100.9') | Out-Null\n"
		"New-NetFirewallRule -Group postern -DisplayName 'postern 2' "
		"-Direction Inbound -Action Block -RemoteAddress "
		"@('2001:db8:1::/48') | Out-Null\n"
		"$old | Remove-NetFirewallRule\n");
}

static void notes_get_into_no_command(void **state)
{
	struct feed_ban bans[5];
	size_t n = some(bans);

	for (unsigned f = 0; f < FEED_FORMAT_COUNT; f++)
		if (f != FEED_JSON)
			assert_null(strstr(
				printed((enum feed_format)f, bans, n, 200),
				"$(id)"));
}

static void an_empty_list_lifts_what_was(void **state)
{
	assert_string_equal(printed(FEED_PLAIN, NULL, 0, 200), "");
	assert_string_equal(printed(FEED_WINDOWS, NULL, 0, 200),
		"# postern feed 1\n"
		"$old = @(Get-NetFirewallRule -Group postern -ErrorAction "
		"SilentlyContinue)\n"
		"$old | Remove-NetFirewallRule\n");
	assert_non_null(
		strstr(printed(FEED_NFT, NULL, 0, 200), "flush set inet"));
}

static void the_tag_changes_with_what_is_said(void **state)
{
	struct feed_ban bans[5], other[5];
	size_t n = some(bans);
	uint64_t tag;

	(void)some(other);
	feed_sort(bans, n);
	feed_sort(other, n);
	tag = feed_tag(bans, n);
	assert_int_equal(tag, feed_tag(other, n));
	other[0].until++;
	assert_int_not_equal(tag, feed_tag(other, n));
	other[0].until--;
	other[1].note = "another";
	assert_int_not_equal(tag, feed_tag(other, n));
	assert_int_not_equal(tag, feed_tag(bans, n - 1));
}

static void formats_are_found_by_their_names(void **state)
{
	enum feed_format format;

	for (unsigned f = 0; f < FEED_FORMAT_COUNT; f++) {
		assert_true(feed_format_find(
			feed_format_name((enum feed_format)f), &format));
		assert_int_equal(format, f);
		assert_non_null(feed_format_media(format));
	}
	assert_false(feed_format_find("Plain", &format));
	assert_false(feed_format_find("", &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_a_sorted_prefix_a_line),
		cmocka_unit_test(json_has_expiry_rule_and_reason_whole),
		cmocka_unit_test(nft_has_timeouts_and_no_overlap),
		cmocka_unit_test(mikrotik_replaces_both_lists),
		cmocka_unit_test(cisco_knows_hosts_from_networks),
		cmocka_unit_test(windows_has_so_many_addresses_a_rule),
		cmocka_unit_test(notes_get_into_no_command),
		cmocka_unit_test(an_empty_list_lifts_what_was),
		cmocka_unit_test(the_tag_changes_with_what_is_said),
		cmocka_unit_test(formats_are_found_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
