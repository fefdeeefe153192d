/*
 * Do the lists in the DNS, and those of others, make sense? (See check.c.)
 *
 * Zones and answers are judged by what the keeper uses itself
 * (src/base/dnsxl.h).
 */
#include "check_lists.h"

#include <string.h>

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
	for (size_t i = 0; i < conf->address_list_count; i++)
		if (conf->address_lists[i].as == CONF_LIST_AS_SCORE)
			sum += conf->address_lists[i].score_count;
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
	if (all->mode == CONF_MODE_ENFORCE && most == 0)
		check_warn(c, "mode",
			"mode = enforce, and there is no dns_list to ask");
	if (all->mode != CONF_MODE_OFF && most > 0 &&
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

/* ---- lists of others ---- */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* What stands behind the name of this machine ends it. */
static bool is_of_this_machine(const char *url)
{
	static const char *const hosts[] = {
		"http://127.0.0.1", "http://[::1]", "http://localhost"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		char end = starts(url, hosts[i]) ? url[strlen(hosts[i])] : 'x';

		/* A user's name may hide another host: "...1:x@host". */
		if ((end == '/' || end == ':') && strchr(url, '@') == NULL)
			return true;
	}
	return false;
}

static void check_url(
	const struct checker *c, const struct conf_address_list *list)
{
	const char *url = list->url;

	if (!starts(url, "https://") && !is_of_this_machine(url)) {
		check_say(c, "url",
			"url: \"%.80s\" is not safe: whoever is on the way "
			"could ban whom he likes (allowed: https://…, or "
			"http://127.0.0.1…, http://[::1]… on this machine)",
			url);
	} else if (strchr(url, '@') != NULL) {
		check_say(c, "url",
			"url: a name and a password have no place here "
			"(token_file has one for a token)");
	}
	for (const char *at = url; *at != '\0'; at++)
		if (*at <= ' ' || *at > '~') {
			check_say(c, "url",
				"url: it has a blank or an odd character "
				"(write it as %%xx)");
			return;
		}
}

static void check_where(
	const struct checker *c, const struct conf_address_list *list)
{
	bool file = list->file[0] != '\0', url = list->url[0] != '\0';

	if (file == url) {
		check_say(c, NULL,
			"%s (like file = \"/etc/postern/list.txt\" or url = "
			"\"https://list.example.org/drop.txt\")",
			file ? "file and url: only one of them"
			     : "file or url is missing");
		return;
	}
	if (file && list->file[0] != '/') {
		check_say(c, "file",
			"file: \"%.80s\" is no full path (like "
			"/etc/postern/list.txt)",
			list->file);
	}
	if (url)
		check_url(c, list);
	else if (list->token_file[0] != '\0' || list->ca_file[0] != '\0')
		check_warn(c, NULL, "token_file and ca_file are for a url");
}

static void check_times(
	const struct checker *c, const struct conf_address_list *list)
{
	if (list->expire_ms <= list->every_ms)
		check_warn(c, "expire",
			"expire is not longer than every: what it names ends "
			"before it is looked at again");
	if (list->as == CONF_LIST_AS_SCORE &&
		c->conf->dns_lists.mode != CONF_MODE_ENFORCE)
		check_warn(c, "as",
			"as = score, and dns_lists.mode is not enforce: it "
			"refuses nobody");
}

void check_address_lists(struct checker *c)
{
	for (size_t i = 0; i < c->conf->address_list_count; i++) {
		const struct conf_address_list *list =
			&c->conf->address_lists[i];

		if (!checker_turn(c, SECTION_address_list, i))
			continue;
		if (i == LISTS_MOST) {
			check_say(c, NULL, "more than %d list blocks",
				LISTS_MOST);
		}
		if (list->title[0] == '.') {
			check_say(c, NULL,
				"a list's name does not begin with a dot");
		}
		check_where(c, list);
		check_times(c, list);
	}
}
