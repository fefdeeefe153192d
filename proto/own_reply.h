/*
 * The replies that are postern's own (replies.def), as octets.
 */
#ifndef PROTO_OWN_REPLY_H
#define PROTO_OWN_REPLY_H

#include "slice.h"

enum reply_id {
	REPLY_NONE = 0,
#define REPLY(id, code, enhanced, text, referenced) REPLY_##id,
#include "replies.def"
#undef REPLY
	REPLY_COUNT,
};

enum { OWN_REPLY_LONGEST = 160 };

/*
 * Writes reply `id` with CRLF. enhanced: the client saw ENHANCEDSTATUSCODES.
 * reference: shown where the reply carries one; NULL: none. Returns the
 * octets written (always fits; a reference is at most 16 octets).
 */
size_t own_reply_compose(enum reply_id id, bool enhanced, const char *reference,
	char out[OWN_REPLY_LONGEST]);

unsigned own_reply_code(enum reply_id id); /* 220-599 */
bool own_reply_referenced(enum reply_id id);
const char *own_reply_name(enum reply_id id); /* "TURNED_AWAY" …; static */

#endif
