/*
 * Lists of others (see listings.h).
 *
 * What comes is a memfd of sorted prefixes. It is read, named to the core one
 * by one, and then the bans of lists are gone through for those that no list
 * names any more: all of it in slices of SLICE_US, between which logins are
 * answered. A list that is read again and again costs a look at each entry.
 *
 * A ban of a list is known by its rule; whose it is, its prefix says. So a
 * keeper that is new, and has its bans from the store, lifts none of them
 * before every list was heard of.
 *
 * Called by overseer (the line, a configuration), dns_lists (scores), status,
 * explain and the loop. What can go wrong: what was handed on is no list (said,
 * and it changes nothing); no room among the bans (said once); no memory.
 */
#include "listings.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/text.h"
#include "../ipc/channel.h"
#include "judge.h"
#include "listing.h"

enum {
	LISTINGS_MAGIC = 0x6c697374,
	QUEUE_BYTES = 4096, /* nothing is said to who fetches */
	SLICE_US = 2000,
	NAMED_AT_ONCE = 16, /* between looks at the clock */
	MS_PER_S = 1000,
	WIDEST_V4 = 8,
	WIDEST_V6 = 19,
};

/* How naming its entries went. */
struct naming {
	size_t counts[LIST_BAN_FULL + 1];
};

struct list {
	char title[MESSAGE_LIST_TITLE_LONGEST];
	char *place; /* where it is from */
	bool bans;
	unsigned score;
	uint64_t expire_ms;
	size_t most;
	bool heard; /* of, since it is a list of ours */
	struct listing roll;
	mono_ms_t good_at; /* 0: it has never said anything */
	struct listing_reading reading;
	mono_ms_t reading_good_at;
	bool naming_on;
	bool changed; /* since the last time that it was named */
	size_t at;
	struct naming naming, named; /* under way; as it was */
	char why[MESSAGE_LIST_WHY_LONGEST];
	wall_s_t why_at;
	uint64_t refused_total;
};

struct listings {
	unsigned magic;
	struct hub *hub;
	struct channel *channel; /* NULL: none */
	struct event *readable, *timer;
	struct list *all;
	size_t count;
	bool sweep_due, sweeping;
	size_t cursor, lifted_count;
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void wake(struct listings *listings)
{
	const struct timeval now = {0, 0};

	(void)event_add(listings->timer, &now);
}

static void sweep(struct listings *listings)
{
	listings->sweep_due = true;
	listings->sweeping = false;
	wake(listings);
}

/* ---- words ---- */

static void refuse(
	struct listings *listings, struct list *list, const char *why)
{
	text_put(list->why, sizeof(list->why), why);
	list->why_at = hub_wall(listings->hub);
	list->refused_total++;
}

/* Said here, since who fetches it took it for good. */
static void refuse_loudly(
	struct listings *listings, struct list *list, const char *why)
{
	refuse(listings, list, why);
	log_begin(LOG_ERROR, "list-trouble");
	log_str("list", list->title);
	log_str("text", list->why);
	log_bool("kept", list->good_at != 0);
	log_end();
}

static void log_named(struct listings *listings, struct list *list)
{
	const size_t *counts = list->naming.counts;

	log_begin(list->changed ? LOG_INFO : LOG_DEBUG, "list");
	log_str("list", list->title);
	log_str("as", list->bans ? "ban" : "score");
	log_int("entries", (int64_t)list->roll.count);
	if (list->bans) {
		log_int("banned", (int64_t)counts[LIST_BAN_DONE]);
		log_int("allowed", (int64_t)counts[LIST_BAN_ALLOWED]);
		log_int("others", (int64_t)counts[LIST_BAN_OTHER]);
	}
	log_end();
	if (counts[LIST_BAN_FULL] > 0 && list->named.counts[LIST_BAN_FULL] == 0)
		log_say(LOG_WARN, "list-full",
			"%s: %zu of its entries are not banned: lists may fill "
			"three quarters of source_limit.bans_most (%zu)",
			list->title, counts[LIST_BAN_FULL],
			(size_t)listings->hub->conf->source_limit
				.bans_most_count);
}

/* ---- who is in it ---- */

static bool counts_now(const struct listings *listings, const struct list *list)
{
	return list->good_at != 0 &&
	       hub_now(listings->hub) - list->good_at < list->expire_ms;
}

static void add_name(
	char names[LISTINGS_NAMES_LONGEST], const struct list *list)
{
	size_t n = strlen(names);

	if (n + strlen(list->title) + 2 <= LISTINGS_NAMES_LONGEST)
		(void)snprintf(names + n, LISTINGS_NAMES_LONGEST - n, "%s%s",
			n > 0 ? "," : "", list->title);
}

unsigned listings_score(struct hub *hub, const struct addr *addr,
	char names[LISTINGS_NAMES_LONGEST])
{
	struct listings *listings = hub->listings;
	unsigned score = 0;

	if (names != NULL)
		names[0] = '\0';
	for (size_t i = 0; i < listings->count; i++) {
		const struct list *list = &listings->all[i];

		if (list->bans || !counts_now(listings, list) ||
			!listing_holds(&list->roll, addr))
			continue;
		score += list->score;
		if (names != NULL)
			add_name(names, list);
	}
	return score;
}

bool listings_score_any(const struct hub *hub)
{
	for (size_t i = 0; i < hub->listings->count; i++)
		if (!hub->listings->all[i].bans)
			return true;
	return false;
}

const char *listings_who(struct hub *hub, const struct prefix *prefix,
	char names[LISTINGS_NAMES_LONGEST])
{
	struct listings *listings = hub->listings;

	names[0] = '\0';
	for (size_t i = 0; listings != NULL && i < listings->count; i++)
		if (listings->all[i].bans &&
			listing_has(&listings->all[i].roll, prefix))
			add_name(names, &listings->all[i]);
	return names;
}

json_t *listings_about(struct hub *hub, const struct addr *addr)
{
	struct listings *listings = hub->listings;
	json_t *names = json_array();

	for (size_t i = 0; i < listings->count; i++)
		if (counts_now(listings, &listings->all[i]) &&
			listing_holds(&listings->all[i].roll, addr))
			(void)json_array_append_new(
				names, json_string(listings->all[i].title));
	return names;
}

static json_t *list_object(struct hub *hub, const struct list *list)
{
	const size_t *counts = list->named.counts;
	bool good = list->good_at != 0;

	return json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:s, "
			 "s:o}",
		"list", list->title, "as", list->bans ? "ban" : "score",
		"entries", (json_int_t)list->roll.count, "age_s",
		good ? json_integer(
			       (json_int_t)((hub_now(hub) - list->good_at) /
					    MS_PER_S))
		     : json_null(),
		"banned", (json_int_t)counts[LIST_BAN_DONE], "allowed",
		(json_int_t)counts[LIST_BAN_ALLOWED], "others",
		(json_int_t)counts[LIST_BAN_OTHER], "no_room",
		(json_int_t)counts[LIST_BAN_FULL], "refused",
		(json_int_t)list->refused_total, "error", list->why, "error_at",
		list->why_at != 0 ? json_integer(list->why_at) : json_null());
}

