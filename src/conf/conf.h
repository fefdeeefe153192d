/*
 * The configuration as the program sees it: checked, typed, complete.
 *
 * Everything is made from options.def. A struct conf never changes after it
 * was read; a reload makes a new one.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../base/addr.h"

struct conf_list {
	char **items; /* count strings */
	size_t count;
};

struct conf_prefixes {
	struct prefix *items;
	size_t count;
};

/* CHOICE types: CHOICE(TYPE, "word", ENUM) in the order of the enum. */
enum conf_mode { CONF_MODE_OFF, CONF_MODE_OBSERVE, CONF_MODE_ENFORCE };
enum conf_unavailable { CONF_UNAVAILABLE_ALLOW, CONF_UNAVAILABLE_TEMPFAIL };
enum conf_listener_tls {
	CONF_LISTENER_TLS_OFF,
	CONF_LISTENER_TLS_IMPLICIT,
	CONF_LISTENER_TLS_PASSTHROUGH,
};
enum conf_intercept {
	CONF_INTERCEPT_OFF,
	CONF_INTERCEPT_REDIRECT,
	CONF_INTERCEPT_TPROXY,
};
enum conf_proxy { CONF_PROXY_OFF, CONF_PROXY_REQUIRED };
enum conf_client_address {
	CONF_CLIENT_ADDRESS_NONE,
	CONF_CLIENT_ADDRESS_TRANSPARENT,
	CONF_CLIENT_ADDRESS_PROXY_V1,
	CONF_CLIENT_ADDRESS_PROXY_V2,
	CONF_CLIENT_ADDRESS_XCLIENT,
};
enum conf_starttls {
	CONF_STARTTLS_OFF,
	CONF_STARTTLS_OPTIONAL,
	CONF_STARTTLS_REQUIRED,
	CONF_STARTTLS_PASSTHROUGH,
};
enum conf_auth { CONF_AUTH_OFFER, CONF_AUTH_TLS, CONF_AUTH_HIDE };
enum conf_tls_version {
	CONF_TLS_1_0,
	CONF_TLS_1_1,
	CONF_TLS_1_2,
	CONF_TLS_1_3,
};
enum conf_newline {
	CONF_NEWLINE_REJECT,
	CONF_NEWLINE_NORMALIZE,
	CONF_NEWLINE_PASS,
};
enum conf_keywords { CONF_KEYWORDS_DROP, CONF_KEYWORDS_PASS };
enum conf_balance { CONF_BALANCE_FAILOVER, CONF_BALANCE_LEAST_CONNECTIONS };
enum conf_backend_tls {
	CONF_BACKEND_TLS_OFF,
	CONF_BACKEND_TLS_STARTTLS,
	CONF_BACKEND_TLS_REQUIRED,
	CONF_BACKEND_TLS_IMPLICIT,
};
enum conf_verify { CONF_VERIFY_OFF, CONF_VERIFY_CA, CONF_VERIFY_NAME };
enum conf_list_kind { CONF_LIST_KIND_BAD, CONF_LIST_KIND_GOOD };
enum conf_list_as { CONF_LIST_AS_BAN, CONF_LIST_AS_SCORE };
enum conf_answer { CONF_ANSWER_CLOSE, CONF_ANSWER_REFUSE, CONF_ANSWER_TARPIT };
enum conf_acts { CONF_ACTS_LOGIN, CONF_ACTS_CONNECTION };
enum conf_firewall_kind {
	CONF_FIREWALL_NULL,
	CONF_FIREWALL_NFT,
	CONF_FIREWALL_EXEC
};
enum conf_ports { CONF_PORTS_LISTENERS, CONF_PORTS_ALL };
enum conf_format { CONF_FORMAT_TEXT, CONF_FORMAT_JSON };
enum conf_level {
	CONF_LEVEL_ERROR,
	CONF_LEVEL_WARN,
	CONF_LEVEL_INFO,
	CONF_LEVEL_DEBUG,
};
enum conf_users { CONF_USERS_FULL, CONF_USERS_HASH, CONF_USERS_NONE };

#define CONF_TYPE_BOOL		      bool
#define CONF_TYPE_INT		      uint64_t
#define CONF_TYPE_MS		      uint64_t
#define CONF_TYPE_BYTES		      uint64_t
#define CONF_TYPE_TEXT		      char *
#define CONF_TYPE_LIST		      struct conf_list
#define CONF_TYPE_PREFIXES	      struct conf_prefixes
#define CONF_TYPE_CHOICE_MODE	      enum conf_mode
#define CONF_TYPE_CHOICE_UNAVAILABLE  enum conf_unavailable
#define CONF_TYPE_CHOICE_LISTENER_TLS enum conf_listener_tls
#define CONF_TYPE_CHOICE_INTERCEPT    enum conf_intercept
#define CONF_TYPE_CHOICE_PROXY	      enum conf_proxy
#define CONF_TYPE_CHOICE_CLIENT	      enum conf_client_address
#define CONF_TYPE_CHOICE_STARTTLS     enum conf_starttls
#define CONF_TYPE_CHOICE_AUTH	      enum conf_auth
#define CONF_TYPE_CHOICE_TLS_VERSION  enum conf_tls_version
#define CONF_TYPE_CHOICE_NEWLINE      enum conf_newline
#define CONF_TYPE_CHOICE_KEYWORDS     enum conf_keywords
#define CONF_TYPE_CHOICE_BALANCE      enum conf_balance
#define CONF_TYPE_CHOICE_BACKEND_TLS  enum conf_backend_tls
#define CONF_TYPE_CHOICE_VERIFY	      enum conf_verify
#define CONF_TYPE_CHOICE_LIST_KIND    enum conf_list_kind
#define CONF_TYPE_CHOICE_LIST_AS      enum conf_list_as
#define CONF_TYPE_CHOICE_ANSWER	      enum conf_answer
#define CONF_TYPE_CHOICE_ACTS	      enum conf_acts
#define CONF_TYPE_CHOICE_FIREWALL     enum conf_firewall_kind
#define CONF_TYPE_CHOICE_PORTS	      enum conf_ports
#define CONF_TYPE_CHOICE_FORMAT	      enum conf_format
#define CONF_TYPE_CHOICE_LEVEL	      enum conf_level
#define CONF_TYPE_CHOICE_USERS	      enum conf_users

