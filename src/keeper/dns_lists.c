/*
 * Lists in the DNS.
 *
 * An address that connects is asked about in all zones that are on, unless that
 * was done lately, is under way, or would change nothing. When all have
 * answered, or not in time, the weights of those that have it are added up and
 * the core is told. The core's rule acts on what comes next; a login that was
 * quicker than the DNS has passed.
 *
 * Whatever is not known counts for the address: a bad list that does not answer
 * weighs nothing, a good one is taken for a hit.
 *
 * An IPv6 source is its /64, as in the core: it is asked about by the first of
 * its addresses that comes, so that who owns one makes no flood of questions.
 * Addresses that mean something in one network only are never asked about.
 *
 * Memory, while there is a list: `sources_most` answers of 48 octets and a
 * chain (the one touched longest ago gives way, and is asked about again), and
 * `questions_most` questions of about 200 octets for each zone. Beyond those
 * nobody is asked about; that is counted, and logged once.
 *
 * What lists of others say (listings.h) is added, whether the DNS is asked or
 * not.
 *
 * Called by peers, overseer and the loop.
 */
#include "dns_lists.h"

#include <ares.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/dnsxl.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "../policy/hash.h"
#include "../policy/keyed.h"
#include "dns_zone.h"
#include "judge.h"
#include "listings.h"

enum {
	LISTS_MAGIC = 0x646e736c,
	SOURCE_V4_BITS = 32,
	SOURCE_V6_BITS = 64,
	BUSY_MS = 20, /* how often timeouts are looked at */
	IDLE_MS = 250,
	UNKNOWN_MS = 30000, /* who did not answer is asked again after this */
	MS_PER_S = 1000,
	US_PER_MS = 1000,
	LINES_A_SECOND = 10,
	TITLES_LONGEST = 200,
	OTHERS_MS = 10 * 60 * 1000, /* what lists of others say is kept so */
	OTHERS_AGAIN_MS = OTHERS_MS / 2,
};

/* A block of the configuration. */
struct list {
	char *title;
	size_t zone;
	int weight; /* negative: of a good one */
	struct dnsxl_code *codes;
	size_t code_count;
	uint64_t hits;
};

struct question;

struct question_part {
	struct dns_query query; /* first: the part is found again by it */
	struct question *question;
};

struct question {
	bool busy;
	struct addr addr;
	uint64_t key;
	size_t waiting;		     /* zones */
	uint32_t hits, unknown;	     /* lists, by bits */
	uint32_t ttl_s;		     /* the least of the hits */
	struct question_part *parts; /* one for each zone */
};

/* What is kept of a source. */
struct kept {
	mono_ms_t until;
	uint32_t hits;
	int64_t score; /* of their weights, in sum */
	bool asking;
};

struct dns_lists {
	unsigned magic;
	struct hub *hub;
	struct event *timer;
	struct conf_dns_lists conf; /* numbers only */
	struct list *lists;
	size_t list_count;
	struct dns_zone *zones;
	size_t zone_count;
	struct dns_pool *pool;
	struct dns_queries queries;
	struct question *questions;
	struct question_part *parts;
	size_t question_count, under_way;
	struct hash_key key;
	struct keyed_table *kept;
	uint64_t asked_total, listed_total, shed_total;
	bool shed_told;
	wall_s_t line_second;
	unsigned line_count;
};

/* ---- what it says ---- */

static const char *titles_of(
	const struct dns_lists *lists, uint32_t bits, char out[TITLES_LONGEST])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < lists->list_count; i++) {
		if (!(bits >> i & 1) ||
			n + strlen(lists->lists[i].title) + 2 > TITLES_LONGEST)
			continue;
		n += (size_t)snprintf(out + n, TITLES_LONGEST - n, "%s%s",
			n > 0 ? "," : "", lists->lists[i].title);
	}
	return out;
}

static void log_listed(struct dns_lists *lists, const struct question *question,
	unsigned score, const char *titles)
{
	wall_s_t second = hub_wall(lists->hub);

	if (lists->line_second != second)
		lists->line_count = 0;
	lists->line_second = second;
	if (lists->line_count++ >= LINES_A_SECOND)
		return;
	log_begin(LOG_INFO, "listed");
	log_addr("src", &question->addr);
	log_int("score", (int64_t)score);
	log_str("lists", titles);
	log_end();
}

/* Good lists that are off cannot speak for anybody: as if they did. */
static uint32_t lists_off(const struct dns_lists *lists)
{
	uint32_t off = 0;

	for (size_t i = 0; i < lists->list_count; i++)
		if (!lists->zones[lists->lists[i].zone].on)
			off |= UINT32_C(1) << i;
	return off;
}

