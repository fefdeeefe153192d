/*
 * Internet addresses and prefixes.
 *
 * Pure: text and sockaddrs in, octets out; nothing is looked up. IPv4 lives in
 * ::ffff:0:0/96, so one table holds both families. The families stay apart all
 * the same: an IPv6 prefix that is short enough to cover ::ffff:0:0/96 in its
 * bits (::/0, ::/64) holds no IPv4 address. Else a ban of the source of ::1
 * would be a ban of all of IPv4, and so would an allow entry.
 */
#include "addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

static const uint8_t v4_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct addr addr_from_v4(const void *octets)
{
	struct addr addr;

	memcpy(addr.octets, v4_head, sizeof(v4_head));
	memcpy(addr.octets + sizeof(v4_head), octets, 4);
	return addr;
}

bool addr_is_v4(const struct addr *addr)
{
	return memcmp(addr->octets, v4_head, sizeof(v4_head)) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool addr_is_loopback(const struct addr *addr)
{
	if (addr_is_v4(addr))
		return addr->octets[12] == 127;
	return memcmp(addr->octets, &in6addr_loopback, 16) == 0;
}

bool addr_is_private(const struct addr *addr)
{
	static const char *const nets[] = {"10.0.0.0/8", "172.16.0.0/12",
		"192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"};
	struct prefix net;

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (prefix_parse(nets[i], &net) && prefix_holds(&net, addr))
			return true;
	return addr_is_loopback(addr);
}

bool addr_parse(const char *text, struct addr *ret_addr)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret_addr = addr_from_v4(&v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		memcpy(ret_addr->octets, &v6, sizeof(ret_addr->octets));
		return true;
	}
	return false;
}

static void v4_format(const uint8_t octets[4], char *out)
{
	for (unsigned i = 0; i < 4; i++) {
		out = text_number(out, octets[i]);
		*out++ = i < 3 ? '.' : '\0';
	}
}

const char *addr_format(const struct addr *addr, char out[ADDR_TEXT_LONGEST])
{
	if (addr_is_v4(addr))
		v4_format(addr->octets + sizeof(v4_head), out);
	else
		(void)inet_ntop(/* cannot fail: the room is enough */
			AF_INET6, addr->octets, out, ADDR_TEXT_LONGEST);
	return out;
}

bool addr_from_sockaddr(
	const struct sockaddr *sa, struct addr *ret_addr, uint16_t *ret_port)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	uint16_t port;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		*ret_addr = addr_from_v4(&v4.sin_addr);
		port = v4.sin_port;
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(ret_addr->octets, &v6.sin6_addr, 16);
		port = v6.sin6_port;
	} else {
		return false;
	}
	if (ret_port)
		*ret_port = ntohs(port);
	return true;
}

unsigned addr_to_sockaddr(
	const struct addr *addr, uint16_t port, struct sockaddr *out)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (addr_is_v4(addr)) {
		v4.sin_port = htons(port);
		memcpy(&v4.sin_addr, addr->octets + 12, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	v6.sin6_port = htons(port);
	memcpy(&v6.sin6_addr, addr->octets, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

/* Digits only, no sign, no leading zero: what we print is what we read. */
static bool number_parse(const char *text, unsigned most, unsigned *ret_number)
{
	unsigned number = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (unsigned)(*text - '0');
		if (number > most)
			return false;
	}
	*ret_number = number;
	return true;
}

bool addr_parse_port(
	const char *text, struct addr *ret_addr, uint16_t *ret_port)
{
	bool bracket = text[0] == '[';
	const char *end = strrchr(text, ':');
	char host[ADDR_TEXT_LONGEST];
	struct addr addr;
	unsigned port;
	size_t n;

	if (!end || end == text)
		return false;
	n = (size_t)(end - text);
	if (bracket) {
		if (n < 2 || text[n - 1] != ']')
			return false;
		text++;
		n -= 2;
	}
	if (n >= sizeof(host) || !number_parse(end + 1, UINT16_MAX, &port))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	/* "::1:25" is an address without a port, so IPv6 needs its brackets. */
	if (bracket != (strchr(host, ':') != NULL) || !addr_parse(host, &addr))
		return false;
	*ret_addr = addr;
	*ret_port = (uint16_t)port;
	return true;
}

static bool prefix_is_v4(const struct prefix *prefix)
{
	return prefix->bits >= ADDR_V4_BITS && addr_is_v4(&prefix->addr);
}

static struct prefix prefix_cut(const struct addr *addr, unsigned bits)
{
	struct prefix prefix = {.bits = (uint8_t)(bits > 128 ? 128 : bits)};
	unsigned whole = prefix.bits / 8, rest = prefix.bits % 8;

	memcpy(prefix.addr.octets, addr->octets, whole);
	if (rest)
		prefix.addr.octets[whole] =
			(uint8_t)(addr->octets[whole] & (0xff00 >> rest));
	return prefix;
}

struct prefix prefix_of(
	const struct addr *addr, unsigned v4_bits, unsigned v6_bits)
{
	return prefix_cut(
		addr, addr_is_v4(addr) ? ADDR_V4_BITS + v4_bits : v6_bits);
}

bool prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[ADDR_TEXT_LONGEST];
	struct addr addr;
	unsigned bits = 128;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (!addr_parse(host, &addr))
		return false;
	if (slash && !strchr(host, ':')) {
		if (!number_parse(slash + 1, 32, &bits))
			return false;
		bits += ADDR_V4_BITS;
	} else if (slash && !number_parse(slash + 1, 128, &bits)) {
		return false;
	}
	/* ::ffff:192.0.2.0/24 is meant as IPv4 and would be ::/24. */
	if (addr_is_v4(&addr) && bits < ADDR_V4_BITS)
		return false;
	*ret_prefix = prefix_cut(&addr, bits);
	return true;
}

const char *prefix_format(
	const struct prefix *prefix, char out[PREFIX_TEXT_LONGEST])
{
	char *end;

	addr_format(&prefix->addr, out);
	if (prefix->bits >= 128)
		return out;
	end = out + strlen(out);
	*end++ = '/';
	*text_number(end, prefix_length(prefix)) = '\0';
	return out;
}

unsigned prefix_length(const struct prefix *prefix)
{
	return prefix_is_v4(prefix) ? prefix->bits - ADDR_V4_BITS
				    : prefix->bits;
}

bool prefix_eq(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && addr_eq(&a->addr, &b->addr);
}

int prefix_order(const struct prefix *a, const struct prefix *b)
{
	int order =
		memcmp(a->addr.octets, b->addr.octets, sizeof(a->addr.octets));

	return order != 0 ? order : (int)a->bits - (int)b->bits;
}

bool prefix_holds(const struct prefix *prefix, const struct addr *addr)
{
	struct prefix cut;

	if (prefix_is_v4(prefix) != addr_is_v4(addr))
		return false;
	cut = prefix_cut(addr, prefix->bits);
	return addr_eq(&cut.addr, &prefix->addr);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	const struct prefix *wide = a->bits <= b->bits ? a : b;
	const struct prefix *narrow = wide == a ? b : a;
	struct prefix cut;

	if (prefix_is_v4(a) != prefix_is_v4(b))
		return false;
	cut = prefix_cut(&narrow->addr, wide->bits);
	return addr_eq(&cut.addr, &wide->addr);
}
