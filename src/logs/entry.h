/* What one record of a log says: who tried what, when, and how it went. */
#ifndef LOGS_ENTRY_H
#define LOGS_ENTRY_H

#include "../../proto/slice.h"
#include "../base/addr.h"
#include "stamp.h"

enum entry_outcome {
	ENTRY_FAILED,  /* a login */
	ENTRY_OK,      /* a login */
	ENTRY_REFUSED, /* the host, for policy reasons */
	ENTRY_TLS,     /* a TLS handshake that failed */
	ENTRY_BAN,     /* another tool's or postern's own */
	ENTRY_UNBAN,
	ENTRY_OUTCOME_COUNT,
};

enum entry_service {
	ENTRY_SMTP,
	ENTRY_HTTP,
	ENTRY_IMAP,
	ENTRY_POP3,
	ENTRY_LDAP,
	ENTRY_OTHER,
	ENTRY_SERVICE_COUNT,
};

enum { ENTRY_USER_LONGEST = 255 };

struct entry {
	struct stamp stamp; /* as the log says */
	struct addr addr;
	enum entry_outcome outcome;
	enum entry_service service;
	struct slice user; /* n 0: none named; cut */
	unsigned form;	   /* which pattern found it */
};

const char *entry_outcome_name(enum entry_outcome outcome); /* "failed" … */
const char *entry_service_name(enum entry_service service); /* "smtp" … */
/* false: no such name. */
bool entry_outcome_parse(struct slice name, enum entry_outcome *ret_outcome);
bool entry_service_parse(struct slice name, enum entry_service *ret_service);

#endif
