/*
 * SMTP commands: verb and argument of one line (RFC 5321 §4.1.1).
 *
 * Only what framing and policy need is parsed. Paths and parameters are
 * Domino's business and pass as they are.
 */
#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include "slice.h"

enum verb {
	VERB_UNKNOWN = 0,
#define VERB(id, name, class) VERB_##id,
#include "verbs.def"
#undef VERB
	VERB_COUNT,
};

enum verb_class {
	VERB_CLASS_PASS,
	VERB_CLASS_OWN,
	VERB_CLASS_REFUSE,
};

struct command {
	enum verb verb;
	bool masked;	   /* UNKNOWN to us, maybe a verb to a laxer reader */
	struct slice word; /* the verb as typed: up to SP, HT or end */
	struct slice args; /* what follows the octet behind `word` */
};

/* What some other protocol's client says first. */
enum alien {
	ALIEN_NO = 0,
	ALIEN_MAYBE, /* every octet so far fits, more are needed */
	ALIEN_HTTP,  /* GET, POST, PUT, HEAD, DELETE, OPTIONS, CONNECT, PRI,
			TRACE, PATCH followed by SP */
	ALIEN_TLS,   /* 0x16 0x03, or an SSLv2 hello */
	ALIEN_SSH,   /* "SSH-" */
	ALIEN_RDP,   /* TPKT 0x03 0x00 */
};

/*
 * Splits a line (without CRLF). Never fails: what is not a known verb is
 * VERB_UNKNOWN. Verbs are matched without regard to case. Only SP separates
 * the verb from its arguments; a HT there makes the verb unknown.
 * `masked`: the line begins with SP, or its word is ended by or holds a HT,
 * another control or an octet above 0x7e. A server that skips or drops such
 * octets could find AUTH, DATA or BDAT there, so it must not be passed on.
 * `args` keep their trailing SP.
 */
void command_parse(struct slice line, struct command *ret_command);

enum verb_class verb_class(enum verb verb);
const char *verb_name(enum verb verb); /* "UNKNOWN" for VERB_UNKNOWN; static */

/* Looks at the first octets of a connection or line. */
enum alien command_alien(struct slice in);

/*
 * BDAT arguments, RFC 3030 §2: chunk-size [SP "LAST"], and nothing else.
 * Digits only, no sign, no leading or trailing space, one SP, LAST in any
 * case. A leading zero is taken only for "0" itself. Returns false on any
 * other form and on a size above 2^63-1.
 */
bool command_bdat(struct slice args, uint64_t *ret_size_bytes, bool *ret_last)
	__attribute__((warn_unused_result));

/*
 * Could somebody find BDAT at the beginning of this line, with octets skipped
 * or without a blank behind it? Then a chunk may follow unasked.
 */
bool command_like_bdat(struct slice line);

#endif
