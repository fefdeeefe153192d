/*
 * The numbers of the policy core, from the configuration.
 *
 * The one place where an option becomes a number of the core: the keeper and
 * posternctl's tools that run the core by themselves cannot differ in it.
 * Knows no hub, store or socket.
 */
#include "numbers.h"

#include <string.h>

enum { ATTEMPTS_LEAST = 1024, ATTEMPTS_MOST = 262144 };

static enum policy_mode mode_of(enum conf_mode mode)
{
	switch (mode) {
	case CONF_MODE_OFF: return POLICY_OFF;
	case CONF_MODE_OBSERVE: return POLICY_OBSERVE;
	case CONF_MODE_ENFORCE: return POLICY_ENFORCE;
	}
	return POLICY_OFF;
}

static struct policy_source_days source_days(const struct conf *conf)
{
	const struct conf_source_days *days = &conf->source_days;

	return (struct policy_source_days){
		.mode = mode_of(days->mode),
		.limit = (unsigned)days->quarters_count,
		.window_ms = days->window_ms,
		.ban_ms = days->ban_ms,
	};
}

static struct policy_source_users source_users(const struct conf *conf)
{
	const struct conf_source_users *users = &conf->source_users;

	return (struct policy_source_users){
		.mode = mode_of(users->mode),
		.limit = (unsigned)users->users_count,
		.known_limit = (unsigned)users->users_known_count,
		.window_ms = users->window_ms,
		.ban_ms = users->ban_ms,
	};
}

static struct policy_prefix_limit prefix_limit(const struct conf *conf)
{
	const struct conf_prefix_limit *prefix = &conf->prefix_limit;

	return (struct policy_prefix_limit){
		.mode = mode_of(prefix->mode),
		.limit = (unsigned)prefix->sources_count,
		.at_login = prefix->acts == CONF_ACTS_LOGIN,
		.window_ms = prefix->window_ms,
		.ban_ms = prefix->ban_ms,
		.v4_bits = (unsigned)prefix->prefix_v4_count,
		.v6_bits = (unsigned)prefix->prefix_v6_count,
		.v6_narrow_bits = (unsigned)prefix->narrow_v6_count,
		.prefixes_most = (size_t)prefix->prefixes_most_count,
	};
}

/* Not more logins can be under way than there may be sessions. */
static size_t attempts_most(const struct conf *conf)
{
	uint64_t workers = conf->global.workers_count;
	uint64_t most;

	if (workers == 0)
		workers = 4;
	most = conf->global.sessions_most_count * workers;
	if (most < ATTEMPTS_LEAST)
		return ATTEMPTS_LEAST;
	return most > ATTEMPTS_MOST ? (size_t)ATTEMPTS_MOST : (size_t)most;
}

/* The sections of offences.def have the same options, in types of their own. */
#define OFFENCE_OF(section)                                                    \
	(struct policy_offence)                                                \
	{                                                                      \
		.mode = mode_of((section).mode),                               \
		.limit = (unsigned)(section).times_count,                      \
		.window_ms = (section).window_ms, .ban_ms = (section).ban_ms,  \
	}

static void offences(const struct conf *conf, struct policy_conf *numbers)
{
#define OFFENCE(field, event, rule) numbers->field = OFFENCE_OF(conf->field);
#include "../policy/offences.def"
#undef OFFENCE
	numbers->helo_names = (const char *const *)conf->helo.names.items;
	numbers->helo_name_count = conf->helo.names.count;
	numbers->decoys = (struct policy_decoys){
		.mode = mode_of(conf->decoys.mode),
		.ban_ms = conf->decoys.ban_ms,
		.names = (const char *const *)conf->decoys.users.items,
		.count = conf->decoys.users.count,
	};
}

static struct policy_places places(const struct conf *conf)
{
	const struct conf_geo *geo = &conf->geo;

	return (struct policy_places){
		.mode = mode_of(geo->mode),
		.deny_countries =
			(const char *const *)geo->deny_countries.items,
		.deny_country_count = geo->deny_countries.count,
		.allow_countries =
			(const char *const *)geo->allow_countries.items,
		.allow_country_count = geo->allow_countries.count,
		.deny_asn = (const char *const *)geo->deny_asn.items,
		.deny_asn_count = geo->deny_asn.count,
	};
}

static struct policy_lists lists(const struct conf *conf)
{
	const struct conf_dns_lists *score = &conf->dns_lists;

	return (struct policy_lists){
		.mode = mode_of(score->mode),
		.threshold = (unsigned)score->threshold_count,
		.sources_most = (size_t)score->sources_most_count,
	};
}