static int64_t score_of(
	const struct dns_lists *lists, uint32_t hits, uint32_t unknown)
{
	int64_t score = 0;

	for (size_t i = 0; i < lists->list_count; i++) {
		int weight = lists->lists[i].weight;
		uint32_t counts = weight < 0 ? hits | unknown : hits;

		if (counts >> i & 1)
			score += weight;
	}
	return score;
}

/* What lists of others say comes on top. */
static unsigned sum_of(int64_t score, unsigned others)
{
	score += others;
	return score > 0 ? (unsigned)score : 0;
}

static uint64_t within(uint64_t value, uint64_t least, uint64_t most)
{
	if (value < least)
		value = least;
	return value < most ? value : most;
}

static void titles_of_all(struct dns_lists *lists,
	const struct question *question, char titles[TITLES_LONGEST])
{
	char others[LISTINGS_NAMES_LONGEST];
	size_t n;

	(void)titles_of(lists, question->hits, titles);
	(void)listings_score(lists->hub, &question->addr, others);
	n = strlen(titles);
	if (others[0] != '\0' && n + strlen(others) + 2 <= TITLES_LONGEST)
		(void)snprintf(titles + n, TITLES_LONGEST - n, "%s%s",
			n > 0 ? "," : "", others);
}

static void tell_core(struct dns_lists *lists, const struct question *question,
	unsigned score, uint64_t span_ms)
{
	char titles[TITLES_LONGEST];

	lists->listed_total++;
	titles_of_all(lists, question, titles);
	judge_score(lists->hub, &question->addr, score, span_ms, titles);
	log_listed(lists, question, score, titles);
}

static void finish(struct dns_lists *lists, struct question *question)
{
	uint32_t unknown = question->unknown | lists_off(lists);
	int64_t weights = score_of(lists, question->hits, unknown);
	unsigned others = listings_score(lists->hub, &question->addr, NULL);
	uint64_t span_ms = within((uint64_t)question->ttl_s * MS_PER_S,
		lists->conf.keep_least_ms, lists->conf.keep_longest_ms);
	uint64_t keep_ms =
		question->hits != 0 ? span_ms : lists->conf.keep_clean_ms;
	struct kept *kept = keyed_take(lists->kept, question->key);

	if (question->unknown != 0 && keep_ms > UNKNOWN_MS)
		keep_ms = UNKNOWN_MS;
	*kept = (struct kept){
		.until = hub_now(lists->hub) + keep_ms,
		.hits = question->hits,
		.score = weights,
	};
	question->busy = false;
	lists->under_way--;
	if (question->hits != 0 || others != 0)
		tell_core(lists, question, sum_of(weights, others), span_ms);
}

/* ---- questions ---- */

static void hear(struct dns_lists *lists, struct question *question,
	size_t zone, const struct dns_reply *reply)
{
	bool known, listed = dns_zone_hears(&lists->zones[zone], reply, &known);

	for (size_t i = 0; i < lists->list_count; i++) {
		struct list *list = &lists->lists[i];

		if (list->zone != zone)
			continue;
		if (!known)
			question->unknown |= UINT32_C(1) << i;
		if (!listed || !dnsxl_counts(list->codes, list->code_count,
				       reply->addresses, reply->count))
			continue;
		question->hits |= UINT32_C(1) << i;
		list->hits++;
	}
	if (listed && reply->ttl_s < question->ttl_s)
		question->ttl_s = reply->ttl_s;
	if (--question->waiting == 0)
		finish(lists, question);
}

static void answered(struct dns_query *query, const struct dns_reply *reply)
{
	struct question_part *part = (struct question_part *)query;
	struct question *question = part->question;
	struct dns_lists *lists = query->owner;

	hear(lists, question, (size_t)(part - question->parts), reply);
}

static bool asks(const struct dns_zone *zone, const struct addr *addr)
{
	return zone->on && (addr_is_v4(addr) || zone->on_v6);
}

static void begin(struct dns_lists *lists, struct question *question)
{
	mono_ms_t now = hub_now(lists->hub);

	lists->asked_total++;
	lists->under_way++;
	for (size_t i = 0; i < lists->zone_count; i++)
		question->waiting += asks(&lists->zones[i], &question->addr);
	for (size_t i = 0; i < lists->zone_count; i++) {
		struct dns_query *query = &question->parts[i].query;

		if (!asks(&lists->zones[i], &question->addr))
			continue;
		*query = (struct dns_query){
			.zone = lists->zones[i].name,
			.addr = question->addr,
			.timeout_ms = lists->zones[i].timeout_ms,
			.cb = answered,
			.owner = lists,
		};
		dns_query_begin(&lists->queries, query, now);
	}
}

