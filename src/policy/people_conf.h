/* The numbers of the rules that know people from strangers. */
#ifndef POLICY_PEOPLE_CONF_H
#define POLICY_PEOPLE_CONF_H

#include <stddef.h>
#include <stdint.h>

enum policy_mode {
	POLICY_OFF,	/* not computed */
	POLICY_OBSERVE, /* decides, says "would", does nothing */
	POLICY_ENFORCE,
};

/* Passports: who logged in from where. */
struct policy_passport_conf {
	uint64_t life_ms;		     /* after the last success */
	unsigned v4_bits, v6_bits;	     /* of the place: 8-32, 16-128 */
	unsigned near_v4_bits, near_v6_bits; /* of a provider's network */
	size_t most;			     /* of them; and of user names */
};

/* Devices: what their users are known by where they never were. */
struct policy_device_conf {
	enum policy_mode mode;
	unsigned strangers; /* who say a name in a day: it says nothing */
	unsigned user, all; /* failures by known devices, a day: 0-8, 0-64 */
};

/* Bans of places where people are known. */
struct policy_soft_conf {
	enum policy_mode mode;
	unsigned tries;	   /* the try of a holder that passes a soft ban */
	uint64_t retry_ms; /* tries closer together are one */
	unsigned failures; /* of a holder in a day that are his own affair */
};

/* Refused pairs: user and secret. */
struct policy_pair_conf {
	enum policy_mode mode;
	uint64_t first_ms, longest_ms;	 /* answered by us; doubles */
	uint64_t home_first_ms, home_ms; /* so short at home, for so long */
	size_t most;
};

/* The lockout shield. */
struct policy_shield_conf {
	enum policy_mode mode;
	unsigned lockout;  /* failures at which the server locks; 0: never */
	unsigned spare;	   /* the last of them are for holders */
	uint64_t reset_ms; /* the server forgets failures; 0: never */
};

/* Campaigns: what is one, and how long. */
struct policy_campaign_conf {
	enum policy_mode mode;
	unsigned siege_sources;	    /* strange ones failing on a user, a day */
	unsigned botnet_sources;    /* on the server */
	unsigned people_per_source; /* one more for each so many; >= 1 */
	unsigned secret_users;	    /* one secret on so many */
	unsigned stuffing_users;    /* tried by strangers, a day */
	unsigned people_per_user;   /* one more for each so many; >= 1 */
	uint64_t hold_ms;
	unsigned learned_percent; /* of people were last seen where known */
	uint64_t learn_ms;	  /* and since the first success */
	uint64_t grey_ms;	  /* a first try comes again after this */
};

/* Failures of strangers in a campaign, a day: 0-8 a user, 0-64 in all. */
struct policy_budget_conf {
	enum policy_mode mode;
	unsigned user, all;
	unsigned patience_tries; /* whoever tried so often */
	uint64_t patience_ms;	 /* over so long has these: */
	unsigned patience_user, patience_all;
	uint64_t lasting_ms;	      /* whoever comes for so long has */
	unsigned lasting_all;	      /* these, of all users */
	unsigned near_user, near_all; /* of neighbours, before all that */
	uint64_t quiet_ms; /* a user whom no other stranger tried for so long */
	unsigned quiet_user, quiet_all; /* has these when he comes back */
};

/* The compromise alarm; enforce: refused until released. */
struct policy_compromise_conf {
	enum policy_mode mode;
};

/* The outage guard. */
struct policy_outage_conf {
	enum policy_mode mode;
	unsigned users;	    /* holders that fail: 2-16 */
	uint64_t window_ms; /* within this */
	uint64_t quiet_ms;  /* and no success for so long */
	uint64_t probe_ms;  /* one try of each pair in so long meanwhile */
	uint64_t over_ms;   /* without such a failure it is over */
};

#endif
