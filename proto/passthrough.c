/*
 * TLS that is the client's and the server's own: its beginning, and whose turn
 * it is.
 *
 * Must not know what TLS is beyond the head of a hello (RFC 8446 §5.1, §4.1.2
 * and RFC 5246 §7.4.1.2: the same in all versions). What can go wrong: octets
 * in clear pass for TLS. From a client they would be a command that one of the
 * two took from outside (RFC 3207 §6), from a server a reply; so neither says
 * anything before a hello has begun, and a hello is nothing that SMTP could be.
 */
#include "passthrough.h"

/*
 * A record of the type handshake, its version and length, a client hello; back
 * comes one, too, or an alert.
 */
enum {
	HELLO_N = 6,
	ANSWER_N = 3,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	CLIENT_HELLO = 1,
};

static bool hello_fits(unsigned at, uint8_t octet)
{
	switch (at) {
	case 0: return octet == RECORD_HANDSHAKE;
	case 1: return octet == 3;    /* of every version since SSL 3.0 */
	case 2: return octet <= 4;    /* RFC 8446 §5.1: 1 or 3, in fact */
	case 3: return octet <= 0x40; /* RFC 8446 §5.1: 2^14 at most */
	case 5: return octet == CLIENT_HELLO;
	default: return true; /* the length's other octet */
	}
}

static bool answer_fits(unsigned at, uint8_t octet)
{
	if (at == 0 && octet == RECORD_ALERT)
		return true;
	return hello_fits(at, octet);
}

enum passthrough_result passthrough_client(
	struct passthrough *p, struct slice in)
{
	if (in.n == 0)
		return PASSTHROUGH_OK;
	for (size_t i = 0; i < in.n && p->hello_n < HELLO_N; i++)
		if (!hello_fits(p->hello_n++, in.p[i]))
			return PASSTHROUGH_CLEAR;
	if (p->stage == PASSTHROUGH_HELLO && p->hello_n == HELLO_N)
		p->stage = PASSTHROUGH_ANSWER;
	else if (p->stage == PASSTHROUGH_KEY)
		p->stage = PASSTHROUGH_OPEN;
	p->client_last = true;
	return PASSTHROUGH_OK;
}

enum passthrough_result passthrough_server(
	struct passthrough *p, struct slice in)
{
	if (in.n == 0)
		return PASSTHROUGH_OK;
	if (p->stage == PASSTHROUGH_HELLO)
		return PASSTHROUGH_CLEAR;
	for (size_t i = 0; i < in.n && p->answer_n < ANSWER_N; i++)
		if (!answer_fits(p->answer_n++, in.p[i]))
			return PASSTHROUGH_CLEAR;
	if (p->stage == PASSTHROUGH_ANSWER)
		p->stage = PASSTHROUGH_KEY;
	p->client_last = false;
	return PASSTHROUGH_OK;
}

bool passthrough_may_end(const struct passthrough *p)
{
	return p->stage != PASSTHROUGH_OPEN || !p->client_last;
}