json_t *listings_array(struct hub *hub)
{
	json_t *array = json_array();

	for (size_t i = 0; i < hub->listings->count; i++)
		(void)json_array_append_new(
			array, list_object(hub, &hub->listings->all[i]));
	return array;
}

/* ---- in slices ---- */

static bool too_wide(const struct prefix *prefix)
{
	bool v4 = addr_is_v4(&prefix->addr) && prefix->bits >= ADDR_V4_BITS;

	return prefix_length(prefix) <
	       (v4 ? (unsigned)WIDEST_V4 : (unsigned)WIDEST_V6);
}

/* Loopback, own addresses, servers, balancers. */
static bool touches_own(struct hub *hub, const struct prefix *prefix)
{
	enum judge_origin origin;
	struct prefix own;
	size_t cursor = 0;

	while (judge_allow_next(hub->judge, &cursor, &own, &origin) &&
		origin == JUDGE_ORIGIN_OWN)
		if (prefix_overlaps(prefix, &own))
			return true;
	return false;
}

static bool is_fit(struct hub *hub, const struct listing *roll, size_t from)
{
	for (size_t i = from; i < roll->count; i++)
		if (too_wide(&roll->items[i]) ||
			touches_own(hub, &roll->items[i]))
			return false;
	return true;
}

static void begin_naming(struct listings *listings, struct list *list)
{
	list->naming_on = true;
	list->at = 0;
	memset(&list->naming, 0, sizeof(list->naming));
	listings->sweep_due = true;
	listings->sweeping = false;
}

static void take_roll(struct listings *listings, struct list *list)
{
	list->changed = !list->heard ||
			!listing_same(&list->roll, &list->reading.fresh);
	listing_done(&list->roll);
	list->roll = list->reading.fresh;
	memset(&list->reading.fresh, 0, sizeof(list->reading.fresh));
	listing_stop(&list->reading);
	list->good_at = list->reading_good_at;
	list->heard = true;
	list->why[0] = '\0';
	begin_naming(listings, list);
}

