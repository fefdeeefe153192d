/*
 * The numbers of the policy core: a struct a rule, each with a mode of its own.
 *
 * Plain values, filled by the caller from the configuration
 * (src/conf/options.def has the words, the defaults and the ranges).
 */
#ifndef POLICY_POLICY_CONF_H
#define POLICY_POLICY_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "people_conf.h"

/* Quarter-days with a failure, of a source that nobody logged in from. */
struct policy_source_days {
	enum policy_mode mode;
	unsigned limit; /* 2-8 */
	uint64_t window_ms, ban_ms;
};

/* Different users failing from one source. */
struct policy_source_users {
	enum policy_mode mode;
	unsigned limit, known_limit; /* 2-16; of a source with people */
	uint64_t window_ms, ban_ms;
};

/* Strange sources that failed, in one prefix. */
struct policy_prefix_limit {
	enum policy_mode mode;
	unsigned limit; /* 2-15 */
	bool at_login;	/* its bans act at AUTH alone */
	uint64_t window_ms, ban_ms;
	unsigned v4_bits, v6_bits;
	unsigned v6_narrow_bits; /* banned instead if it holds all of them */
	size_t prefixes_most;
};

/* One kind of bad manners, by source (offences.def). */
struct policy_offence {
	enum policy_mode mode;
	unsigned limit; /* 1-100000 in window_ms -> ban */
	uint64_t window_ms, ban_ms;
};

/* Users whom nobody has. */
struct policy_decoys {
	enum policy_mode mode;
	uint64_t ban_ms;
	const char *const *names; /* copied */
	size_t count;
};

/* Where logins come from; lists are copied. */
struct policy_places {
	enum policy_mode mode;
	const char *const *deny_countries; /* two letters */
	size_t deny_country_count;
	const char *const *allow_countries; /* not empty: all others denied */
	size_t allow_country_count;
	const char *const *deny_asn; /* "AS64500" or "64500" */
	size_t deny_asn_count;
};

/* Lists in the DNS: at which sum of weights a stranger's login is refused. */
struct policy_lists {
	enum policy_mode mode;
	unsigned threshold;
	size_t sources_most;
};

/* Plain numbers, filled by the caller from the configuration. */
struct policy_conf {
	enum policy_mode mode; /* of the whole; the ladder may be lower */
	enum policy_mode source_mode; /* of the per-source ladder */
	unsigned v4_bits, v6_bits;    /* size of a source: 8-32, 16-128 */
	unsigned failure_limit;	      /* 1-1000 in window_ms -> ban */
	uint64_t window_ms;
	uint64_t ban_ms;     /* first ban */
	unsigned ban_growth; /* factor for each repeat, 1-10 */
	uint64_t ban_longest_ms;
	unsigned slow_limit; /* 0: no slow window; else 1-1000 */
	uint64_t slow_window_ms;
	uint64_t slow_ban_ms;
	uint64_t delay_first_ms; /* of the 535; doubles; 0: no delay */
	uint64_t delay_longest_ms;
	uint64_t hold_step_ms;	  /* a surplus attempt asks again after this */
	uint64_t hold_longest_ms; /* then it is answered 454 */
	uint64_t attempt_longest_ms; /* an attempt never settled becomes a
					failure after this */
	uint64_t repeat_memory_ms; /* how long a past ban counts as a repeat */
	size_t sources_most; /* tracked sources, power of two not needed */
	size_t bans_most;
	size_t attempts_most; /* in flight */
	struct policy_source_days source_days;
	struct policy_source_users source_users;
	struct policy_prefix_limit prefix_limit;
	struct policy_offence auth_refused, early_talk, helo, protocol_errors,
		tls_failures, unknown_recipients, relay_probes, connections;
	const char *const *helo_names; /* patterns (pattern.h); copied */
	size_t helo_name_count;
	struct policy_decoys decoys;
	struct policy_places places;
	struct policy_lists lists;
	struct policy_passport_conf passport;
	struct policy_device_conf device;
	struct policy_soft_conf soft;
	struct policy_pair_conf pair;
	struct policy_shield_conf shield;
	struct policy_outage_conf outage;
	struct policy_campaign_conf campaign;
	struct policy_budget_conf budget;
	struct policy_compromise_conf compromise;
	const char *const *user_domains; /* anna@… is anna; copied */
	size_t user_domain_count;
	const struct prefix *allow; /* copied by policy_new/policy_configure */
	size_t allow_count;
};

#endif