/*
 * One struct a section, its fields those of options.def. Written out by the
 * preprocessor: SECTION closes the struct before it.
 */
#define SECTION(id, name, titled, text)                                        \
	}                                                                      \
	;                                                                      \
	struct conf_##id {                                                     \
		char *title;   /* of a titled block, else NULL */              \
		unsigned line; /* where it stands; 0: defaults */
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	CONF_TYPE_##type field;
struct conf_empty_ {
	char unused;
#include "options.def"
};
#undef SECTION
#undef OPTION

/* Blocks with titles in the order of the file. */
struct conf {
	struct conf_global global;
	struct conf_source_limit source_limit;
	struct conf_source_days source_days;
	struct conf_source_users source_users;
	struct conf_prefix_limit prefix_limit;
	struct conf_decoys decoys;
	struct conf_geo geo;
	struct conf_dns_lists dns_lists;
	struct conf_auth_refused auth_refused;
	struct conf_early_talk early_talk;
	struct conf_helo helo;
	struct conf_protocol_errors protocol_errors;
	struct conf_tls_failures tls_failures;
	struct conf_unknown_recipients unknown_recipients;
	struct conf_relay_probes relay_probes;
	struct conf_connections connections;
	struct conf_banned banned;
	struct conf_passport passport;
	struct conf_device device;
	struct conf_soft_ban soft_ban;
	struct conf_refused_pair refused_pair;
	struct conf_lockout_shield lockout_shield;
	struct conf_outage_guard outage_guard;
	struct conf_campaign campaign;
	struct conf_stranger_budget stranger_budget;
	struct conf_compromise compromise;
	struct conf_firewall firewall;
	struct conf_domino_log domino_log;
	struct conf_log log;
	struct conf_journal journal;
	struct conf_report report;
	struct conf_admin admin;
	struct conf_feed feed;
	struct conf_listener *listeners;
	size_t listener_count;
	struct conf_backend *backends;
	size_t backend_count;
	struct conf_certificate *certificates;
	size_t certificate_count;
	struct conf_dns_zone *dns_zones;
	size_t dns_zone_count;
	struct conf_hook *hooks;
	size_t hook_count;
	struct conf_address_list *address_lists;
	size_t address_list_count;
};

/*
 * Errors and warnings for the operator, all of them: lines
 * "file:line: what is wrong (what is allowed; did you mean …)".
 */
struct conf_errors {
	char *text; /* NUL-terminated, lines end in \n; NULL when none */
	size_t n;
	unsigned error_count, warning_count; /* warnings begin "warning: " after
						the place */
};

void conf_errors_done(struct conf_errors *errors);

/*
 * Reads a file with its includes (include("conf.d/x.conf") takes a file or,
 * for a folder, all *.conf in order). NULL: errors.error_count > 0. Warnings
 * may come with a good configuration. Caller frees both.
 */
struct conf *conf_read(const char *path, struct conf_errors *ret_errors);
/* The same from memory; `name` stands for the file in messages. */
struct conf *conf_parse(
	const char *text, const char *name, struct conf_errors *ret_errors);
void conf_free(struct conf **conf);

/*
 * Writes the configuration in the syntax that conf_parse reads; changed_only:
 * only what differs from the defaults. conf_parse(conf_dump(c)) equals c.
 * Caller frees the text. NULL without memory.
 */
char *conf_dump(const struct conf *conf, bool changed_only);

/*
 * One line for each difference, "source_limit.failures: 5 -> 3"; those that
 * need a restart end in " (needs a restart)". "" when equal. Caller frees.
 */
char *conf_diff(const struct conf *old_conf, const struct conf *new_conf);

/* Made from the schema: conf/postern.conf.sample and the man page's options. */
void conf_print_sample(FILE *out);
void conf_print_man(FILE *out);

/* Is the hook to be told of this event? (base/hook_events.def) */
bool conf_hook_wants(const struct conf_hook *hook, const char *event);
/* Is its clients' TLS postern's own, with a certificate of a block? */
bool conf_ends_tls(const struct conf_listener *listener);

/* Lookups; NULL: none of that name. Borrowed. */
const struct conf_backend *conf_backend_find(
	const struct conf *conf, const char *title);
const struct conf_certificate *conf_certificate_find(
	const struct conf *conf, const char *title);

#endif