/* Of the rules for strangers. */
static void add_campaigns(const struct conf *conf, struct policy_conf *numbers)
{
	const struct conf_campaign *campaign = &conf->campaign;
	const struct conf_stranger_budget *budget = &conf->stranger_budget;

	numbers->campaign = (struct policy_campaign_conf){
		.mode = mode_of(campaign->mode),
		.siege_sources = (unsigned)campaign->siege_sources_count,
		.botnet_sources = (unsigned)campaign->botnet_sources_count,
		.people_per_source = (unsigned)campaign->people_a_source_count,
		.secret_users = (unsigned)campaign->secret_users_count,
		.stuffing_users = (unsigned)campaign->stuffing_users_count,
		.people_per_user = (unsigned)campaign->people_a_user_count,
		.hold_ms = campaign->hold_ms,
		.learned_percent = (unsigned)campaign->learned_percent_count,
		.learn_ms = campaign->learn_ms,
		.grey_ms = campaign->retry_ms,
	};
	numbers->budget = (struct policy_budget_conf){
		.mode = mode_of(budget->mode),
		.user = (unsigned)budget->user_count,
		.all = (unsigned)budget->all_count,
		.patience_tries = (unsigned)budget->patience_tries_count,
		.patience_ms = budget->patience_ms,
		.patience_user = (unsigned)budget->patience_user_count,
		.patience_all = (unsigned)budget->patience_all_count,
		.lasting_ms = budget->lasting_ms,
		.lasting_all = (unsigned)budget->lasting_all_count,
		.near_user = (unsigned)budget->near_user_count,
		.near_all = (unsigned)budget->near_all_count,
		.quiet_ms = budget->quiet_ms,
		.quiet_user = (unsigned)budget->quiet_user_count,
		.quiet_all = (unsigned)budget->quiet_all_count,
	};
	numbers->compromise.mode = mode_of(conf->compromise.mode);
}

/* Of the rules that know people. */
static void add_people(const struct conf *conf, struct policy_conf *numbers)
{
	numbers->passport = (struct policy_passport_conf){
		.life_ms = conf->passport.life_ms,
		.v4_bits = (unsigned)conf->passport.prefix_v4_count,
		.v6_bits = (unsigned)conf->passport.prefix_v6_count,
		.near_v4_bits = (unsigned)conf->passport.near_v4_count,
		.near_v6_bits = (unsigned)conf->passport.near_v6_count,
		.most = (size_t)conf->passport.most_count,
	};
	numbers->device = (struct policy_device_conf){
		.mode = mode_of(conf->device.mode),
		.strangers = (unsigned)conf->device.strangers_count,
		.user = (unsigned)conf->device.user_count,
		.all = (unsigned)conf->device.all_count,
	};
	numbers->soft = (struct policy_soft_conf){
		.mode = mode_of(conf->soft_ban.mode),
		.tries = (unsigned)conf->soft_ban.tries_count,
		.retry_ms = conf->soft_ban.retry_ms,
		.failures = (unsigned)conf->soft_ban.failures_count,
	};
	numbers->pair = (struct policy_pair_conf){
		.mode = mode_of(conf->refused_pair.mode),
		.first_ms = conf->refused_pair.first_ms,
		.longest_ms = conf->refused_pair.longest_ms,
		.home_first_ms = conf->refused_pair.home_first_ms,
		.home_ms = conf->refused_pair.home_ms,
		.most = (size_t)conf->refused_pair.most_count,
	};
	numbers->shield = (struct policy_shield_conf){
		.mode = mode_of(conf->lockout_shield.mode),
		.lockout = (unsigned)conf->lockout_shield.lockout_count,
		.spare = (unsigned)conf->lockout_shield.spare_count,
		.reset_ms = conf->lockout_shield.reset_ms,
	};
	numbers->outage = (struct policy_outage_conf){
		.mode = mode_of(conf->outage_guard.mode),
		.users = (unsigned)conf->outage_guard.users_count,
		.window_ms = conf->outage_guard.window_ms,
		.quiet_ms = conf->outage_guard.quiet_ms,
		.probe_ms = conf->outage_guard.probe_ms,
		.over_ms = conf->outage_guard.over_ms,
	};
}

static void add_domains(const struct conf *conf, struct policy_conf *numbers)
{
	const struct conf_list *list = conf->global.user_domains.count > 0
					       ? &conf->global.user_domains
					       : &conf->global.local_domains;

	if (list->count == 1 && strcmp(list->items[0], "-") == 0)
		return;
	numbers->user_domains = (const char *const *)list->items;
	numbers->user_domain_count = list->count;
}

struct policy_conf numbers_of(
	const struct conf *conf, const struct allowed *allowed)
{
	const struct conf_source_limit *limit = &conf->source_limit;

	struct policy_conf numbers = {
		.mode = mode_of(conf->global.mode),
		.source_mode = mode_of(limit->mode),
		.v4_bits = (unsigned)limit->prefix_v4_count,
		.v6_bits = (unsigned)limit->prefix_v6_count,
		.failure_limit = (unsigned)limit->failures_count,
		.window_ms = limit->window_ms,
		.ban_ms = limit->ban_ms,
		.ban_growth = (unsigned)limit->ban_growth_count,
		.ban_longest_ms = limit->ban_longest_ms,
		.slow_limit = (unsigned)limit->slow_failures_count,
		.slow_window_ms = limit->slow_window_ms,
		.slow_ban_ms = limit->slow_ban_ms,
		.delay_first_ms = limit->delay_first_ms,
		.delay_longest_ms = limit->delay_longest_ms,
		.hold_step_ms = limit->hold_step_ms,
		.hold_longest_ms = limit->hold_longest_ms,
		.attempt_longest_ms = limit->attempt_longest_ms,
		.repeat_memory_ms = limit->repeat_memory_ms,
		.sources_most = (size_t)limit->sources_most_count,
		.bans_most = (size_t)limit->bans_most_count,
		.attempts_most = attempts_most(conf),
		.source_days = source_days(conf),
		.source_users = source_users(conf),
		.prefix_limit = prefix_limit(conf),
		.places = places(conf),
		.lists = lists(conf),
		.allow = allowed->items,
		.allow_count = allowed->count,
	};

	offences(conf, &numbers);
	add_domains(conf, &numbers);
	add_people(conf, &numbers);
	add_campaigns(conf, &numbers);
	return numbers;
}