static struct question *free_question(struct dns_lists *lists)
{
	for (size_t i = 0; i < lists->question_count; i++)
		if (!lists->questions[i].busy)
			return &lists->questions[i];
	lists->shed_total++;
	if (!lists->shed_told)
		log_say(LOG_WARN, "dns-lists",
			"%zu addresses are asked about already "
			"(questions_most); the others pass unasked",
			lists->question_count);
	lists->shed_told = true;
	return NULL;
}

static bool somebody_asks(
	const struct dns_lists *lists, const struct addr *addr)
{
	for (size_t i = 0; i < lists->zone_count; i++)
		if (asks(&lists->zones[i], addr))
			return true;
	return false;
}

static uint64_t key_of(const struct dns_lists *lists, const struct addr *addr)
{
	struct prefix source = prefix_of(addr, SOURCE_V4_BITS, SOURCE_V6_BITS);

	return hash_prefix(&lists->key, &source);
}

/* What the DNS said of it, as far as that is still known. */
static const struct kept *kept_of(
	const struct dns_lists *lists, const struct addr *addr)
{
	const struct kept *kept =
		lists->kept == NULL
			? NULL
			: keyed_find(lists->kept, key_of(lists, addr));

	return kept != NULL && !kept->asking &&
			       kept->until > hub_now(lists->hub)
		       ? kept
		       : NULL;
}

/*
 * Lists of others are at hand, so the core hears of them at once, and again
 * before it has forgotten. While the DNS is asked, that comes later.
 */
static void see_others(struct dns_lists *lists, const struct addr *addr)
{
	struct hub *hub = lists->hub;
	const struct policy *policy = judge_policy(hub->judge);
	const struct kept *kept = kept_of(lists, addr);
	struct question one = {.addr = *addr, .hits = kept ? kept->hits : 0};
	unsigned sum, others = listings_score(hub, addr, NULL);
	struct policy_list_info info = {.score = 0};

	if (!listings_score_any(hub) ||
		(others == 0 && kept == NULL && lists->zone_count > 0))
		return;
	sum = sum_of(kept != NULL ? kept->score : 0, others);
	(void)policy_listed(policy, hub_now(hub), addr, &info);
	if (others == 0 && info.score <= sum)
		return; /* it is the DNS that says so, for its TTL */
	if (kept == NULL && lists->zone_count > 0 && info.score > sum)
		return; /* the DNS said more, and is asked again */
	if (info.score == sum && info.until > hub_now(hub) + OTHERS_AGAIN_MS)
		return;
	if (policy_list_wanted(policy, hub_now(hub), addr))
		tell_core(lists, &one, sum, OTHERS_MS);
}

void dns_lists_see(struct hub *hub, const struct addr *addr)
{
	struct dns_lists *lists = hub->dns_lists;
	struct question *question;
	struct kept *kept;
	uint64_t key;

	if (lists->conf.mode != CONF_MODE_OFF)
		see_others(lists, addr);
	if (!somebody_asks(lists, addr) || addr_is_private(addr))
		return;
	key = key_of(lists, addr);
	kept = keyed_find(lists->kept, key);
	if (kept != NULL && (kept->asking || kept->until > hub_now(hub)))
		return;
	if (!policy_list_wanted(judge_policy(hub->judge), hub_now(hub), addr))
		return;
	question = free_question(lists);
	if (question == NULL)
		return;
	kept = keyed_take(lists->kept, key);
	*kept = (struct kept){.asking = true};
	*question = (struct question){
		.busy = true,
		.addr = *addr,
		.key = key,
		.ttl_s = UINT32_MAX,
		.parts = question->parts,
	};
	begin(lists, question);
}

/* ---- time ---- */

/* Until the next test, or a look at the lanes. */
static uint64_t idle_ms(const struct dns_lists *lists)
{
	mono_ms_t now = hub_now(lists->hub);
	uint64_t ms = IDLE_MS;

	for (size_t i = 0; i < lists->zone_count; i++) {
		mono_ms_t at = lists->zones[i].test_at;

		if (at < now + ms)
			ms = at > now + BUSY_MS ? at - now : BUSY_MS;
	}
	return ms;
}

