/*
 * TLS between the client and the server itself: octets pass unread.
 *
 * PURE. What can be known of it without a key: it begins with the client's
 * hello and an answer to it, not with a word in clear; who spoke last, and so
 * whether the server may owe a verdict; who has ended. All else is theirs.
 */
#ifndef PROTO_PASSTHROUGH_H
#define PROTO_PASSTHROUGH_H

#include "slice.h"

enum passthrough_stage {
	PASSTHROUGH_HELLO = 0, /* the client's hello is awaited */
	PASSTHROUGH_ANSWER,    /* the server's answer to it */
	PASSTHROUGH_KEY,       /* the client's word on that answer */
	PASSTHROUGH_OPEN,      /* a message may be under way */
};

/* A value, all zero at first. */
struct passthrough {
	uint8_t stage;		   /* enum passthrough_stage */
	uint8_t hello_n, answer_n; /* octets of their heads that were right */
	bool client_last : 1, client_ended : 1, server_ended : 1;
};

enum passthrough_result {
	PASSTHROUGH_OK = 0,
	PASSTHROUGH_CLEAR, /* TLS does not begin so: nothing of it goes on */
};

/* Octets of a side in their order, however they are cut; may all go on? */
enum passthrough_result passthrough_client(struct passthrough *passthrough,
	struct slice in) __attribute__((warn_unused_result));
enum passthrough_result passthrough_server(struct passthrough *passthrough,
	struct slice in) __attribute__((warn_unused_result));

/*
 * Can it be ended with nothing lost? Not while the client spoke last: the
 * verdict on a message may be on its way (D-05, D-10).
 */
bool passthrough_may_end(const struct passthrough *passthrough);

#endif
