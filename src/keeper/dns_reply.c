/*
 * Reading what a name server answers.
 *
 * c-ares does it; here are the head's few bits that decide whether there is
 * anything to read, and what is made of the rest. Whatever is not sure to be
 * an answer is none. Pure; the fuzzer plays it. Called by dns_lane.
 */
#include "dns_reply.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

enum {
	HEAD_BYTES = 12, /* RFC 1035 §4.1.1 */
	FLAGS_AT = 2,
	CODE_AT = 3,
	IS_ANSWER = 0x80,
	IS_TRUNCATED = 0x02,
	CODE_MASK = 0x0f,
	CODE_NO_ERROR = 0,
	CODE_NO_NAME = 3,
};

static enum dns_end end_of_head(const uint8_t *octets, size_t n)
{
	unsigned code;

	if (n < HEAD_BYTES || !(octets[FLAGS_AT] & IS_ANSWER))
		return DNS_GARBAGE;
	code = octets[CODE_AT] & CODE_MASK;
	if (code == CODE_NO_NAME)
		return DNS_NOTHING;
	if (code != CODE_NO_ERROR)
		return DNS_FAILURE;
	return octets[FLAGS_AT] & IS_TRUNCATED ? DNS_TRUNCATED : DNS_ADDRESSES;
}

static enum dns_end read_addresses(
	const uint8_t *octets, size_t n, struct dns_reply *reply)
{
	struct ares_addrttl found[DNS_REPLY_MOST + 1];
	int count = DNS_REPLY_MOST + 1;

	switch (ares_parse_a_reply(octets, (int)n, NULL, found, &count)) {
	case ARES_SUCCESS: break;
	case ARES_ENODATA: return DNS_NOTHING;
	default: return DNS_GARBAGE;
	}
	if (count == 0)
		return DNS_NOTHING;
	if (count > DNS_REPLY_MOST) /* no list: and the last may be telling */
		return DNS_GARBAGE;
	reply->ttl_s = UINT32_MAX;
	for (int i = 0; i < count; i++) {
		uint32_t ttl_s = found[i].ttl < 0 ? 0 : (uint32_t)found[i].ttl;

		reply->addresses[i] = ntohl(found[i].ipaddr.s_addr);
		if (ttl_s < reply->ttl_s)
			reply->ttl_s = ttl_s;
	}
	reply->count = (size_t)count;
	return DNS_ADDRESSES;
}

void dns_reply_read(
	const uint8_t *octets, size_t n, struct dns_reply *ret_reply)
{
	struct dns_reply reply = {.end = end_of_head(octets, n)};

	if (reply.end == DNS_ADDRESSES)
		reply.end = read_addresses(octets, n, &reply);
	*ret_reply = reply;
}

const char *dns_end_name(enum dns_end end)
{
	switch (end) {
	case DNS_ADDRESSES: return "addresses";
	case DNS_NOTHING: return "no such name";
	case DNS_FAILURE: return "the name server says that it failed";
	case DNS_TRUNCATED: return "a truncated answer";
	case DNS_GARBAGE: return "an answer that makes no sense";
	case DNS_SILENCE: break;
	}
	return "no answer in time";
}
