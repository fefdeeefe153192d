/*
 * The replies that are postern's own, written from replies.def.
 *
 * They say what the client should do next and nothing about the inside: no
 * rule, no count, no address. The reference is for the administrator, who
 * gives it to `posternctl explain`.
 */
#include "own_reply.h"

struct own_reply {
	const char *code;
	const char *enhanced;
	const char *text;
	const char *name;
	uint16_t number;
	bool referenced;
};

#define REPLY(id, code, enhanced, text, referenced)                            \
	[REPLY_##id] = {#code, enhanced, text, #id, code, referenced},
static const struct own_reply own_replies[REPLY_COUNT] = {
	[REPLY_NONE] = {"421", "4.3.0", "Closing", "NONE", 421, false},
#include "replies.def"
};
#undef REPLY

static size_t put(char *out, size_t n, const char *text)
{
	size_t len = strlen(text);

	if (len > OWN_REPLY_LONGEST - 2 - n)
		len = OWN_REPLY_LONGEST - 2 - n;
	memcpy(out + n, text, len);
	return n + len;
}

size_t own_reply_compose(enum reply_id id, bool enhanced, const char *reference,
	char out[OWN_REPLY_LONGEST])
{
	const struct own_reply *r = &own_replies[id < REPLY_COUNT ? id : 0];
	size_t n = put(out, 0, r->code);

	n = put(out, n, " ");
	if (enhanced) {
		n = put(out, n, r->enhanced);
		n = put(out, n, " ");
	}
	n = put(out, n, r->text);
	if (r->referenced && reference) {
		n = put(out, n, " (ref ");
		n = put(out, n, reference);
		n = put(out, n, ")");
	}
	out[n] = '\r';
	out[n + 1] = '\n';
	return n + 2;
}

unsigned own_reply_code(enum reply_id id)
{
	return own_replies[id < REPLY_COUNT ? id : 0].number;
}

bool own_reply_referenced(enum reply_id id)
{
	return own_replies[id < REPLY_COUNT ? id : 0].referenced;
}

const char *own_reply_name(enum reply_id id)
{
	return own_replies[id < REPLY_COUNT ? id : 0].name;
}