static void read_slice(struct listings *listings, struct list *list)
{
	size_t from = list->reading.fresh.count;
	enum listing_result result = listing_read(&list->reading);

	if (result != LISTING_BAD &&
		!is_fit(listings->hub, &list->reading.fresh, from))
		result = LISTING_BAD;
	if (result == LISTING_DONE)
		take_roll(listings, list);
	if (result != LISTING_BAD)
		return;
	listing_stop(&list->reading);
	list->heard = true;
	refuse_loudly(listings, list,
		"what was handed on is no sorted list of others' addresses");
}

static void end_naming(struct listings *listings, struct list *list)
{
	list->naming_on = false;
	log_named(listings, list);
	list->named = list->naming;
	list->changed = false;
}

static void name_some(struct listings *listings, struct list *list)
{
	mono_ms_t now = hub_now(listings->hub);
	mono_ms_t until = list->good_at + list->expire_ms;

	for (unsigned i = 0; i < NAMED_AT_ONCE; i++) {
		enum policy_list_result result;

		if (!list->bans || until <= now ||
			list->at >= list->roll.count) {
			end_naming(listings, list);
			return;
		}
		result = judge_list_ban(listings->hub,
			&list->roll.items[list->at++], until - now);
		list->naming.counts[result]++;
	}
}

static bool is_named(
	const struct listings *listings, const struct prefix *prefix)
{
	for (size_t i = 0; i < listings->count; i++)
		if (listings->all[i].bans &&
			listing_has(&listings->all[i].roll, prefix))
			return true;
	return false;
}

static void end_sweep(struct listings *listings)
{
	listings->sweep_due = listings->sweeping = false;
	if (listings->lifted_count == 0)
		return;
	log_begin(LOG_INFO, "list-lifted");
	log_int("bans", (int64_t)listings->lifted_count);
	log_str("text", "no list names them any more");
	log_end();
}

static void sweep_some(struct listings *listings)
{
	const struct policy *policy = judge_policy(listings->hub->judge);
	struct policy_ban ban;

	if (!listings->sweeping) {
		listings->sweeping = true;
		listings->cursor = listings->lifted_count = 0;
	}
	for (unsigned i = 0; i < NAMED_AT_ONCE; i++) {
		if (!policy_ban_next(policy, &listings->cursor, &ban)) {
			end_sweep(listings);
			return;
		}
		if (ban.rule == RULE_LIST && !is_named(listings, &ban.prefix))
			listings->lifted_count +=
				judge_list_lift(listings->hub, &ban.prefix);
	}
}

static bool all_heard(const struct listings *listings)
{
	for (size_t i = 0; i < listings->count; i++)
		if (!listings->all[i].heard)
			return false;
	return true;
}

/* false: there is nothing left to do. */
static bool step(struct listings *listings)
{
	for (size_t i = 0; i < listings->count; i++) {
		struct list *list = &listings->all[i];

		if (list->reading.fd >= 0) {
			read_slice(listings, list);
			return true;
		}
		if (list->naming_on) {
			name_some(listings, list);
			return true;
		}
	}
	if (!listings->sweep_due || !all_heard(listings))
		return false;
	sweep_some(listings);
	return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct listings *listings = arg;
	uint64_t began_us = clock_mono_us();

	if (listings->magic != LISTINGS_MAGIC)
		return;
	while (step(listings))
		if (clock_mono_us() - began_us >= SLICE_US) {
			wake(listings); /* the others first */
			return;
		}
}

/* ---- hearing ---- */

static struct list *find(struct listings *listings, const char *title)
{
	for (size_t i = 0; i < listings->count; i++)
		if (strcmp(listings->all[i].title, title) == 0)
			return &listings->all[i];
	return NULL;
}

static void hear_entries(struct listings *listings, struct list *list,
	const struct message_list *message, int fd)
{
	mono_ms_t now = hub_now(listings->hub);
	uint64_t age_ms = message->age_s < now / MS_PER_S
				  ? message->age_s * MS_PER_S
				  : now - 1;

	if (message->count > list->most) {
		(void)close(fd);
		refuse_loudly(listings, list, "more was handed on than max");
		return;
	}
	list->reading_good_at = now - age_ms;
	if (!listing_begin(&list->reading, fd, message->count))
		refuse_loudly(listings, list, "no memory for its entries");
	wake(listings);
}

static void hear(
	struct listings *listings, const struct message_list *message, int fd)
{
	struct message_list said = *message;
	struct list *list;