static void arm(struct dns_lists *lists)
{
	uint64_t ms = lists->queries.count > 0 ? BUSY_MS : idle_ms(lists);
	const struct timeval tv = {.tv_usec = (suseconds_t)ms * US_PER_MS};

	if (lists->zone_count > 0)
		(void)event_add(lists->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_lists *lists = arg;

	if (lists->magic != LISTS_MAGIC)
		return;
	dns_pool_tick(lists->pool, lists->hub);
	for (size_t i = 0; i < lists->zone_count; i++)
		dns_zone_tick(&lists->zones[i], &lists->queries);
	dns_queries_tick(&lists->queries, hub_now(lists->hub));
	arm(lists);
}

void dns_lists_socket(
	struct hub *hub, const struct message_resolver *message, int fd)
{
	struct dns_pool *pool = hub->dns_lists->pool;

	if (pool != NULL)
		dns_pool_take(pool, hub, message, fd);
	else if (fd >= 0)
		(void)close(fd); /* there is no list any more */
}

/* ---- the configuration ---- */

static void drop_all(struct dns_lists *lists)
{
	(void)event_del(lists->timer);
	for (size_t i = 0; i < lists->question_count * lists->zone_count; i++)
		dns_query_stop(&lists->parts[i].query);
	for (size_t i = 0; i < lists->zone_count; i++)
		dns_zone_done(&lists->zones[i]);
	for (size_t i = 0; i < lists->list_count; i++) {
		free(lists->lists[i].title);
		free(lists->lists[i].codes);
	}
	free(lists->parts);
	free(lists->questions);
	free(lists->zones);
	free(lists->lists);
	keyed_table_free(&lists->kept);
	dns_pool_free(&lists->pool);
	lists->parts = NULL;
	lists->questions = NULL;
	lists->zones = NULL;
	lists->lists = NULL;
	lists->list_count = lists->zone_count = 0;
	lists->question_count = lists->under_way = 0;
}

static struct dns_zone *zone_take(struct dns_lists *lists, const char *name)
{
	for (size_t i = 0; i < lists->zone_count; i++)
		if (strcasecmp(lists->zones[i].name, name) == 0)
			return &lists->zones[i];
	if (!dns_zone_init(&lists->zones[lists->zone_count], lists->hub, name,
		    lists->conf.test_each_ms))
		return NULL;
	return &lists->zones[lists->zone_count++];
}

static bool list_make(struct dns_lists *lists, const struct conf_dns_zone *conf)
{
	struct list *list = &lists->lists[lists->list_count];
	struct dns_zone *zone = zone_take(lists, conf->zone);
	int weight = (int)conf->weight_count;

	if (zone == NULL)
		return false;
	if (conf->timeout_ms > zone->timeout_ms)
		zone->timeout_ms = conf->timeout_ms;
	*list = (struct list){
		.title = strdup(conf->title),
		.zone = (size_t)(zone - lists->zones),
		.weight = conf->kind == CONF_LIST_KIND_GOOD ? -weight : weight,
		.codes = calloc(conf->answers.count + 1, sizeof(*list->codes)),
	};
	lists->list_count++;
	if (list->title == NULL || list->codes == NULL)
		return false;
	for (size_t i = 0; i < conf->answers.count; i++)
		if (dnsxl_code_parse(conf->answers.items[i],
			    &list->codes[list->code_count]))
			list->code_count++;
	return true;
}

static bool make_questions(struct dns_lists *lists)
{
	size_t count = (size_t)lists->conf.questions_most_count;
	size_t zones = lists->zone_count;

	lists->questions = calloc(count, sizeof(*lists->questions));
	lists->parts = calloc(count * zones, sizeof(*lists->parts));
	if (lists->questions == NULL || lists->parts == NULL)
		return false;
	lists->question_count = count;
	for (size_t i = 0; i < count * zones; i++)
		lists->parts[i].question = &lists->questions[i / zones];
	for (size_t i = 0; i < count; i++)
		lists->questions[i].parts = &lists->parts[i * zones];
	return true;
}

static bool make_all(struct dns_lists *lists, const struct conf *conf)
{
	lists->lists = calloc(conf->dns_zone_count, sizeof(*lists->lists));
	lists->zones = calloc(conf->dns_zone_count, sizeof(*lists->zones));
	lists->pool = dns_pool_new();
	lists->kept = keyed_table_new(
		(size_t)lists->conf.sources_most_count, sizeof(struct kept));
	if (lists->lists == NULL || lists->zones == NULL ||
		lists->pool == NULL || lists->kept == NULL)
		return false;
	dns_queries_init(&lists->queries, lists->pool);
	for (size_t i = 0; i < conf->dns_zone_count; i++)
		if (!list_make(lists, &conf->dns_zones[i]))
			return false;
	return make_questions(lists);
}

static void make(struct dns_lists *lists)
{
	const struct conf *conf = lists->hub->conf;

	lists->conf = conf->dns_lists; /* numbers: it points elsewhere */
	lists->conf.resolvers = (struct conf_list){0};
	if (lists->conf.mode == CONF_MODE_OFF || conf->dns_zone_count == 0)
		return;
	if (!make_all(lists, conf)) {
		drop_all(lists);
		log_say(LOG_ERROR, "dns-lists",
			"no memory to ask lists in the DNS: nobody is");
		return;
	}
	arm(lists);
}

/* Does a line of the difference speak of lists? */
static bool differs(const struct conf *old_conf, const struct conf *conf)
{
	static const char mark[] = "dns_list";
	char *diff = conf_diff(old_conf, conf);
	bool found = diff == NULL;

	for (const char *line = diff; !found && line != NULL && *line != '\0';
		line += strcspn(line, "\n") + 1)
		found = strncmp(line, mark, sizeof(mark) - 1) == 0;
	free(diff);
	return found;
}

void dns_lists_configure(struct hub *hub, const struct conf *old_conf)
{
	if (!differs(old_conf, hub->conf))
		return;
	drop_all(hub->dns_lists);
	make(hub->dns_lists);
}

struct dns_lists *dns_lists_new(struct hub *hub)
{
	struct dns_lists *lists = calloc(1, sizeof(*lists));
	uint64_t seed;

	if (lists == NULL)
		return NULL;
	secret_random(&seed, sizeof(seed));
	hash_key_init(&lists->key, seed);
	lists->magic = LISTS_MAGIC;
	lists->hub = hub;
	lists->timer = evtimer_new(hub->base, on_timer, lists);
	if (lists->timer == NULL || ares_library_init(ARES_LIB_INIT_ALL) != 0) {
		dns_lists_free(&lists);
		return NULL;
	}
	make(lists);
	return lists;
}

void dns_lists_free(struct dns_lists **lists)
{
	if (*lists == NULL)
		return;
	if ((*lists)->timer != NULL) {
		drop_all(*lists);
		event_free((*lists)->timer);
	}
	(*lists)->magic = 0;
	free(*lists);
	*lists = NULL;
}

/* ---- for people ---- */

static json_t *list_object(const struct dns_lists *lists, size_t i)
{
	const struct list *list = &lists->lists[i];
	const struct dns_zone *zone = &lists->zones[list->zone];

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:b, s:I, s:I, s:I}",
		"list", list->title, "zone", zone->name, "weight", list->weight,
		"state",
		zone->on       ? "on"
		: zone->tested ? "off"
			       : "new",
		"why", zone->why, "since", (json_int_t)zone->since, "ipv6",
		zone->on && zone->on_v6, "asked", (json_int_t)zone->asked,
		"hits", (json_int_t)list->hits, "failures",
		(json_int_t)zone->failures);
}

