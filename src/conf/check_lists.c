/*
 * Do the lists in the DNS make sense? (See check.c.)
 *
 * Zones and answers are judged by what the keeper uses itself
 * (src/base/dnsxl.h).
 */
#include "check_lists.h"

#include "../base/dnsxl.h"
#include "checker.h"

enum { LISTS_MOST = 32, RESOLVERS_MOST = 4 };

static void check_zone(
	const struct checker *c, const struct conf_dns_zone *list)
{
	if (list->zone[0] == '\0') {
		check_say(c, NULL,
			"zone is missing (like zone = \"bl.example.org\")");
	} else if (!dnsxl_zone_sound(list->zone)) {
		check_say(c, "zone",
			"zone: \"%.60s\" is no name (allowed: like "
			"bl.example.org)",
			list->zone);
	}
}

static void check_answers(
	const struct checker *c, const struct conf_list *answers)
{
	struct dnsxl_code code;

	for (size_t i = 0; i < answers->count; i++) {
		if (dnsxl_code_parse(answers->items[i], &code))
			continue;
		check_say(c, "answers",
			"answers: \"%.40s\" is none that counts (allowed: like "
			"127.0.0.2, 127.0.0.4-127.0.0.7, 127.0.1.0/24, &4)",
			answers->items[i]);
	}
}

static void check_resolvers(
	const struct checker *c, const struct conf_list *resolvers)
{
	struct addr addr;
	uint16_t port;

	if (resolvers->count > RESOLVERS_MOST) {
		check_say(c, "resolvers", "resolvers: at most %d",
			RESOLVERS_MOST);
	}
	for (size_t i = 0; i < resolvers->count; i++) {
		const char *text = resolvers->items[i];

		if (addr_parse(text, &addr) ||
			(addr_parse_port(text, &addr, &port) && port > 0))
			continue;
		check_say(c, "resolvers",
			"resolvers: \"%.60s\" is no address (allowed: like "
			"127.0.0.1, [::1]:5353)",
			text);
	}
}

static uint64_t heaviest(const struct conf *conf)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < conf->dns_zone_count; i++)
		if (conf->dns_zones[i].kind == CONF_LIST_KIND_BAD)
			sum += conf->dns_zones[i].weight_count;
	return sum;
}

/* What the blocks say together. */
static void check_together(const struct checker *c)
{
	const struct conf_dns_lists *all = &c->conf->dns_lists;
	size_t count = c->conf->dns_zone_count;
	uint64_t most = heaviest(c->conf);

	if (count > LISTS_MOST) {
		check_say(c, NULL, "%zu dns_list blocks (at most %d)", count,
			LISTS_MOST);
	}
	if (all->mode == CONF_MODE_ENFORCE && count == 0)
		check_warn(c, "mode",
			"mode = enforce, and there is no dns_list to ask");
	if (all->mode != CONF_MODE_OFF && count > 0 &&
		most < all->threshold_count) {
		check_warn(c, NULL,
			"all weights together are %llu, less than threshold "
			"(%llu): no login is ever refused",
			(unsigned long long)most,
			(unsigned long long)all->threshold_count);
	}
	if (all->keep_longest_ms < all->keep_least_ms)
		check_warn(c, "keep_longest",
			"keep_longest is shorter than keep_least: all answers "
			"are kept for keep_longest");
}

void check_dns_lists(struct checker *c)
{
	if (checker_turn(c, SECTION_dns_lists, 0)) {
		check_together(c);
		check_resolvers(c, &c->conf->dns_lists.resolvers);
	}
	for (size_t i = 0; i < c->conf->dns_zone_count; i++) {
		if (!checker_turn(c, SECTION_dns_zone, i))
			continue;
		check_zone(c, &c->conf->dns_zones[i]);
		check_answers(c, &c->conf->dns_zones[i].answers);
	}
}
