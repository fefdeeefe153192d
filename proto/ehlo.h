/*
 * The EHLO reply: Domino's own list, filtered (RFC 5321 §4.1.1.1).
 *
 * Lines keep Domino's order, wording and spacing. What postern cannot frame
 * or the listener forbids is left out, Domino's STARTTLS gives way to
 * postern's own, and nothing else is invented.
 */
#ifndef PROTO_EHLO_H
#define PROTO_EHLO_H

#include "slice.h"

enum {
	EHLO_PIPELINING = 1u << 0,
	EHLO_SIZE = 1u << 1,
	EHLO_CHUNKING = 1u << 2,
	EHLO_STARTTLS = 1u << 3, /* offered by the server */
	EHLO_AUTH = 1u << 4,	 /* offered by the server */
	EHLO_ENHANCED = 1u << 5, /* ENHANCEDSTATUSCODES */
	EHLO_8BITMIME = 1u << 6,
	EHLO_XCLIENT = 1u << 7,
};

struct ehlo_rules {
	bool hide_auth;	     /* leave AUTH lines out (also "AUTH=LOGIN") */
	bool offer_starttls; /* put postern's own 250-STARTTLS */
	bool pass_starttls;  /* the server's passes; not both */
	bool pass_unknown;   /* keywords that are not in the known list */
};

enum ehlo_result {
	EHLO_OK = 0,
	EHLO_BAD,      /* not a complete, well-formed 250 reply */
	EHLO_NO_SPACE, /* the result is larger than `room` */
};

/*
 * reply: one complete 250 reply with all its lines and CRLFs.
 * Known and passed: PIPELINING SIZE 8BITMIME HELP DSN VRFY EXPN AUTH
 * ENHANCEDSTATUSCODES CHUNKING SMTPUTF8 DELIVERBY NO-SOLICITING MT-PRIORITY
 * FUTURERELEASE. Never passed, also with pass_unknown: STARTTLS (replaced; it
 * passes with pass_starttls)
 * XCLIENT XFORWARD BURL BINARYMIME ETRN ATRN TURN XEXCH50 LIMITS REQUIRETLS
 * and anything that is not a legal keyword (RFC 5321 ehlo-keyword), except
 * that "AUTH=LOGIN" counts as an AUTH line.
 * The first line (greeting) always passes. postern's STARTTLS stands where
 * Domino's stood, else as the last line. "250-" and "250 " come out right
 * whatever was left out (a bare "250" comes out as "250 ").
 * EHLO_OK: `room` octets at `out` hold *ret_n octets; *ret_caps has the
 * EHLO_* bits of what the SERVER offered (before filtering).
 */
enum ehlo_result ehlo_filter(struct slice reply, const struct ehlo_rules *rules,
	uint8_t *out, size_t room, size_t *ret_n, uint32_t *ret_caps)
	__attribute__((warn_unused_result));

/* What stands behind that keyword in the first line that has it; else empty.
 * Of a complete 250 reply. */
struct slice ehlo_args(struct slice reply, const char *keyword);

/* Only the capabilities; for postern's own EHLO to the server. 0 if bad. */
uint32_t ehlo_caps(struct slice reply);

#endif
