/*
 * XCLIENT (see xclient.h; Postfix' XCLIENT_README).
 *
 * The dialogue says it behind its own EHLO, before the client's first word.
 * HELO and LOGIN are left out: they are known only later, and the client's own
 * EHLO and AUTH follow in the same connection anyway.
 */
#include "xclient.h"
#include "ip_text.h"

static const struct {
	const char *name;
	uint32_t bit;
} attributes[] = {
	{"NAME", XCLIENT_NAME},
	{"ADDR", XCLIENT_ADDR},
	{"PORT", XCLIENT_PORT},
	{"PROTO", XCLIENT_PROTO},
	{"HELO", XCLIENT_HELO},
	{"LOGIN", XCLIENT_LOGIN},
	{"DESTADDR", XCLIENT_DESTADDR},
	{"DESTPORT", XCLIENT_DESTPORT},
};

uint32_t xclient_offered(struct slice args)
{
	uint32_t bits = 0;

	while (args.n > 0) {
		const uint8_t *space = memchr(args.p, ' ', args.n);
		size_t n = space ? (size_t)(space - args.p) : args.n;

		for (size_t i = 0; i < sizeof attributes / sizeof attributes[0];
			i++)
			if (slice_eq_nocase(
				    slice_head(args, n), attributes[i].name))
				bits |= attributes[i].bit;
		args = slice_skip(args, n + 1);
	}
	return bits;
}

/* RFC 3461 §4: printable, and neither "+" nor "=". */
static bool is_xchar(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

size_t xclient_xtext(struct slice in, uint8_t *out, size_t room)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (is_xchar(c)) {
			if (n + 1 > room)
				break;
			out[n++] = c;
			continue;
		}
		if (n + 3 > room)
			break;
		out[n++] = '+';
		out[n++] = (uint8_t)digits[c >> 4];
		out[n++] = (uint8_t)digits[c & 15];
	}
	return n;
}

static size_t put(uint8_t *out, const char *text)
{
	size_t n = strlen(text);

	memcpy(out, text, n);
	return n;
}

static size_t put_address(const uint8_t octets[16], uint8_t *out)
{
	size_t n = ip_text_is_v4(octets) ? 0 : put(out, "IPV6:");

	return n + ip_text_write(octets, out + n);
}

size_t xclient_compose(const struct xclient *client, uint32_t offered,
	uint8_t out[XCLIENT_LONGEST])
{
	size_t n;

	if (!(offered & XCLIENT_ADDR))
		return 0;
	n = put(out, "XCLIENT");
	if (offered & XCLIENT_NAME)
		n += put(out + n, " NAME=[UNAVAILABLE]");
	n += put(out + n, " ADDR=");
	n += put_address(client->source, out + n);
	if (offered & XCLIENT_PORT) {
		n += put(out + n, " PORT=");
		n += ip_text_write_number(client->source_port, out + n);
	}
	if (offered & XCLIENT_DESTADDR) {
		n += put(out + n, " DESTADDR=");
		n += put_address(client->target, out + n);
	}
	if (offered & XCLIENT_DESTPORT) {
		n += put(out + n, " DESTPORT=");
		n += ip_text_write_number(client->target_port, out + n);
	}
	return n + put(out + n, "\r\n");
}