	/* Words of others, in ASCII: no JSON may fail for them. */
	text_tame(said.title, sizeof(said.title));
	text_tame(said.why, sizeof(said.why));
	list = find(listings, said.title);
	if (list != NULL && message->word == LIST_ENTRIES && fd >= 0) {
		hear_entries(listings, list, message, fd);
		return;
	}
	if (fd >= 0)
		(void)close(fd);
	if (list == NULL)
		return; /* of another configuration */
	if (message->word == LIST_TROUBLE)
		refuse(listings, list, said.why);
	list->heard = true;
	sweep(listings);
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	if (type == MESSAGE_LIST)
		hear(arg, body, fd);
	else if (fd >= 0)
		(void)close(fd);
	return true;
}

static void disconnect(struct listings *listings)
{
	if (listings->readable != NULL)
		event_free(listings->readable);
	listings->readable = NULL;
	channel_free(&listings->channel);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct listings *listings = arg;

	if (listings->magic != LISTINGS_MAGIC || listings->channel == NULL)
		return;
	if (channel_receive(listings->channel, on_message, listings) ==
		CHANNEL_CLOSED)
		disconnect(listings); /* another one is on its way */
}

void listings_attach(struct hub *hub, int fd)
{
	struct listings *listings = hub->listings;

	disconnect(listings);
	listings->channel = channel_new(fd, QUEUE_BYTES);
	if (listings->channel == NULL) {
		(void)close(fd);
		return;
	}
	listings->readable = event_new(
		hub->base, fd, EV_READ | EV_PERSIST, on_readable, listings);
	if (listings->readable == NULL ||
		event_add(listings->readable, NULL) != 0)
		disconnect(listings);
}

/* ---- the configuration ---- */

static void list_done(struct list *list)
{
	listing_stop(&list->reading);
	listing_done(&list->roll);
	free(list->place);
}

/* What the one before knew of it, if it is the same list. */
static void list_keep(struct list *list, struct list *before)
{
	if (before == NULL || before->place == NULL || list->place == NULL ||
		strcmp(before->place, list->place) != 0)
		return;
	list->roll = before->roll;
	memset(&before->roll, 0, sizeof(before->roll));
	list->good_at = before->good_at;
	list->named = before->named;
	list->refused_total = before->refused_total;
	memcpy(list->why, before->why, sizeof(list->why));
	list->why_at = before->why_at;
}

static void list_make(struct list *list, const struct conf_address_list *conf)
{
	(void)snprintf(list->title, sizeof(list->title), "%s", conf->title);
	list->place = strdup(conf->file[0] != '\0' ? conf->file : conf->url);
	list->bans = conf->as == CONF_LIST_AS_BAN;
	list->score = (unsigned)conf->score_count;
	list->expire_ms = conf->expire_ms;
	list->most = (size_t)conf->max_count;
	list->reading.fd = -1;
}

static void make_all(struct listings *listings, struct list *before, size_t n)
{
	const struct conf *conf = listings->hub->conf;

	listings->all =
		calloc(conf->address_list_count + 1, sizeof(*listings->all));
	listings->count = listings->all != NULL ? conf->address_list_count : 0;
	for (size_t i = 0; i < listings->count; i++) {
		struct list *list = &listings->all[i];

		list_make(list, &conf->address_lists[i]);
		for (size_t k = 0; k < n; k++)
			if (strcmp(before[k].title, list->title) == 0)
				list_keep(list, &before[k]);
	}
}

/* Who fetches them is started anew as well, and tells each list again. */
void listings_configure(struct hub *hub)
{
	struct listings *listings = hub->listings;
	struct list *before = listings->all;
	size_t n = listings->count;

	make_all(listings, before, n);
	for (size_t i = 0; i < n; i++)
		list_done(&before[i]);
	free(before);
	sweep(listings);
}

struct listings *listings_new(struct hub *hub)
{
	struct listings *listings = calloc(1, sizeof(*listings));

	if (listings == NULL)
		return NULL;
	listings->magic = LISTINGS_MAGIC;
	listings->hub = hub;
	listings->timer = evtimer_new(hub->base, on_timer, listings);
	make_all(listings, NULL, 0);
	if (listings->timer == NULL || listings->all == NULL)
		listings_free(&listings);
	else
		sweep(listings); /* the store may have bans of lists that are
				  * gone
				  */
	return listings;
}

void listings_free(struct listings **listings)
{
	if (*listings == NULL)
		return;
	disconnect(*listings);
	if ((*listings)->timer != NULL)
		event_free((*listings)->timer);
	for (size_t i = 0; i < (*listings)->count; i++)
		list_done(&(*listings)->all[i]);
	free((*listings)->all);
	(*listings)->magic = 0;
	free(*listings);
	*listings = NULL;
}