json_t *dns_lists_object(struct hub *hub)
{
	const struct dns_lists *lists = hub->dns_lists;
	json_t *array = json_array(), *object;

	for (size_t i = 0; i < lists->list_count; i++)
		(void)json_array_append_new(array, list_object(lists, i));
	object = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "lists",
		array, "asked", (json_int_t)lists->asked_total, "listed",
		(json_int_t)lists->listed_total, "under_way",
		(json_int_t)lists->under_way, "shed",
		(json_int_t)lists->shed_total, "kept",
		lists->kept != NULL ? (json_int_t)keyed_table_count(lists->kept)
				    : 0,
		"evicted",
		lists->kept != NULL
			? (json_int_t)keyed_table_evicted_count(lists->kept)
			: 0);
	if (object != NULL && lists->pool != NULL)
		dns_pool_show(lists->pool, object);
	return object;
}

json_t *dns_lists_about(struct hub *hub, const struct addr *addr)
{
	const struct dns_lists *lists = hub->dns_lists;
	const struct kept *kept = NULL;
	struct question one = {.addr = *addr};
	struct policy_list_info info;
	char titles[TITLES_LONGEST];

	if (!policy_listed(judge_policy(hub->judge), hub_now(hub), addr, &info))
		return json_null();
	if (lists->kept != NULL)
		kept = keyed_find(lists->kept, key_of(lists, addr));
	one.hits = kept != NULL ? kept->hits : 0;
	titles_of_all(hub->dns_lists, &one, titles);
	return json_pack("{s:I, s:I, s:s}", "score", (json_int_t)info.score,
		"left_s", (json_int_t)((info.until - hub_now(hub)) / MS_PER_S),
		"lists", titles);
}
