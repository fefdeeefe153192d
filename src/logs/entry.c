/*
 * Names of what an entry may say.
 */
#include "entry.h"

static const char *const outcomes[ENTRY_OUTCOME_COUNT] = {
	[ENTRY_FAILED] = "failed",
	[ENTRY_OK] = "ok",
	[ENTRY_REFUSED] = "refused",
	[ENTRY_TLS] = "tls",
	[ENTRY_BAN] = "ban",
	[ENTRY_UNBAN] = "unban",
};

static const char *const services[ENTRY_SERVICE_COUNT] = {
	[ENTRY_SMTP] = "smtp",
	[ENTRY_HTTP] = "http",
	[ENTRY_IMAP] = "imap",
	[ENTRY_POP3] = "pop3",
	[ENTRY_LDAP] = "ldap",
	[ENTRY_OTHER] = "other",
};

const char *entry_outcome_name(enum entry_outcome outcome)
{
	return outcomes[outcome];
}

const char *entry_service_name(enum entry_service service)
{
	return services[service];
}

bool entry_outcome_parse(struct slice name, enum entry_outcome *ret_outcome)
{
	for (unsigned i = 0; i < ENTRY_OUTCOME_COUNT; i++) {
		if (!slice_eq_nocase(name, outcomes[i]))
			continue;
		*ret_outcome = (enum entry_outcome)i;
		return true;
	}
	return false;
}

bool entry_service_parse(struct slice name, enum entry_service *ret_service)
{
	for (unsigned i = 0; i < ENTRY_SERVICE_COUNT; i++) {
		if (!slice_eq_nocase(name, services[i]))
			continue;
		*ret_service = (enum entry_service)i;
		return true;
	}
	return false;
}
