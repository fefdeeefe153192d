/*
 * The numbers of the policy core, from the configuration.
 *
 * The one place where an option becomes a number of the core: the keeper and
 * posternctl's tools that run the core by themselves cannot differ in it.
 * Knows no hub, store or socket.
 */
#include "numbers.h"

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
		.allow = allowed->items,
		.allow_count = allowed->count,
	};

	offences(conf, &numbers);
	return numbers;
}
